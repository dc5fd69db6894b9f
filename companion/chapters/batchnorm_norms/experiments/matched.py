"""Is what decay and rescaling do gone at their effective learning rate (L figure 1)?

L lets a run without decay follow the norms of a decayed one, by its learning rate, and compares
this with one larger rate for all weights. Here it is done for SGD and AdamW, for decay and for
rescaling, and what is followed is a run from the same seed, on the same batches
(`training.pacing`). Two hidden layers on the digits, of whose training labels three in ten are
drawn at random.
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
from companion.measure import accuracy
from companion.measure.dynamics import TURNS
from companion.training.settings import Settings

DROP, EPOCHS = 20, 25
"""The epochs before the learning rate falls, and all."""
FACTORS = (10, 100)
"""Of the learning rate of all weights before the output layer, where it is larger throughout."""
_BASE = Settings(
    model="mlp",
    widths=(64, 128, 128, 10),
    normalization="batch",
    label_noise=0.3,
    decayed=NORMALIZATIONS,
    schedule="step",
    milestones=(DROP,),
    epochs=EPOCHS,
)
PLAIN = {
    "sgd": replace(_BASE, learning_rate=0.1, weight_decay=5e-3),
    "adamw": replace(_BASE, optimizer="adamw", learning_rate=1e-2, weight_decay=1.0),
}
"""Optimizer -> its arm that holds no weights, with a decay of batch norm's gains and shifts."""
HOLDS = {
    "wd": {"decayed": KERNELS},
    "wrs": {"rescale": "wrs", "tau": 20, "rescale_layers": "not_output"},
}


def arm(kind: str, optimizer: str) -> str:
    """The name of an arm.

    >>> arm("follows wd", "sgd")
    'follows wd, sgd'
    """
    return f"{kind}, {optimizer}"


def _arms(optimizer: str) -> dict[str, Arm]:
    plain, base = PLAIN[optimizer], arm("none", optimizer)
    found = {base: Arm(plain, label="none")}
    for hold, changes in HOLDS.items():
        follower = replace(plain, rate_from=tuple(changes.items()))
        label = hold.upper()
        found[arm(hold, optimizer)] = Arm(replace(plain, **changes), base, label, hold)
        found[arm(f"follows {hold}", optimizer)] = Arm(
            follower, base, f"rate of {label}", hold, "dashed"
        )
    for factor in FACTORS:
        found[arm(f"rate x {factor}", optimizer)] = Arm(
            kernel_rate(plain, factor), base, f"rate × {factor}", "none", "dotted"
        )
    return found


DIGITS = Experiment(
    name="batchnorm-matched-rate",
    title="Decay and rescaling, and their learning rates without them",
    source="Liu, Cui, Wan, Mao and Chan, figures 1 and S1",
    measures=(accuracy.LEARNING, TURNS.each(60)),
    layers=(1, 2),
    arms={name: one for optimizer in PLAIN for name, one in _arms(optimizer).items()},
    paired=True,
    scales={
        "quick": Scale(
            "quick", 2, 2, ("digits",), "a check that everything runs", changes={"milestones": (1,)}
        ),
        "book": Scale(
            "book", 20, EPOCHS, ("digits",), "twenty paired runs an arm on two CPU cores",
            detailed=4,
        ),
        "full": Scale("full", 100, EPOCHS, ("digits",), "a hundred runs an arm, on a GPU"),
    },
    deviations=(
        "Two hidden layers on the digits, with random labels among those of training, in place of "
        "VGG-16 on CIFAR-10.",
        "Decay 5e-3 with SGD and 1 with AdamW in place of 5e-4, so that it acts within 25 epochs.",
        "The output layer is neither decayed nor rescaled, and keeps its own learning rate.",
        "The paper does not say how much larger its uniform rate is; here 10 and 100 times.",
    ),
)  # fmt: skip
