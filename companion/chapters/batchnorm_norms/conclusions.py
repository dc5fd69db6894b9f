"""What chapter 5 says in plain words, and the checks that guard it."""

from __future__ import annotations

import numpy as np

from companion.chapters.batchnorm_norms import by_hand, errata, explorables, lab, parts
from companion.display.labs.settings import plan
from companion.display.labs.trained import trained
from companion.evidence import claims
from companion.evidence.records import Record
from companion.evidence.summaries import difference
from companion.theory import norms

LAYERS = (1, 2, 3)
DECAYED = ("wd-5e-4", "wd-5e-4, rate x 10", "wd-1e-3, no momentum")


def check_theorems() -> None:
    """Guard the sentences about small networks, trained here; raises `claims.Unsupported`."""
    here = "networks trained here"
    usual, small = (float(by_hand.cosines(1e-5, size).abs().max()) for size in (1.0, 0.01))
    claims.require(
        "the cosine is a hundred-thousandth at the usual size and nearly a tenth for weights a "
        "hundred times smaller",
        5e-6 < usual < 2e-5 and 0.05 < small < 0.1,
        here,
    )
    growth = [by_hand.flow_growth(rate) for rate in (0.2, 0.1)]
    claims.require(
        "in equal flow time a norm grows in proportion to the learning rate",
        abs(growth[0] / growth[1] - 2) < 0.1,
        here,
    )
    both = by_hand.decay_as_rate()
    claims.require(
        "decay and a rising learning rate are the same network at every step",
        both["turned"] < 1e-9 and both["loss"] < 1e-9 and both["moved"] > 0.1,
        here,
    )
    seen = by_hand.neighbours()
    memory = norms.memory_factor(seen["correlation"], 0.9)
    plain, better = (
        by_hand.rms(norms.equilibrium(0.1, 5e-3, seen["gradient"], 0.9, factor))
        for factor in (1.0, memory)
    )
    claims.require(
        "gradients five to thirty steps apart oppose each other, those of the next steps agree, "
        "which explains about half of the gap; the angle is predicted within two hundredths",
        memory < 1
        and seen["correlation"][:2].min() > 0 > seen["correlation"][4:30].mean()
        and 0.35 < (plain - better) / (plain - seen["norm"]) < 0.75
        and abs(seen["angle"] / norms.equilibrium_angle(0.1, 5e-3, 0.9) - 1) < 0.02,
        here,
    )


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
    rows = parts.steps(record)
    early = rows[(rows["arm"] == "wd-5e-4, rate x 10") & (rows["layer"] == 1)]
    late = early[(early["step"] > 0.75 * end) & (early["step"] <= end)]
    claims.require(
        "the mean angle over units of the first layer is about two fifths less than the turn at "
        "ten times the rate",
        0.55 < late["angle"].mean() / late["turn"].mean() < 0.7,
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
    _, reached, _ = explorables.adamw_path(5e-4, 576)
    free = explorables.adamw_path(0.0, 576)[1]
    claims.require(
        "and changes where a norm ends by less than two hundredths",
        0 < 1 - reached[-1] / free[-1] < 0.02,
        "computed",
    )


def _undecided(ours, theirs) -> bool:
    """Whether the interval of a difference of means holds 0."""
    return not difference(ours, theirs).excludes_zero


def check_lab() -> None:
    """Guard what is said of the lab's settings, trained here as the lab trains them."""
    here = "trained here"
    strong, small = _lab_norm(), _lab_norm(weight_decay=5e-4)
    claims.require(
        "with decay 5 the norm settles within a quarter of the dashed line, with 0.0005 it is "
        "not on the way",
        abs(strong / lab.expected_norm(_settings()) - 1) < 0.25
        and small < 0.2 * lab.expected_norm(_settings(weight_decay=5e-4)),
        here,
    )
    large, still = _lab_norm(gain=3.0), _lab_norm(gain=3.0, weight_decay=5e-4)
    claims.require(
        "with decay 5 a network that starts three times larger ends where the other does, with "
        "0.0005 it keeps twice the norm or more",
        abs(large / strong - 1) < 0.05 and still > 2 * small,
        here,
    )


def _settings(**changed):
    setup = lab.setup()
    return plan(setup, setup.usual | changed).settings


def _lab_norm(**changed) -> float:
    """The first layer's norm at the end, mean over units and runs."""
    return float(trained(lab.setup(), **changed).weights[0].norm(dim=2).mean())
