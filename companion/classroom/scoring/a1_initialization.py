"""Assignment 1: where weights start."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from companion.classroom.exercise import Assignment, Exercise, Failed, Mark
from companion.classroom.law import Given
from companion.classroom.marking import lawful, recomputed
from companion.classroom.rows import named_rows
from companion.classroom.scoring.laws import a1_initialization as laws
from companion.theory import meanfield

RULES = {"ReLU": math.sqrt(2), "nothing": 1.0}
"""Kaiming's gain by what stands behind a layer."""


def _fair(inputs: list[dict[str, Any]], answers: list[Any]) -> Mark:
    """The law of right angles on each draw; a preferred sign costs half."""
    mark = lawful(laws.orthogonal_law)(inputs, answers)
    if mark.share < 1 or any(isinstance(one, Failed) for one in answers):
        return mark
    said = laws.fair_law(answers)
    return Mark(0.5, said) if said else mark


def _log(generator: np.random.Generator) -> list[dict[str, Any]]:
    """A network's layers and the standard deviations of a log, four of them wrong."""
    slips = ["groups", "outputs", "variance", "side"]
    wrong = dict(zip(generator.permutation(9)[:4].tolist(), slips, strict=True))
    layers = []
    for index in range(10):
        slip = wrong.get(index)
        groups = 4 if slip == "groups" else int(generator.choice([1, 2, 4]))
        side = 5 if slip == "side" else int(generator.choice([1, 3, 5]))
        each = int(generator.integers(6, 13))
        outputs = groups * int(generator.integers(14, 25))
        behind = "nothing" if index == 9 else "ReLU"
        right = each * side**2
        slipped = {"groups": right * groups, "outputs": outputs * side**2, "side": each * side}
        std = RULES[behind] / math.sqrt(slipped.get(slip, right))
        shape = [outputs, each, side, side]
        layer = {"name": f"layer{index}", "weight": shape, "groups": groups, "behind": behind}
        layers.append(layer | {"std": float(f"{std**2 if slip == 'variance' else std:.4g}")})
    return [{"layers": layers}]


def _known(given: Given) -> list[str]:
    return [layer["name"] for layer in given["layers"]]


def _off(given: Given) -> list[str]:
    """The layers whose standard deviation is not ``g / sqrt(fan_in)``, to 2 %."""
    return [
        layer["name"]
        for layer in given["layers"]
        if abs(
            layer["std"] * math.sqrt(math.prod(layer["weight"][1:])) / RULES[layer["behind"]] - 1
        )
        > 0.02
    ]


def _variances(generator: np.random.Generator) -> list[dict[str, Any]]:
    """The variance of a signal through layers of four activations, all with the gain sqrt 2."""
    layers, start = int(generator.integers(18, 24)), generator.uniform(1.2, 1.7)
    names, curves = generator.permutation(["linear", "relu", "tanh", "gelu"]), {}
    for letter, name in zip("ABCD", names, strict=True):
        variance = [start]
        for _ in range(layers):
            variance.append(meanfield.variance_map(str(name), variance[-1], math.sqrt(2)))
        noisy = variance * np.exp(generator.normal(0, 0.03, layers + 1))
        curves[letter] = [float(f"{one:.4g}") for one in noisy]
    return [{"curves": curves}]


def _activations(curves: dict[str, list[float]]) -> dict[str, str]:
    """Whose a curve is: doubled, kept, falling to a level, or falling ever faster."""

    def whose(curve: list[float]) -> str:
        change = curve[-1] / curve[0]
        if change > 100:
            return "linear"
        if change < 0.1:
            return "gelu"
        return "relu" if change > 0.8 else "tanh"

    return {letter: whose(curve) for letter, curve in curves.items()}


ASSIGNMENT = Assignment(
    number=1,
    name="initialization",
    title="Where weights start",
    minutes=100,
    goals=(
        "Count the connections of any convolution, from both ends.",
        "Draw weights at right angles, and know which of a tall layer's can be.",
        "Find the gain of an activation that no table has.",
        "Tell order from chaos with pencil and paper.",
        "Find a wrong scale in code and in a table, and an activation in a plot.",
    ),
    exercises=(
        Exercise(
            "fans",
            3,
            "count connections with groups and strides",
            "function",
            laws.draw_fans,
            lawful(laws.fans_law),
        ),
        Exercise(
            "orthogonal",
            4,
            "draw orthogonal weights, wide and tall",
            "function",
            laws.draw_orthogonal,
            _fair,
        ),
        Exercise(
            "capped_gain",
            4,
            "derive a gain that depends on the size of a signal",
            "function",
            laws.draw_capped_gain,
            lawful(laws.capped_gain_law),
        ),
        Exercise(
            "settled",
            4,
            "find where deep layers settle, and on which side of the border",
            "function",
            laws.draw_settled,
            lawful(laws.settled_law),
        ),
        Exercise(
            "truncated_normal",
            3,
            "find the bugs in a distribution without tails",
            "function",
            laws.draw_truncated_normal,
            lawful(laws.truncated_normal_law),
        ),
        Exercise(
            "audit",
            2,
            "audit a table of standard deviations",
            "value",
            _log,
            named_rows(_known, _off),
        ),
        Exercise(
            "activations",
            2,
            "read a plot: which activation is it",
            "value",
            _variances,
            recomputed(_activations, whole=True),
        ),
    ),
)
