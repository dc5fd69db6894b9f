"""Weight rescaling on convolutional networks: Niehaus, Krumnack and Heidemann beyond the MLP.

Their Tables III and IV (LeNet-5, two initializations), V and VI (AlexNet with dropout, ResNet-50
with batch normalization), figures 4 to 6. SGD with momentum 0.9 and learning rate 1e-3, as for
the MLP. What two CPU cores cannot train in an hour is smaller at the book's scale, and says so.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from companion import models
from companion.evidence import claims, published, selection, summaries
from companion.evidence.claims import Claim
from companion.evidence.records import Record
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Published, Scale
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


def _network(model: str, **change: object) -> Settings:
    return Settings(model=model, widths=models.default_widths(model), **change)


def _lenet_arms() -> dict[str, Arm]:
    arms = {}
    for scheme, gain, dash in (("kaiming", math.sqrt(2), "solid"), ("xavier", 1.0, "dashed")):
        plain = _network("lenet5", activation="tanh", scheme=scheme, gain=gain)
        held, name = replace(plain, rescale="wr"), scheme.title()
        arms[f"none-{scheme}"] = Arm(plain, None, f"none, {name}", "none", dash)
        arms[f"wr-{scheme}"] = Arm(held, f"none-{scheme}", f"WR, {name}", "wr", dash)
    return arms


LENET = Experiment(
    name="weight-rescaling-lenet5",
    title="Weight rescaling on LeNet-5 with tanh: two initializations",
    source="Niehaus, Krumnack and Heidemann, Tables III and IV, figure 4",
    arms=_lenet_arms(),
    scales={
        "quick": Scale("quick", 2, 4, ("digits",), "a check that everything runs, in seconds"),
        "book": Scale("book", 3, 10, IMAGES, "the first ten epochs, on two CPU cores"),
        "full": Scale("full", 50, 100, IMAGES[::-1], "the paper's 50 runs an arm, on a GPU"),
    },
    published=Published("N", "III", "IV"),
    deviations=LEFT_OPEN,
)


def _rescaled(**change: object) -> dict[str, Arm]:
    """`LENET`'s rescaled arms with one choice changed."""
    return {
        name: replace(arm, settings=replace(arm.settings, **change))
        for name, arm in LENET.arms.items()
        if arm.baseline
    }


LENET_BEFORE = Experiment(
    name="weight-rescaling-lenet5-before",
    title="Weight rescaling on LeNet-5, each epoch measured before its rescaling",
    source="this book, after Niehaus, Krumnack and Heidemann, Tables III and IV",
    arms=_rescaled(rescale_at="start"),
    scales=LENET.scales,
    published=LENET.published,
    baselines=LENET.name,
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
    arms=_rescaled(rescale_biases="keep"),
    scales=LENET.scales,
    baselines=LENET.name,
    deviations=(*LEFT_OPEN, "The paper sets the biases to 0 at every rescaling; here they stay."),
)
"""What does resetting the biases cost?"""

ALEXNET = Experiment(
    name="weight-rescaling-alexnet",
    title="Weight rescaling on AlexNet with dropout",
    source="Niehaus, Krumnack and Heidemann, Tables V and VI, figure 5",
    arms={
        "alexnet-none": Arm(_network("alexnet", dropout=0.5), label="none"),
        "alexnet-wr": Arm(
            _network("alexnet", dropout=0.5, rescale="wr"), "alexnet-none", "WR", "wr"
        ),
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
    published=Published("N", "V", "VI"),
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
        "resnet50-none": Arm(_network("resnet50", normalization="batch"), label="none"),
        "resnet50-wr": Arm(
            _network("resnet50", normalization="batch", rescale="wr"), "resnet50-none", "WR", "wr"
        ),
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
    published=Published("N", "V", "VI"),
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
        "wr": Arm(_network("lenet5", normalization="batch", rescale="wr"), "none", "WR", "wr"),
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
    late, early = (selection.by_arm(selection.best_epoch(r.epochs)) for r in (after, before))
    found = []
    for scheme in ("kaiming", "xavier"):
        wr, plain = f"wr-{scheme}", f"none-{scheme}"
        paper, paper_plain = (
            published.value("N", "III", arm, "test_accuracy") for arm in (wr, plain)
        )
        gap = summaries.difference(early[wr], late[plain])
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
    reset, keep = (selection.by_arm(selection.best_epoch(r.epochs)) for r in (after, kept))
    for scheme in ("kaiming", "xavier"):
        wr = f"wr-{scheme}"
        gap = summaries.difference(keep[wr], reset[wr])
        said.append(
            f"{scheme.title()}, WR, measured after each rescaling: {_percent(reset[wr].mean)} with "
            f"the biases reset, {_percent(keep[wr].mean)} with the biases kept, a difference of "
            f"{100 * gap.estimate:.1f} points ({100 * gap.low:.1f} to {100 * gap.high:.1f})."
        )
    return said


def bias_reset_decides(after: Record, kept: Record) -> bool:
    """Whether keeping the biases takes away at least four fifths of what WR loses to no
    rescaling, with either initialization; from records of `LENET` and `LENET_BIASES`."""
    reset, keep = (selection.by_arm(selection.best_epoch(r.epochs)) for r in (after, kept))
    return all(
        keep[f"wr-{name}"].mean - reset[f"wr-{name}"].mean
        >= 0.8 * (reset[f"none-{name}"].mean - reset[f"wr-{name}"].mean)
        for name in ("kaiming", "xavier")
    )


def _last_weight_std(record: Record) -> pd.Series:
    rows = record.layers[record.layers["epoch"] == record.layers["epoch"].max()]
    return rows.groupby(["arm", "layer"])["weight_std"].mean()


def with_batch_norm(record: Record) -> str:
    """What WR changes in a network with batch normalization, from a record of `BATCH_NORM`."""
    best = selection.by_arm(selection.best_epoch(record.epochs))
    gap = summaries.difference(best["wr"], best["none"])
    apart = "tell the two apart" if gap.excludes_zero else "do not tell the two apart"
    return (
        f"LeNet-5 with batch normalization: {_percent(best['wr'].mean)} with rescaling, "
        f"{_percent(best['none'].mean)} without, a difference of {100 * gap.estimate:+.1f} points "
        f"({100 * gap.low:+.1f} to {100 * gap.high:+.1f}): {best['wr'].runs} runs an arm and "
        f"{record.epochs['epoch'].max()} epochs {apart}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
