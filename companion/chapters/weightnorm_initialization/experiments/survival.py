"""Which runs of a wide residual network survive, by rate, start and warmup (A, figure 4)."""

from __future__ import annotations

import itertools

from companion.chapters.weightnorm_initialization.experiments import depth
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.models import residual
from companion.training.settings import Settings

STARTS = ("forward", "data", "one", "hanin")
NAMES = {**depth.NAMES, "hanin": "stage-wise Hanin"}
WARMUPS = (0, 1)
"""Epochs in which the learning rate rises."""
RATES = (0.01, 0.03, 0.1, 0.3)
DEPTH, EPOCHS = 40, 3
NARROW, WIDE = residual.widths(DEPTH, 1, 8), residual.widths(DEPTH, 10)


def arm_name(start: str, warmup: int, rate: float) -> str:
    """The name of an arm.

    >>> arm_name("hanin", 1, 0.1)
    'hanin, warmup, lr 0.1'
    """
    return f"{start}{', warmup' if warmup else ''}, lr {rate:g}"


def settings(start: str, warmup: int, rate: float) -> Settings:
    """Those of an arm at the paper's width."""
    return Settings(
        model="residual",
        widths=WIDE,
        parametrization="weight_norm",
        lengths=start,
        learning_rate=rate,
        warmup=warmup,
        batch_size=64,
        epochs=EPOCHS,
    )


EXPERIMENT = Experiment(
    name="weight-norm-survival",
    title="The share of runs of a 40-layer residual network that survive three epochs",
    source="Arpit, Campos and Bengio, figure 4",
    measures=(accuracy.ACCURACY,),
    arms={
        arm_name(*arm): Arm(settings(*arm), family="weight_norm")
        for arm in itertools.product(STARTS, WARMUPS, RATES)
    },
    scales={
        "quick": Scale("quick", 1, 2, ("digits",), "a check that everything runs",
                       arms=tuple(arm_name(start, 0, 0.1) for start in STARTS),
                       changes={"widths": residual.widths(10, 1, 4)}),
        "book": Scale("book", 3, EPOCHS, ("digits",), "three runs an arm of a narrow network, on "
                      "one CPU core", changes={"widths": NARROW}),
        "full": Scale("full", 20, EPOCHS, ("cifar10",), "the paper's WRN-40-10 and twenty runs, on "
                      "a GPU", changes={"batch_size": 128}),
    },
    deviations=(
        "The paper's third start wraps weights that its code has drawn already, orthogonal ones of "
        "length 1; here length 1.",
        "At book scale 8, 16 and 32 channels in place of 160, 320 and 640, and the digits, whose "
        "epoch has 18 steps.",
        "The paper does not state its batch; here 128 images, 64 at book scale.",
    ),
)  # fmt: skip
