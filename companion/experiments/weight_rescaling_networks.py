"""Weight rescaling on convolutional networks: Niehaus, Krumnack and Heidemann beyond the MLP.

Their Tables III and IV (LeNet-5, two initializations), V and VI (AlexNet with dropout, ResNet-50
with batch normalization), figures 4 to 6. SGD with momentum 0.9 and learning rate 1e-3, as for
the MLP. What two CPU cores cannot train in an hour is smaller at the book's scale, and says so.
"""

from __future__ import annotations

import math

import pandas as pd

from companion import models
from companion.evidence import claims, comparison, published
from companion.evidence.claims import Claim
from companion.evidence.records import Record
from companion.experiments.plan import Experiment, Scale
from companion.training.settings import Settings

IMAGES = ("cifar10-jpeg", "cifar10")
LEFT_OPEN = (
    "The paper does not state its batch size and input scaling; here batch 32 and inputs "
    "standardised per channel.",
    "The paper does not state how many epochs these networks train; its figures show 100.",
    "The standard deviation in the rescaling is the population one (divide by n).",
    "An epoch is measured after its rescaling.",
    "The split is drawn once and shared by all runs; runs differ in initialization, order and "
    "dropout.",
)

_KAIMING, _XAVIER = {"scheme": "kaiming", "gain": math.sqrt(2)}, {"scheme": "xavier", "gain": 1.0}


def _network(model: str, **change: object) -> Settings:
    return Settings(model=model, widths=models.default_widths(model), **change)


def _lenet(**change: object) -> Settings:
    return _network("lenet5", activation="tanh", **change)


def _rescaled_lenet(**change: object) -> dict[str, Settings]:
    return {
        "wr-kaiming": _lenet(**_KAIMING, rescale="wr", **change),
        "wr-xavier": _lenet(**_XAVIER, rescale="wr", **change),
    }


LENET = Experiment(
    name="weight-rescaling-lenet5",
    title="Weight rescaling on LeNet-5 with tanh: two initializations",
    source="Niehaus, Krumnack and Heidemann, Tables III and IV, figure 4",
    arms={
        "none-kaiming": _lenet(**_KAIMING),
        "wr-kaiming": _lenet(**_KAIMING, rescale="wr"),
        "none-xavier": _lenet(**_XAVIER),
        "wr-xavier": _lenet(**_XAVIER, rescale="wr"),
    },
    scales={
        "quick": Scale("quick", 2, 4, ("digits",), "a check that everything runs, in seconds"),
        "book": Scale("book", 3, 10, IMAGES, "the first ten epochs, on two CPU cores"),
        "full": Scale("full", 50, 100, IMAGES[::-1], "the paper's 50 runs an arm, on a GPU"),
    },
    published="III",
    deviations=LEFT_OPEN,
)

LENET_BEFORE = Experiment(
    name="weight-rescaling-lenet5-before",
    title="Weight rescaling on LeNet-5, each epoch measured before its rescaling",
    source="this book, after Niehaus, Krumnack and Heidemann, Tables III and IV",
    arms=_rescaled_lenet(rescale_at="start"),
    scales=LENET.scales,
    deviations=tuple(
        "An epoch is measured before its rescaling, which opens the next epoch."
        if line == "An epoch is measured after its rescaling."
        else line
        for line in LEFT_OPEN
    ),
)
"""The paper does not say on which side of the rescaling it measures; this is the other one."""

LENET_BIASES = Experiment(
    name="weight-rescaling-lenet5-biases",
    title="Weight rescaling on LeNet-5, the biases kept",
    source="this book, after Niehaus, Krumnack and Heidemann, Tables III and IV",
    arms=_rescaled_lenet(rescale_biases="keep"),
    scales=LENET.scales,
    deviations=(*LEFT_OPEN, "The paper sets the biases to 0 at every rescaling; here they stay."),
)
"""What does resetting the biases cost?"""

ALEXNET = Experiment(
    name="weight-rescaling-alexnet",
    title="Weight rescaling on AlexNet with dropout",
    source="Niehaus, Krumnack and Heidemann, Tables V and VI, figure 5",
    arms={
        "alexnet-none": _network("alexnet", dropout=0.5),
        "alexnet-wr": _network("alexnet", dropout=0.5, rescale="wr"),
    },
    scales={
        "quick": Scale(
            "quick",
            2,
            2,
            ("digits",),
            "a check that all runs, an eighth as wide",
            changes={"widths": (3, 8, 24, 48, 32, 32, 64, 64, 10)},
        ),
        "book": Scale(
            "book",
            3,
            30,
            IMAGES,
            "a quarter as wide, on two CPU cores in some hours",
            changes={"widths": (3, 16, 48, 96, 64, 64, 1024, 1024, 10)},
        ),
        "full": Scale("full", 20, 100, IMAGES[::-1], "the paper's 20 runs an arm, on a GPU"),
    },
    published="V",
    deviations=(
        *LEFT_OPEN,
        "torchvision's AlexNet needs images of at least 63 x 63 and the paper does not say how its "
        "32 x 32 images were enlarged; here bilinearly to 64 x 64.",
    ),
)

RESNET = Experiment(
    name="weight-rescaling-resnet50",
    title="Weight rescaling on ResNet-50 with batch normalization",
    source="Niehaus, Krumnack and Heidemann, Tables V and VI, figure 6",
    arms={
        "resnet50-none": _network("resnet50", normalization="batch"),
        "resnet50-wr": _network("resnet50", normalization="batch", rescale="wr"),
    },
    scales={
        "quick": Scale(
            "quick",
            2,
            2,
            ("digits",),
            "a check that all runs, a narrow ResNet-18",
            changes={"model": "resnet18", "widths": (3, 4, 4, 8, 8, 10)},
        ),
        "book": Scale(
            "book",
            3,
            8,
            IMAGES,
            "a sixteenth as wide, on two CPU cores in some hours",
            changes={"widths": (3, 4, 8, 16, 32, 10)},
        ),
        "full": Scale("full", 40, 100, IMAGES[::-1], "the paper's 40 runs an arm, on a GPU"),
    },
    published="V",
    deviations=(
        *LEFT_OPEN,
        "The paper's 23,520,842 parameters are those of a ResNet-50 whose first convolution is "
        "3 x 3; here with stride 1 and without pooling after it.",
    ),
)


BATCH_NORM = Experiment(
    name="weight-rescaling-batch-norm",
    title="Weight rescaling on LeNet-5 with batch normalization and ReLU",
    source="this book, after Niehaus, Krumnack and Heidemann, figure 6",
    arms={
        "none": _network("lenet5", normalization="batch"),
        "wr": _network("lenet5", normalization="batch", rescale="wr"),
    },
    scales={
        "quick": Scale("quick", 2, 4, ("digits",), "a check that everything runs, in seconds"),
        "book": Scale("book", 3, 8, IMAGES, "the first epochs, on two CPU cores"),
        "full": Scale("full", 40, 100, IMAGES[::-1], "as many runs as the paper's, on a GPU"),
    },
    deviations=LEFT_OPEN,
)
"""A convolutional network with batch normalization that two CPU cores can train."""


def before_and_after(after: Record, before: Record) -> list[Claim]:
    """What it is worth to measure an epoch before its rescaling, from records of `LENET` and
    `LENET_BEFORE`; judged by the sign of WR's difference to no rescaling in the paper."""
    late, early = (comparison.by_arm(comparison.best_epoch(r.epochs)) for r in (after, before))
    found = []
    for scheme in ("kaiming", "xavier"):
        wr, plain = f"wr-{scheme}", f"none-{scheme}"
        paper, paper_plain = (published.value("III", arm, "test_accuracy") for arm in (wr, plain))
        gap = comparison.difference(early[wr], late[plain])
        found.append(
            claims.direction(
                f"{scheme.title()}, WR: {_percent(late[wr].mean)} measured after each rescaling, "
                f"{_percent(early[wr].mean)} before it, {_percent(paper)} in the paper. Before it "
                f"and without rescaling ({_percent(late[plain].mean)}) differ by "
                f"{100 * gap.estimate:+.1f} points ({100 * gap.low:+.1f} to {100 * gap.high:+.1f}),"
                f" in the paper by {100 * (paper - paper_plain):+.1f}.",
                gap,
                1 if paper > paper_plain else -1,
                (after, before),
            )
        )
    return found


def biases_kept(after: Record, before: Record, kept: Record) -> list[str]:
    """What a rescaling takes from the weights, and what from the biases, from records of `LENET`,
    `LENET_BEFORE` and `LENET_BIASES`."""
    held, grown = (_last_weight_std(record) for record in (after, before))
    times = (grown / held).dropna()
    said = [
        f"At the end of an epoch the weights' standard deviation is {times.min():.2f} to "
        f"{times.max():.2f} times what WR sets it to, depending on the layer."
    ]
    reset, keep = (comparison.by_arm(comparison.best_epoch(r.epochs)) for r in (after, kept))
    for scheme in ("kaiming", "xavier"):
        wr = f"wr-{scheme}"
        gap = comparison.difference(keep[wr], reset[wr])
        said.append(
            f"{scheme.title()}, WR, measured after each rescaling: {_percent(reset[wr].mean)} with "
            f"the biases reset, {_percent(keep[wr].mean)} with the biases kept, a difference of "
            f"{100 * gap.estimate:.1f} points ({100 * gap.low:.1f} to {100 * gap.high:.1f})."
        )
    return said


def _last_weight_std(record: Record) -> pd.Series:
    rows = record.layers[record.layers["epoch"] == record.layers["epoch"].max()]
    return rows.groupby(["arm", "layer"])["weight_std"].mean()


def with_batch_norm(record: Record) -> str:
    """What WR changes in a network with batch normalization, from a record of `BATCH_NORM`."""
    best = comparison.by_arm(comparison.best_epoch(record.epochs))
    gap = comparison.difference(best["wr"], best["none"])
    apart = "tell the two apart" if gap.excludes_zero else "do not tell the two apart"
    return (
        f"LeNet-5 with batch normalization: {_percent(best['wr'].mean)} with rescaling, "
        f"{_percent(best['none'].mean)} without, a difference of {100 * gap.estimate:+.1f} points "
        f"({100 * gap.low:+.1f} to {100 * gap.high:+.1f}): {best['wr'].runs} runs an arm and "
        f"{record.epochs['epoch'].max()} epochs {apart}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def not_run() -> list[Claim]:
    """The paper's networks at its size: the commands, and how many runs they train."""
    return [
        claims.not_run(
            f"{experiment.source[experiment.source.index('Table') :]}: {experiment.title}",
            *experiment.full_run(),
        )
        for experiment in (LENET, ALEXNET, RESNET)
    ]
