"""Does dropout make useful features? Networks with and without it, and what their units know.

The slides say that dropout drives a unit towards useful features rather than relying on others to
correct its mistakes. `measure.features` reads that in three ways.
"""

from __future__ import annotations

from dataclasses import replace

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.measure.features import FEATURES
from companion.training.settings import Settings

PLAIN = Settings(widths=(64, 128, 128, 10), learning_rate=0.01, epochs=60)
DROPPED = (0.1, 0.2, 0.35, 0.5, 0.65)


def arm_name(p_drop: float) -> str:
    """The arm of a probability of zeroing.

    >>> arm_name(0.0), arm_name(0.2)
    ('none', 'dropout 0.2')
    """
    return f"dropout {p_drop:g}" if p_drop else "none"


EXPERIMENT = Experiment(
    name="dropout-features",
    title="What hidden units know, trained with dropout and without",
    source="Sohrabi, slides on dropout",
    measures=(accuracy.ACCURACY, FEATURES),
    arms={
        "none": Arm(PLAIN),
        **{
            arm_name(p): Arm(replace(PLAIN, dropout=p), "none", family="wr") for p in DROPPED
        },
    },
    paired=True,
    scales={
        "quick": Scale("quick", 2, 4, ("digits",), "a check that everything runs"),
        "book": Scale("book", 20, 60, ("digits",), "twenty runs an arm on two CPU cores"),
        "full": Scale("full", 100, 200, ("digits",), "a hundred runs an arm, on a GPU"),
    },
)  # fmt: skip
