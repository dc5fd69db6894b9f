"""Weight decay against weight rescaling: the MLP of Niehaus, Krumnack and Heidemann.

Their Tables I and II and figures 1, 2, 3 and 7: a 3072-64-32-10 ReLU network on CIFAR-10, SGD
with momentum 0.9 and learning rate 1e-3, 100 epochs, five arms.
"""

from __future__ import annotations

from dataclasses import replace

from companion.evidence import claims, comparison, published
from companion.evidence.claims import Claim
from companion.evidence.records import Record
from companion.evidence.summaries import Interval, Summary
from companion.experiments import report
from companion.experiments.plan import Experiment, Scale
from companion.training.settings import Settings

BASE = Settings()

MLP = Experiment(
    name="weight-rescaling-mlp",
    title="Weight decay against weight rescaling: the MLP, standardised inputs, batches of 32",
    source="Niehaus, Krumnack and Heidemann, Tables I and II, figures 1-3 and 7",
    arms={
        "none": BASE,
        "wr": Settings(rescale="wr"),
        "wd-1e-2": Settings(weight_decay=1e-2),
        "wd-1e-3": Settings(weight_decay=1e-3),
        "wd-1e-4": Settings(weight_decay=1e-4),
    },
    scales={
        "quick": Scale("quick", 4, 60, ("digits",), "live in a notebook, in seconds"),
        "book": Scale(
            "book", 6, 100, ("cifar10-jpeg", "cifar10"), "all of it on two CPU cores in an hour"
        ),
        "full": Scale(
            "full", 100, 100, ("cifar10", "cifar10-jpeg"), "the paper's 100 runs an arm, on a GPU"
        ),
    },
    published="I",
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

_SMALL_INPUTS = {"inputs": "symmetric", "batch_size": 4}

SMALL_INPUTS = replace(
    MLP,
    name="weight-rescaling-mlp-small-inputs",
    title="Weight decay against weight rescaling: pixels in [-1, 1], batches of 4",
    arms={arm: replace(settings, **_SMALL_INPUTS) for arm, settings in MLP.arms.items()},
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


def not_run() -> list[Claim]:
    """Both readings at the paper's size: the commands, and how many runs they train."""
    return [
        claims.not_run(f"Table I, {experiment.title.split(': ')[1]}", *experiment.full_run())
        for experiment in (MLP, SMALL_INPUTS)
    ]


def findings(record: Record) -> list[Claim]:
    """What the paper's figures 1, 2, 3 and 7 say in words, each sentence computed from a record
    of `MLP` and judged by its sign."""
    return [
        _weights_grow(record),
        _overfitting(record),
        _generalization(record),
        _slower(record),
        _hidden_variance(record),
    ]


def longer(record: Record) -> list[Claim]:
    """Whether rescaling overtakes when it is given the time, from a record of `LONG`."""
    best = comparison.best_epoch(record.epochs)
    accuracy = comparison.by_arm(best)
    epoch = comparison.by_arm(best, "best_epoch")
    gap = comparison.difference(accuracy["wr"], accuracy["none"])
    theirs = [published.value("I", arm, "test_accuracy") for arm in ("wr", "none")]
    return [
        claims.direction(
            f"In {record.epochs['epoch'].max()} epochs rescaled runs are best at epoch "
            f"{_value(epoch['wr'], 0)}, the others at {_value(epoch['none'], 0)}. Test accuracy "
            f"there: {100 * accuracy['wr'].mean:.2f} % with rescaling, "
            f"{100 * accuracy['none'].mean:.2f} % without, {100 * gap.estimate:+.2f} points "
            f"({100 * gap.low:+.2f} to {100 * gap.high:+.2f}); in the paper, within 100 epochs, "
            f"{100 * (theirs[0] - theirs[1]):+.2f}.",
            gap,
            published_sign=1,
            records=[record],
        )
    ]


def _weights_grow(record: Record) -> Claim:
    ours = report.growth(record.layers, "none", "weight_std", layer=1)
    return claims.direction(
        "Figure 1, weights grow: without regularization the weight std of layer 1 ends at "
        f"{_times(ours)} its start; the paper tells of 0.03 growing to 0.17, more than fivefold.",
        Interval(ours.mean - 1, ours.low - 1, ours.high - 1),
        published_sign=1,
    )


def _overfitting(record: Record) -> Claim:
    none = report.fall_after_best(record.epochs, "none")
    wr = report.fall_after_best(record.epochs, "wr")
    gap = comparison.difference(none, wr)
    return claims.direction(
        "Figure 3, overfitting: from its best epoch to its last a run without regularization "
        f"loses {_points(none)} of test accuracy, a rescaled one {_points(wr)}; the paper shows "
        "a peak and a fall for the first and no fall for the second.",
        gap,
        published_sign=1,
    )


def _generalization(record: Record) -> Claim:
    wr = comparison.summary(report.final_generalization_error(record.epochs, "wr"))
    decay = comparison.summary(report.final_generalization_error(record.epochs, "wd-1e-3"))
    none = comparison.summary(report.final_generalization_error(record.epochs, "none"))
    return claims.direction(
        "Figure 2, generalization error after the last epoch: "
        f"{_value(none)} without regularization, {_value(decay)} with weight decay 0.001, "
        f"{_value(wr)} with rescaling; the paper puts rescaling slightly below that decay.",
        comparison.difference(wr, decay),
        published_sign=-1,
    )


def _slower(record: Record) -> Claim:
    best = comparison.by_arm(comparison.best_epoch(record.epochs), "best_epoch")
    theirs = [published.value("I", arm, "best_epoch") for arm in ("wr", "wd-1e-3")]
    return claims.direction(
        f"Table I, speed: the best epoch is {_value(best['wr'], 1)} with rescaling and "
        f"{_value(best['wd-1e-3'], 1)} with weight decay 0.001; in the paper {theirs[0]:.1f} and "
        f"{theirs[1]:.1f}, so rescaling is the slower one.",
        comparison.difference(best["wr"], best["wd-1e-3"]),
        published_sign=1,
    )


def _hidden_variance(record: Record) -> Claim:
    none = report.growth(record.layers, "none", "preactivation_variance", layer=2)
    wr = report.growth(record.layers, "wr", "preactivation_variance", layer=2)
    return claims.direction(
        "Figure 7, the hidden layer: its pre-activation variance ends at "
        f"{_times(none)} its start without regularization and at {_times(wr)} with rescaling; "
        "the paper shows unlimited growth in the first case and a bound in the second.",
        comparison.difference(none, wr),
        published_sign=1,
    )


def _value(ours: Summary, digits: int = 2) -> str:
    return f"{ours.mean:.{digits}f} ({ours.low:.{digits}f} to {ours.high:.{digits}f})"


def _times(ours: Summary) -> str:
    return f"{ours.mean:.3g} times ({ours.low:.3g} to {ours.high:.3g})"


def _points(ours: Summary) -> str:
    return f"{100 * ours.mean:.2f} points ({100 * ours.low:.2f} to {100 * ours.high:.2f})"
