"""Width, gain and rescale period on the digits: a small grid behind the book's first figure."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import catalogue
from companion.training.settings import Settings

WIDTHS = (16, 32, 64, 128)
GAINS = (0.5, 1.0, 1.4, 2.0, 3.0)
"""Multiples of ReLU's gain sqrt 2."""
HIDDEN_LAYERS = 4
TEN_EPOCHS = 360
"""Steps in ten epochs of the digits: 1,150 training images in batches of 32, so 36 an epoch."""
PERIODS = (None, TEN_EPOCHS, 0, 12, 4, 1)
"""Steps between two rescalings; None: never, 0: once an epoch."""


def arm_name(width: int, gain: float, period: int | None) -> str:
    """The name of a cell of the grid.

    >>> arm_name(64, 0.5, None), arm_name(64, 0.5, 0), arm_name(64, 2.0, 12)
    ('width 64, gain 0.5, never', 'width 64, gain 0.5, every epoch', 'width 64, gain 2, every 12')
    """
    named = {None: "never", 0: "every epoch", TEN_EPOCHS: "every 10 epochs"}
    when = named.get(period, f"every {period}")
    return f"width {width}, gain {gain:g}, {when}"


def _arm(width: int, gain: float, period: int | None) -> Arm:
    plain = Settings(
        widths=(64, *[width] * HIDDEN_LAYERS, 10), gain=gain * math.sqrt(2), learning_rate=0.02
    )
    if period is None:
        return Arm(plain)
    held = replace(plain, rescale="wr", tau=period)
    return Arm(held, baseline=arm_name(width, gain, None), family="wr")


GRID = Experiment(
    name="scale-grid",
    title="Width, gain and rescale period on the digits",
    source="this book",
    measures=catalogue.EACH_EPOCH,
    layers=(2,),  # a hidden one: its fan-in is the layer width
    arms={arm_name(*cell): _arm(*cell) for cell in itertools.product(WIDTHS, GAINS, PERIODS)},
    scales={
        "quick": Scale("quick", 1, 2, ("digits",), "a check that everything runs, in seconds"),
        "book": Scale("book", 20, 20, ("digits",), "twenty runs a cell on two CPU cores"),
        "full": Scale("full", 100, 20, ("digits",), "a hundred runs a cell, on a GPU"),
    },
)
