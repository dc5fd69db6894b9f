"""Answers to chapter 5's exercises, tried."""

from __future__ import annotations

import math
from typing import Any

from companion.display.exercises import Reply, number, numbers
from companion.theory import norms


def fourth_root(answer: Any) -> Reply:
    """The norms after 1,000 and 16,000 steps, from 1.

    >>> fourth_root((1.29, 5.0))
    Not yet: in 16,000 steps |w|^4 would grow by 0.039 a step, and each adds 0.0018.
    """

    def broken(*found: float) -> str:
        for steps, norm in zip((1000, 16_000), found, strict=True):
            expected = float(norms.grown(steps, 1.0, 0.3**2, 0.1))
            if abs(norm / expected - 1) > 0.01:
                each = (norm**4 - 1) / steps
                return (
                    f"in {steps:,} steps |w|^4 would grow by {each:.2g} a step, and each adds "
                    "0.0018"
                )
        return ""

    return numbers(answer, 2, broken)


def doubled_rate(answer: Any) -> Reply:
    """The factors, in the end, of angle, norm and effective learning rate."""

    def broken(angle: float, norm: float, rate: float) -> str:
        if min(angle, norm, rate) <= 0:
            return "a factor is positive"
        if abs(rate * norm**2 / 2 - 1) > 0.02:
            return "the effective rate is the rate, which doubled, over the squared norm"
        if abs(norm**4 / 2 - 1) > 0.03:
            return f"|w|^4 is proportional to the rate, and this norm makes it {norm**4:.3g} times"
        return (
            "" if abs(angle**2 / 2 - 1) < 0.02 else "the squared angle is proportional to the rate"
        )

    return numbers(answer, 3, broken)


def adamw_decay(answer: Any) -> Reply:
    """The decay, and the turn of a step at its equilibrium."""

    def broken(decay: float, angle: float) -> str:
        if decay <= 0:
            return f"without decay there is no equilibrium, got {decay:g}"
        law = norms.AdamW(1e-3, decay, 576)
        times = 20_000 / law.relaxation_steps
        if abs(times / 5 - 1) > 0.02:
            return f"this decay has {times:.3g} relaxation times in 20,000 steps"
        return "" if abs(angle / law.angle - 1) < 0.03 else "that is not the turn at this decay"

    return numbers(answer, 2, broken)


def decay_taken(answer: Any) -> Reply:
    """The share of a weight that the decay took."""

    def broken(share: float) -> str:
        if not 0 < share < 1:
            return f"a share lies between 0 and 1, got {share:g}"
        product = -math.log1p(-share)
        said = (
            f"a product of rate, decay and steps of {product:.2g} takes that, and here it is 0.09"
        )
        return "" if abs(product / 0.09 - 1) < 0.05 else said

    return number(answer, broken)


def bounded_rate(answer: Any) -> Reply:
    """The factor by which bounded weight norm's effective rate fell while v grew to 4.

    >>> bounded_rate(0.35)
    Not yet: the gradient by v shrinks as v grows, and the same step turns a longer v less.
    """

    def broken(factor: float) -> str:
        if factor <= 0:
            return "a factor is positive"
        if abs(factor - 2 / 16) > 0.01:
            return "the gradient by v shrinks as v grows, and the same step turns a longer v less"
        return ""

    return number(answer, broken)
