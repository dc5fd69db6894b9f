"""Answers to chapter 4's exercises, tried."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from companion.display.exercises import Reply, number, numbers


def arsinh_inverse(answer: Any) -> Reply:
    """A function ``v(w, a, b)`` that undoes ``w = a arsinh(v / b)``.

    >>> arsinh_inverse(lambda w, a, b: b * math.tan(w / a))
    Not yet: at a = 2, b = 0.5 it sends the weight of v = -1 to v = -3.911.
    """
    if not callable(answer):
        return Reply(
            False, f"An answer here is a function of w, a and b, got {answer!r}; give one."
        )
    for v in (-1.0, 0.25, 3.0):
        back = _called(answer, 2 * math.asinh(v / 0.5), 2.0, 0.5)
        if back is None or not abs(back - v) <= 1e-6:  # NaN is no answer either
            said = "no number" if back is None else f"v = {back:.4g}"
            return Reply(
                False, f"Not yet: at a = 2, b = 0.5 it sends the weight of v = {v:g} to {said}."
            )
    return Reply(True, "Right: it gives back every v.")


def wrapped(answer: Any) -> Reply:
    """The weight that a network with a = 0.5 gets for 1 by ``v = b tan(w / a)``."""

    def broken(weight: float) -> str:
        if abs(weight) >= math.pi / 4:
            return f"no v has the weight {weight:g}, which lies beyond a pi/2"
        off = abs(math.tan(weight / 0.5) - math.tan(1 / 0.5))
        return "" if off < 0.05 else "its tangent is not that of 1, though both have the same v"

    return number(answer, broken)


def adam_rate(answer: Any) -> Reply:
    """The learning rate at b = 1 that is 0.003 at b = 0.6, under Adam."""

    def broken(rate: float) -> str:
        v = 0.6 * rate
        return "" if abs(v / 0.003 - 1) < 0.01 else f"in a step v would move by {v:.3g}, not 0.003"

    return number(answer, broken)


def erf_pair(answer: Any) -> Reply:
    """The a and b of an erf compander with the bound and slope of arctan's a = 1, b = 0.6."""

    def broken(a: float, b: float) -> str:
        if abs(a / (math.pi / 2) - 1) > 0.01:
            return f"its weights stay below {a:g}, which is not the bound of arctan"
        slope = a / b * 2 / math.sqrt(math.pi) if b else math.inf
        return "" if abs(slope * 0.6 - 1) < 0.01 else f"its slope at 0 is {slope:.3g}, not 1.667"

    return numbers(answer, 2, broken)


def slowed(answer: Any) -> Reply:
    """What a = 0.5 and b = 0.7 multiply a learning rate by, where the curve is straight."""

    def broken(factor: float) -> str:
        if factor <= 0:
            return f"a step keeps its direction, got {factor:g}"
        slope = math.sqrt(factor)
        return "" if abs(slope - 5 / 7) < 0.01 else f"so the slope would be {slope:.3g}"

    return number(answer, broken)


def folded(answer: Any) -> Reply:
    """The straightest cell (a, b) of C's grid with nearly the learning rate of a = 0.5, b = 0.7."""

    def broken(a: float, b: float) -> str:
        if {round(10 * a, 6), round(10 * b, 6)} - set(range(5, 11)):
            return f"a = {a:g}, b = {b:g} is no cell of the grid"
        if abs((a / b) ** 2 / (5 / 7) ** 2 - 1) > 0.1:
            return f"there (a/b)^2 is {(a / b) ** 2:.2f}, not {(5 / 7) ** 2:.2f}"
        return "" if a > 0.65 else "a cell with a larger a has nearly that rate too"

    return numbers(answer, 2, broken)


def moved_decay(answer: Any) -> Reply:
    """The decay of v at b = 1 that does what 0.001 does at b = 0.6."""

    def broken(decay: float) -> str:
        wanted = 0.6**2 * 1e-3
        if abs(decay / wanted - 1) < 0.01:
            return ""
        times = decay / wanted
        return f"times the learning rate, u would shrink {times:.3g} times as fast as v / b does"

    return number(answer, broken)


def pull(answer: Any) -> Reply:
    """The gradient by a = 0.5 of w = (0.3, -0.2, 0.1), the one by w being (1, 2, -1)."""

    def broken(slope: float) -> str:
        step = 1e-3  # of a, which stretches every weight by as large a share
        change = sum(d * w * step / 0.5 for d, w in zip((1, 2, -1), (0.3, -0.2, 0.1), strict=True))
        off = abs(slope * step - change)
        return "" if off < 1e-2 * step else f"raised by 0.001, a changes the loss by {change:.1g}"

    return number(answer, broken)


def _called(function: Callable[..., Any], *arguments: float) -> float | None:
    try:
        return float(function(*arguments))
    except Exception:  # a reader's function may fail in any way
        return None
