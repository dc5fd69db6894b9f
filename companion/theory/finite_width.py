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

import numpy as np
from scipy import special, stats

ACTIVATIONS = ("linear", "relu")


def log_moments(activation: str, width: int) -> tuple[float, float]:
    """Mean and variance of ``log(|h'|^2 / |h|^2)`` over one layer, exact.

    ::

        linear  psi(n / 2) + log(2 / n)           psi_1(n / 2)
        relu    E[psi(K / 2)] + log(4 / n)        E[psi_1(K / 2)] + Var[psi(K / 2)]

    with n the width, psi and psi_1 the digamma and trigamma functions, and K binomial(n, 1/2),
    given that K > 0: a ReLU layer in which no unit answers has no logarithm. As n grows, n times
    the variance tends to 2 (linear) and 5 (relu), and n times the mean to -1 and -5/2.

    ValueError for another activation or a width below 1.

    >>> [round(30 * log_moments("relu", 30)[1], 2), round(300 * log_moments("relu", 300)[1], 2)]
    [5.73, 5.06]
    """
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}; "
            "for others the factor's law depends on the input"
        )
    if width < 1:
        raise ValueError(f"width must be >= 1 unit, got {width}")
    if activation == "linear":
        return float(special.digamma(width / 2) + np.log(2 / width)), float(
            special.polygamma(1, width / 2)
        )
    open_units = np.arange(1, width + 1)
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

    >>> [round(value, 1) for value in typical("relu", 256, 50)]
    [0.6, 2.7]
    """
    if layers < 1:
        raise ValueError(f"layers must be >= 1, got {layers}")
    mean, variance = log_moments(activation, width)
    return float(np.exp(layers * mean)), float(np.exp(np.sqrt(layers * variance)))
