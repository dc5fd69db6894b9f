"""How wide must a deep ReLU network be? Depth by width, at the gain that theory calls perfect.

Wide-layer theory sees no limit there. Each layer's chance error has a variance of about 5 over the
width in the logarithm (`theory.finite_width`), so depth over width may set one.
"""

from __future__ import annotations

import itertools
import math

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.training.settings import Settings

WIDTHS = (16, 32, 64, 128)
DEPTHS = (8, 16, 32, 64, 100)
"""Layers with weights."""
RATES = (0.001, 0.004, 0.015)


def arm_name(depth: int, width: int, rate: float) -> str:
    """The name of one of a cell's arms.

    >>> arm_name(32, 64, 0.004)
    'depth 32, width 64, lr 0.004'
    """
    return f"depth {depth}, width {width}, lr {rate:g}"


EXPERIMENT = Experiment(
    name="depth-width-relu",
    title="Depth and width of ReLU networks at gain sqrt 2, on the digits",
    source="this book",
    measures=(accuracy.LEARNING,),
    arms={
        arm_name(depth, width, rate): Arm(
            Settings(widths=(64, *[width] * (depth - 1), 10), gain=math.sqrt(2), learning_rate=rate)
        )
        for depth, width, rate in itertools.product(DEPTHS, WIDTHS, RATES)
    },
    scales={
        "quick": Scale("quick", 1, 1, ("digits",), "a check that everything runs"),
        "book": Scale("book", 10, 20, ("digits",), "ten runs an arm on two CPU cores"),
        "full": Scale("full", 50, 20, ("digits",), "fifty runs an arm, on a GPU"),
    },
)
