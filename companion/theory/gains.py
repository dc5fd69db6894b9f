"""The gain that an activation needs, by integrating it: which of the usual numbers are exact.

A layer drawn with standard deviation ``gain / sqrt(fan_in)`` keeps the second moment of a signal
that is standard normal before the activation, when ``gain^2 E[phi(z)^2] = 1``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
from scipy import integrate, special

from companion import kinds

Function = Callable[[float], float]
_END = 38.0
"""Beyond, the density of a normal distribution is below the smallest float."""
_BENDS = (10.0, 100.0)
"""Activations bend within about 10 of 0, and are straight or constant beyond 100."""

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
"""G. Klambauer et al., *Self-Normalizing Neural Networks*, NeurIPS 2017."""


def _elu(z: float, alpha: float = 1.0) -> float:
    return z if z > 0 else alpha * math.expm1(z)


ACTIVATIONS: dict[str, Function] = {
    "linear": lambda z: z,
    "relu": lambda z: max(z, 0.0),
    "leaky_relu": lambda z: z if z > 0 else 0.01 * z,
    "tanh": math.tanh,
    "sigmoid": special.expit,
    "softplus": lambda z: float(np.logaddexp(0.0, z)),
    "elu": _elu,
    "selu": lambda z: SELU_SCALE * _elu(z, SELU_ALPHA),
    "gelu": lambda z: z * special.ndtr(z),
    "silu": lambda z: z * special.expit(z),
}
"""Torch's activations with their default parameters."""
SLOPES: dict[str, Function] = {
    "linear": lambda z: 1.0,
    "relu": lambda z: float(z > 0),
    "leaky_relu": lambda z: 1.0 if z > 0 else 0.01,
    "tanh": lambda z: 1 - math.tanh(z) ** 2,
    "sigmoid": lambda z: special.expit(z) * special.expit(-z),
    "softplus": special.expit,
    "elu": lambda z: 1.0 if z > 0 else math.exp(z),
    "selu": lambda z: SELU_SCALE * (1.0 if z > 0 else SELU_ALPHA * math.exp(z)),
    "gelu": lambda z: special.ndtr(z) + z * math.exp(-z * z / 2) / math.sqrt(2 * math.pi),
    "silu": lambda z: special.expit(z) * (1 + z * special.expit(-z)),
}
"""Their derivatives."""


def named(activation: str) -> tuple[Function, Function]:
    """An activation and its derivative by name, or a ValueError that lists the names."""
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {', '.join(ACTIVATIONS)}, or a function, got {activation!r}"
        )
    return ACTIVATIONS[activation], SLOPES[activation]


def normal_mean(function: Function, std: float = 1.0) -> float:
    """``E[f(std z)]`` for a standard normal z, by adaptive quadrature to about 1e-10 of
    ``E|f(std z)|``.

    The halves are integrated apart, since many activations have a kink at 0, and where std is large
    what lies near 0 too, where they bend: a peak that narrow would fall between two points. Raises
    ValueError unless std is from 0 to 1e100, and where the function or the integral is not finite.

    >>> round(normal_mean(lambda z: z * z, std=3.0), 8)
    9.0
    """
    kinds.least("1 is a standardised signal", 0, std=std)
    if std > 1e100:
        raise ValueError(f"std must be at most 1e100, got {std}; standardise the signal")
    std = float(std)  # a float32 of NumPy would round every point

    def density(z: float) -> float:
        return function(std * z) * math.exp(-z * z / 2)

    cuts = [0.0, *(bend / std for bend in _BENDS if bend < std / 2), _END]
    pieces = [*itertools.pairwise(cuts), *((-high, -low) for low, high in itertools.pairwise(cuts))]

    try:
        areas = [
            abs(density(low + share * (high - low))) * (high - low)
            for low, high in pieces
            for share in (0.01, 0.05, 0.95, 0.99)
        ]
        accuracy = 1e-12 * min(1.0, float(max(areas)))  # beside the largest piece
        parts = [
            integrate.quad(density, *ends, epsabs=accuracy, epsrel=1e-11, limit=200)[0]
            for ends in pieces
        ]
        total = sum(parts) / math.sqrt(2 * math.pi)
    except OverflowError:
        total = math.inf
    if not math.isfinite(total):
        raise ValueError(
            "the function must have a finite mean under a normal distribution, and this one has "
            "none; take one that grows slower"
        )
    return float(total)


def exact_gain(activation: str | Function, std: float = 1.0) -> float:
    """The gain that keeps a second moment of ``std^2``: ``std / sqrt(E[phi(std z)^2])``.

    activation: a name of `ACTIVATIONS`, or any function of one number. For the ReLU family the
    gain does not depend on std; for the others it is that of signals of this size. Raises
    ValueError for an unknown name, std <= 0, and a function that is 0 wherever the signal is.

    >>> [round(exact_gain(name), 4) for name in ("relu", "tanh", "selu")]
    [1.4142, 1.5925, 1.0]
    """
    function = activation if callable(activation) else named(activation)[0]
    kinds.above("1 is a standardised signal", 0, std=std)
    kept = normal_mean(lambda z: function(z) ** 2, std)
    if kept <= 0:
        raise ValueError(
            "the activation must let something through, and its second moment is 0; take another"
        )
    return std / math.sqrt(kept)
