"""The paper's networks, ready to run on a GPU: Tables II, III and VI.

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
"""C Table I: depth of a ResNet -> (a, b), by the table of accuracies."""
OTHERS = {
    "II": {"vgg16": (0.7, 0.7), "vgg19": (0.5, 0.7)},
    "III": {"vgg16": (0.7, 1.0), "vgg19": (0.7, 0.8), "wrn28-10": (0.7, 0.7)},
}
"""The same of its other networks, which it compares with the compander alone."""
MODELS = {"wrn28-10": "wrn-28-10"}
"""The paper's name of a network -> ours, where they differ."""
_TRAINING = {"batch_size": 128, "learning_rate": 0.1, "schedule": "step", "precision": "half"}
_PLANS = {
    "II": {"milestones": (90, 136), "drop": 0.1, "weight_decay": 1e-4},
    "III": {"milestones": (60, 120, 160), "drop": 0.2, "weight_decay": 5e-4},
}
_NARROW = {"schedule": "constant", "milestones": (), "precision": "float32"}
_HIDDEN = {
    "resnet": ((4, 4, 8, 8), (4, 8, 16, 32)),
    "vgg": ((4, 4, 8, 8, 8), (4, 8, 16, 32, 32)),
    "wrn": ((4, 4, 8, 8), (8, 8, 16, 32)),
}
"""Hidden widths at quick and book scale."""
DEVIATIONS = (
    "The paper holds out a tenth of the training images for validation; here 10,000.",
    "The paper does not say whether CIFAR images are augmented; here random crops of images padded "
    "by 4, and flips.",
    "The paper does not print powerpropagation's alpha; here 2.",
    "Weight decay acts on norms and biases too; the paper does not say.",
)


def _plain(name: str, table: str) -> Settings:
    model = MODELS.get(name, name)
    return Settings(
        model=model,
        widths=models.default_widths(model),
        normalization="batch",
        augmentation="crop_flip",
        distribution="uniform",
        **_TRAINING,
        **_PLANS["III" if name.startswith("vgg") else table],
    )


def _fixed(table: str) -> dict[str, Arm]:
    """Plain, powerpropagation, weight norm and compander of each depth, and its plain twin."""
    arms: dict[str, Arm] = {}
    for depth, (a, b) in BEST[table].items():
        name, plain = f"resnet{depth}", _plain(f"resnet{depth}", table)
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
    """Plain network of each depth, one learned pair a layer, and one for the network, which C
    found worse and does not print (section IV-E)."""
    arms: dict[str, Arm] = {}
    curve = {"parametrization": "arctan", "compander_a": 0.5, "compander_clamp": True}
    for depth in BEST["II"]:
        name, plain = f"resnet{depth}", _plain(f"resnet{depth}", "II")
        arms[f"{name}-none"] = Arm(plain, label=f"ResNet-{depth}")
        for learn, dash in (("fine", "solid"), ("coarse", "dashed")):
            arms[f"{name}-wc-{learn}"] = Arm(
                replace(plain, **curve, compander_learn=learn),
                f"{name}-none",
                f"WC, learned {learn}",
                "compander",
                dash,
            )
    return arms


def _beside(table: str, family: str) -> dict[str, Arm]:
    """Plain network, compander and plain twin of each of `OTHERS` of a family."""
    arms: dict[str, Arm] = {}
    for name, (a, b) in OTHERS[table].items():
        if not name.startswith(family):
            continue
        plain = _plain(name, table)
        bent = replace(
            plain, parametrization="arctan", compander_a=a, compander_b=b, compander_clamp=True
        )
        faster = replace(plain, learning_rate=plain.learning_rate * (a / b) ** 2)
        arms[f"{name}-none"] = Arm(plain, label=name.upper())
        arms[f"{name}-wc"] = Arm(bent, f"{name}-none", "WC", "compander")
        if a != b:  # else the twin is the plain network
            arms[f"{name}-twin"] = Arm(faster, f"{name}-none", "plain at (a/b)²", "none", "dashed")
    return arms


def _table(
    table: str, images: str, arms: dict[str, Arm], title: str, family: str = "resnet"
) -> Experiment:
    narrow, wider = ((3, *hidden, 10) for hidden in _HIDDEN[family])
    networks = {"resnet": "ResNets", "vgg": "VGGs", "wrn": "a WideResNet"}[family]
    return Experiment(
        name=f"weight-compander-{title}",
        title=f"The weight compander on {networks}: {images.upper()}, Table {table}",
        source=f"The weight compander, Table {table}",
        arms=arms,
        scales={
            "quick": Scale(
                "quick", 1, 1, ("digits",), f"a check that all runs, narrow {networks}",
                changes={**_NARROW, "widths": narrow},
            ),
            "book": Scale(
                "book", 3, 8, (images,), "much narrower, on two CPU cores in some hours",
                changes={**_NARROW, "widths": wider},
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
    "II, VGG": _table("II", "cifar10", _beside("II", "vgg"), "vgg-cifar10", "vgg"),
    "III, VGG": _table("III", "cifar100", _beside("III", "vgg"), "vgg-cifar100", "vgg"),
    "III, WRN": _table("III", "cifar100", _beside("III", "wrn"), "wrn-cifar100", "wrn"),
}
