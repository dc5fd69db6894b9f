"""The learning rates at which a residual network of a hundred layers learns, by how it starts."""

from __future__ import annotations

import itertools

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.models import residual
from companion.training.settings import Settings

STARTS = ("kaiming", "fixup", "skipinit", "zero", "scaled_ws", "forward")
NAMES = {
    "kaiming": "Kaiming alone",
    "fixup": "Fixup",
    "skipinit": "SkipInit",
    "zero": "ZerO",
    "scaled_ws": "scaled weight standardization",
    "forward": "weight norm, forward rule",
}
RATES = (0.002, 0.008, 0.032, 0.125, 0.5)
DEPTH = 100
WIDTHS = residual.widths(DEPTH, 1, 8)


def arm_name(start: str, rate: float) -> str:
    """The name of an arm.

    >>> arm_name("fixup", 0.125)
    'fixup, lr 0.125'
    """
    return f"{start}, lr {rate:g}"


def settings(start: str, rate: float) -> Settings:
    """Those of an arm."""
    how = {"neighbour": start}
    if start == "forward":
        how = {"parametrization": "weight_norm", "lengths": start}
    return Settings(model="residual", widths=WIDTHS, learning_rate=rate, batch_size=64, **how)


EXPERIMENT = Experiment(
    name="weight-norm-neighbours",
    title="Six starts of a residual network of a hundred layers without batch norm",
    source="this book",
    measures=(accuracy.ACCURACY,),
    arms={
        arm_name(*arm): Arm(
            settings(*arm), family="weight_norm" if arm[0] == "forward" else "none"
        )
        for arm in itertools.product(STARTS, RATES)
    },
    scales={
        "quick": Scale("quick", 1, 2, ("digits",), "a check that everything runs",
                       arms=tuple(arm_name(start, 0.008) for start in STARTS),
                       changes={"widths": residual.widths(10, 1, 4)}),
        "book": Scale("book", 2, 3, ("digits",), "two runs an arm on one CPU core"),
        "full": Scale("full", 10, 20, ("cifar10",), "WRN-100's 16 channels, on a GPU",
                      changes={"widths": residual.widths(DEPTH), "batch_size": 128}),
    },
    deviations=(
        "Fixup's biases are those of the channels of each convolution, where the paper adds one "
        "number before every layer.",
        "ZerO is printed for layers; the last convolution of every branch is 0 here.",
        "Scaled weight standardization has branches of two layers and no gain for each channel.",
    ),
)  # fmt: skip
