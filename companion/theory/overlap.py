"""How far a residual branch is from standing at a right angle to what it is given.

A's theorems 3 and 4 take ``<u, F(u)> ~ 0``. With ``cos = <u, F(u)> / (|u| |F(u)|)``:

* a branch that ends in a linear layer of isotropic directions gives cos the mean 0, for F and -F
  are alike, and the mean square 1 / width, for the coordinates of F are alike and their signs fair:
  exactly, at any width;
* one that ends in a ReLU gives numbers >= 0, and so does every sum of them. Between two independent
  wide ReLU layers cos is ``E[h]^2 / E[h^2]``, with h = relu(z) of mean 1 / sqrt(2 pi) and mean
  square 1/2: 1 / pi.

Source: A: Arpit, Campos and Bengio, *How to Initialize your Network?* (arXiv 1906.02341).
"""

from __future__ import annotations

import math

from companion import kinds

RELU = 1 / math.pi
"""The overlap of two independent wide ReLU layers, 0.318."""
RELU_MOST = 1 / math.sqrt(math.pi)
"""That of a ReLU layer with a constant vector, 0.564, which a long sum of them comes to."""


def deviation(width: int) -> float:
    """The standard deviation of cos over directions, of a branch that ends in a linear layer.

    ValueError for a width below 1.

    >>> deviation(100)
    0.1
    """
    kinds.least("count the units", 1, width=width)
    return 1 / math.sqrt(width)


def length(blocks: int, overlap: float = 0.0) -> float:
    """``|f(x)| / |x|`` of so many blocks with branches of length 1 / sqrt(blocks) and this overlap.

    ``(1 + 2 overlap / sqrt(B) + 1 / B)^(B / 2)``: with the overlap 0 A's theorem 3, at most
    sqrt e; with another it grows as ``exp(overlap sqrt(B))``, beyond any bound. ValueError for
    fewer blocks than 1 and for an overlap that is not in [-1, 1].

    >>> round(length(40), 2), round(length(40, RELU), 1)
    (1.64, 10.7)
    """
    count, share = kinds.finite(blocks), kinds.finite(overlap)
    if count is None or count < 1 or share is None or abs(share) > 1:
        raise ValueError(
            f"a length needs blocks >= 1 and an overlap in [-1, 1], got {blocks} and {overlap}; "
            "an overlap of 0 is that of fair branches"
        )
    try:
        return (1 + 2 * overlap / math.sqrt(blocks) + 1 / blocks) ** (blocks / 2)
    except OverflowError:
        return math.inf
