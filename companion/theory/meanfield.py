"""Wide random networks: how variance and correlation go from layer to layer.

Weights are drawn with variance ``sigma_w^2 / fan_in``, biases with ``sigma_b^2``; layers are wide.
Then a pre-activation is normal with variance q, two inputs' pre-activations have correlation c,
and both follow maps from layer to layer (B. Poole et al., *Exponential expressivity in deep neural
networks through transient chaos*, NeurIPS 2016). ``chi_1`` is the slope of the correlation map at
c = 1, and the factor of a gradient's second moment per layer: below 1 differences and gradients
die with depth (order), above 1 they grow (chaos), and 1 is the edge of chaos
(S. Schoenholz et al., *Deep Information Propagation*, ICLR 2017).
"""

from __future__ import annotations

import math

from scipy import optimize

from companion import kinds
from companion.theory.gains import named, normal_mean

LARGEST = 1e100
"""Of a variance or a standard deviation: its square is still a number."""
STEPS = 2000
"""Layers after which `fixed_point` stops looking."""


def variance_map(activation: str, q: float, sigma_w: float, sigma_b: float = 0.0) -> float:
    """The variance of the next layer's pre-activations: ``sigma_w^2 E[phi(sqrt q z)^2] +
    sigma_b^2``. ValueError for a negative q or sigma, and an unknown activation.

    >>> round(variance_map("relu", 3.0, sigma_w=math.sqrt(2)), 9)
    3.0
    """
    phi, _ = named(activation)
    _check(q=q, sigma_w=sigma_w, sigma_b=sigma_b)
    return sigma_w**2 * normal_mean(lambda z: phi(z) ** 2, math.sqrt(q)) + sigma_b**2


def fixed_point(activation: str, sigma_w: float, sigma_b: float = 0.0) -> float:
    """The variance that deep layers settle at, from 1 on; 0 where it dies, inf where it explodes.

    >>> round(fixed_point("tanh", sigma_w=1.5), 4), fixed_point("relu", sigma_w=2.0)
    (0.7934, inf)
    """
    q = 1.0
    for _ in range(STEPS):
        following = variance_map(activation, q, sigma_w, sigma_b)
        if following > 1e12:
            return math.inf
        if following < 1e-12:
            return 0.0
        if abs(following - q) <= 1e-10 * q:
            return following
        q = following
    return q


def chi_1(activation: str, q: float, sigma_w: float) -> float:
    """``sigma_w^2 E[phi'(sqrt q z)^2]``: the factor of a gradient's second moment per layer.

    >>> round(chi_1("relu", 1.0, sigma_w=math.sqrt(2)), 9)
    1.0
    """
    _, slope = named(activation)
    _check(q=q, sigma_w=sigma_w)
    return sigma_w**2 * normal_mean(lambda z: slope(z) ** 2, math.sqrt(q))


def correlation_map(
    activation: str, q: float, c: float, sigma_w: float, sigma_b: float = 0.0
) -> float:
    """The correlation of two inputs' pre-activations one layer on, at the fixed point q.

    ``(sigma_w^2 E[phi(u) phi(v)] + sigma_b^2) / q`` with u and v normal of variance q and
    correlation c; to about 1e-4 for an activation with a kink. ValueError unless q > 0 and
    -1 <= c <= 1.

    >>> round(correlation_map("relu", 1.0, 0.0, sigma_w=math.sqrt(2)), 6), round(1 / math.pi, 6)
    (0.31831, 0.31831)
    """
    phi, _ = named(activation)
    _check(q=q, sigma_w=sigma_w, sigma_b=sigma_b)
    correlation = kinds.finite(c)
    if not q > 0 or correlation is None or abs(correlation) > 1:
        raise ValueError(f"q must be > 0 and c in [-1, 1], got {q} and {c}; 1 is the same input")
    spread, rest = math.sqrt(q), math.sqrt(q * (1 - c * c))

    def outer(z: float) -> float:
        return phi(spread * z) * normal_mean(lambda y: phi(c * spread * z + rest * y))

    return (sigma_w**2 * normal_mean(outer) + sigma_b**2) / q


def depth_scale(factor: float) -> float:
    """Layers in which a quantity that changes by this factor a layer changes by e:
    ``1 / |log factor|``, inf at 1. Schoenholz et al.'s xi_c is that of chi_1. ValueError unless the
    factor is finite and > 0.

    >>> round(depth_scale(0.9), 2), depth_scale(1.0)
    (9.49, inf)
    """
    kinds.above("1 changes nothing", 0, factor=factor)
    return math.inf if factor == 1 else 1 / abs(math.log(factor))


def edge_of_chaos(activation: str, sigma_b: float) -> float:
    """The sigma_w at which ``chi_1 = 1`` for this sigma_b, to 1e-6: below it lies order, above it
    chaos (Poole et al. 2016, figure 1). For saturating activations, whose q has a fixed point on
    both sides. ValueError unless sigma_b > 0 (at 0 it is the gain 1 of a slope 1), and where none
    lies between 0.5 and 4.

    >>> round(edge_of_chaos("tanh", 0.3), 3)
    1.396
    """
    _check(sigma_b=sigma_b)
    if sigma_b == 0:
        raise ValueError("sigma_b must be > 0, got 0; without biases the edge is at 1 / phi'(0)")

    def above(sigma_w: float) -> float:
        q = fixed_point(activation, sigma_w, sigma_b)
        return math.inf if math.isinf(q) else chi_1(activation, q, sigma_w) - 1

    low, high = 0.5, 4.0
    if not (above(low) < 0 < above(high) < math.inf):
        raise ValueError(
            f"activation must have its edge between sigma_w {low:g} and {high:g}, and {activation} "
            "has none there; take one that saturates, such as tanh"
        )
    return float(optimize.brentq(above, low, high, xtol=1e-6))


def _check(**values: float) -> None:
    kinds.least("0 is the least", 0, **values)
    for name, value in values.items():
        if value > LARGEST:
            raise ValueError(f"{name} must be at most {LARGEST:g}, got {value}; lower it")
