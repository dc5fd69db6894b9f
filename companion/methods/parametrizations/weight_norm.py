"""Weight norm: each output unit's weights as a length times a direction, ``w = g v / |v|``.

T. Salimans and D. Kingma, *Weight Normalization*, 2016 (arXiv 1602.07868). Bounded weight norm
(E. Hoffer, R. Banner, I. Golan, D. Soudry, *Norm matters*, 2018, arXiv 1803.01814) keeps the length
that a unit starts with and trains its direction alone; it is what L's figure 8 compares with WRS.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from companion.methods.initialization import check_weight, held, refuse_lazy


class WeightNorm(nn.Module):
    """The parametrization ``w = g v / |v|``, one length g and direction v / |v| per output unit.

    w, v: [out, in, *kernel]; g: [out, 1, ...]; the norm is over all axes but the first. A weight
    that is assigned becomes v, and its length g, so ``w`` is what was assigned; a unit of weight 0
    has no direction, which is a ValueError, and where v becomes 0 in training w is 0. Lengths are
    taken and kept in at least float32: a row of half-precision weights may be longer than their
    largest number. The same formula and names (``original0`` g, ``original1`` v)
    as `torch.nn.utils.parametrizations.weight_norm`, whose fused kernel has no batched form under
    `torch.vmap` (torch 2.15).

    >>> layer = nn.Linear(2, 1)
    >>> _ = parametrize.register_parametrization(layer, "weight", WeightNorm())
    >>> layer.weight = torch.tensor([[3.0, 4.0]])
    >>> layer.parametrizations.weight.original0.item()
    5.0
    """

    def forward(self, length: Tensor, direction: Tensor) -> Tensor:
        """The weight."""
        norms = _unit_norms(direction)
        return (direction * (length / norms.where(norms > 0, 1.0))).to(direction.dtype)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Length and direction that give ``weight``."""
        norms = _unit_norms(weight)
        if not (weight.is_meta or torch._C._functorch.is_batchedtensor(weight)):
            zero = (norms == 0).flatten().nonzero().flatten().tolist()
            if zero:
                raise ValueError(
                    "under weight norm a unit needs weights that are not all 0, and unit "
                    f"{zero[0]} has no others; start from a random initialization"
                )
        return norms, weight


def _unit_norms(weight: Tensor) -> Tensor:
    axes, dtype = tuple(range(1, weight.dim())), torch.promote_types(weight.dtype, torch.float32)
    return torch.linalg.vector_norm(weight, dim=axes, keepdim=True, dtype=dtype)


def _read_other_names(layer: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """A checkpoint of torch's older weight norm calls length and direction by other names, and one
    of a plain layer has a weight, which is both."""
    if prefix + "weight" in state:
        pair = WeightNorm().right_inverse(state.pop(prefix + "weight"))
        state[prefix + "weight_g"], state[prefix + "weight_v"] = pair
    for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
        if prefix + old in state:
            state[f"{prefix}parametrizations.weight.{new}"] = state.pop(prefix + old)


def weight_norm(layer: nn.Module) -> nn.Module:
    """Put a layer's weight under `WeightNorm`, and let it load checkpoints of the older form, whose
    names for length and direction are ``weight_g`` and ``weight_v``, and of the layer as it was
    before.

    ValueError, with nothing changed, for a layer without a weight of at least 2 axes and for one
    that is parametrized already or that a hook computes, lazy, complex or with a unit of weight 0.

    >>> layer = weight_norm(nn.Linear(2, 1))
    >>> old = {"weight_g": torch.ones(1, 1), "weight_v": torch.ones(1, 2), "bias": torch.ones(1)}
    >>> layer.load_state_dict(old)
    <All keys matched successfully>
    """
    _refuse(layer)
    parametrize.register_parametrization(layer, "weight", WeightNorm())
    layer.register_load_state_dict_pre_hook(_read_other_names)
    return layer


def _refuse(layer: nn.Module) -> None:
    kind = type(layer).__name__
    if not (isinstance(layer, nn.Module) and isinstance(getattr(layer, "weight", None), Tensor)):
        raise ValueError(
            f"weight norm needs a layer with a weight, got {kind}; wrap the layers inside one by "
            "one, or name the weight with torch's form"
        )
    if parametrize.is_parametrized(layer, "weight"):
        inside = type(layer.parametrizations.weight[0]).__name__
        raise ValueError(
            f"weight norm is of a weight that is trained itself, and that of this {kind} is behind "
            f"{inside}; remove that parametrization first"
        )
    refuse_lazy(layer)
    held(layer, "weight")
    if layer.weight.dim() < 2:
        raise ValueError(
            f"weight norm needs a weight of at least 2 axes [out, in, ...], and that of this "
            f"{kind} has {layer.weight.dim()}; leave normalizations out"
        )
    if not layer.weight.is_meta:
        check_weight(layer.weight, f"the weight of this {kind}")


def bounded_weight_norm(layer: nn.Module) -> nn.Module:
    """Put a layer's weight under `WeightNorm` with lengths that no step changes: ``w = rho v/|v|``.

    rho, [out, 1, ...], is the norm of each unit's weights when they were last assigned, a buffer in
    the place and under the name of the learned length; v, of any length, is what is trained. With
    g the gradient by w and u = v / |v|, that by v is ``rho / |v| (g - <g, u> u)``: orthogonal to v,
    so that a step can only lengthen v, and the longer v is the less a step turns w, exactly as
    before batch norm but for every input and without an epsilon. Hoffer and others take one rho for
    a layer; so it is here where all units start at one length (`weight_norm_`).

    Before a batch norm it changes nothing but what an epsilon sees: the loss there is a function of
    v / |v| with or without it. Errors as `weight_norm`.

    >>> layer = bounded_weight_norm(nn.Linear(2, 1))
    >>> layer.weight = torch.tensor([[3.0, 4.0]])
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original1']
    >>> with torch.no_grad():
    ...     _ = layer.parametrizations.weight.original1.mul_(2)  # as a step may lengthen it
    >>> layer.weight.tolist()
    [[3.0, 4.0]]
    """
    inside = weight_norm(layer).parametrizations.weight
    length = inside.original0.detach()
    del inside.original0
    inside.register_buffer("original0", length)
    return layer


def is_behind(layer: nn.Module) -> bool:
    """Whether a layer's weight is behind weight norm, the book's or torch's newer form."""
    if not parametrize.is_parametrized(layer, "weight"):
        return False
    names = {type(one).__name__ for one in layer.parametrizations.weight}
    return bool(names & {"WeightNorm", "_WeightNorm"})
