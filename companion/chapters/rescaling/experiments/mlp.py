"""Weight decay against weight rescaling: the MLP of Niehaus, Krumnack and Heidemann.

Their Tables I and II and, in `rescaling.repeated`, figures 1, 2, 3 and 7: a 3072-64-32-10 ReLU
network on CIFAR-10, SGD with momentum 0.9 and learning rate 1e-3, 100 epochs, five arms.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Published, Scale
from companion.training.settings import Settings

BASE = Settings()


def _arms(**change: Any) -> dict[str, Arm]:
    """Table I's five arms; change: settings that all of them have in place of the paper's."""
    base = replace(BASE, **change)
    decays = ((1e-2, "solid"), (1e-3, "dashed"), (1e-4, "dotted"))
    return {
        "none": Arm(base, label="none"),
        "wr": Arm(replace(base, rescale="wr"), "none", "WR", "wr"),
        **{
            f"wd-1e-{-math.log10(decay):.0f}": Arm(
                replace(base, weight_decay=decay), "none", f"WD {decay:g}", "wd", dash
            )
            for decay, dash in decays
        },
    }


MLP = Experiment(
    name="weight-rescaling-mlp",
    title="Weight decay against weight rescaling: the MLP, standardised inputs, batches of 32",
    source="Niehaus, Krumnack and Heidemann, Tables I and II, figures 1-3 and 7",
    arms=_arms(),
    scales={
        "quick": Scale("quick", 4, 60, ("digits",), "live in a notebook, in seconds"),
        "book": Scale(
            "book", 6, 100, ("cifar10-jpeg", "cifar10"), "all of it on two CPU cores in an hour"
        ),
        "full": Scale(
            "full",
            100,
            100,
            ("cifar10", "cifar10-jpeg"),
            "the paper's 100 runs an arm, on a GPU",
            detailed=12,
        ),
    },
    published=Published("N", "I", "II"),
    deviations=(
        "The paper does not state its batch size and input scaling; here batch 32 and inputs "
        "standardised per channel.",
        "The paper's stated widths 32-32-10 do not give its 199,082 parameters; 3072-64-32-10 do.",
        "The standard deviation in the rescaling is the population one (divide by n).",
        "An epoch is measured after its rescaling.",
        "The training loss after an epoch is measured on 10,000 fixed images of the training part.",
        "The split is drawn once and shared by all runs; runs differ in initialization and order.",
    ),
)

SMALL_INPUTS = replace(
    MLP,
    name="weight-rescaling-mlp-small-inputs",
    title="Weight decay against weight rescaling: pixels in [-1, 1], batches of 4",
    arms=_arms(inputs="symmetric", batch_size=4),
    scales={
        "quick": Scale("quick", 4, 10, ("digits",), "live in a notebook, in seconds"),
        "book": Scale(
            "book", 3, 30, ("cifar10-jpeg", "cifar10"), "the first 30 epochs, on two CPU cores"
        ),
        "full": Scale(
            "full", 20, 100, ("cifar10", "cifar10-jpeg"), "does the paper's order return? on a GPU"
        ),
    },
    deviations=(
        "The paper does not state its batch size and input scaling; here pixels scaled to "
        "[-1, 1] and batches of 4, a common default for these images.",
        *MLP.deviations[1:],
    ),
)
"""The same five arms with another reading of what the paper leaves open."""

LONG = replace(
    MLP,
    name="weight-rescaling-mlp-long",
    title="Weight rescaling against none: the MLP, 400 epochs",
    source="this book, after Niehaus, Krumnack and Heidemann, Table I",
    arms={arm: MLP.arms[arm] for arm in ("none", "wr")},
    scales={
        "quick": Scale("quick", 4, 120, ("digits",), "a check that everything runs, in seconds"),
        "book": Scale(
            "book", 3, 400, ("cifar10-jpeg", "cifar10"), "all of it on two CPU cores in an hour"
        ),
        "full": Scale(
            "full", 100, 400, ("cifar10", "cifar10-jpeg"), "the paper's 100 runs an arm, on a GPU"
        ),
    },
    published=None,
    deviations=("The paper trains 100 epochs; here 400.", *MLP.deviations),
)
"""Two of the arms four times as long: the paper's rescaled runs have their best epoch at 76 of
100, where the end of training may cut it off. The seeds are those of `MLP`."""


_LEFT_OPEN = "The paper does not state its batch size and input scaling; here {}."

CAUSES = replace(
    MLP,
    name="weight-rescaling-mlp-causes",
    title="Weight rescaling on the MLP, one silent choice changed at a time",
    source="this book, after Niehaus, Krumnack and Heidemann, Table I",
    arms={
        "wr-before": Arm(
            Settings(rescale="wr", rescale_at="start"), "none", "WR, before it", "wr", "dotted"
        ),
        "wr-biases": Arm(
            Settings(rescale="wr", rescale_biases="keep"), "none", "WR, biases kept", "wr", "dashed"
        ),
        **{
            f"{name}-inputs": replace(
                arm,
                baseline=arm.baseline and f"{arm.baseline}-inputs",
                label=f"{arm.label}, inputs in [−1, 1]",
            )
            for name, arm in _arms(inputs="symmetric").items()
            if name != "wd-1e-4"
        },
    },
    scales={
        "quick": Scale("quick", 4, 60, ("digits",), "a check that everything runs, in seconds"),
        "book": Scale(
            "book", 6, 40, ("cifar10-jpeg", "cifar10"), "the first 40 epochs, on two CPU cores"
        ),
        "full": Scale("full", 20, 100, ("cifar10", "cifar10-jpeg"), "100 epochs, on a GPU"),
    },
    published=None,
    baselines=MLP.name,
    deviations=(
        _LEFT_OPEN.format(
            "batch 32; inputs standardised per channel, or, where an arm's name ends in inputs, "
            "scaled to [-1, 1]"
        ),
        *MLP.deviations[1:],
        "An epoch of wr-before is measured before its rescaling, which opens the next epoch.",
        "The paper sets the biases to 0 at every rescaling; in wr-biases they stay.",
    ),
)
"""What of the choices that the paper leaves open, or of its rule, decides the comparison?"""

SMALL_BATCHES = replace(
    MLP,
    name="weight-rescaling-mlp-small-batches",
    title="Weight decay against weight rescaling: standardised inputs, batches of 4",
    source="this book, after Niehaus, Krumnack and Heidemann, Table I",
    arms={name: arm for name, arm in _arms(batch_size=4).items() if name != "wd-1e-4"},
    scales=SMALL_INPUTS.scales,
    published=None,
    deviations=(
        _LEFT_OPEN.format("batches of 4 and inputs standardised per channel"),
        *MLP.deviations[1:],
    ),
)
"""The other half of `SMALL_INPUTS`: its batches with the inputs of `MLP`."""

SMALL_BATCHES_CAUSES = replace(
    SMALL_BATCHES,
    name="weight-rescaling-mlp-small-batches-causes",
    title="Weight rescaling with batches of 4, the biases kept",
    arms={
        "wr-biases": replace(
            CAUSES.arms["wr-biases"],
            settings=replace(CAUSES.arms["wr-biases"].settings, batch_size=4),
        ),
    },
    baselines=SMALL_BATCHES.name,
    scales={
        **SMALL_BATCHES.scales,
        "book": Scale("book", 10, 30, ("cifar10-jpeg", "cifar10"), "30 epochs, on two CPU cores"),
    },
    deviations=(
        *SMALL_BATCHES.deviations,
        "The paper sets the biases to 0 at every rescaling; in wr-biases they stay.",
    ),
)
"""Batches of 4 and the biases kept together: the two choices that each bring half of the paper's
order back."""
