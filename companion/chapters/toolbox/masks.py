"""Dropout's two scalings and the slide's, in a network of three layers: means in training and test.

With p_drop the probability of zeroing, a mask m keeps a value with probability 1 - p_drop.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

WAYS = {
    "inverted": "divided by 1 − p in training",
    "standard": "times 1 − p in test",
    "slide": "times p in test, as printed",
}
LAYERS, WIDTH, IMAGES, MASKS = 3, 256, 32, 200


def dropout(
    values: Tensor, p_drop: float, training: bool, generator: torch.Generator, way: str = "inverted"
) -> Tensor:
    """Dropout by one of `WAYS`.

    inverted: in training ``m h / (1 - p_drop)``, in test ``h``; standard: in training ``m h``, in
    test ``(1 - p_drop) h`` (Srivastava et al. 2014); slide: in training ``m h``, in test
    ``p_drop h``.
    """
    if training:
        uniform = torch.rand(values.shape, generator=generator, dtype=values.dtype)
        masked = values * (uniform >= p_drop)
        return masked / (1 - p_drop) if way == "inverted" else masked
    return values * {"inverted": 1.0, "standard": 1 - p_drop, "slide": p_drop}[way]


@cache
def test_over_training(way: str, p_drop: float) -> np.ndarray:
    """Mean of the pre-activations in test over that in training, of one unit a layer behind 1 ..
    LAYERS dropout layers, [masks, LAYERS]; the units' incoming weights are 1 / WIDTH.

    Such a unit is the mean of the layer below, whose sign is known; the network is linear, random
    weights of mean 1 / WIDTH, so that means are all that is asked.
    """
    generator = torch.Generator().manual_seed(0)
    weights = [
        (1 + torch.randn(WIDTH, WIDTH, generator=generator, dtype=torch.float64)) / WIDTH
        for _ in range(LAYERS)
    ]
    images = 1 + torch.randn(IMAGES, WIDTH, generator=generator, dtype=torch.float64)

    def means(training: bool) -> list[float]:
        signal, found = images, []
        for weight in weights:
            signal = dropout(signal, p_drop, training, generator, way)
            found.append(float(signal.mean()))
            signal = signal @ weight.T
        return found

    in_test = np.array(means(False))
    in_training = np.array([means(True) for _ in range(MASKS)])
    return in_test / in_training


def both_means(
    function: Callable[[Tensor, float, bool, torch.Generator], Tensor], p_drop: float
) -> tuple[float, float]:
    """What a dropout function makes of the value 1 on average: in training and in test."""
    generator = torch.Generator().manual_seed(0)
    ones = torch.ones(200_000, dtype=torch.float64)
    return tuple(float(function(ones, p_drop, way, generator).mean()) for way in (True, False))


def standard_error(p_drop: float) -> float:
    """Of `both_means` in training, for an inverted dropout: ``sqrt(p / (1 - p) / n)``."""
    return math.sqrt(p_drop / (1 - p_drop) / 200_000)
