"""Schemes by name on sixteen layers of one width, and of widths that change from layer to layer."""

from __future__ import annotations

import itertools

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.theory.gains import exact_gain
from companion.training.settings import Settings

SCHEMES = ("kaiming", "kaiming_out", "xavier", "lecun", "constant")
SHAPES = {
    "one width": (64,) * 15,
    "narrowing": (256, 226, 199, 175, 154, 136, 120, 105, 93, 82, 72, 64, 56, 49, 43),
}
"""Hidden widths; the second ones shrink by about an eighth from layer to layer."""
ACTIVATIONS = ("relu", "tanh")
RATES = (0.004, 0.015)
VALUE = 0.05
"""What the constant scheme puts into every weight."""


def arm_name(activation: str, shape: str, scheme: str, rate: float) -> str:
    """The name of an arm.

    >>> arm_name("relu", "one width", "kaiming", 0.004)
    'relu, one width, kaiming, lr 0.004'
    """
    return f"{activation}, {shape}, {scheme}, lr {rate:g}"


def _settings(activation: str, shape: str, scheme: str, rate: float) -> Settings:
    gain = VALUE if scheme == "constant" else 1.0 if scheme == "lecun" else exact_gain(activation)
    return Settings(
        widths=(64, *SHAPES[shape], 10),
        activation=activation,
        scheme=scheme,
        gain=gain,
        learning_rate=rate,
    )


EXPERIMENT = Experiment(
    name="initialization-schemes",
    title="Schemes of initialization on sixteen layers",
    source="this book",
    measures=(accuracy.LEARNING,),
    arms={
        arm_name(*arm): Arm(_settings(*arm))
        for arm in itertools.product(ACTIVATIONS, SHAPES, SCHEMES, RATES)
    },
    scales={
        "quick": Scale("quick", 1, 1, ("digits",), "a check that everything runs"),
        "book": Scale("book", 10, 20, ("digits",), "ten runs an arm on two CPU cores"),
        "full": Scale("full", 100, 20, ("digits",), "a hundred runs an arm, on a GPU"),
    },
)
