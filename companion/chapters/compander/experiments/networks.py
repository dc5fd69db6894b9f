"""The paper's ResNets, ready to run on a GPU: Tables II, III and VI.

Each table has, beside the paper's arms, a plain network at the learning rate (a/b)^2 times the
paper's: the comparison that it does not make.
"""

from __future__ import annotations

from dataclasses import replace

from companion import models
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Published, Scale
from companion.training.settings import Settings

BEST = {
    "II": {18: (1.0, 0.6), 34: (0.8, 0.5), 50: (1.0, 0.6)},
    "III": {18: (0.6, 0.6), 34: (0.7, 0.8), 50: (1.0, 0.8)},
}
"""C Table I: depth -> (a, b), by the table of accuracies."""
_TRAINING = {"batch_size": 128, "learning_rate": 0.1, "schedule": "step", "precision": "half"}
_PLANS = {
    "II": {"milestones": (90, 136), "drop": 0.1, "weight_decay": 1e-4},
    "III": {"milestones": (60, 120, 160), "drop": 0.2, "weight_decay": 5e-4},
}
_NARROW = {"widths": (3, 4, 4, 8, 8, 10), "schedule": "constant", "milestones": ()}
DEVIATIONS = (
    "The paper holds out a tenth of the training images for validation; here 10,000.",
    "The paper does not say whether CIFAR images are augmented; here random crops of images padded "
    "by 4, and flips.",
    "The paper does not print powerpropagation's alpha; here 2.",
    "Weight decay acts on norms and biases too; the paper does not say.",
)


def _plain(depth: int, table: str) -> Settings:
    name = f"resnet{depth}"
    return Settings(
        model=name,
        widths=models.default_widths(name),
        normalization="batch",
        augmentation="crop_flip",
        distribution="uniform",
        **_TRAINING,
        **_PLANS[table],
    )


def _fixed(table: str) -> dict[str, Arm]:
    """Plain, powerpropagation, weight norm and compander of each depth, and its plain twin."""
    arms: dict[str, Arm] = {}
    for depth, (a, b) in BEST[table].items():
        name, plain = f"resnet{depth}", _plain(depth, table)
        pair = {"compander_a": a, "compander_b": b, "compander_clamp": True}
        curve = {"parametrization": "arctan", **pair}
        faster = replace(plain, learning_rate=plain.learning_rate * (a / b) ** 2)
        arms |= {
            f"{name}-none": Arm(plain, label=f"ResNet-{depth}"),
            f"{name}-pp": Arm(
                replace(plain, parametrization="powerprop"), f"{name}-none", "PP", "wd"
            ),
            f"{name}-wn": Arm(
                replace(plain, parametrization="weight_norm"), f"{name}-none", "WN", "weight_norm"
            ),
            f"{name}-wc": Arm(replace(plain, **curve), f"{name}-none", "WC", "compander"),
            f"{name}-twin": Arm(faster, f"{name}-none", "plain at (a/b)²", "none", "dashed"),
        }
    return arms


def _learned() -> dict[str, Arm]:
    arms: dict[str, Arm] = {}
    curve = {"parametrization": "arctan", "compander_a": 0.5, "compander_learn": "fine"}
    for depth in BEST["II"]:
        name, plain = f"resnet{depth}", _plain(depth, "II")
        bent = replace(plain, **curve, compander_clamp=True)
        arms[f"{name}-none"] = Arm(plain, label=f"ResNet-{depth}")
        arms[f"{name}-wc-fine"] = Arm(bent, f"{name}-none", "WC, learned", "compander")
    return arms


def _table(table: str, images: str, arms: dict[str, Arm], title: str) -> Experiment:
    return Experiment(
        name=f"weight-compander-{title}",
        title=f"The weight compander on ResNets: {images.upper()}, Table {table}",
        source=f"The weight compander, Table {table}",
        arms=arms,
        scales={
            "quick": Scale(
                "quick", 1, 1, ("digits",), "a check that all runs, narrow ResNets",
                changes={**_NARROW, "precision": "float32"},
            ),
            "book": Scale(
                "book", 3, 8, (images,), "a sixteenth as wide, on two CPU cores in some hours",
                changes={**_NARROW, "widths": (3, 4, 8, 16, 32, 10), "precision": "float32"},
            ),
            "full": Scale("full", 5, 200, (images,), "the paper's 5 runs an arm, on a GPU"),
        },
        published=Published("C", table),
        paired=True,
        deviations=DEVIATIONS,
    )  # fmt: skip


TABLES = {
    "II": _table("II", "cifar10", _fixed("II"), "cifar10"),
    "III": _table("III", "cifar100", _fixed("III"), "cifar100"),
    "VI": _table("VI", "cifar10", _learned(), "learned"),
}
