"""Assignment 4: what a curve does to a step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from companion.classroom.exercise import Assignment, Exercise
from companion.classroom.law import Given
from companion.classroom.marking import lawful
from companion.classroom.rows import named_rows
from companion.classroom.scoring.laws import a4_compander as laws


def _layers(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Nine layers behind curves, four of which bite by more than a twentieth.

    ``sigma / a`` is drawn away from 0.163, where a twentieth is lost.
    """
    ratios = [*generator.uniform(0.03, 0.13, 5), *generator.uniform(0.21, 0.6, 4)]
    layers = []
    for index, ratio in enumerate(generator.permutation(ratios)):
        fan_in = int(generator.integers(20, 2000))
        gain = float(generator.choice([1.0, 1.414]))
        a = gain / math.sqrt(fan_in) / float(ratio)
        b = round(a / float(generator.choice([0.6, 0.8, 1.3, 1.7])), 4)
        layer = {"name": f"layer{index}", "fan_in": fan_in, "gain": gain}
        layers.append(layer | {"a": round(a, 4), "b": b})
    return [{"layers": layers}]


def _known(given: Given) -> list[str]:
    return [layer["name"] for layer in given["layers"]]


def _bitten(given: Given) -> list[str]:
    """The layers with ``E[cos^4(w / a)] < 0.95`` for normal weights."""
    found = []
    for layer in given["layers"]:
        square = (layer["gain"] / layer["a"]) ** 2 / layer["fan_in"]
        left = 3 / 8 + math.exp(-2 * square) / 2 + math.exp(-8 * square) / 8
        if left < 0.95:
            found.append(layer["name"])
    return found


ASSIGNMENT = Assignment(
    number=4,
    name="compander",
    title="What a curve does to a step",
    minutes=120,
    goals=(
        "Derive inverse and step of a curve that the chapter does not have.",
        "Write a step of SGD behind a curve, with decay where it belongs.",
        "Find the plain network that trains alike, and say when there is one.",
        "Guard a curve against weights that it cannot hold.",
        "Derive the gradients of shared numbers by scaling.",
    ),
    exercises=(
        Exercise(
            "algebraic",
            3,
            "derive inverse and step factor of another curve",
            "function",
            laws.draw_algebraic,
            lawful(laws.algebraic_law),
        ),
        Exercise(
            "companded_step",
            3,
            "implement a step of SGD behind a curve",
            "function",
            laws.draw_companded_step,
            lawful(laws.companded_step_law),
        ),
        Exercise(
            "twin",
            4,
            "derive the plain twin of a companded training",
            "function",
            laws.draw_twin,
            lawful(laws.twin_law),
        ),
        Exercise(
            "safe_start",
            3,
            "find the bug that sends large weights to the other side",
            "function",
            laws.draw_safe_start,
            lawful(laws.safe_start_law),
        ),
        Exercise(
            "mean_step",
            4,
            "predict what a curve costs uniform weights, then measure",
            "function",
            laws.draw_mean_step,
            lawful(laws.mean_step_law),
        ),
        Exercise(
            "pair_gradient",
            4,
            "derive how a and b learn",
            "function",
            laws.draw_pair_gradient,
            lawful(laws.pair_gradient_law),
        ),
        Exercise(
            "bitten",
            2,
            "audit a table: where does the curve matter at all",
            "value",
            _layers,
            named_rows(_known, _bitten),
        ),
    ),
)
