"""The norms of a small convolutional network under batch norm, while SGD trains it on CIFAR-10.

Decay acts on the kernels in the arms that have it, and on batch norm's gains and shifts in all, as
in L (section 6.1). The output layer, whose norm is not free, is neither decayed nor rescaled, so
that arms differ in what holds the kernels' norms alone. A stronger decay would pull at the gains
as well; a larger learning rate of the kernels has the same product with decay, and does not. The
learning rate is constant for four epochs, 12.8 relaxation times of a decay of 5e-4, and a tenth of
that in the fifth.
"""

from __future__ import annotations

from dataclasses import replace

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.measure.dynamics import DYNAMICS
from companion.models.convnet import WIDTHS
from companion.training.settings import Settings

KERNELS, NORMALIZATIONS = ("input", "hidden"), ("gain", "shift")
"""Roles that decay acts on: all before the output layer; batch norm's own."""
MATCHED = 0.14
"""The factor of the kernels' learning rate under WRS at which it is that of decay 5e-4 at its
equilibrium, where |w|^2 is about 1 / MATCHED."""
DROP = 4
"""The epochs before the learning rate falls."""
PLAIN = Settings(
    model="convnet",
    widths=WIDTHS,
    normalization="batch",
    learning_rate=0.2,
    batch_size=50,
    weight_decay=5e-4,
    decayed=NORMALIZATIONS,
    schedule="step",
    milestones=(DROP,),
    epochs=5,
)
_DECAYED = replace(PLAIN, decayed=KERNELS)
_HELD = replace(PLAIN, rescale="wrs", tau=20, rescale_layers="not_output")


def kernel_rate(settings: Settings, factor: float) -> Settings:
    """The same with the learning rate of kernels times a factor; the output layer keeps its own,
    and a convolution before batch norm has no bias."""
    factors = (("weight", factor), ("bias", factor), ("output", 1 / factor))
    return replace(settings, rate_factors=factors)


SGD = Experiment(
    name="batchnorm-norms",
    title="What holds the kernels of a network with batch norm, and what that does to its steps",
    source="Liu, Cui, Wan, Mao and Chan, sections 3 to 5",
    measures=(accuracy.ACCURACY, DYNAMICS.each(33)),
    layers=tuple(range(1, len(WIDTHS) - 1)),
    arms={
        "none": Arm(PLAIN, label="none"),
        "wd-5e-4": Arm(_DECAYED, "none", "WD 5e-4", "wd"),
        "wd-5e-4, rate x 10": Arm(
            kernel_rate(_DECAYED, 10.0), "none", "WD 5e-4, rate × 10", "wd", "dashed"
        ),
        "wrs": Arm(_HELD, "none", "WRS", "wrs"),
        "wrs, matched": Arm(
            kernel_rate(_HELD, MATCHED), "none", "WRS, matched rate", "wrs", "dashed"
        ),
        "wd-1e-3, no momentum": Arm(
            replace(_DECAYED, momentum=0.0, learning_rate=1.0, weight_decay=1e-3),
            "none",
            "WD 1e-3, no momentum",
            "wd",
            "dotted",
        ),
    },
    scales={
        "quick": Scale("quick", 2, 5, ("digits",), "a check that everything runs"),
        "book": Scale(
            "book", 3, 5, ("cifar10-jpeg", "cifar10"), "three runs an arm on two CPU cores"
        ),
        "full": Scale(
            "full",
            10,
            200,
            ("cifar10", "cifar10-jpeg"),
            "wide layers, augmentation and the paper's 200 epochs, on a GPU",
            changes={
                "widths": (3, 64, 128, 256, 512, 10),
                "batch_size": 100,
                "milestones": (60, 120, 160),
                "augmentation": "crop_flip",
            },
        ),
    },
    deviations=(
        "A network of three convolutions in place of the paper's VGG-16, ResNet-18 and "
        "WRN-28-10, with augmentation only at full scale.",
        "The paper rescales the output layer too; here it is left alone, and not decayed.",
        "Where nothing else is said tau is 20, within the paper's 10 to 40.",
        "Learning rate 0.2 and batches of 50, so that the norms settle within an hour on two "
        "cores; the paper's are 0.1 and 100. Without momentum it is 1.",
    ),
)
