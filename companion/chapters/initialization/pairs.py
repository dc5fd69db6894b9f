"""Two inputs on their way through one random network: drawn and measured, and by theory."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from companion.theory import meanfield

WIDTH, LAYERS, NETWORKS = 300, 12, 12
PLACES = {"order": (1.0, 0.3), "edge": (1.3956, 0.3), "chaos": (2.5, 0.3)}
"""sigma_w and sigma_b below, on and above the edge of chaos of tanh."""
STARTS = (0.2, 0.9)
"""Correlations of the two inputs' first pre-activations."""


@cache
def measured(place: str, start: float, seed: int = 0) -> np.ndarray:
    """The correlation of two inputs' pre-activations, layer by layer, in random tanh networks.

    [NETWORKS, LAYERS + 1]; a correlation is ``sum z z' / sqrt(sum z^2 sum z'^2)`` over the units.
    Both start as normal numbers of the variance that deep layers settle at.
    """
    sigma_w, sigma_b = PLACES[place]
    q = meanfield.fixed_point("tanh", sigma_w, sigma_b)
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    first, other = normal(2, NETWORKS, WIDTH, 1)
    z = q**0.5 * torch.cat([first, start * first + (1 - start**2) ** 0.5 * other], dim=2)
    found = [_correlation(z)]
    for _ in range(LAYERS):
        weight = sigma_w / WIDTH**0.5 * normal(NETWORKS, WIDTH, WIDTH)
        z = weight @ z.tanh() + sigma_b * normal(NETWORKS, WIDTH, 1)
        found.append(_correlation(z))
    return torch.stack(found, dim=1).numpy()


@cache
def expected(place: str, start: float) -> np.ndarray:
    """What infinitely wide layers give for `measured`, [LAYERS + 1]."""
    sigma_w, sigma_b = PLACES[place]
    q = meanfield.fixed_point("tanh", sigma_w, sigma_b)
    found = [start]
    for _ in range(LAYERS):
        found.append(meanfield.correlation_map("tanh", q, found[-1], sigma_w, sigma_b))
    return np.array(found)


def next_variances(kind: str, gain: float, variances: np.ndarray, seed: int = 0) -> np.ndarray:
    """The variance of a layer's pre-activations after pre-activations of each variance, the mean
    over `NETWORKS` layers of `WIDTH` squared weights with that gain and biases 0, [variances]."""
    from companion.models.mlp import ACTIVATIONS

    generator = torch.Generator().manual_seed(seed)
    weight = gain / WIDTH**0.5 * torch.randn(NETWORKS, WIDTH, WIDTH, generator=generator)
    z = torch.randn(NETWORKS, WIDTH, len(variances), generator=generator)
    signal = ACTIVATIONS[kind]()(z * torch.as_tensor(variances, dtype=z.dtype).sqrt())
    return (weight @ signal).square().mean(dim=(0, 1)).numpy()


def _correlation(z: torch.Tensor) -> torch.Tensor:
    a, b = z.unbind(dim=2)
    return (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()
