"""The largest learning rate that a start allows: plain gradient descent on all images at once."""

from __future__ import annotations

import itertools

from companion.chapters.weightnorm_initialization.experiments import depth
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.training.settings import Settings

DEPTH = 10
RATES = tuple(0.0025 * 2**k for k in range(14))
STARTS = depth.STARTS


def arm_name(start: str, rate: float) -> str:
    """The name of an arm.

    >>> arm_name("data", 0.04)
    'data, lr 0.04'
    """
    return f"{start}, lr {rate:g}"


def settings(start: str, rate: float) -> Settings:
    """Those of an arm: a step is an epoch."""
    return Settings(
        widths=(64, *depth.hidden_widths(DEPTH), 10),
        parametrization="weight_norm",
        lengths=start,
        learning_rate=rate,
        momentum=0.0,
        batch_size=0,
    )


EXPERIMENT = Experiment(
    name="weight-norm-rate",
    title="The largest learning rate that a start of ten weight-normalized layers allows",
    source="this book",
    measures=(accuracy.ACCURACY,),
    arms={
        arm_name(*arm): Arm(settings(*arm), family="weight_norm")
        for arm in itertools.product(STARTS, RATES)
    },
    scales={
        "quick": Scale("quick", 1, 2, ("digits",), "a check that everything runs"),
        "book": Scale("book", 3, 20, ("digits",), "three runs of 20 steps an arm, on one CPU core"),
        "full": Scale("full", 20, 100, ("digits",), "twenty runs of 100 steps an arm, on a GPU"),
    },
)
