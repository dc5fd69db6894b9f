"""How schemes do on widths that change: the second moment through depth, forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from companion.methods.initialization import sigma


def second_moments(hidden: Sequence[int], scheme: str, direction: str) -> np.ndarray:
    """The second moment at each hidden layer of a ReLU network, 1 at the first (backward: at the
    last, in its own direction).

    A layer with weights of variance s^2 multiplies the signal's by ``fan_in s^2 / 2`` and the
    gradient's by ``fan_out s^2 / 2`` (He et al. 2015, eqs. 9 and 13). Kaiming's forward scheme
    makes the first 1, and the gradient's product telescopes to the ratio of the end widths; the
    backward scheme the other way round.

    >>> second_moments((64, 32, 16), "kaiming", "backward").tolist()
    [1.0, 0.5, 0.25]
    """
    factors = []
    for fan_in, fan_out in pairwise(hidden):
        counted = fan_in if direction == "forward" else fan_out
        factors.append(counted * sigma(scheme, fan_in, fan_out) ** 2 / 2)
    ordered = factors if direction == "forward" else factors[::-1]
    return np.cumprod([1.0, *ordered]).round(12)
