"""Decay, rescaling and a rising learning rate on a narrow ResNet with batch norm, run by run.

All arms share their seeds. Batch norm follows every convolution, so that the output ignores every
kernel's norm. `decay_as_rate` is L's control "scale lr" (section 4.1) without its companion run: no
decay, and the learning rate at which directions move as under it.
"""

from __future__ import annotations

from dataclasses import replace

from companion.chapters.batchnorm_norms.experiments.convnet import (
    KERNELS,
    NORMALIZATIONS,
    kernel_rate,
)
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy, geometry, span, weights
from companion.measure.dynamics import DYNAMICS
from companion.training.settings import Settings

DECAY = 2e-3
"""Four times L's, so that it acts within an epoch: its relaxation time is 125 steps."""
MATCHED = 2.0
"""The factor of the kernels' learning rate under WRS, about the mean of 1 / |w|^2 under decay: from
a third in the stem to five in the last blocks."""
DROP = 1
"""The epochs before the learning rate falls, but at full scale."""
EARLY = 60
"""The epochs of the early window; those before the rate falls at full scale, where alone the
windows are trained."""
PLAIN = Settings(
    model="resnet18-imagenet",
    widths=(3, 8, 16, 32, 64, 10),
    normalization="batch",
    learning_rate=0.1,
    batch_size=100,
    weight_decay=DECAY,
    decayed=NORMALIZATIONS,
    schedule="step",
    milestones=(DROP,),
    epochs=DROP + 1,
)
_HELD = replace(PLAIN, rescale="wrs", tau=20, rescale_layers="not_output")

CIFAR = Experiment(
    name="batchnorm-resnet",
    title="Decay, the learning rate that stands for it, and rescaling: a narrow ResNet-18",
    source="Liu, Cui, Wan, Mao and Chan, sections 4 and 5",
    measures=(
        accuracy.LEARNING,
        weights.WEIGHTS,
        geometry.SHAPE,
        replace(span.SPAN, when="ends"),
        span.INSIDE,
        DYNAMICS.each(99),
    ),
    arms={
        "none": Arm(PLAIN, label="none"),
        "wd": Arm(replace(PLAIN, decayed=KERNELS), "none", "WD", "wd"),
        "rate": Arm(
            replace(PLAIN, decay_as_rate=DECAY), "wd", "rising rate, no WD", "none", "dashed"
        ),
        "wrs": Arm(_HELD, "wd", "WRS", "wrs"),
        "wrs, matched": Arm(
            kernel_rate(_HELD, MATCHED), "wd", "WRS, matched rate", "wrs", "dashed"
        ),
        "wrs, early": Arm(
            replace(_HELD, rescale_window=(1, EARLY)), "wrs", "WRS, early", "wrs", "dotted"
        ),
        "wrs, late": Arm(
            replace(_HELD, rescale_window=(EARLY + 1, 1000)), "wrs", "WRS, late", "wrs", "dotted"
        ),
    },
    paired=True,
    scales={
        "quick": Scale(
            "quick", 2, 1, ("digits",), "a check that everything runs", changes={"batch_size": 8}
        ),
        "book": Scale(
            "book",
            6,
            DROP + 1,
            ("cifar10-jpeg", "cifar10"),
            "six paired runs of four arms on two CPU cores",
            arms=("none", "wd", "rate", "wrs"),
            detailed=3,
        ),
        "full": Scale(
            "full",
            5,
            200,
            ("cifar10", "cifar10-jpeg"),
            "the paper's epochs at a quarter of its width, on a GPU",
            changes={
                "model": "resnet18",
                "widths": (3, 16, 32, 64, 128, 10),
                "milestones": (EARLY, 120, 160),
                "augmentation": "crop_flip",
            },
        ),
    },
    deviations=(
        "An eighth of the paper's width, a stem that shrinks an image fourfold before the first "
        "block, two epochs in place of 200, no augmentation.",
        "Decay 2e-3 in place of 5e-4, so that it acts within an epoch.",
        "The paper rescales the output layer too; here it is left alone, and not decayed.",
        "The paper scales each layer's rate by the norms of a companion run; here all rise by one "
        "formula, which is exact.",
    ),
)
