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
from companion.methods.parametrizations import CURVES, compand_


class WeightNorm(nn.Module):
    """The parametrization ``w = g v / |v|``, one length g and direction v / |v| per output unit.

    w, v: [out, in, *kernel]; g: [out, 1, ...]; the norm is over all axes but the first. A weight
    that is assigned becomes v, and its length g, so ``w`` is what was assigned; a unit of weight 0
    has no direction and gives NaN. The same formula and names (``original0`` g, ``original1`` v)
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
        return direction * (length / _unit_norms(direction))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Length and direction that give ``weight``."""
        return _unit_norms(weight), weight


def _unit_norms(weight: Tensor) -> Tensor:
    axes = tuple(range(1, weight.dim()))
    return torch.linalg.vector_norm(weight, dim=axes, keepdim=True)


PARAMETRIZATIONS = ("none", "weight_norm", *CURVES)


def reparametrize_(
    model: nn.Module, name: str, learn: str = "no", clamp: bool = False
) -> nn.Module:
    """Put the parametrization of this name on every linear and convolution layer of ``model``, the
    last one and shortcuts too: exactly the layers whose scale a scheme sets.

    A curve has a = b = 1 until `bend_`; learn and clamp are those of `compand_`.
    """
    if name in CURVES:
        return compand_(model, name, learn=learn, clamp=clamp)
    for _, layer in list(scalable_layers(model)) if name == "weight_norm" else ():
        parametrize.register_parametrization(layer, "weight", WeightNorm())
    return model
