"""Assignment 5: a norm that the output ignores."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from companion.classroom.exercise import Assignment, Exercise
from companion.classroom.law import Given
from companion.classroom.marking import lawful
from companion.classroom.rows import named_rows
from companion.classroom.scoring.laws import a5_batchnorm_norms as laws


def _above(generator: np.random.Generator) -> list[dict[str, Any]]:
    """A unit that starts well above its equilibrium."""
    return [
        {
            "rate": round(float(generator.uniform(0.05, 0.15)), 3),
            "decay": round(float(generator.uniform(0.01, 0.03)), 4),
            "unit_gradient": round(float(generator.uniform(0.3, 0.8)), 2),
            "times_too_long": round(float(generator.uniform(2, 4)), 1),
        }
    ]


def _steps(given: Given, answer: Any) -> str:
    said = laws.steps_to_settle_law(given, answer)
    if said:
        return said
    predicted, counted = answer
    rate, decay, unit, times = given.values()
    settled = (rate * unit**2 / (2 * decay)) ** 0.25
    relaxed = math.log((times**4 - 1) / (1.1**4 - 1)) / (4 * rate * decay)
    if abs(predicted / relaxed - 1) > 0.02:
        return "the prediction is not that of a fourth power that relaxes as an exponential"
    norm, steps = times * settled, 0
    while norm > 1.1 * settled:
        norm = math.hypot((1 - rate * decay) * norm, rate * unit / norm)
        steps += 1
    return "" if abs(counted - steps) <= 4 else "the count is not that of the recursion"


def _kept(run: Given) -> float:
    """The share of an idle weight that a run's decay leaves."""
    total = sum(rate * steps for rate, steps in run["schedule"])
    return math.exp(-total * run["decay"] / (1 - run["momentum"]))


def _runs(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Eight runs, of which four lose less than a tenth to their decay."""
    lost = [*generator.uniform(0.02, 0.08, 4), *generator.uniform(0.2, 3, 4)]
    runs = []
    for index, exponent in enumerate(generator.permutation(lost)):
        momentum = float(generator.choice([0.0, 0.9]))
        rate = float(generator.choice([1e-3, 0.01, 0.1]))
        steps = [int(generator.integers(3, 20)) * 1000 for _ in range(3)]
        schedule = [[round(rate / 10**k, 6), count] for k, count in enumerate(steps)]
        total = sum(one * count for one, count in schedule) / (1 - momentum)
        run = {"name": f"run{index}", "schedule": schedule, "momentum": momentum}
        runs.append(run | {"decay": float(f"{exponent / total:.3g}")})
    return [{"runs": runs}]


def _known(given: Given) -> list[str]:
    return [run["name"] for run in given["runs"]]


def _hardly(given: Given) -> list[str]:
    return [run["name"] for run in given["runs"] if _kept(run) > 0.9]


ASSIGNMENT = Assignment(
    number=5,
    name="batchnorm-norms",
    title="A norm that the output ignores",
    minutes=110,
    goals=(
        "Follow a norm step by step, and find where it settles, exactly.",
        "Give two runs the same turn where their norms differ.",
        "Derive the gradient through batch normalization, and what is left along the weights.",
        "Predict how long a norm takes to settle, and count.",
        "See from a table whether a decay did anything.",
    ),
    exercises=(
        Exercise(
            "norm_path",
            3,
            "implement the path of a norm",
            "function",
            laws.draw_norm_path,
            lawful(laws.norm_path_law),
        ),
        Exercise(
            "settled",
            4,
            "derive where it settles, exactly",
            "function",
            laws.draw_settled,
            lawful(laws.settled_law),
        ),
        Exercise(
            "matched_rates",
            3,
            "match the turn of two runs",
            "function",
            laws.draw_matched_rates,
            lawful(laws.matched_rates_law),
        ),
        Exercise(
            "normalized_gradient",
            5,
            "find the bug in a gradient through batch normalization",
            "function",
            laws.draw_normalized_gradient,
            lawful(laws.normalized_gradient_law),
        ),
        Exercise(
            "steps_to_settle",
            4,
            "predict how long a norm takes to settle, then count",
            "value",
            _above,
            lawful(_steps),
        ),
        Exercise(
            "hardly_decayed",
            3,
            "audit a table: which decays did nothing",
            "value",
            _runs,
            named_rows(_known, _hardly),
        ),
    ),
)
