"""What chapter 5 says of bounded weight norm in plain words, and the checks that guard it."""

from __future__ import annotations

from companion.chapters.batchnorm_norms import bounded as parts
from companion.chapters.batchnorm_norms import inside
from companion.chapters.batchnorm_norms.experiments.bounded import KINDS, RATES, WRAPPED, arm
from companion.evidence import claims
from companion.evidence.records import Record

LAYERS = (1, 2, 3)


def check_laws() -> None:
    """Guard the sentences about networks trained here; raises `claims.Unsupported`."""
    two = parts.beside_batch_norm()
    claims.require(
        "before batch norm, with and without bounded weight norm are one network, and its weights "
        "double",
        two["loss"] < 1e-12 and two["apart"] < 1e-12 and two["grown"] > 2,
        "networks trained here",
    )


def check_cifar(record: Record) -> None:
    """Guard the sentences about CIFAR-10, a record of `bounded.CIFAR`."""
    last = record.provenance["epochs"]
    before, end = (
        inside.compared(record, [("bwn", "wd")], epoch=epoch).iloc[0] for epoch in (last - 1, last)
    )
    claims.require(
        "BWN leads WD by seven points before the rate falls and by one at the end",
        before.low > 1 and 6 < before.estimate < 8 and 0 < end.low < end.high < 1.5,
        record,
    )
    grown = []
    for layer in LAYERS:
        source = parts.series(record, "bwn", layer)["source"]
        grown.append(float(source.iloc[-1] / source.iloc[0]))
    claims.require("the length of v more than triples in each layer", min(grown) > 3, record)
    free = [parts.late_turn(record, "bwn", one) / parts.late_turn(record, "none", one)
            for one in LAYERS]  # fmt: skip
    claims.require(
        "without decay BWN's steps turn as those of none, within a twentieth in each layer",
        all(abs(one - 1) < 0.05 for one in free),
        record,
    )
    claims.require(
        "decayed, steps turn as at equilibrium, within a tenth in each layer, with batch norm and "
        "without",
        all(
            abs(parts.late_turn(record, name, layer) / parts.predicted_turn(record, name) - 1) < 0.1
            for name in ("wd", "bwn, wd")
            for layer in LAYERS
        ),
        record,
    )


def check_rates(record: Record) -> None:
    """Guard the sentences about the digits, a record of `bounded.DIGITS`."""
    usual = {kind: arm(kind, 0.1) for kind in KINDS}
    means = {name: float(values.mean()) for name, values in inside.final(record).items()}

    def gap(one: str, other: str):
        return inside.compared(record, [(one, other)]).iloc[0]

    claims.require(
        "BWN ends last, six points behind WD",
        min(usual, key=lambda kind: means[usual[kind]]) == "bwn"
        and -6.5 < gap(usual["bwn"], usual["wd"]).estimate < -5.5,
        record,
    )
    beside = gap(usual["bwn, wd"], usual["wd"])
    claims.require(
        "with decay of v it ends beside WD: the interval holds 0",
        beside.low < 0 < beside.high and abs(beside.estimate) < 1.5,
        record,
    )
    wrapped = gap(WRAPPED, usual["none"])
    claims.require(
        "before batch norm, with torch's epsilon, it ends within a point of none",
        -1 < wrapped.low < 0 < wrapped.high < 1,
        record,
    )
    worth = [gap(arm("bwn, wd", rate), arm("bwn", rate)) for rate in RATES]
    claims.require(
        "decay of v is worth five points and more at rates 0.1 and 0.3, and at 0.03 nothing that "
        "the interval excludes",
        worth[0].low < 0 < worth[0].high and all(one.estimate > 5 for one in worth[1:]),
        record,
    )
    best = {kind: max(means[arm(kind, rate)] for rate in RATES) for kind in KINDS}
    others = [value for kind, value in best.items() if kind != "bwn"]
    claims.require(
        "each at its best of three rates, all but BWN lie within a point, and BWN two and more "
        "below, at the lowest rate",
        max(others) - min(others) < 1
        and best["bwn"] < min(others) - 2
        and best["bwn"] == means[arm("bwn", RATES[0])],
        record,
    )
    alike = gap(arm("none", 0.3), usual["wd"])
    claims.require(
        "none at 0.3 reads as well as WD at 0.1: the interval holds 0, within two points",
        -2 < alike.low < 0 < alike.high < 2,
        record,
    )
