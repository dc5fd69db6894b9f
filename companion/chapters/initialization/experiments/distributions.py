"""Normal, uniform and truncated weights of one standard deviation, on sixteen layers."""

from __future__ import annotations

import itertools

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.methods.initialization import DISTRIBUTIONS
from companion.theory.gains import exact_gain
from companion.training.settings import Settings

ACTIVATIONS = ("relu", "tanh")
RATES = (0.004, 0.015)


def arm_name(activation: str, distribution: str, rate: float) -> str:
    """The name of an arm.

    >>> arm_name("relu", "uniform", 0.004)
    'relu, uniform, lr 0.004'
    """
    return f"{activation}, {distribution}, lr {rate:g}"


EXPERIMENT = Experiment(
    name="initialization-distributions",
    title="Normal, uniform and truncated weights on sixteen layers",
    source="this book",
    measures=(accuracy.LEARNING,),
    arms={
        arm_name(activation, distribution, rate): Arm(
            Settings(
                widths=(64, *[64] * 15, 10),
                activation=activation,
                gain=exact_gain(activation),
                distribution=distribution,
                learning_rate=rate,
            ),
            baseline=None if distribution == "normal" else arm_name(activation, "normal", rate),
        )
        for activation, distribution, rate in itertools.product(ACTIVATIONS, DISTRIBUTIONS, RATES)
    },
    scales={
        "quick": Scale("quick", 1, 1, ("digits",), "a check that everything runs"),
        "book": Scale("book", 30, 20, ("digits",), "thirty runs an arm on two CPU cores"),
        "full": Scale("full", 200, 20, ("digits",), "two hundred runs an arm, on a GPU"),
    },
)
