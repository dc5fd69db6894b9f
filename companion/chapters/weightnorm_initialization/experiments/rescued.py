"""Whether rescaling the weights again and again makes up for a bad start."""

from __future__ import annotations

from dataclasses import replace

from companion.chapters.weightnorm_initialization.experiments import depth
from companion.experiments.arm import DASHES, Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import catalogue

DEPTH, RATE = 20, 0.004
STARTS = ("forward", "one", "data")


def arm_name(start: str, held: str = "none", when: str = "every step") -> str:
    """The name of an arm: a start, and what holds the weights.

    >>> arm_name("one", "wr")
    'one, wr every step'
    """
    return start if held == "none" else f"{start}, {held} {when}"


def _arms() -> dict[str, Arm]:
    found = {}
    for start, dash in zip(STARTS, DASHES, strict=True):
        plain = depth.settings(DEPTH, start, RATE)
        label = depth.NAMES[start]
        found[arm_name(start)] = Arm(plain, None, label, "weight_norm", dash)
        for rule in ("wr", "wrs"):
            held = replace(plain, rescale=rule, tau=1)
            found[arm_name(start, rule)] = Arm(
                held, arm_name(start), f"{label}, {rule.upper()}", rule, dash
            )
    # what the lab asks its readers to try
    late = replace(depth.settings(DEPTH, "one", RATE), rescale="wr")
    found[arm_name("one", "wr", "every epoch")] = Arm(
        late, arm_name("one"), f"{depth.NAMES['one']}, WR once an epoch", "wr"
    )
    low = replace(depth.settings(DEPTH, "torch", RATE), rescale="wr", tau=1)
    found[arm_name("torch", "wr")] = Arm(low, None, f"{depth.NAMES['torch']}, WR", "wr")
    return found


EXPERIMENT = Experiment(
    name="weight-norm-rescued",
    title="Twenty weight-normalized layers, rescaled after every step or never",
    source="this book",
    measures=catalogue.EACH_EPOCH,
    arms=_arms(),
    scales={
        "quick": Scale("quick", 1, 2, ("digits",), "a check that everything runs"),
        "book": Scale("book", 5, 20, ("digits",), "five runs an arm on one CPU core", detailed=3),
        "full": Scale("full", 50, 20, ("digits",), "fifty runs an arm, on a GPU"),
    },
    deviations=("WR puts each layer's weights back to Kaiming's standard deviation, WRS each "
                "unit's length to 1, after every step.",),
)  # fmt: skip
