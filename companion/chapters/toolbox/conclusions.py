"""What chapter 0 says in plain words, and the checks that guard it."""

from __future__ import annotations

import numpy as np

from companion.chapters.toolbox import (
    lab,
    masks,
    normalization,
    nothing_differs,
    penalties,
    stopping,
)
from companion.chapters.toolbox import remedies as told
from companion.chapters.toolbox.experiments import features
from companion.display.labs.trained import trained
from companion.evidence import claims, comparison
from companion.evidence.records import Record
from companion.evidence.summaries import paired_difference


def check_stopping(record: Record) -> None:
    """Guard the sentences about early stopping, a record of `stopping.EXPERIMENT`."""

    def at(arm: str, watched: str, rule: str, quantity: str) -> float:
        return stopping.mean(record, arm, watched, rule, quantity).mean

    claims.require(
        "with a fifth of the labels drawn anew, training to the end and keeping the best "
        "validation loss lies three points below the best epoch, patience 3 one, for a quarter "
        "of the epochs",
        2.8 < at("noisy", "loss", "best of all", "regret") < 3.3
        and 0.9 < at("noisy", "loss", "patience 3", "regret") < 1.15
        and 14 < at("noisy", "loss", "patience 3", "spent") < 16,
        record,
    )
    claims.require(
        "watching the loss there, every rule that stops ends above the one that never does",
        all(stopping.price(record, "noisy", "loss", r).low > 0 for r in stopping.RULES
            if r != "best of all"),
        record,
    )  # fmt: skip
    claims.require(
        "the loss is smallest some twenty epochs after the accuracy is best",
        15 < at("noisy", "loss", "best of all", "kept") - at("noisy", "accuracy", "best of all",
                                                             "kept") < 25,
        record,
    )  # fmt: skip
    ten = [stopping.price(record, arm, "accuracy", "patience 10") for arm in ("clean", "noisy")]
    claims.require(
        "patience 10 on the accuracy spends 20 to 25 of 60 epochs and gives up less than two "
        "tenths of a point",
        all(one.low > -0.2 for one in ten)
        and all(
            20 < at(arm, "accuracy", "patience 10", "spent") < 25 for arm in ("clean", "noisy")
        ),
        record,
    )
    claims.require(
        "with noisy labels, patience 10 on the accuracy is as good as seeing everything",
        ten[1].low > -0.05 and ten[1].high < 0.1,
        record,
    )
    claims.require(
        "with the labels as they are, patience 1 on the accuracy stops after five epochs and "
        "gives up two points",
        4.5 < at("clean", "accuracy", "patience 1", "spent") < 5.5
        and -2.2 < stopping.price(record, "clean", "accuracy", "patience 1").mean < -1.8,
        record,
    )
    claims.require(
        "the moving average of the loss hardly ever stops there: after 59 of 60 epochs",
        at("clean", "loss", "EMA 0.9", "spent") > 59,
        record,
    )
    early, late = stopping.loss_by_fate().values()
    claims.require(
        "from epoch 12 to 32 the images that are right add less to the loss, by more than those "
        "that are wrong add, and more of them are wrong",
        early[0] - late[0] > late[1] - early[1] > 0.03 and late[2] < early[2] - 0.01,
        "trained here",
    )
    watched = {
        w: [stopping.mean(record, arm, w, rule, "optimism") for arm in ("clean", "noisy")
            for rule in stopping.RULES]
        for w in stopping.WATCHED
    }  # fmt: skip
    claims.require(
        "the accuracy that chose is too good by half a point to a point and a quarter, whatever "
        "the rule; the loss that chose, by less than half a point",
        all(one.low > 0.5 and one.mean < 1.25 for one in watched["accuracy"])
        and all(one.low > 0 and one.mean < 0.5 for one in watched["loss"]),
        record,
    )


def check_tools() -> None:
    """Guard the sentences about penalties and masks, computed here."""
    off = max(
        float(np.abs(penalties.settled(way).mean(0) - penalties.expected(way, penalties.CURVATURES))
              .max())
        for way in penalties.WAYS
    )  # fmt: skip
    claims.require("theory is within 0.03 of torch's optimizers", off < 0.03, "computed")
    flat = {way: float(penalties.expected(way, [0.01])[0]) for way in penalties.WAYS}
    claims.require(
        "L2 leaves a tenth of the flattest weight, L1 nothing, AdamW more than nine tenths",
        0.05 < flat["l2"] < 0.12 and flat["l1"] == 0 and flat["adamw"] > 0.9,
        "computed",
    )
    slide = masks.test_over_training("slide", 0.2).mean(axis=0)
    claims.require(
        "at p = 0.2 the printed factor makes a test signal a quarter after one layer, a "
        "sixty-fourth after three",
        np.allclose(slide, 0.25 ** np.arange(1, 4), rtol=0.02),
        "computed",
    )


def check_features(record: Record) -> None:
    """Guard the sentences about dropout's features, a record of `features.EXPERIMENT`."""
    last = record.epochs[record.epochs["epoch"] == record.epochs["epoch"].max()]
    found = {
        p: last[last["arm"] == features.arm_name(p)].sort_values("seed")
        for p in (0.0, *features.DROPPED)
    }
    means = {p: rows.mean(numeric_only=True) for p, rows in found.items()}
    claims.require(
        "between the classes lies half of a unit's variance without dropout, three quarters at "
        "p = 0.5",
        0.45 < means[0.0]["class_share"] < 0.52 and 0.73 < means[0.5]["class_share"] < 0.78,
        record,
    )
    claims.require(
        "units say more of the same, not less",
        paired_difference(
            found[0.5]["unit_correlation"], found[0.0]["unit_correlation"]
        ).low > 0.05,
        record,
    )  # fmt: skip
    claims.require(
        "without dropout half of the units read five digits in six, with p = 0.5 all but two in a "
        "hundred",
        0.80 < means[0.0]["half_accuracy"] < 0.85 and means[0.5]["half_accuracy"] > 0.98,
        record,
    )
    gap = paired_difference(found[0.5]["test_accuracy"], found[0.0]["test_accuracy"])
    claims.require(
        "all units together read the test digits as well as before, within half a point",
        gap.low > -0.005 and gap.high < 0.005,
        record,
    )
    ratio = means[max(means)] / means[0.0]
    claims.require(
        "the strongest dropout has ten times the training loss, and not a quarter more test loss",
        9 < ratio["train_loss"] < 12 and 1.1 < ratio["test_loss"] < 1.25,
        record,
    )


def check_remedies(record: Record) -> None:
    """Guard the sentences about LeNet-5 and its remedies, a record of `remedies.EXPERIMENT`."""
    rows, gaps = told.table(record).set_index("arm"), told.gaps(record)
    claims.require(
        "without a remedy the training loss ends far below the test loss", gaps["none"].low > 0.04,
        record,
    )  # fmt: skip
    claims.require(
        "dropout 0.5 has the smallest generalization error of all and the largest test error",
        min(gaps, key=lambda arm: gaps[arm].mean) == rows["best"].idxmax() == "dropout-0.5",
        record,
    )
    claims.require(
        "its test error is still falling, and fastest",
        _fall(record, "dropout-0.5") > max(_fall(record, arm) for arm in rows.index.drop(
            "dropout-0.5")),
        record,
    )  # fmt: skip
    claims.require(
        "the two normalizations have the smallest test errors, some seven tenths of a point below "
        "none",
        set(rows["best"].nsmallest(2).index) == {"batch", "layer"}
        and rows.loc[["batch", "layer"], "estimate"].between(-0.85, -0.6).all(),
        record,
    )
    claims.require(
        "by the rule one of the six differs from none, dropout, and it is worse",
        rows.index[rows["differs"].eq(True)].tolist() == ["dropout-0.5"]
        and rows.loc["dropout-0.5", "estimate"] > 0,
        record,
    )
    claims.require(
        "both normalizations' intervals leave out 0, and after the adjustment p is 0.08",
        (rows.loc[["batch", "layer"], "high"] < 0).all()
        and rows.loc[["batch", "layer"], "adjusted"].between(0.075, 0.085).all(),
        record,
    )
    errors = {arm: found["best"] for arm, found in told.errors(record).items()}
    pair = comparison.compare(errors, [("wd-1e-3", "sgdw-1e-2")], paired=True)
    claims.require(
        "coupled 1e-3 and decoupled 1e-2 are not told apart", not pair["differs"].any(), record
    )
    saved = told.stopped(record)
    claims.require(
        "going back to the best epoch gains a third of a point without a remedy, and its interval "
        "just holds 0",
        -0.4 < saved.mean < -0.3 and 0 <= saved.high < 0.02,
        record,
    )


def _fall(record: Record, arm: str) -> float:
    """By how many points of test error an arm falls over its last three epochs."""
    error = 1 - record.epochs[record.epochs["arm"] == arm].groupby("epoch")["test_accuracy"].mean()
    return 100 * float(error.iloc[-4] - error.iloc[-1])


def check_lab() -> None:
    """Guard what is said of the lab's settings, trained here as the lab trains them."""
    here = "trained here"

    def accuracy(**changed: object) -> float:
        return float(trained(lab.setup(), **changed).measure()["test_accuracy"].mean())

    wrong = accuracy()
    claims.require("it ends near three digits in four", 0.68 < wrong < 0.82, here)
    claims.require("with dropout 0.5 it ends above nine in ten", accuracy(dropout=0.5) > 0.9, here)
    claims.require(
        "an eighth of the width alone gains some ten points",
        0.07 < accuracy(width=16) - wrong < 0.18,
        here,
    )


def check_normalization() -> None:
    """Guard the sentences of the page on normalization, computed here."""
    here = "computed"
    off = [
        abs(found / expected - 1)
        for size in normalization.BATCHES
        for found, expected in zip(
            normalization.batch_statistics(size), normalization.expected_statistics(size),
            strict=True,
        )
    ]  # fmt: skip
    claims.require("theory is within 3 % of what is drawn", max(off) < 0.03, here)
    two = normalization.batch_statistics(2)[0]
    claims.require("with two images the mean is off by 0.7 standard deviations",
                   0.65 < two < 0.75, here)  # fmt: skip
    early = {name: values.mean(0) for name, values in normalization.early_accuracy().items()}
    claims.require(
        "after three steps running statistics read half as many digits as fresh ones; after forty "
        "as many, within a point",
        early["running"][3] < 0.6 * early["fresh"][3]
        and abs(early["running"][-1] - early["fresh"][-1]) < 0.01,
        here,
    )
    kept = {
        said: (row["batch"] < 1e-6, row["layer"] < 1e-6)
        for said, row in normalization.invariances().items()
    }
    both, batch, layer = (True, True), (True, False), (False, True)
    expected = dict(zip(normalization.CHANGES, (both, batch, batch, both, layer), strict=True))
    claims.require(
        "batch norm ignores the scale and shift of each unit, layer norm those of an image",
        kept == expected,
        here,
    )
    told_apart = {kind: normalization.company(kind) for kind in ("batch", "layer")}
    claims.require(
        "in training mode a network with batch norm loses most digits of batches sorted by class, "
        "and one with layer norm none",
        told_apart["batch"]["sorted"] < 0.5 < 0.9 < told_apart["batch"]["mixed"]
        and told_apart["layer"]["sorted"] == told_apart["layer"]["mixed"],
        here,
    )
    plain, held, fast = (
        normalization.shifts(kind, rate) for kind, rate in (("none", 0.1), ("batch", 0.1),
                                                            ("batch", 0.5))
    )  # fmt: skip
    inputs = plain["input"].mean(0) / held["input"].mean(0)
    claims.require(
        "the means of a layer's inputs move less than a twentieth as far under batch norm",
        inputs.min() > 20,
        here,
    )
    gradients = {name: one["gradient"].mean(0) for name, one in
                 (("plain", plain), ("held", held), ("fast", fast))}  # fmt: skip
    claims.require(
        "at rate 0.1 a layer's gradient changes by a third at most under batch norm, and without "
        "it by nearly all of itself in the last layer; at rate 0.5 by two thirds or more",
        gradients["held"].max() < 0.36
        and gradients["plain"][-1] > 0.9
        and gradients["fast"].min() > 0.64,
        here,
    )


def check_statistics(record: Record) -> None:
    """Guard the sentences about false alarms; record: one with a hundred runs of ``none``."""
    rows = nothing_differs.false_alarms(record).set_index("judge")
    claims.require(
        "the rule keeps its promise: the interval of its alarms holds 5 %",
        rows.loc["rule", "low"] <= 0.05 <= rows.loc["rule", "high"],
        record,
    )
    claims.require(
        "the best of four pairs raises an alarm in more than one experiment in ten, the best of "
        "four tests of one pair in more than 5 %",
        rows.loc["best pair", "low"] > 0.1 and rows.loc["best test", "low"] > 0.05,
        record,
    )
