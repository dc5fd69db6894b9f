"""How far a network of finite width strays from the mean over all networks.

A layer of `width` units draws its weights with the gain that keeps a signal's mean square: 1 for a
linear layer, sqrt 2 for ReLU. Given the layer's input, the squared length of its output is that of
the input times a factor whose law does not depend on the input: a chi-square number of `width`
degrees of freedom over `width` (linear), or twice one of K degrees of freedom over `width`, where K
is the number of units that a ReLU lets through, binomial with one half. Factors of different
layers are independent, so the logarithm of a length after L layers is a sum of L alike terms.

Source: B. Hanin and D. Rolnick, *How to Start Training*, NeurIPS 2018, whose bound depends on the
sum of 1 / width; the moments here follow from the laws above.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special, stats

from companion import kinds

ACTIVATIONS = ("linear", "relu")
WIDEST = 10**9
REACH = 6
"""Units counted to each side of width / 2, in roots of the width: 12 standard deviations, beyond
which there is less than 1e-32 of the binomial distribution."""


def log_moments(activation: str, width: int) -> tuple[float, float]:
    """Mean and variance of ``log(|h'|^2 / |h|^2)`` over one layer, exact.

    ::

        linear  psi(n / 2) + log(2 / n)           psi_1(n / 2)
        relu    E[psi(K / 2)] + log(4 / n)        E[psi_1(K / 2)] + Var[psi(K / 2)]

    with n the width, psi and psi_1 the digamma and trigamma functions, and K binomial(n, 1/2),
    given that K > 0: a ReLU layer in which no unit answers has no logarithm. As n grows, n times
    the variance tends to 2 (linear) and 5 (relu), and n times the mean to -1 and -5/2.

    ValueError for another activation, and a width that is no whole number from 1 to `WIDEST`.

    >>> [round(30 * log_moments("relu", 30)[1], 2), round(300 * log_moments("relu", 300)[1], 2)]
    [5.73, 5.06]
    """
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}; "
            "for others the factor's law depends on the input"
        )
    width = kinds.whole("width", width)
    if not 1 <= width <= WIDEST:
        raise ValueError(f"width must be >= 1 unit and at most {WIDEST:g}, got {width}; change it")
    if activation == "linear":
        return float(special.digamma(width / 2) + np.log(2 / width)), float(
            special.polygamma(1, width / 2)
        )
    middle, reach = width // 2, REACH * math.isqrt(width) + REACH
    open_units = np.arange(max(1, middle - reach), min(width, middle + reach) + 1)
    share = stats.binom.pmf(open_units, width, 0.5) / (1 - 0.5**width)
    means = special.digamma(open_units / 2)
    mean = float(share @ means)
    spread = float(share @ (means - mean) ** 2)
    return mean + float(np.log(4 / width)), float(
        share @ special.polygamma(1, open_units / 2) + spread
    )


def typical(activation: str, width: int, layers: int) -> tuple[float, float]:
    """The mean square of a typical signal after so many layers, 1 at the input, and the factor
    that two networks in three stay within: ``exp(L mean)`` and ``exp(sqrt(L variance))``.

    ValueError as in `log_moments`, and for layers that are no whole number >= 1.

    >>> [round(value, 1) for value in typical("relu", 256, 50)]
    [0.6, 2.7]
    """
    layers = kinds.whole("layers", layers)
    if layers < 1:
        raise ValueError(f"layers must be >= 1, got {layers}; count from the first layer on")
    mean, variance = log_moments(activation, width)
    return float(np.exp(layers * mean)), float(np.exp(np.sqrt(layers * variance)))
