"""The gain that an activation needs, by integrating it: which of the usual numbers are exact.

A layer drawn with standard deviation ``gain / sqrt(fan_in)`` keeps the second moment of a signal
that is standard normal before the activation, when ``gain^2 E[phi(z)^2] = 1``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import integrate, special

Function = Callable[[float], float]

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
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {', '.join(ACTIVATIONS)}, or a function, got {activation!r}"
        )
    return ACTIVATIONS[activation], SLOPES[activation]


def normal_mean(function: Function, std: float = 1.0) -> float:
    """``E[f(std z)]`` for a standard normal z, by adaptive quadrature to about 1e-10.

    The halves are integrated apart, since many activations have a kink at 0. Raises ValueError
    unless std is finite and >= 0, or where the integral is not finite.

    >>> round(normal_mean(lambda z: z * z, std=3.0), 8)
    9.0
    """
    if not (math.isfinite(std) and std >= 0):
        raise ValueError(f"std must be finite and >= 0, got {std}")

    def density(z: float) -> float:
        return function(std * z) * math.exp(-z * z / 2)

    halves = [
        integrate.quad(density, *ends, epsabs=1e-12, epsrel=1e-11, limit=200)[0]
        for ends in ((-38.0, 0.0), (0.0, 38.0))  # beyond, the density is below the smallest float
    ]
    total = sum(halves) / math.sqrt(2 * math.pi)
    if not math.isfinite(total):
        raise ValueError("the function must have a finite mean under a normal distribution")
    return float(total)


def exact_gain(activation: str | Function, std: float = 1.0) -> float:
    """The gain that keeps a second moment of ``std^2``: ``std / sqrt(E[phi(std z)^2])``.

    activation: a name of `ACTIVATIONS`, or any function of one number. For the ReLU family the
    gain does not depend on std; for the others it is that of signals of this size. Raises
    ValueError for an unknown name, std <= 0, and a function that is 0 wherever the signal is.

    >>> [round(exact_gain(name), 4) for name in ("relu", "tanh", "selu")]
    [1.4142, 1.5925, 1.0]
    """
    function = named(activation)[0] if isinstance(activation, str) else activation
    if not (math.isfinite(std) and std > 0):
        raise ValueError(f"std must be finite and > 0, got {std}; 1 is a standardised signal")
    kept = normal_mean(lambda z: function(z) ** 2, std)
    if kept <= 0:
        raise ValueError("the activation must let something through, and its second moment is 0")
    return std / math.sqrt(kept)
