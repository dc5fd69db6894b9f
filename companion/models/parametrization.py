"""How the weights are written in terms of what is trained, as an argument.

``weight_norm`` (Salimans and Kingma 2016) writes each output unit's weight vector as
``w = g v / |v|``, with a length g and a direction v that are learned apart. The other names are
curves of `methods.parametrizations`, each weight for itself.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from companion.methods.initialization import scalable_layers
from companion.methods.parametrizations import CURVES, compand_, power


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


def _read_older_names(layer: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """A checkpoint of torch's older weight norm calls length and direction by other names."""
    for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
        if prefix + old in state:
            state[f"{prefix}parametrizations.weight.{new}"] = state.pop(prefix + old)


def weight_norm(layer: nn.Module) -> nn.Module:
    """Put a layer's weight under `WeightNorm`, and let it load checkpoints of the older form, whose
    names for length and direction are ``weight_g`` and ``weight_v``.

    >>> layer = weight_norm(nn.Linear(2, 1))
    >>> old = {"weight_g": torch.ones(1, 1), "weight_v": torch.ones(1, 2), "bias": torch.ones(1)}
    >>> layer.load_state_dict(old)
    <All keys matched successfully>
    """
    parametrize.register_parametrization(layer, "weight", WeightNorm())
    layer.register_load_state_dict_pre_hook(_read_older_names)
    return layer


PARAMETRIZATIONS = ("none", "weight_norm", *CURVES)


def reparametrize_(
    model: nn.Module, name: str, learn: str = "no", clamp: bool = False, alpha: float = 2.0
) -> nn.Module:
    """Put the parametrization of this name on every linear and convolution layer of ``model``, the
    last one and shortcuts too: exactly the layers whose scale a scheme sets.

    A curve has a = b = 1 until `bend_`; learn and clamp are those of `compand_`, alpha that of
    ``powerprop``.
    """
    if name in CURVES:
        curve = power(alpha) if name == "powerprop" else name
        return compand_(model, curve, learn=learn, clamp=clamp)
    for _, layer in list(scalable_layers(model)) if name == "weight_norm" else ():
        weight_norm(layer)
    return model
