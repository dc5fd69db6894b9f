"""How the weights are written in terms of what is trained, as an argument.

``weight_norm`` (Salimans and Kingma 2016) writes each output unit's weight vector as
``w = g v / |v|``, with a length g and a direction v that are learned apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from companion.methods.initialization import scalable_layers


class WeightNorm(nn.Module):
    """The parametrization ``w = g v / |v|``, one length g and direction v / |v| per output unit.

    w, v: [out, in, *kernel]; g: [out, 1, ...]; the norm is over all axes but the first, in float32
    at least. A weight that is assigned becomes v, and its length g, so ``w`` is what was assigned.
    A unit whose v is 0 has no direction: its weight is 0, its gradients are 0, and it never learns;
    one that is assigned the weight 0 gets the length 0 and all ones for its direction, so that it
    can. The same formula and names (``original0`` g, ``original1`` v) as
    `torch.nn.utils.parametrizations.weight_norm`, whose fused kernel has no batched form under
    `torch.vmap` (torch 2.15), and which gives NaN for a unit of weight 0.

    >>> layer = nn.Linear(2, 1)
    >>> _ = parametrize.register_parametrization(layer, "weight", WeightNorm())
    >>> layer.weight = torch.tensor([[3.0, 4.0]])
    >>> layer.parametrizations.weight.original0.item()
    5.0
    """

    def forward(self, length: Tensor, direction: Tensor) -> Tensor:
        """The weight."""
        norms = _unit_norms(direction)
        alive = norms > 0
        factor = torch.where(alive, length / torch.where(alive, norms, 1), 0)
        return (direction * factor).to(direction.dtype)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Length and direction that give ``weight``."""
        norms = _unit_norms(weight)
        return norms.to(weight.dtype), torch.where(norms > 0, weight, torch.ones_like(weight))


def _unit_norms(weight: Tensor) -> Tensor:
    """In float32 where the weight has less: in half precision a square above 65,504 is infinite."""
    axes = tuple(range(1, weight.dim()))
    fine = torch.promote_types(weight.dtype, torch.float32)
    return torch.linalg.vector_norm(weight, dim=axes, keepdim=True, dtype=fine)


def weight_norm(layer: nn.Module) -> nn.Module:
    """Put a layer's weight under `WeightNorm`, and let it load checkpoints of the older form.

    A checkpoint of `torch.nn.utils.weight_norm` calls the length ``weight_g`` and the direction
    ``weight_v``; both are renamed as it is loaded.

    >>> layer = weight_norm(nn.Linear(2, 1))
    >>> old = {"weight_g": torch.ones(1, 1), "weight_v": torch.ones(1, 2), "bias": torch.ones(1)}
    >>> layer.load_state_dict(old)
    <All keys matched successfully>
    """
    parametrize.register_parametrization(layer, "weight", WeightNorm())
    layer.register_load_state_dict_pre_hook(_renamed)
    return layer


def _renamed(_: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
        if f"{prefix}{old}" in state:
            state[f"{prefix}parametrizations.weight.{new}"] = state.pop(f"{prefix}{old}")


PARAMETRIZATIONS: dict[str, Callable[[nn.Module], nn.Module] | None] = {
    "none": None,
    "weight_norm": weight_norm,
}


def reparametrize_(model: nn.Module, name: str) -> nn.Module:
    """Put the parametrization of this name on every linear and convolution layer of ``model``, the
    last one and shortcuts too: exactly the layers whose scale a scheme sets."""
    wrap = PARAMETRIZATIONS[name]
    for _, layer in list(scalable_layers(model)) if wrap else ():
        wrap(layer)
    return model
