"""What chapter 5's side page says in plain words, and the checks that guard it."""

from __future__ import annotations

from companion.chapters.batchnorm_norms import inside, parts
from companion.chapters.batchnorm_norms.experiments import batches, period, windows
from companion.chapters.batchnorm_norms.span_figures import LAYER, SHOWN
from companion.evidence import claims
from companion.evidence.records import Record


def check_outside(record: Record) -> None:
    """Guard the sentences about what lies outside the span, a record of `small.DIGITS`."""
    claims.require(
        "without what lies outside the span no network loses or gains half a point; without as "
        "many random directions networks lose several",
        abs(inside.lost(record, "inside_accuracy")) < 0.5
        and _gained(record, "inside_accuracy") < 0.5
        and inside.lost(record, "random_accuracy") > 3,
        record,
    )
    start = inside.by_layer(record, "outside_share", 0).mean()
    end = inside.by_layer(record, "outside_share")
    claims.require(
        "decay empties the outside; without it its share falls too, and less",
        end.loc["wd"].mean() < end.loc["none"].mean() < start.mean(),
        record,
    )


def _gained(record: Record, column: str) -> float:
    whole, less = inside.final(record, "batch_accuracy"), inside.final(record, column)
    return max(float((less[arm] - whole[arm]).max()) for arm in whole)


def check_shapes(record: Record, small: Record) -> None:
    """Guard the sentences about distributions, records of `small.DIGITS` and `period.DIGITS`, and
    one network trained here."""
    own, turned = (inside.by_layer(record, name) for name in ("weight_shape", "span_shape"))
    claims.require(
        "in the span tails are heavier than in the weights, on average over layers, for every arm",
        all(turned.loc[name].mean() < own.loc[name].mean() for name in SHOWN),
        record,
    )
    for arm in ("wd", period.period_arm(20)):
        path = inside.by_epoch(small, "span_shape", arm, 2)
        claims.require(
            "in the small network beta falls from 2 to below 1 within the first epochs, under "
            "decay and under rescaling",
            1.8 < path.iloc[0] < 2.4 and path.iloc[-1] < 1,
            small,
        )
    found = inside.scales_apart()
    claims.require(
        "divided by its own rms each direction is as normal as the weights; the pool is not",
        abs(found["each direction"] - 2) < 0.15 and found["projections"] < 1.7,
        "trained here",
    )


def check_rising(record: Record) -> None:
    """Guard the sentences about the rate that stands for decay, a record of `small.DIGITS`."""
    end = parts.constant_steps(record)
    paths = {arm: parts.series(record, arm, LAYER).loc[:end] for arm in ("none", "wd", "rate")}
    turn = {arm: path["turn"].iloc[-3:].mean() for arm, path in paths.items()}
    norm = {arm: path["norm"].iloc[-1] for arm, path in paths.items()}
    claims.require(
        "steps turn as under decay, within a tenth, from a norm several times as large",
        abs(turn["rate"] / turn["wd"] - 1) < 0.1 and norm["rate"] > 3 * norm["wd"],
        record,
    )
    values = inside.final(record)
    claims.require(
        "and the network reads as well as the decayed one, within a point",
        abs(values["rate"].mean() - values["wd"].mean()) < 1,
        record,
    )


def check_periods(record: Record) -> None:
    """Guard the sentences about the period, a record of `period.DIGITS`."""
    means = inside.turns(record, 2).groupby("arm")[["turn", "accuracy"]].mean()
    order = [period.period_arm(tau) for tau in period.PERIODS]
    claims.require(
        "the longer the period, the shorter the step, and the better the network reads",
        means.loc[order, "turn"].is_monotonic_decreasing
        and means.loc[order[1:], "accuracy"].is_monotonic_increasing,
        record,
    )


def check_windows(record: Record) -> None:
    """Guard the sentences about windows, a record of `windows.DIGITS`."""
    over = {
        (when, falls): inside.compared(
            record, [(windows.arm(when, falls), windows.arm("never", falls))]
        ).iloc[0]
        for when in windows.WINDOWS
        for falls in (False, True)
    }
    between = {
        falls: inside.compared(
            record, [(windows.arm("early", falls), windows.arm("late", falls))]
        ).iloc[0]
        for falls in (False, True)
    }
    claims.require(
        "at a constant rate rescaling gains four points and more, early or late, with no "
        "difference between the two that the interval excludes",
        over["early", False].low > 3
        and over["late", False].low > 3
        and between[False].low < 0 < between[False].high,
        record,
    )
    claims.require(
        "where the rate falls halfway early rescaling gains as much as always, and late rescaling "
        "loses two points",
        over["early", True].low > 2.5
        and abs(over["early", True].estimate - over["always", True].estimate) < 1
        and over["late", True].high < -1
        and between[True].low > 4,
        record,
    )


def check_sizes(record: Record) -> None:
    """Guard the sentences about batch sizes, a record of `batches.DIGITS`."""
    over = {
        (kind, size): inside.compared(
            record, [(batches.arm(kind, size), batches.arm("weak", size))]
        ).iloc[0]
        for kind in ("strong", "wrs", "wrs all")
        for size in batches.SIZES
    }
    gains = [over["wrs all", size].estimate for size in batches.SIZES]
    claims.require(
        "WRS on all layers beats a decay of 5e-4 at every batch size by three points or more, and "
        "by most at batches of 32",
        all(over["wrs all", size].low > 2.5 for size in batches.SIZES) and max(gains) == gains[1],
        record,
    )
    claims.require(
        "without the output layer WRS gains two points at batches of 8 and loses two at the others",
        over["wrs", 8].low > 0.5 and all(over["wrs", size].high < -1 for size in (32, 128)),
        record,
    )
    claims.require(
        "a decay of 5 gains at batches of 32 alone, where it was chosen, and loses eight at 128",
        over["strong", 32].low > 2
        and over["strong", 8].low < 0 < over["strong", 8].high
        and over["strong", 128].high < -6,
        record,
    )
