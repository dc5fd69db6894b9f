"""How strong a decay, and of what: weights, or batch norm's gains and shifts (L figure S3b)?

L draws accuracy against lambda, for decay of weights and gains, and for WRS, under which decay acts
on the gains alone. With AdamW, in the network of `matched`.
"""

from __future__ import annotations

from dataclasses import replace

from companion.chapters.batchnorm_norms.experiments.matched import EPOCHS, HOLDS, PLAIN
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.training.settings import Settings

DECAYS = (0.05, 0.2, 1.0, 5.0)
_PLAIN = replace(PLAIN["adamw"], weight_decay=0.0)
_HELD = replace(_PLAIN, **HOLDS["wrs"])
KINDS: dict[str, tuple[Settings, tuple[str, ...], str, str]] = {
    "wd": (_PLAIN, ("input", "hidden"), "WD", "solid"),
    "gain": (_HELD, ("gain",), "WRS, gains decay", "solid"),
    "both": (_HELD, ("gain", "shift"), "WRS, gains and shifts", "dashed"),
}
"""Kind of arm -> its settings without decay, the roles that decay, its label and line."""


def arm(kind: str, decay: float) -> str:
    """The name of an arm; without decay those of one start are one.

    >>> arm("gain", 1.0), arm("both", 0)
    ('gain, 1', 'wrs, 0')
    """
    return f"{kind}, {decay:g}" if decay else f"{'wd' if kind == 'wd' else 'wrs'}, 0"


def _arms() -> dict[str, Arm]:
    found = {
        arm("wd", 0): Arm(_PLAIN, label="none"),
        arm("gain", 0): Arm(_HELD, arm("wd", 0), "WRS, no decay", "wrs"),
    }
    for kind, (start, roles, label, dash) in KINDS.items():
        family = "wd" if kind == "wd" else "wrs"
        for decay in DECAYS:
            found[arm(kind, decay)] = Arm(
                replace(start, weight_decay=decay, decayed=roles), arm(kind, 0),
                f"{label}, {decay:g}", family, dash,
            )  # fmt: skip
    return found


DIGITS = Experiment(
    name="batchnorm-gain-decay",
    title="Decay of weights, of gains and of shifts",
    source="Liu, Cui, Wan, Mao and Chan, figure S3b",
    measures=(accuracy.LEARNING,),
    arms=_arms(),
    paired=True,
    scales={
        "quick": Scale(
            "quick", 2, 2, ("digits",), "a check that everything runs", changes={"milestones": (1,)}
        ),
        "book": Scale(
            "book", 12, EPOCHS, ("digits",), "twelve paired runs an arm on two CPU cores"
        ),
        "full": Scale("full", 100, EPOCHS, ("digits",), "a hundred runs an arm, on a GPU"),
    },
    deviations=(
        "Two hidden layers on the digits, with random labels among those of training, in place of "
        "VGG-16 on CIFAR-10.",
        "The output layer is neither decayed nor rescaled.",
    ),
)
