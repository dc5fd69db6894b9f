"""Normalization of the signal as an argument.

``batch`` (Ioffe and Szegedy 2015) makes mean 0 and variance 1 per unit or channel over the batch;
``layer`` (Ba, Kiros, Hinton 2016) per image over all units or channels of the layer. Both act on
pre-activations, between the layer and its activation, and end with a learned gain and shift.
"""

from __future__ import annotations

from torch import nn


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
    return normalization == "none"
