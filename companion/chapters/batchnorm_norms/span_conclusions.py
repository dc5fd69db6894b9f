"""What chapter 5's side page says in plain words, and the checks that guard it."""

from __future__ import annotations

from companion.chapters.batchnorm_norms import inside, parts
from companion.chapters.batchnorm_norms.experiments import batches, period, windows
from companion.chapters.batchnorm_norms.span_figures import LAYER, SHOWN
from companion.evidence import claims
from companion.evidence.records import Record
from companion.theory import norms

LAST_BLOCKS = (16, 17, 19, 20)
"""The 3x3 kernels of the ResNet's last stage, which see four pixels or one in a border of zeros."""


def check_outside(record: Record) -> None:
    """Guard the sentences about what lies outside the span, a record of `small.DIGITS`."""
    whole, less = inside.final(record, "batch_accuracy"), inside.final(record, "inside_accuracy")
    moved = [float((less[arm] - whole[arm]).mean()) for arm in whole]
    claims.require(
        "without what lies outside the span no arm gains or loses a fifth of a point; without as "
        "many random directions each loses four points or more",
        max(map(abs, moved)) < 0.2
        and min((whole[arm] - inside.final(record, "random_accuracy")[arm]).mean() for arm in whole)
        > 4,
        record,
    )
    start = inside.by_layer(record, "outside_share", 0).mean()
    end = inside.by_layer(record, "outside_share")[3]
    claims.require(
        "in the third layer six tenths of the squared weights start outside; decay leaves two "
        "hundredths, the rising rate without any decay as little, nothing a fifth",
        0.55 < start[3] < 0.7
        and end["wd"] < 0.03
        and end["rate"] < 0.03
        and 0.15 < end["none"] < 0.25,
        record,
    )


def check_resnet(record: Record) -> None:
    """Guard the sentences about CIFAR-10, a record of `resnet.CIFAR`."""
    whole, less, random = (inside.final(record, column) for column in inside.TRIALS)
    end = inside.by_layer(record, "outside_share")
    claims.require(
        "in the last blocks half to seven tenths of the squared weights lie outside; without all "
        "of it no run gains or loses a quarter of a point, without as many random directions each "
        "loses five points",
        all(end[layer].between(0.45, 0.75).all() for layer in LAST_BLOCKS)
        and max((less[arm] - whole[arm]).abs().max() for arm in whole) < 0.25
        and min((whole[arm] - random[arm]).min() for arm in whole) > 4.95,
        record,
    )
    over = {arm: inside.compared(record, [(arm, "none")]).iloc[0] for arm in ("wd", "rate", "wrs")}
    rate, wrs = (inside.compared(record, [(arm, "wd")]).iloc[0] for arm in ("rate", "wrs"))
    claims.require(
        "decay, the rising rate and WRS gain two points and more over nothing, each interval above "
        "1; between the rate and decay it holds 0, and WRS is ahead of decay by an interval that "
        "hardly leaves 0 out",
        all(one.estimate > 2 and one.low > 1 for one in over.values())
        and rate.low < 0 < rate.high
        and 0 < wrs.low < 0.5,
        record,
    )
    end = parts.constant_steps(record)
    turns = {
        arm: parts.series(record, arm, 1)["turn"].dropna().loc[:end].iloc[-1]
        for arm in ("wd", "wrs")
    }
    claims.require(
        "the first layer turns three times as far under WRS as under decay",
        turns["wrs"] > 3 * turns["wd"],
        record,
    )


def check_shapes(record: Record) -> None:
    """Guard the sentences about distributions, a record of `small.DIGITS`, and one network trained
    here."""
    start = inside.by_layer(record, "span_shape", 0).mean()[LAYER]
    own, turned = (inside.by_layer(record, name)[LAYER] for name in ("weight_shape", "span_shape"))
    claims.require(
        "beta starts at 2; in the span it falls to 1.4 with nothing and to near 1 with decay, with "
        "WRS, and with the rising rate that has neither",
        abs(start - 2) < 0.15
        and 1.3 < turned["none"] < 1.5
        and all(0.9 < turned[arm] < 1.25 for arm in ("wd", "rate", "wrs"))
        and abs(turned["rate"] - turned["wd"]) < 0.1
        and all(turned[arm] < own[arm] for arm in SHOWN),
        record,
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
    for layer in (1, 2, 3):
        paths = {arm: parts.series(record, arm, layer).loc[:end] for arm in ("wd", "rate")}
        turn = {arm: path["turn"].iloc[-6:].mean() for arm, path in paths.items()}
        norm = {arm: path["norm"].iloc[-1] for arm, path in paths.items()}
        claims.require(
            "in every layer steps turn as under decay, within a tenth, at fifteen times the norm",
            abs(turn["rate"] / turn["wd"] - 1) < 0.1 and 14 < norm["rate"] / norm["wd"] < 17,
            record,
        )
    over = {arm: inside.compared(record, [(arm, "none")]).iloc[0] for arm in ("wd", "rate", "wrs")}
    gap = inside.compared(record, [("rate", "wd")]).iloc[0]
    claims.require(
        "decay, the rising rate and WRS gain three points over nothing, each interval above 0; "
        "between the rate and decay it holds 0, and reaches less than two points to either side",
        all(2.5 < one.estimate < 3.5 and one.low > 0 for one in over.values())
        and -2 < gap.low < 0 < gap.high < 2,
        record,
    )


def check_periods(record: Record, decayed: Record) -> None:
    """Guard the sentences about the period, records of `period.DIGITS` and `small.DIGITS`."""
    means = inside.turns(record, LAYER).groupby("arm")[["turn", "accuracy"]].mean()
    often, some, once = (period.period_arm(tau) for tau in period.PERIODS)
    slower = period.factor_arm(0.3)
    gap = inside.compared(record, [(slower, some)]).iloc[0]
    claims.require(
        "every 180 steps turns as far as every 20 at 0.3 times the rate, within a seventh, and an "
        "interval of the difference in accuracy holds 0",
        abs(means["turn"][some] / means["turn"][slower] - 1) < 1 / 7 and gap.low < 0 < gap.high,
        record,
    )
    over = inside.compared(record, [(often, "none"), (once, "none")])["estimate"]
    claims.require(
        "every 20 turns furthest and reads best; once, as the rate falls, loses three points",
        means["turn"].idxmax() == means["accuracy"].idxmax() == often
        and over[0] > 2.5
        and -3.7 < over[1] < -2.7,
        record,
    )
    settings = decayed.provenance["arms"]["wd"]
    wanted = norms.equilibrium_angle(
        settings["learning_rate"], settings["weight_decay"], settings["momentum"]
    )
    claims.require(
        "the equilibrium of the decay turns 0.023 radians a step, and so does WRS every 20 steps, "
        "averaged over layers, within a tenth",
        round(wanted, 3) == 0.023
        and abs(
            sum(
                inside.turns(decayed, layer).groupby("arm")["turn"].mean()["wrs"]
                for layer in (1, 2, 3)
            )
            / 3
            / wanted
            - 1
        )
        < 0.1,
        decayed,
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
