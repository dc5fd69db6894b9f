"""A hundred runs trained to the end, so that any rule of early stopping can be asked afterwards.

1,297 digits are learned and 500 kept aside, in four parts (`measure.folds`), two of which choose
the epoch and two test the choice. Once with the labels as they are, and once with a fifth of the
training labels drawn anew, where training too long costs most.
"""

from __future__ import annotations

from dataclasses import replace

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy, folds
from companion.training.settings import Settings

PLAIN = Settings(widths=(64, 128, 128, 10), learning_rate=0.005, epochs=60)
NOISE = 0.2

EXPERIMENT = Experiment(
    name="early-stopping",
    title="A hundred runs to stop early",
    source="this book; the question is Sohrabi's, last slide",
    measures=(accuracy.LEARNING, folds.KEPT_ASIDE),
    arms={
        "clean": Arm(PLAIN, label="labels as they are"),
        "noisy": Arm(
            replace(PLAIN, label_noise=NOISE), None, "a fifth drawn anew", "wd"
        ),
    },
    validation=140,
    scales={
        "quick": Scale("quick", 4, 8, ("digits",), "a check that everything runs"),
        "book": Scale("book", 100, 60, ("digits",), "a hundred runs an arm on two CPU cores"),
        "full": Scale("full", 1000, 60, ("digits",), "a thousand runs an arm, on a GPU"),
    },
    deviations=(
        "140 validation and 360 test images are the 500 that are kept aside; they are dealt into "
        "four parts, and every pair of parts chooses once and tests once.",
    ),
)  # fmt: skip
