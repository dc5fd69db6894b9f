"""Chapter 3's assignment: what it asks, its hidden inputs, and how answers are scored."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.random import Generator

from companion.classroom.exercise import Assignment, Exercise
from companion.classroom.marking import array, lawful, number, recomputed
from companion.evidence import summaries
from companion.theory import decay

Given = dict[str, Any]


def _steps(generator: Generator) -> list[Given]:
    drawn = []
    for momentum in (0.0, 0.5, 0.9) * 2:
        left = generator.uniform(0.1, 0.8)  # far from all and from nothing
        rate, strength = (float(generator.choice([1e-3, 2e-3, 5e-3])) for _ in range(2))
        steps = round(-math.log(left) * (1 - momentum) / (rate * strength))
        drawn.append(
            {
                "steps": steps,
                "learning_rate": rate,
                "weight_decay": strength,
                "momentum": momentum,
            }
        )
    return drawn


def _plan(generator: Generator) -> list[Given]:
    return [
        {
            "images": int(generator.choice([20_000, 30_000, 50_000])),
            "batch": int(generator.choice([16, 50, 100])),
            "epochs": int(generator.integers(4, 30)),
            "learning_rate": float(generator.choice([1e-3, 2e-3, 4e-3])),
            "momentum": float(generator.choice([0.8, 0.9])),
        }
    ]


def _halved(given: Given, answer: Any) -> str:
    strength = number(answer)
    if not 0 < strength < 1:
        return "a decay lies between 0 and 1"
    steps = given["epochs"] * given["images"] // given["batch"]
    kept = decay.kept_by_decay(steps, given["learning_rate"], strength, given["momentum"])
    return "" if abs(kept - 0.5) < 0.02 else f"with it {100 * kept:.0f} % of the weight are left"


def _weights(generator: Generator) -> list[Given]:
    drawn = []
    for _ in range(4):
        shape = (int(generator.integers(3, 9)), int(generator.integers(5, 30)))
        mean, std = generator.uniform(-0.3, 0.3), generator.uniform(0.05, 0.5)
        weight = generator.normal(mean, std, shape)
        drawn.append({"weight": weight, "sigma": float(generator.uniform(0.02, 1))})
    return drawn


def _put_back(given: Given, answer: Any) -> str:
    before, sigma = given["weight"], given["sigma"]
    after = array(answer, before.shape)
    if abs(after.mean() - before.mean()) > 1e-3 * sigma:
        return "the mean is not kept"
    if abs(after.std() / sigma - 1) > 0.05:  # dividing by n - 1 is right too
        return "the standard deviation is not sigma"
    along = np.corrcoef(before.ravel(), after.ravel())[0, 1]
    return "" if along > 0.9999 else "the direction of w less its mean is not kept"


def _moments(generator: Generator) -> list[Given]:
    drawn: list[Given] = []
    while len(drawn) < 6:
        mean, std, sigma = (float(generator.uniform(*ends)) for ends in _REACH)
        if 0.2 < _cosine(mean, std, sigma) < 0.9:
            drawn.append({"mean": mean, "std": std, "sigma": sigma})
    return drawn


_REACH = ((-0.2, 0.2), (0.05, 0.4), (0.01, 0.4))


def _cosine(mean: float, std: float, sigma: float) -> float:
    return (mean**2 + std * sigma) / math.sqrt((mean**2 + std**2) * (mean**2 + sigma**2))


def _units(generator: Generator) -> list[Given]:
    return [{"weight": given["weight"]} for given in _weights(generator)]


def _unit_norms(given: Given, answer: Any) -> str:
    before = given["weight"]
    after = array(answer, before.shape)
    if np.abs(np.linalg.norm(after, axis=1) - 1).max() > 1e-3:
        return "a unit's norm is not 1"
    cosines = (before * after).sum(1) / np.linalg.norm(before, axis=1)
    return "" if cosines.min() > 0.999 else "a unit's direction is not kept"


def _table(generator: Generator) -> list[Given]:
    first, gap = generator.uniform(49, 52), generator.uniform(-0.5, 0.5)
    spreads = generator.uniform(0.4, 0.7, 2)
    means = (round(float(one), 2) for one in (first, first + gap))
    arms = zip(("wr", "wd"), means, spreads, strict=True)
    cells = {arm: {"mean": mean, "std": round(float(std), 2)} for arm, mean, std in arms}
    return [cells | {"runs": int(generator.integers(8, 40))}]


def _gap(wr: Given, wd: Given, runs: int) -> list[float]:
    one, two = (summaries.from_printed(arm["mean"], arm["std"], runs) for arm in (wr, wd))
    interval = summaries.difference(one, two)
    return [interval.low, interval.high]


def _paths(generator: Generator) -> dict[str, np.ndarray]:
    """The standard deviation of a layer's weights, twice an epoch, under each way to hold them."""
    half = np.arange(21)
    growth = (1 + generator.uniform(0.3, 0.6) * half / 2) ** 0.5
    decayed = np.exp(-generator.uniform(0.25, 0.4) * half / 2)
    start = generator.uniform(0.03, 0.3)
    return {
        "none": start * growth,
        "wd-weak": start * growth * np.exp(-generator.uniform(0.1, 0.13) * half / 2),
        "wd-strong": start * (0.2 + 0.8 * decayed),
        "wr": start * (1 + generator.uniform(0.15, 0.3) * (half % 2)),
    }


def _curves(generator: Generator) -> list[Given]:
    paths = _paths(generator)
    names = generator.permutation(list(paths))
    drawn = {
        letter: paths[name].round(4).tolist() for letter, name in zip("ABCD", names, strict=True)
    }
    return [{"curves": drawn}]


def _arms(curves: dict[str, list[float]]) -> dict[str, str]:
    """Which arm a curve is, read off it: what falls at an epoch's end is put back, and so on."""

    def arm(curve: list[float]) -> str:
        steps = np.diff(curve)
        if abs(curve[2] / curve[0] - 1) < 1e-3:
            return "wr"
        if (steps > 0).all():
            return "none"
        return "wd-weak" if steps[0] > 0 else "wd-strong"

    return {letter: arm(curve) for letter, curve in curves.items()}


ASSIGNMENT = Assignment(
    number=3,
    name="decay-and-rescaling",
    title="Decay and rescaling",
    minutes=90,
    goals=(
        "Say how fast a decay shrinks a weight, and choose one for a plan.",
        "Put a layer back to a scale, and know what that keeps and what it turns.",
        "Judge a printed table by its interval, and name an arm by its curve.",
    ),
    exercises=(
        Exercise(
            "kept_share",
            3,
            "derive how fast decay alone shrinks a weight",
            "function",
            _steps,
            recomputed(decay.kept_by_decay, rtol=0.02),
        ),
        Exercise("halving_decay", 2, "choose a decay for a plan", "value", _plan, lawful(_halved)),
        Exercise("put_back", 3, "implement WR", "function", _weights, lawful(_put_back)),
        Exercise(
            "turned",
            4,
            "predict how far WR turns a layer, then measure",
            "function",
            _moments,
            recomputed(_cosine),
        ),
        Exercise("unit_norms", 2, "find a bug in WRS", "function", _units, lawful(_unit_norms)),
        Exercise(
            "interval",
            3,
            "audit a table",
            "value",
            _table,
            recomputed(_gap, rtol=0.02, atol=0.02),
        ),
        Exercise(
            "arms",
            3,
            "read a plot",
            "value",
            _curves,
            recomputed(_arms, whole=True),
        ),
    ),
)
