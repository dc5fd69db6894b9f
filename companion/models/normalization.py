"""Normalization as an argument: of the signal (batch, layer) or of the weights (weight).

``batch`` (Ioffe and Szegedy 2015) makes mean 0 and variance 1 per unit or channel over the batch;
``layer`` (Ba, Kiros, Hinton 2016) per image over all units or channels of the layer. Both act on
pre-activations, between the layer and its activation, and end with a learned gain and shift.
``weight`` (Salimans and Kingma 2016) leaves the signal alone and writes each output unit's weight
vector as ``w = g v / |v|``, with a length g and a direction v that are learned apart.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from companion.methods.initialization import scalable_layers


def of_vectors(normalization: str, units: int) -> nn.Module:
    """What follows a linear layer with ``units`` outputs."""
    if normalization == "batch":
        return nn.BatchNorm1d(units)
    if normalization == "layer":
        return nn.LayerNorm(units)
    return nn.Identity()


def of_images(normalization: str, channels: int) -> nn.Module:
    """What follows a convolution with ``channels`` outputs; ``layer`` is a group norm with one
    group: statistics over channels and places, gain and shift per channel."""
    if normalization == "batch":
        return nn.BatchNorm2d(channels)
    if normalization == "layer":
        return nn.GroupNorm(1, channels)
    return nn.Identity()


def conv_bias(normalization: str) -> bool:
    """Whether a convolution before this normalization needs a bias of its own: not where the
    normalization adds a learned shift."""
    return normalization in ("none", "weight")


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


def reparametrize_(model: nn.Module, normalization: str) -> nn.Module:
    """For ``weight``, put `WeightNorm` on every linear and convolution layer of ``model``, the
    last one and shortcuts too: exactly the layers whose scale a scheme sets."""
    if normalization == "weight":
        for _, layer in list(scalable_layers(model)):
            parametrize.register_parametrization(layer, "weight", WeightNorm())
    return model
