"""How far the weights of each layer reach and what shape they have, with a curve and without (C
figures 3 and 4).

The figure's own pair, a = 0.8 and b = 0.5, beside the plain network at the same learning rate, at
(a/b)^2 times that, and a curve with the same slope whose bound is a quarter of it.
"""

from __future__ import annotations

from dataclasses import replace

from companion.chapters.compander.experiments.mlp import bent
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy, companding, geometry
from companion.measure.ranges import RANGES
from companion.training.settings import Settings

A, B = 0.8, 0.5
"""The pair of C's figures 3 and 4."""
FACTOR = (A / B) ** 2
TIGHTER = 4
"""By what the second curve's a and b are smaller."""
DROP = 15
"""The epochs before the learning rate falls."""
PLAIN = Settings(
    model="convnet",
    widths=(1, 16, 24, 24, 10),
    normalization="batch",
    batch_size=32,
    learning_rate=0.1,
    weight_decay=1e-4,
    schedule="step",
    milestones=(DROP,),
    epochs=20,
)


def _bent(tighter: float = 1.0) -> Settings:
    return bent(PLAIN, a=A / tighter, b=B / tighter, compander_clamp=True)


DIGITS = Experiment(
    name="compander-range",
    title="Range and shape of each layer's weights, with a curve and without: the digits",
    source="the weight compander, figures 3 and 4",
    arms={
        "none": Arm(PLAIN, label="plain"),
        "twin": Arm(
            replace(PLAIN, learning_rate=PLAIN.learning_rate * FACTOR), "none",
            "plain, 2.56 × rate", "none", "dashed",
        ),
        "wc": Arm(_bent(), "twin", "WC, a = 0.8", "compander"),
        "tight": Arm(_bent(TIGHTER), "twin", "WC, a = 0.2", "compander", "dashed"),
    },
    measures=(accuracy.LEARNING, RANGES, companding.SHAPES, geometry.SHAPE),
    paired=True,
    scales={
        "quick": Scale(
            "quick", 2, 2, ("digits",), "a check that everything runs", changes={"milestones": (1,)}
        ),
        "book": Scale("book", 6, 20, ("digits",), "six paired runs an arm on two CPU cores",
                      detailed=2),
        "full": Scale(
            "full", 5, 200, ("cifar10", "cifar10-jpeg"), "the figure's network, on a GPU",
            changes={
                "model": "resnet34", "widths": (3, 64, 128, 256, 512, 10), "batch_size": 128,
                "milestones": (90, 136), "augmentation": "crop_flip",
            },
        ),
    },
    deviations=(
        "Three convolutions with batch norm on the digits in place of ResNet-34 on CIFAR-10, but "
        "at full scale.",
        "Initial weights beyond 95 % of a pi/2 are cut to it.",
    ),
)  # fmt: skip
