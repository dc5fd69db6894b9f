"""Which depth and gain can be trained: a map of small networks on the digits.

Every cell is trained at several learning rates, since the border of one rate is that rate's own:
a deep network needs a smaller one.
"""

from __future__ import annotations

import itertools
import math

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.training.settings import Settings

WIDTH = 64
DEPTHS = (2, 4, 8, 16, 32, 64, 100)
"""Layers with weights."""
RATES = (0.001, 0.004, 0.015, 0.05)
GAINS = {
    "tanh": (0.5, 0.7, 0.85, 1.0, 1.15, 1.3, 1.6, 2.0, 3.0),
    "relu": (0.5, 0.7, 0.85, 1.0, 1.15, 1.4, 2.0),
}
"""In multiples of `UNIT`."""
UNIT = {"tanh": 1.0, "relu": math.sqrt(2)}
"""The gain at which an infinitely wide layer keeps small differences as they are."""


def arm_name(depth: int, gain: float, rate: float) -> str:
    """The name of one of a cell's arms.

    >>> arm_name(32, 1.0, 0.004)
    'depth 32, gain 1, lr 0.004'
    """
    return f"depth {depth}, gain {gain:g}, lr {rate:g}"


def cells(activation: str) -> list[tuple[int, float]]:
    """(depth, gain) of every cell of a map."""
    return list(itertools.product(DEPTHS, GAINS[activation]))


def _settings(activation: str, depth: int, gain: float, rate: float) -> Settings:
    return Settings(
        widths=(64, *[WIDTH] * (depth - 1), 10),
        activation=activation,
        gain=gain * UNIT[activation],
        learning_rate=rate,
    )


def _map(activation: str, shown: str) -> Experiment:
    return Experiment(
        name=f"depth-gain-{activation}",
        title=f"Depth and gain of {shown} networks on the digits",
        source="this book",
        measures=(accuracy.LEARNING,),
        arms={
            arm_name(*cell, rate): Arm(_settings(activation, *cell, rate))
            for cell, rate in itertools.product(cells(activation), RATES)
        },
        scales={
            "quick": Scale("quick", 1, 1, ("digits",), "a check that everything runs"),
            "book": Scale("book", 10, 20, ("digits",), "ten runs an arm on two CPU cores"),
            "full": Scale("full", 50, 20, ("digits",), "fifty runs an arm, on a GPU"),
        },
    )


TANH = _map("tanh", "tanh")
RELU = _map("relu", "ReLU")
