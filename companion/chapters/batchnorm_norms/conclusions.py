"""What chapter 5 says in plain words of its records, and the checks that guard it."""

from __future__ import annotations

import numpy as np

from companion.chapters.batchnorm_norms import adamw_explorables, errata, parts
from companion.chapters.batchnorm_norms.norm_figures import LAYER
from companion.evidence import claims
from companion.evidence.records import Record
from companion.evidence.summaries import difference
from companion.theory import norms

LAYERS = (1, 2, 3)
DECAYED = ("wd-5e-4", "wd-5e-4, rate x 10", "wd-1e-3, no momentum")


def check_norms(record: Record) -> None:
    """Guard the sentences about norms and angles, a record of `experiments.convnet.SGD`."""
    half, end = parts.constant_steps(record) // 2, parts.constant_steps(record)
    free = [parts.series(record, "none", layer)["norm"] for layer in LAYERS]
    claims.require(
        "without decay norms grow to the end of the first learning rate",
        all(one.loc[end - 300 : end].mean() > 1.02 * one.loc[half - 300 : half].mean()
            for one in free),
        record,
    )  # fmt: skip
    found = {(arm, layer): parts.gap(record, arm, layer) for arm in DECAYED for layer in LAYERS}
    claims.require(
        "turns are at their equilibrium within a tenth, in three layers and three settings",
        all(abs(one.turn / one.predicted_turn - 1) < 0.1 for one in found.values()),
        record,
    )
    claims.require(
        "the squared gradient at unit norm grows two- to eightfold",
        all(1.5 < one.drift < 8 for one in found.values()),
        record,
    )
    claims.require(
        "with both factors the predicted norm is within a twentieth of the measured one",
        all(abs(one.explained / one.measured - 1) < 0.05 for one in found.values()),
        record,
    )
    claims.require(
        "units that differ make more than half of the first layer's gap under decay 5e-4",
        np.log(found["wd-5e-4", 1].units)
        < 0.5 * np.log(found["wd-5e-4", 1].measured / found["wd-5e-4", 1].predicted),
        record,
    )
    claims.require(
        "steps remember under momentum in every layer, and without it in none",
        all(one.memory < 0.99 if arm.startswith("wd-5e-4") else abs(one.memory - 1) < 0.01
            for (arm, _), one in found.items()),
        record,
    )  # fmt: skip


def check_trailing(record: Record) -> None:
    """Guard the sentences about a norm behind its level, a record of `convnet.SGD`."""
    drop = parts.constant_steps(record)
    slow, fast = (parts.behind(record, arm, LAYER) for arm in ("wd-5e-4", "wd-5e-4, rate x 10"))
    ratio = {name: one["norm"] / one["level"] for name, one in (("slow", slow), ("fast", fast))}
    early = {name: one.loc[300:drop] for name, one in ratio.items()}
    claims.require(
        "at the given rate the norm stands below its level to the fall of the rate; at ten times "
        "the rate it is on it within a fiftieth",
        (early["slow"] < 1).mean() > 0.9
        and early["slow"].loc[:1000].mean() < 0.96
        and abs(early["fast"].mean() - 1) < 0.02,
        record,
    )
    settings = [record.provenance["arms"][arm] for arm in DECAYED[:2]]
    waits = [norms.relaxation_steps(parts.kernel_rate(one), one["weight_decay"], one["momentum"])
             for one in settings]  # fmt: skip
    claims.require("a relaxation takes 250 steps, and 25", np.allclose(waits, (250, 25)), record)
    claims.require(
        "when the rate falls the level falls at once to three fifths, and an epoch later the norm "
        "is half as large again as its level at the given rate, and near it at ten times the rate",
        0.55 < slow["level"].loc[drop + 1 :].iloc[0] / slow["level"].loc[:drop].iloc[-1] < 0.7
        and ratio["slow"].iloc[-1] > 1.4
        and ratio["fast"].iloc[-1] < 1.1,
        record,
    )


def check_late(record: Record) -> None:
    """Guard the sentences about the fall of the learning rate, a record of `convnet.SGD`."""
    drop = parts.constant_steps(record)
    change = {}
    for arm in ("none", "wd-5e-4", "wrs"):
        rows = parts.series(record, arm, 2)
        before, after = rows.loc[drop - 300 : drop].mean(), rows.iloc[-9:].mean()
        change[arm] = (
            after["norm"] / before["norm"],
            np.sqrt(after["gradient_square"] / before["gradient_square"]),
        )
    claims.require(
        "under decay the norm falls with the learning rate and the gradient grows; under WRS the "
        "gradient grows too, at a norm that stays",
        change["wd-5e-4"][0] < 0.97
        and change["wd-5e-4"][1] > 1.15
        and change["wrs"][1] > 1.1
        and abs(change["none"][0] - 1) < 0.03,
        record,
    )


def check_turns(digits: Record, record: Record) -> None:
    """Guard the sentences about decay and rescaling, records of `adamw.DIGITS` and
    `convnet.SGD`."""
    ends = parts.ends(digits)
    accuracy = {name: rows["accuracy"] for name, rows in ends.groupby("arm")}
    mean = {name: float(rows.mean()) for name, rows in accuracy.items()}
    turn = ends.groupby("arm")["turn"].mean()
    claims.require(
        "a decay of 5e-4 does nothing: the same turn within a tenth, and an accuracy whose "
        "interval holds no difference",
        abs(turn["wd-0.0005"] / turn["none"] - 1) < 0.1
        and _undecided(accuracy["wd-0.0005"], accuracy["none"]),
        digits,
    )
    claims.require(
        "WRS at the given rate does no better than nothing",
        mean["wrs"] < mean["none"] + 0.01,
        digits,
    )
    claims.require(
        "decay 5 gains five points, and WRS at ten times the rate, which turns as far within three "
        "tenths, does as well",
        mean["wd-5"] - mean["none"] > 0.05
        and abs(turn["wrs, rate x 10"] / turn["wd-5"] - 1) < 0.3
        and _undecided(accuracy["wrs, rate x 10"], accuracy["wd-5"]),
        digits,
    )
    epochs = digits.epochs
    fourth = {name: epochs[(epochs["epoch"] == 4) & (epochs["arm"] == name)]["test_accuracy"]
              for name in ("none", "wd-5")}  # fmt: skip
    read = epochs[epochs["epoch"] == epochs["epoch"].max()].groupby("arm")["train_accuracy"].mean()
    claims.require(
        "long steps learn fewer of the wrong labels: more of the training images are read as they "
        "should be; after four epochs none is ahead",
        read["wd-5"] - read["none"] > 0.08
        and difference(fourth["none"], fourth["wd-5"]).low > 0.02,
        digits,
    )
    claims.require(
        "holding the output layer too gains six points at the turn of WRS",
        mean["wrs, all layers"] - mean["wrs"] > 0.06
        and abs(turn["wrs, all layers"] / turn["wrs"] - 1) < 0.2,
        digits,
    )
    images = parts.ends(record)
    accuracy = {name: rows["accuracy"] for name, rows in images.groupby("arm")}
    turn = images.groupby("arm")["turn"].mean()
    claims.require(
        "on CIFAR-10 WRS at the matched rate turns as decay does and reads as well; as given it "
        "turns three times as far, as decay at ten times the rate does, and both lose five points "
        "or more",
        abs(turn["wrs, matched"] / turn["wd-5e-4"] - 1) < 0.15
        and _undecided(accuracy["wrs, matched"], accuracy["wd-5e-4"])
        and 2.5 < turn["wrs"] / turn["wrs, matched"] < 3.5
        and abs(turn["wd-5e-4, rate x 10"] / turn["wrs"] - 1) < 0.15
        and min(
            accuracy["wrs, matched"].mean() - accuracy["wrs"].mean(),
            accuracy["wd-5e-4"].mean() - accuracy["wd-5e-4, rate x 10"].mean(),
        )
        > 0.05,
        record,
    )
    lasting = images.groupby("arm")["lasting"].mean()
    claims.require(
        "without momentum a step turns four times as far as under the decay that matches it; what "
        "steps add up to is the same within a twentieth, and so is the accuracy",
        3.8 < turn["wd-1e-3, no momentum"] / turn["wd-5e-4"] < 4.8
        and abs(lasting["wd-1e-3, no momentum"] / lasting["wd-5e-4"] - 1) < 0.05
        and _undecided(accuracy["wd-1e-3, no momentum"], accuracy["wd-5e-4"]),
        record,
    )
    claims.require(
        "AdamW's decay takes 1.6 % of a weight in the paper's training",
        round(errata.adamw_decay(), 3) == 0.016,
        "computed",
    )
    _, reached, _ = adamw_explorables.adamw_path(5e-4, 576)
    free = adamw_explorables.adamw_path(0.0, 576)[1]
    claims.require(
        "and changes where a norm ends by less than two hundredths",
        0 < 1 - reached[-1] / free[-1] < 0.02,
        "computed",
    )


def _undecided(ours, theirs) -> bool:
    """Whether the interval of a difference of means holds 0."""
    return not difference(ours, theirs).excludes_zero
