"""Does rescaling act only where it acts early (L figure 7)?

The digits, with the settings of `adamw` and WRS at ten times the first layer's rate, which gains
there. L's rate falls tenfold at the start of its late window; here it falls halfway, or never.
"""

from __future__ import annotations

from dataclasses import replace

from companion.chapters.batchnorm_norms.experiments.adamw import PLAIN
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy

HALF, EPOCHS = 15, 30
_HELD = replace(
    PLAIN, rescale="wrs", tau=20, rescale_layers="not_output", rate_factors=(("input", 10.0),)
)
WINDOWS = {"always": (), "early": (1, HALF), "late": (HALF + 1, EPOCHS)}


def arm(when: str, falls: bool) -> str:
    """The name of an arm: when it rescales, and whether the rate falls.

    >>> arm("early", True)
    'early, falling'
    """
    return f"{when}, {'falling' if falls else 'constant'}"


def _arms(falls: bool) -> dict[str, Arm]:
    change = {"schedule": "step", "milestones": (HALF,)} if falls else {}
    free = arm("never", falls)
    held = replace(_HELD, **change)
    plain = replace(held, rescale="none", tau=0, rescale_layers="all")
    return {
        free: Arm(plain, None, f"never, {'falling' if falls else 'constant'} rate"),
        **{
            arm(when, falls): Arm(replace(held, rescale_window=window), free, f"WRS {when}", "wrs")
            for when, window in WINDOWS.items()
        },
    }


DIGITS = Experiment(
    name="batchnorm-windows",
    title="Rescaling early, late and always",
    source="Liu, Cui, Wan, Mao and Chan, figure 7",
    measures=(accuracy.LEARNING,),
    arms=_arms(falls=False) | _arms(falls=True),
    paired=True,
    scales={
        "quick": Scale(
            "quick", 2, 2, ("digits",), "a check that everything runs",
            arms=tuple(_arms(falls=False)),
        ),
        "book": Scale("book", 20, EPOCHS, ("digits",), "twenty runs an arm on two CPU cores"),
        "full": Scale("full", 100, EPOCHS, ("digits",), "a hundred runs an arm, on a GPU"),
    },
    deviations=(
        "One hidden layer and AdamW on the digits in place of VGG-16 and SGD on CIFAR-10; windows "
        "of half of the training in place of epochs 1 to 60 and 60 to 200.",
    ),
)  # fmt: skip
