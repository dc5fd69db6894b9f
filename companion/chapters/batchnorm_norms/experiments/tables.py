"""L's Tables 1 and S2, ready to run on a GPU: three networks, two optimizers, decay and rescaling.

Table 1 has a batch norm after every convolution: torchvision's ResNet-18 has it as it is, the
WideResNet is the *normed* one. Table S2 has the networks as their authors built them, with the
normalization before a convolution. The periods are those of Table S1.
"""

from __future__ import annotations

from dataclasses import replace

from companion import models
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Published, Scale
from companion.measure import catalogue
from companion.training.settings import Settings

NETWORKS = {
    "1": {"vgg16": "vgg16", "resnet18": "resnet18", "wideresnet28-10": "wrn-28-10-normed"},
    "S2": {"resnet18": "preact-resnet18", "wideresnet28-10": "wrn-28-10"},
}
"""Table -> the paper's name of a network -> ours."""
IMAGES = {"c10": "cifar10", "c100": "cifar100"}
OPTIMIZERS = {
    "sgdm": {"optimizer": "sgd", "learning_rate": 0.1},
    "adamw": {"optimizer": "adamw", "learning_rate": 1e-3},
}
PERIODS = {"resnet18 sgdm c10": 20, "resnet18 sgdm c100": 10, "resnet18 adamw c100": 10}
"""Of Table S1, where they are not 40."""
_NARROW = {"vgg16": (8, 8, 16, 16, 16), "resnet18": (8, 8, 16, 16)}
_WIDE = {"resnet18": (8, 8, 8, 16, 16), "wideresnet28-10": (8, 8, 16, 16)}
DEVIATIONS = (
    "The paper trains AdamW with WRS for half as many epochs as AdamW with decay on CIFAR-10 and, "
    "but for WRN, CIFAR-100; here all arms train for 200.",
    "The paper augments by crops of images padded by 3, flips and changes of brightness, contrast, "
    "hue and saturation; here by crops of images padded by 4, and flips.",
    "The paper does not say what decays in the output layer; here its weights do under WD, and are "
    "rescaled under WRS.",
)


def period(table: str, cell: str) -> int:
    """tau of a network, optimizer and image set.

    >>> period("1", "resnet18 sgdm c10"), period("S2", "resnet18 sgdm c10")
    (20, 40)
    """
    return PERIODS.get(cell, 40) if table == "1" else 40


def _arms(table: str, network: str, images: str) -> dict[str, Arm]:
    found: dict[str, Arm] = {}
    ours = NETWORKS[table][network]
    for optimizer, chosen in OPTIMIZERS.items():
        cell = f"{network} {optimizer} {images}"
        plain = Settings(
            model=ours,
            widths=models.default_widths(ours),
            normalization="batch",
            batch_size=100,
            weight_decay=5e-4,
            decayed=("weight", "gain"),
            schedule="step",
            milestones=(60, 120, 160),
            augmentation="crop_flip",
            precision="half",
            **chosen,
        )
        held = replace(plain, decayed=("gain",), rescale="wrs", tau=period(table, cell))
        name = optimizer.upper().replace("ADAMW", "AdamW")
        found[f"{cell} wd"] = Arm(plain, None, f"{name}, WD", "wd")
        found[f"{cell} wrs"] = Arm(held, f"{cell} wd", f"{name}, WRS", "wrs")
    return found


def _experiment(table: str, network: str, images: str) -> Experiment:
    ours, original = NETWORKS[table][network], "original-" if table == "S2" else ""
    hidden = (_WIDE if table == "S2" or "wide" in network else _NARROW)[network]
    narrow = {
        "widths": (3, *hidden, 10),
        "precision": "float32",
        "schedule": "constant",
        "milestones": (),
    }
    return Experiment(
        name=f"batchnorm-{original}{network}-{IMAGES[images]}",
        title=f"Decay and rescaling, Table {table}: {ours} on {IMAGES[images].upper()}",
        source=f"Liu, Cui, Wan, Mao and Chan, Table {table}",
        arms=_arms(table, network, images),
        measures=catalogue.EACH_EPOCH,
        scales={
            "quick": Scale(
                "quick", 1, 1, ("digits",), "a check that all runs, a narrow network",
                changes=narrow,
            ),
            "book": Scale(
                "book", 3, 8, (IMAGES[images],), "a narrow network, on two CPU cores in some hours",
                changes=narrow,
            ),
            "full": Scale("full", 3, 200, (IMAGES[images],), "the paper's 3 runs an arm, on a GPU"),
        },
        published=Published("L", table),
        paired=True,
        deviations=DEVIATIONS if table == "1" else DEVIATIONS[1:],
    )  # fmt: skip


TABLES = tuple(
    _experiment(table, network, images)
    for table, networks in NETWORKS.items()
    for network in networks
    for images in IMAGES
)
