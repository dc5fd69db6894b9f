"""Assignment 2: a signal on its way through depth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from companion.classroom.exercise import Assignment, Exercise
from companion.classroom.law import Given
from companion.classroom.marking import lawful, recomputed
from companion.classroom.scoring.laws import a2_variance_propagation as laws
from companion.theory import meanfield


def _deep(generator: np.random.Generator) -> list[dict[str, Any]]:
    """A deep tanh network, on one side of the border or the other."""
    gain = generator.choice([0.9, 1.2, 1.3, 1.4, 1.5])
    return [{"gain": float(gain), "layers": int(generator.integers(15, 26)), "width": 300}]


def _ratio(given: Given, answer: Any) -> str:
    """Log10 of the gradient's rms at the first layer by that at the last: predicted, measured.

    The prediction is ``layers log10(chi_1) / 2``. A measurement over some networks of 300 units
    lies within 0.3 of it: chance is below 0.1 for ten networks of 25 layers.
    """
    said = laws.gradient_ratio_law(given, answer)
    if said:
        return said
    predicted, measured = answer
    q = meanfield.fixed_point("tanh", given["gain"])
    chi = meanfield.chi_1("tanh", max(q, 1e-6), given["gain"])
    right = given["layers"] * math.log10(chi) / 2
    if abs(predicted - right) > 0.03 * max(1.0, abs(right)):
        if abs(predicted - 2 * right) < 0.03:
            return "the prediction is that of the mean square, and the rms was asked for"
        return "the prediction is not layers times half the logarithm of chi_1 at the fixed point"
    return (
        "" if abs(measured - right) < 0.3 else "the measurement is far from the networks asked for"
    )


def _architectures(generator: np.random.Generator) -> list[dict[str, Any]]:
    """The mean square of a signal behind each block of four networks."""
    blocks, p = int(generator.integers(16, 25)), round(float(generator.uniform(0.15, 0.3)), 2)
    factors = {"residual": 2.0, "scaled residual": 1 + 1 / blocks}
    factors |= {"dropout": 1 / (1 - p), "length 1": 0.5}
    curves = {}
    for letter, name in zip("ABCD", generator.permutation(list(factors)), strict=True):
        noise = generator.normal(0, 0.05, blocks).cumsum()
        growth = np.exp(np.arange(1, blocks + 1) * math.log(factors[str(name)]) + noise)
        curves[letter] = [float(f"{one:.4g}") for one in growth]
    return [{"p_drop": p, "curves": curves}]


def _networks(p_drop: float, curves: dict[str, list[float]]) -> dict[str, str]:
    """Whose a curve is, by the factor of one block."""
    named = {}
    for letter, curve in curves.items():
        factor = curve[-1] ** (1 / len(curve))
        middle = math.sqrt((1 + 1 / len(curve)) / (1 - p_drop))
        named[letter] = (
            "length 1"
            if factor < 0.8
            else "residual"
            if factor > 1.6
            else "dropout"
            if factor > middle
            else "scaled residual"
        )
    return named


ASSIGNMENT = Assignment(
    number=2,
    name="variance-propagation",
    title="A signal on its way",
    minutes=120,
    goals=(
        "Follow a signal through layers, dropout and residual branches.",
        "See why no choice of weights can keep a signal and its gradient where widths change.",
        "Derive how far one network strays from the mean.",
        "Predict a gradient through depth, and measure it.",
        "Find a bug in an initialization by data, and take a variance apart.",
    ),
    exercises=(
        Exercise(
            "mean_squares",
            3,
            "follow a signal through the parts of a network",
            "function",
            laws.draw_mean_squares,
            lawful(laws.mean_squares_law),
        ),
        Exercise(
            "both_ways",
            4,
            "derive what changing widths do to a signal and to its gradient",
            "function",
            laws.draw_both_ways,
            lawful(laws.both_ways_law),
        ),
        Exercise(
            "relative_spread",
            4,
            "derive how far one network strays from the mean",
            "function",
            laws.draw_relative_spread,
            lawful(laws.relative_spread_law),
        ),
        Exercise(
            "gradient_ratio",
            4,
            "predict a gradient through depth, then measure it",
            "value",
            _deep,
            lawful(_ratio),
        ),
        Exercise(
            "scaled_to_one",
            3,
            "find the bug in an initialization by data",
            "function",
            laws.draw_scaled_to_one,
            lawful(laws.scaled_to_one_law),
        ),
        Exercise(
            "four_parts",
            4,
            "take the variance of a trained layer apart",
            "function",
            laws.draw_four_parts,
            lawful(laws.four_parts_law),
        ),
        Exercise(
            "networks",
            2,
            "read a plot: which network is it",
            "value",
            _architectures,
            recomputed(_networks, whole=True),
        ),
    ),
)
