"""A narrow ResNet with batch norm behind a curve, and beside it two plain ones: as fast, and with
the decay that the paper gives its other networks.

Under batch norm the output ignores the size of a kernel's weights, so that a learning rate, a decay
and a curve all come down to how far a step turns them. C trains CIFAR-10's ResNets with a decay of
1e-4, and everything else with 5e-4.
"""

from __future__ import annotations

from dataclasses import replace

from companion.chapters.compander.experiments.mlp import FACTOR, bent
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy, companding
from companion.training.settings import Settings

PLAIN = Settings(
    model="resnet18-imagenet",
    widths=(3, 8, 16, 32, 64, 10),
    normalization="batch",
    batch_size=128,
    learning_rate=0.1,
    weight_decay=1e-4,
    schedule="step",
    milestones=(2,),
    epochs=3,
)


def arms(plain: Settings) -> dict[str, Arm]:
    """A plain network, its twin with the rate of the curve, the curve, a stronger decay, and
    powerpropagation."""
    return {
        "none": Arm(plain, label="plain"),
        "twin": Arm(
            replace(plain, learning_rate=plain.learning_rate * FACTOR),
            "none",
            "plain, 2.78 × rate",
            "none",
            "dashed",
        ),
        "wc": Arm(bent(plain, compander_clamp=True), "twin", "WC", "compander"),
        "wd-5e-4": Arm(replace(plain, weight_decay=5e-4), "none", "WD 5e-4", "wd"),
        "powerprop": Arm(
            bent(plain, "powerprop", 1.0, 1.0), "none", "powerprop., alpha 2", "wd", "dashed"
        ),
    }


CIFAR = Experiment(
    name="compander-resnet",
    title="A weight compander beside a plain network with its learning rate: a narrow ResNet-18",
    source="this book, after the weight compander's Table II",
    arms=arms(PLAIN),
    measures=(accuracy.ACCURACY, companding.CURVES),
    paired=True,
    scales={
        "quick": Scale(
            "quick", 2, 1, ("digits",), "a check that everything runs",
            changes={"schedule": "constant", "milestones": ()},
        ),
        "book": Scale("book", 6, 3, ("cifar10-jpeg", "cifar10"), "three epochs on two CPU cores"),
        "full": Scale(
            "full", 5, 200, ("cifar10", "cifar10-jpeg"),
            "the paper's epochs at the paper's width and image size, on a GPU",
            changes={
                "model": "resnet18", "widths": (3, 64, 128, 256, 512, 10),
                "milestones": (90, 136), "augmentation": "crop_flip",
            },
        ),
    },
    deviations=(
        "An eighth of the paper's width, a stem that shrinks an image fourfold before the first "
        "block, a few epochs in place of 200, no augmentation; the full scale undoes all four.",
        "Powerpropagation has alpha = 2, which the paper does not print.",
    ),
)  # fmt: skip
