"""Answers to chapter 2's exercises, tried."""

from __future__ import annotations

import math
from typing import Any

from companion.display.exercises import Reply, number, numbers
from companion.theory import finite_width


def tenth_too_small(answer: Any) -> Reply:
    """The factor of the gradient's rms over the layers between the last and the first of 30.

    >>> tenth_too_small(0.1)
    Not yet: from layer to layer that is a factor of 0.924, and the weights make it 0.9.
    """

    def broken(factor: float) -> str:
        if not 0 < factor < 1:
            return f"a smaller gradient has a factor between 0 and 1, got {factor:g}"
        each = factor ** (1 / 29)
        said = f"from layer to layer that is a factor of {each:.3f}, and the weights make it 0.9"
        return "" if abs(factor / 0.9**29 - 1) < 0.02 else said

    return number(answer, broken)


def branch(answer: Any) -> Reply:
    """The factor a of 24 branches that lets the mean square grow tenfold."""

    def broken(a: float) -> str:
        grown = (1 + a * a) ** 24
        return "" if abs(grown / 10 - 1) < 0.02 else f"over all blocks that is a factor {grown:.3g}"

    return number(answer, broken)


def wide_enough(answer: Any) -> Reply:
    """The smallest width at which 200 ReLU layers spread by at most 1 in the logarithm."""

    def broken(width: float) -> str:
        if width < 2 or width % 1:
            return f"a width is a whole number of units, 2 at least, got {width:g}"
        spread = math.sqrt(200 * finite_width.log_moments("relu", int(width))[1])
        if spread > 1.005:
            return f"at this width the standard deviation is {spread:.2f}"
        return "" if spread > 0.98 else f"{spread:.2f} is less than was asked; fewer units do"

    return number(answer, broken)


def dropped(answer: Any) -> Reply:
    """The mean square after ten layers with dropout of one half: in training, and in evaluation."""

    def broken(training: float, evaluation: float) -> str:
        if abs(training - 2.0**10) > 1:
            each = abs(training) ** 0.1
            return f"in training this is a factor of {each:.2f} a layer, and 1 / (1 - p) is asked"
        return "" if evaluation == 1 else "in evaluation no layer masks or divides"

    return numbers(answer, 2, broken)
