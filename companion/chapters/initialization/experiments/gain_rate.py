"""Gain by learning rate: 1,600 small networks that train as one stack."""

from __future__ import annotations

import itertools

import numpy as np

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.training.settings import Settings

GAINS = tuple(float(f"{gain:.2g}") for gain in np.geomspace(0.1, 10, 20))
RATES = tuple(float(f"{rate:.2g}") for rate in np.geomspace(1e-3, 3, 20))


def arm_name(gain: float, rate: float) -> str:
    """The name of a cell.

    >>> arm_name(GAINS[0], RATES[-1])
    'gain 0.1, lr 3'
    """
    return f"gain {gain:g}, lr {rate:g}"


EXPERIMENT = Experiment(
    name="gain-rate",
    title="Gain by learning rate: a small tanh network on the digits",
    source="this book",
    measures=(accuracy.LEARNING,),
    arms={
        arm_name(gain, rate): Arm(
            Settings(widths=(64, 16, 16, 10), activation="tanh", gain=gain, learning_rate=rate)
        )
        for gain, rate in itertools.product(GAINS, RATES)
    },
    scales={
        "quick": Scale("quick", 1, 1, ("digits",), "a check that everything runs"),
        "book": Scale("book", 4, 3, ("digits",), "1,600 networks on two CPU cores in a minute"),
        "full": Scale("full", 100, 10, ("digits",), "40,000 networks, on a GPU"),
    },
)
