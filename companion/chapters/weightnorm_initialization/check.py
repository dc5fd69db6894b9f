"""Answers to chapter 6's exercises, tried."""

from __future__ import annotations

import math
from typing import Any

from companion.display.exercises import Reply, number, numbers
from companion.theory import weight_norm

BRANCH = ((64, 16, math.sqrt(2)), (16, 16, math.sqrt(2)), (16, 64, 1 / math.sqrt(8)))
"""Channels in and out of the exercise's three layers, and the gain of what stands behind each."""


def three_layers(*answers: Any) -> Reply:
    """The lengths of the three layers of a branch, one of 8 blocks of a stage.

    >>> three_layers((2.83, 1.41, 0.5))
    Not yet: layer 3 multiplies a squared length by 1, and 1/8 is asked before the sum.
    """

    def broken(*lengths: float) -> str:
        for place, (r, (inputs, outputs, gain)) in enumerate(
            zip(lengths, BRANCH, strict=True), start=1
        ):
            grown = r * r * outputs / inputs
            if abs(grown / gain**2 - 1) > 0.03:
                asked = "1/8 is asked before the sum" if place == 3 else "a ReLU halves that"
                return f"layer {place} multiplies a squared length by {grown:.3g}, and {asked}"
        return ""

    return numbers(answers[0] if len(answers) == 1 else answers, 3, broken)


def stages(answer: Any) -> Reply:
    """The growth through three stages of 18 blocks, and of 180."""

    def broken(few: float, many: float) -> str:
        for blocks, given in ((18, few), (180, many)):
            each = abs(given) ** (1 / 3)
            if abs(given / weight_norm.residual_length([blocks] * 3) - 1) > 0.01:
                return (
                    f"that is {each:.3f} for each stage of {blocks} blocks, whose square must be "
                    "(1 + 1/B)^B"
                )
        return ""

    return numbers(answer, 2, broken)


def stride(answer: Any) -> Reply:
    """What a 3-by-3 convolution with stride 2 and padding 1 keeps of a signal's length, at 32."""

    def broken(kept: float) -> str:
        outputs = 9 * kept * kept
        right = weight_norm.reads(32, 3, 2, 1) ** 2
        said = f"that means {outputs:.3g} outputs for each input and channel; count them"
        return "" if abs(outputs / right - 1) < 0.03 else said

    return number(answer, broken)


def from_data(answer: Any) -> Reply:
    """How much longer the gradient is at the input of ten layers with lengths from data."""

    def broken(grown: float) -> str:
        if grown <= 0:
            return f"a length is positive, got {grown:g}"
        each = grown**0.2
        said = f"that is {each:.3f} a layer in the square, and half of r squared is asked"
        return "" if abs(each / weight_norm.DATA_GRADIENT - 1) < 0.01 else said

    return number(answer, broken)
