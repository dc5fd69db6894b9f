"""Bounded weight norm beside decay and rescaling (L figure 8), read for what each does to a step.

Bounded weight norm trains v in ``w = rho v / |v|`` and takes a mean-only batch norm with it. The
loss ignores the norm of v as it ignores that of w before a batch norm, so that v only grows unless
something holds it, and L lets nothing hold it. Here it is also decayed, as kernels before batch
norm are. All arms start from the same weights, share their seeds, and leave the output layer alone.
"""

from __future__ import annotations

from dataclasses import replace

from companion.chapters.batchnorm_norms.experiments import convnet, small
from companion.chapters.batchnorm_norms.experiments.convnet import KERNELS, kernel_rate
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.measure.dynamics import TURNS
from companion.training.settings import Settings

RATES = (0.03, 0.1, 0.3)
KINDS = {
    "none": ("none", "none", "solid"),
    "wd": ("WD", "wd", "solid"),
    "wrs": ("WRS", "wrs", "solid"),
    "bwn": ("BWN", "weight_norm", "solid"),
    "bwn, wd": ("BWN and WD", "weight_norm", "dashed"),
}
"""Kind of arm -> its label, family and line."""
WRAPPED = "bwn before batch norm"
MATCHED = "wrs, matched"
DROP = 3
"""The epochs before the learning rate falls on CIFAR-10."""


def bounded(settings: Settings) -> Settings:
    """The same under bounded weight norm, with its mean-only batch norm."""
    return replace(settings, normalization="batch_mean", parametrization="bounded_weight_norm")


def _kinds(plain: Settings, held: Settings) -> dict[str, Settings]:
    decayed = replace(plain, decayed=KERNELS)
    return {
        "none": plain,
        "wd": decayed,
        "wrs": held,
        "bwn": bounded(plain),
        "bwn, wd": bounded(decayed),
    }


def arm(kind: str, rate: float) -> str:
    """The name of an arm on the digits.

    >>> arm("bwn, wd", 0.1)
    'bwn, wd, 0.1'
    """
    return f"{kind}, {rate:g}"


def _rates() -> dict[str, Arm]:
    found = {}
    for rate in RATES:
        own = (replace(one, learning_rate=rate) for one in (small.PLAIN, small.HELD))
        for kind, settings in _kinds(*own).items():
            label, family, dash = KINDS[kind]
            baseline = None if kind == "wd" else arm("wd", rate)
            found[arm(kind, rate)] = Arm(settings, baseline, f"{label}, {rate:g}", family, dash)
    wrapped = replace(small.PLAIN, parametrization="bounded_weight_norm")
    found[WRAPPED] = Arm(
        wrapped, arm("none", small.PLAIN.learning_rate), "BWN before batch norm", "weight_norm",
        "dotted",
    )  # fmt: skip
    return found


DIGITS = Experiment(
    name="batchnorm-bounded-rates",
    title="Bounded weight norm, decay and rescaling at three learning rates",
    source="Liu, Cui, Wan, Mao and Chan, figure 8",
    measures=(accuracy.LEARNING, TURNS.each(19)),
    layers=(2,),
    arms=_rates(),
    paired=True,
    scales=small.SCALES,
    deviations=(
        "Three convolutions on the digits, with random labels among those of training, in place of "
        "ResNet-18 on CIFAR-10.",
        "Decay 5e-3 in place of 5e-4, so that it acts within 20 epochs; the output layer is "
        "neither decayed nor rescaled, where the paper decays it under bounded weight norm.",
        "Bounded weight norm keeps the norm of each unit; its source has one number a layer, and "
        "the code of its source learns lengths within one.",
    ),
)
_PLAIN = replace(convnet.PLAIN, milestones=(DROP,), epochs=DROP + 1)
_HELD = replace(_PLAIN, rescale="wrs", tau=20, rescale_layers="not_output")

CIFAR = Experiment(
    name="batchnorm-bounded",
    title="Bounded weight norm beside decay and rescaling, on CIFAR-10",
    source="Liu, Cui, Wan, Mao and Chan, figure 8",
    measures=(accuracy.LEARNING, TURNS.each(33)),
    layers=(1, 2, 3),
    arms={
        **{
            kind: Arm(settings, None if kind == "wd" else "wd", *KINDS[kind])
            for kind, settings in _kinds(_PLAIN, _HELD).items()
        },
        MATCHED: Arm(
            kernel_rate(_HELD, convnet.MATCHED), "wd", "WRS, matched rate", "wrs", "dashed"
        ),
    },
    paired=True,
    scales={
        "quick": Scale(
            "quick", 2, 2, ("digits",), "a check that everything runs", changes={"milestones": (1,)}
        ),
        "book": Scale(
            "book", 3, DROP + 1, ("cifar10-jpeg", "cifar10"),
            "three paired runs an arm on two CPU cores",
            arms=("none", "wd", "bwn", "bwn, wd", MATCHED),
        ),
        "full": Scale(
            "full", 5, 200, ("cifar10", "cifar10-jpeg"),
            "the paper's network and epochs, on a GPU",
            changes={
                "model": "resnet18",
                "widths": (3, 64, 128, 256, 512, 10),
                "learning_rate": 0.1,
                "batch_size": 100,
                "milestones": (60, 120, 160),
                "augmentation": "crop_flip",
            },
        ),
    },
    deviations=(
        "Three convolutions and four epochs in place of ResNet-18 and 200, but at full scale.",
        "Learning rate 0.2 and batches of 50 in place of 0.1 and 100, but at full scale; matched, "
        f"the kernels' rate under WRS is {convnet.MATCHED} of that, decay's at its equilibrium.",
        *DIGITS.deviations[2:],
    ),
)  # fmt: skip
