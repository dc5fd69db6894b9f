"""Weight decay against weight rescaling: the MLP of Niehaus, Krumnack and Heidemann.

Their Tables I and II and figures 1, 2, 3 and 7: a 3072-64-32-10 ReLU network on CIFAR-10, SGD
with momentum 0.9 and learning rate 1e-3, 100 epochs, five arms.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from companion.evidence import claims, published, readings, selection, summaries
from companion.evidence.claims import Claim
from companion.evidence.records import Record
from companion.evidence.summaries import Interval, Summary
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


def findings(record: Record) -> list[Claim]:
    """What the paper's figures 1, 2, 3 and 7 say in words, each sentence computed from a record
    of `MLP` and judged by its sign."""
    return [
        _weights_grow(record),
        *_overfitting(record),
        _generalization(record),
        _slower(record),
        _hidden_variance(record),
    ]


def _weights_grow(record: Record) -> Claim:
    ours = readings.growth(record.layers, "none", "weight_std", layer=1)
    return claims.direction(
        "Figure 1, weights grow: without regularization the weight std of layer 1 ends at "
        f"{_times(ours)} its start; the paper tells of 0.03 growing to 0.17, more than fivefold.",
        Interval(ours.mean - 1, ours.low - 1, ours.high - 1),
        published_sign=1,
    )


def _overfitting(record: Record) -> list[Claim]:
    none = readings.fall_after_best(record.epochs, "none")
    wr = readings.fall_after_best(record.epochs, "wr")
    falls = wr.low > 0
    return [
        claims.direction(
            "Figure 3, overfitting: from its best epoch to its last a run without regularization "
            f"loses {_points(none)} of test accuracy; the paper shows a peak and a fall.",
            Interval(none.mean, none.low, none.high),
            published_sign=1,
        ),
        Claim(
            f"Figure 3, no fall: a rescaled run loses {_points(wr)}; the paper's figure shows no "
            "fall.",
            "not reproduced" if falls else "undecided",
        ),
    ]


def _generalization(record: Record) -> Claim:
    wr = summaries.summary(readings.final_generalization_error(record.epochs, "wr"))
    decay = summaries.summary(readings.final_generalization_error(record.epochs, "wd-1e-3"))
    none = summaries.summary(readings.final_generalization_error(record.epochs, "none"))
    return claims.direction(
        "Figure 2, generalization error after the last epoch: "
        f"{_value(none)} without regularization, {_value(decay)} with weight decay 0.001, "
        f"{_value(wr)} with rescaling; the paper puts rescaling slightly below that decay.",
        summaries.difference(wr, decay),
        published_sign=-1,
    )


def _slower(record: Record) -> Claim:
    best = selection.by_arm(selection.best_epoch(record.epochs), "best_epoch")
    theirs = [published.value("N", "I", arm, "best_epoch") for arm in ("wr", "wd-1e-3")]
    return claims.direction(
        f"Table I, speed: the best epoch is {_value(best['wr'], 1)} with rescaling and "
        f"{_value(best['wd-1e-3'], 1)} with weight decay 0.001; in the paper {theirs[0]:.1f} and "
        f"{theirs[1]:.1f}, so rescaling is the slower one.",
        summaries.difference(best["wr"], best["wd-1e-3"]),
        published_sign=1,
    )


def _hidden_variance(record: Record) -> Claim:
    none = readings.growth(record.layers, "none", "preactivation_variance", layer=2)
    wr = readings.growth(record.layers, "wr", "preactivation_variance", layer=2)
    return claims.direction(
        "Figure 7, the hidden layer: its pre-activation variance ends at "
        f"{_times(none)} its start without regularization and at {_times(wr)} with rescaling; "
        "the paper shows unlimited growth in the first case and a bound in the second.",
        summaries.difference(none, wr),
        published_sign=1,
    )


def _value(ours: Summary, digits: int = 2) -> str:
    return f"{ours.mean:.{digits}f} ({ours.low:.{digits}f} to {ours.high:.{digits}f})"


def _times(ours: Summary) -> str:
    return f"{ours.mean:.3g} times ({ours.low:.3g} to {ours.high:.3g})"


def _points(ours: Summary) -> str:
    return f"{100 * ours.mean:.2f} points ({100 * ours.low:.2f} to {100 * ours.high:.2f})"
