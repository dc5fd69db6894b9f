"""A narrow ResNet whose a and b learn, one pair for the network or one a layer (C section IV-E).

Both start where the paper's search put them, a = 0.5 and b = 1, and beside them stands a network
that keeps this pair: what it gains or loses over the plain one is the pair's, and only the rest is
learning's.
"""

from __future__ import annotations

from dataclasses import replace

from companion.chapters.compander.experiments import resnet
from companion.chapters.compander.experiments.mlp import bent
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy, companding
from companion.training.settings import Settings

A, B = 0.5, 1.0
"""Where a and b start (C section IV-E)."""


def arms(plain: Settings) -> dict[str, Arm]:
    """A plain network, the pair kept, one pair learned for the network, and one a layer."""
    kept = bent(plain, a=A, b=B, compander_clamp=True)
    return {
        "none": Arm(plain, label="plain"),
        "kept": Arm(kept, "none", "WC, kept", "compander", "dotted"),
        "coarse": Arm(replace(kept, compander_learn="coarse"), "none", "learned, one pair",
                      "compander", "dashed"),
        "fine": Arm(replace(kept, compander_learn="fine"), "none", "learned, one a layer",
                    "compander"),
    }  # fmt: skip


CIFAR = Experiment(
    name="compander-learned",
    title="A weight compander whose a and b learn: a narrow ResNet-18",
    source="this book, after the weight compander's Table VI",
    arms=arms(resnet.PLAIN),
    measures=(accuracy.LEARNING, companding.CURVES),
    paired=True,
    scales={
        **resnet.CIFAR.scales,
        "book": Scale(
            "book", 5, 3, ("cifar10-jpeg", "cifar10"), "three epochs on two CPU cores", detailed=3,
            validation=30_000,
        ),
    },
    deviations=(
        *resnet.CIFAR.deviations[:1],
        "Only 20,000 training images, but at full scale.",
        "Where a and b learn, decay acts on v and on neither of them, as in the paper; elsewhere "
        "on w.",
    ),
)  # fmt: skip
