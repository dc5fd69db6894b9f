"""What a curve does to weights that learn nothing: random gradients, and where they push them.

All weights start as one normal sample and take the same random gradients; behind a curve a step of
v is the gradient times the slope, as SGD makes it.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch

from companion.methods.parametrizations.curves import CURVES

SIGMA, WEIGHTS, STEPS = 0.25, 4000, 30
"""The standard deviation of N's last layer at the start, how many weights, how many steps."""
RATE = SIGMA / math.sqrt(STEPS)
"""So that a plain weight moves by about SIGMA in all."""
KINDS = ("arctan", "arsinh", "erf")
A_VALUES = (0.5, 0.7, 1.0, 2.0, 10.0)
SLOPES = (0.5, 1.0, 5 / 3, 2.0)
"""a / b."""


@cache
def _draws() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    start = SIGMA * torch.randn(WEIGHTS, generator=generator, dtype=torch.float64)
    return start, torch.randn(STEPS, WEIGHTS, generator=generator, dtype=torch.float64)


def cut(kind: str, a: float) -> torch.Tensor:
    """The start, its weights beyond 95 % of the curve's bound put there."""
    limit = 0.95 * CURVES[kind].bound * a
    return _draws()[0].clamp(-limit, limit)


@cache
def plain(rate: float = 1.0) -> np.ndarray:
    """Where the weights end without a curve, at so many times the rate."""
    start, gradients = _draws()
    return (start - rate * RATE * gradients.sum(0)).numpy()


@cache
def walked(kind: str, a: float, b: float) -> np.ndarray:
    """Where the weights end behind a curve."""
    curve, (_, gradients) = CURVES[kind], _draws()
    v = curve.inverse(cut(kind, a), a, b)
    for gradient in gradients:
        v = v - RATE * curve.slope(v, a, b) * gradient
    return curve.weight(v, a, b).numpy()


def share_near_zero(weights: np.ndarray, near: float = 0.05) -> float:
    """The share of weights below a size."""
    return float((np.abs(weights) < near).mean())
