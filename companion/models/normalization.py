"""Normalization of the signal as an argument.

``batch`` (Ioffe and Szegedy 2015) makes mean 0 and variance 1 per unit or channel over the batch;
``layer`` (Ba, Kiros, Hinton 2016) per image over all units or channels of the layer. Both act on
pre-activations, between the layer and its activation, and end with a learned gain and shift.
``batch_mean`` (Salimans and Kingma 2016, section 4) makes mean 0 over the batch and leaves the
variance; it ends with a shift alone, and is what bounded weight norm is used with.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BatchMean(nn.Module):
    """Mean-only batch normalization: ``y = z - mean(z) + b`` per unit or channel.

    z: [n, units, ...]; the mean is over the batch and all places, in training that of the batch, in
    evaluation its running average, which moves a tenth of the way at each batch. ValueError for a
    batch of one number a unit, whose mean is itself.

    >>> layer = BatchMean(1)
    >>> layer(torch.tensor([[1.0], [3.0]])).tolist(), layer.running_mean.item()
    ([[-1.0], [1.0]], 0.20000...)
    """

    MOMENTUM = 0.1

    def __init__(self, units: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(units))
        self.register_buffer("running_mean", torch.zeros(units))

    def forward(self, z: Tensor) -> Tensor:
        """z -> y, like z."""
        mean = self.running_mean
        if self.training:
            if z.numel() == z.shape[1]:
                raise ValueError(
                    "mean-only batch normalization needs more than one value a unit to train, got "
                    f"a batch of shape {tuple(z.shape)}; use a larger batch"
                )
            mean = z.mean(dim=(0, *range(2, z.dim()))).to(self.running_mean.dtype)
            with torch.no_grad():
                self.running_mean.mul_(1 - self.MOMENTUM).add_(mean, alpha=self.MOMENTUM)
        return z + (self.bias - mean).to(z.dtype).view(-1, *[1] * (z.dim() - 2))


def of_vectors(normalization: str, units: int) -> nn.Module:
    """What follows a linear layer with ``units`` outputs."""
    if normalization == "batch":
        return nn.BatchNorm1d(units)
    if normalization == "batch_mean":
        return BatchMean(units)
    if normalization == "layer":
        return nn.LayerNorm(units)
    return nn.Identity()


def of_images(normalization: str, channels: int) -> nn.Module:
    """What follows a convolution with ``channels`` outputs; ``layer`` is a group norm with one
    group: statistics over channels and places, gain and shift per channel."""
    if normalization == "batch":
        return nn.BatchNorm2d(channels)
    if normalization == "batch_mean":
        return BatchMean(channels)
    if normalization == "layer":
        return nn.GroupNorm(1, channels)
    return nn.Identity()


def conv_bias(normalization: str) -> bool:
    """Whether a convolution before this normalization needs a bias of its own: not where the
    normalization adds a learned shift."""
    return normalization == "none"
