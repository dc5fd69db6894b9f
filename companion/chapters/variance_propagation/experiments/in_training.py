"""The variance of the pre-activations while weights learn, split into the parts it comes from.

At initialization the product rule gives it (He et al. 2015, eq. 5; N eq. 9). Trained weights know
their inputs, and the rule no longer holds: `measure.signals.VARIANCE_PARTS` says what adds to it.
"""

from __future__ import annotations

from dataclasses import replace

from companion.experiments.arm import DASHES, Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import catalogue, signals
from companion.training.settings import Settings

MEASURES = (*catalogue.EACH_EPOCH, signals.VARIANCE_PARTS)
HIDDEN_LAYERS, WIDTH = 5, 64


def period_arm(period: int) -> str:
    """The name of an arm that is rescaled every so many steps, 0 for once an epoch.

    >>> period_arm(0), period_arm(10)
    ('wr every epoch', 'wr every 10 steps')
    """
    if period == 0:
        return "wr every epoch"
    return "wr every step" if period == 1 else f"wr every {period} steps"


def _arms(plain: Settings, periods: tuple[int, ...]) -> dict[str, Arm]:
    held = {
        period_arm(period): Arm(
            replace(plain, rescale="wr", tau=period),
            "none",
            period_arm(period).replace("wr", "WR"),
            "wr",
            dash,
        )
        for period, dash in zip(periods, DASHES, strict=True)
    }
    decayed = Arm(replace(plain, weight_decay=0.01), "none", "WD 0.01", "wd")
    return {"none": Arm(plain, label="none"), "wd-1e-2": decayed, **held}


DIGITS = Experiment(
    name="variance-in-training",
    title="Where the variance comes from while a deep network learns the digits",
    source="this book",
    measures=MEASURES,
    arms=_arms(Settings(widths=(64, *[WIDTH] * HIDDEN_LAYERS, 10), learning_rate=0.01), (0, 6, 1)),
    scales={
        "quick": Scale("quick", 2, 4, ("digits",), "a check that everything runs"),
        "book": Scale("book", 10, 60, ("digits",), "ten runs an arm on two CPU cores"),
        "full": Scale("full", 100, 200, ("digits",), "a hundred runs an arm, on a GPU"),
    },
)
CIFAR = Experiment(
    name="variance-in-training-mlp",
    title="Where the variance comes from while N's network learns CIFAR-10",
    source="Niehaus, Krumnack and Heidemann, section III and figure 7",
    measures=MEASURES,
    arms=_arms(Settings(), (0, 100, 10)),
    scales={
        "quick": Scale("quick", 2, 4, ("digits",), "a check that everything runs"),
        "book": Scale(
            "book", 5, 40, ("cifar10-jpeg", "cifar10"), "the first 40 epochs, on two CPU cores"
        ),
        "full": Scale(
            "full", 20, 100, ("cifar10", "cifar10-jpeg"), "the paper's 100 epochs, on a GPU"
        ),
    },
    deviations=(
        "The paper does not state its batch size and input scaling; here batch 32 and inputs "
        "standardised per channel.",
        "The paper's stated widths 32-32-10 do not give its 199,082 parameters; 3072-64-32-10 do.",
        "An epoch is measured after its rescaling.",
    ),
)
