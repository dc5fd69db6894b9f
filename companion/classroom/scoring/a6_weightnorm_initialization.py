"""Assignment 6: lengths and directions at the start."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from companion.classroom.exercise import Assignment, Exercise
from companion.classroom.law import Given
from companion.classroom.marking import lawful, recomputed
from companion.classroom.scoring.laws import a6_weightnorm_initialization as laws
from companion.theory import weight_norm

LENGTHS = {
    "forward": math.sqrt(2),
    "one": 1.0,
    "pytorch": math.sqrt(1 / 3),
    "data": weight_norm.DATA_LENGTH,
}
"""The lengths of four starts in ReLU layers of one width."""


def _residual(generator: np.random.Generator) -> list[dict[str, Any]]:
    """A residual network whose branches have lengths of their own."""
    blocks = int(generator.integers(8, 15))
    shares = (
        generator.uniform(0.05, 0.35) * generator.uniform(0.8, 1.1) ** np.arange(blocks)
    ).round(3)
    return [{"width": 200, "shares": shares.tolist()}]


def _grown(given: Given, answer: Any) -> str:
    """``prod (1 + share)``; a measurement over networks of 200 units lies within 15 % of it."""
    said = laws.grown_law(given, answer)
    if said:
        return said
    predicted, measured = answer
    right = math.prod(1 + share for share in given["shares"])
    if abs(predicted / right - 1) > 0.01:
        if abs(predicted / math.sqrt(right) - 1) < 0.01:
            return "the prediction is that of the length, and its square was asked for"
        return "the prediction is not the product of the blocks' factors"
    return "" if abs(measured / right - 1) < 0.15 else "the measurement is not of these networks"


def _curves(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Squared lengths of signal and gradient through depth, under four starts."""
    layers = int(generator.integers(12, 19))
    curves = {}
    for letter, start in zip("ABCD", generator.permutation(list(LENGTHS)), strict=True):
        noise = generator.normal(0, 0.08, (2, layers)).cumsum(axis=1)
        gained = math.log(LENGTHS[start] ** 2 / 2)
        up = np.zeros(layers) if start == "data" else np.arange(1, layers + 1) * gained
        down = np.arange(1, layers + 1) * gained
        curves[letter] = {
            "signal": [float(f"{one:.4g}") for one in np.exp(up + noise[0])],
            "gradient": [float(f"{one:.4g}") for one in np.exp(down + noise[1])],
        }
    return [{"curves": curves}]


def _starts(curves: dict[str, dict[str, list[float]]]) -> dict[str, str]:
    """Which start a pair of curves is, by the factor of a layer."""
    named = {}
    for letter, curve in curves.items():
        layers = len(curve["signal"])
        up, down = (curve[side][-1] ** (1 / layers) for side in ("signal", "gradient"))
        if down > 1.2:
            named[letter] = "data"
        else:
            named[letter] = "forward" if up > 0.75 else "one" if up > 0.3 else "pytorch"
    return named


ASSIGNMENT = Assignment(
    number=6,
    name="weightnorm-initialization",
    title="Lengths and directions at the start",
    minutes=120,
    goals=(
        "Derive the gradients of a length and of a direction.",
        "Find the right length for any convolution, whatever stands behind it.",
        "Derive how far one layer strays, for narrow layers too.",
        "Predict how a residual network grows, and measure it.",
        "Find out whether a start has reached the weights that act.",
    ),
    exercises=(
        Exercise(
            "split_gradient",
            4,
            "derive the gradients of length and direction",
            "function",
            laws.draw_split_gradient,
            lawful(laws.split_gradient_law),
        ),
        Exercise(
            "layer_length",
            3,
            "find the length for any convolution",
            "function",
            laws.draw_layer_length,
            lawful(laws.layer_length_law),
        ),
        Exercise(
            "layer_spread",
            4,
            "derive how far one layer strays",
            "function",
            laws.draw_layer_spread,
            lawful(laws.layer_spread_law),
        ),
        Exercise(
            "grown",
            4,
            "predict how a residual network grows, then measure",
            "value",
            _residual,
            lawful(_grown),
        ),
        Exercise(
            "filled",
            3,
            "find the bug in a start that nobody uses",
            "function",
            laws.draw_filled,
            lawful(laws.filled_law),
        ),
        Exercise(
            "from_data",
            3,
            "implement lengths from data",
            "function",
            laws.draw_from_data,
            lawful(laws.from_data_law),
        ),
        Exercise(
            "starts",
            2,
            "read a plot: which start is which",
            "value",
            _curves,
            recomputed(_starts, whole=True),
        ),
    ),
)
