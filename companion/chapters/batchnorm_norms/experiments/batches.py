"""Is rescaling better than decay where batches are small (L figure S3a)?

L compares them under AdamW with a decay of 5e-4, which does nothing (`errata.adamw_decay`), and
rescales the output layer too. The digits, with the settings of `adamw`.
"""

from __future__ import annotations

from dataclasses import replace

from companion.chapters.batchnorm_norms.experiments.adamw import PLAIN
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy

SIZES = (8, 32, 128)
STRONG = 5.0
"""The decay that gains most at batches of 32 (`adamw.DIGITS`)."""


def arm(kind: str, size: int) -> str:
    """The name of an arm at a batch size.

    >>> arm("wrs", 8)
    'wrs, 8'
    """
    return f"{kind}, {size}"


def _arms(size: int) -> dict[str, Arm]:
    plain = replace(PLAIN, batch_size=size)
    held = replace(plain, rescale="wrs", tau=20)
    base = arm("weak", size)
    return {
        base: Arm(replace(plain, weight_decay=5e-4), None, f"WD 5e-4, {size}", "none"),
        arm("strong", size): Arm(
            replace(plain, weight_decay=STRONG), base, f"WD {STRONG:g}, {size}", "wd"
        ),
        arm("wrs", size): Arm(
            replace(held, rescale_layers="not_output"), base, f"WRS, {size}", "wrs"
        ),
        arm("wrs all", size): Arm(held, base, f"WRS, all layers, {size}", "wrs", "dashed"),
    }


DIGITS = Experiment(
    name="batchnorm-batch-size",
    title="Decay and rescaling at three batch sizes",
    source="Liu, Cui, Wan, Mao and Chan, figure S3a",
    measures=(accuracy.LEARNING,),
    arms={name: one for size in SIZES for name, one in _arms(size).items()},
    paired=True,
    scales={
        "quick": Scale("quick", 2, 2, ("digits",), "a check that everything runs"),
        "book": Scale("book", 12, 30, ("digits",), "twelve paired runs an arm on two CPU cores"),
        "full": Scale("full", 100, 100, ("digits",), "a hundred runs an arm, on a GPU"),
    },
    deviations=("One hidden layer on the digits in place of VGG-16 on CIFAR-10.",),
)
