"""Answers to chapter 3's exercises, tried."""

from __future__ import annotations

import math
from typing import Any

from companion.display.exercises import Reply, number, numbers
from companion.theory import decay


def half_life(answer: Any, epoch_steps: int = 1250) -> Reply:
    """The decay that halves an idle weight in 10 epochs at learning rate 1e-3, momentum 0.9.

    >>> half_life(1e-3)
    Not yet: after 10 epochs 88 % of an idle weight are left.
    """

    def broken(weight_decay: float) -> str:
        if not 0 < weight_decay < 1:
            return f"a decay lies between 0 and 1, got {weight_decay:g}"
        kept = decay.kept_by_decay(10 * epoch_steps, 1e-3, weight_decay, 0.9)
        said = f"after 10 epochs {100 * kept:.0f} % of an idle weight are left"
        return "" if abs(kept - 0.5) < 0.01 else said

    return number(answer, broken)


def table_interval(answer: Any) -> Reply:
    """Welch's 95 % interval of WR - WD 0.001 from Table I's printed numbers, in points."""
    difference, error = 50.08 - 50.17, math.hypot(0.50, 0.48) / 10

    def broken(low: float, high: float) -> str:
        if abs((low + high) / 2 - difference) > 0.006:
            return f"its middle is {(low + high) / 2:.3f}, and should be the printed difference"
        reach = (high - low) / 2 / error
        return "" if 1.9 < reach < 2.1 else f"it reaches {reach:.2f} standard errors to each side"

    return numbers(answer, 2, broken)
