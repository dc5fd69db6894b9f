"""What chapter 5's side page says of learning rates that follow a norm and of decays of gains, and
the checks that guard it."""

from __future__ import annotations

from companion.chapters.batchnorm_norms import matches
from companion.chapters.batchnorm_norms.experiments import gains
from companion.chapters.batchnorm_norms.experiments.matched import FACTORS, HOLDS, PLAIN, arm
from companion.evidence import claims
from companion.evidence.records import Record


def check_followed(record: Record) -> None:
    """Guard the sentences about runs that follow others, a record of `matched.DIGITS`."""
    pairs = [(hold, optimizer) for hold in HOLDS for optimizer in PLAIN]
    claims.require(
        "in both layers a follower's steps turn as far as those it follows, within a twentieth",
        max(abs(matches.turns_apart(record, *pair, layer)) for pair in pairs for layer in (1, 2))
        < 0.05,
        record,
    )
    lengths = {
        (hold, optimizer): matches.lengths_apart(record, hold, optimizer, 2)
        for hold, optimizer in pairs
    }
    claims.require(
        "a follower's weights are at last 6 to 20 times as long as under WRS, 45 times as under "
        "SGD's decay and 1,400 times as under AdamW's",
        5 < lengths["wrs", "sgd"] < lengths["wrs", "adamw"] < 25
        and 40 < lengths["wd", "sgd"] < 50
        and 1350 < lengths["wd", "adamw"] < 1500,
        record,
    )
    over, apart = {}, {}
    for hold, optimizer in pairs:
        mine, followed, free = (arm(k, optimizer) for k in (f"follows {hold}", hold, "none"))
        over[hold, optimizer] = matches.gap(record, followed, free)
        apart[hold, optimizer] = matches.gap(record, mine, followed)
    claims.require(
        "decay gains six points with SGD and nine with AdamW, WRS three and five, and between each "
        "and its follower the interval holds 0 and reaches at most a point to either side",
        round(over["wd", "sgd"].estimate) == 6
        and round(over["wd", "adamw"].estimate) == 9
        and int(over["wrs", "sgd"].estimate) == 3
        and int(over["wrs", "adamw"].estimate) == 5
        and all(one.low > 0 for one in over.values())
        and all(-1 <= one.low < 0 < one.high <= 1.05 for one in apart.values()),
        record,
    )
    uniform = {
        (factor, optimizer): matches.gap(
            record, arm(f"rate x {factor}", optimizer), arm("none", optimizer)
        )
        for factor in FACTORS
        for optimizer in PLAIN
    }
    claims.require(
        "ten times the rate throughout gains two points at most, a hundred times about four, less "
        "than decay does with either optimizer",
        all(0 < uniform[10, optimizer].estimate < 2.05 for optimizer in PLAIN)
        and all(3.5 < uniform[100, optimizer].estimate < 4.5 for optimizer in PLAIN)
        and all(
            matches.gap(record, arm("wd", optimizer), arm("rate x 100", optimizer)).low > 0.5
            for optimizer in PLAIN
        ),
        record,
    )


def check_gains(record: Record) -> None:
    """Guard the sentences about the decay of gains, a record of `gains.DIGITS`."""
    ahead = {
        decay: matches.gap(record, gains.arm("gain", decay), gains.arm("wd", decay))
        for decay in gains.DECAYS
    }
    claims.require(
        "WRS is five points ahead of decay at 0.05 and three at 0.2, three behind at 1, and level "
        "at 5",
        round(ahead[0.05].estimate) == 5
        and round(ahead[0.2].estimate) == 3
        and round(ahead[1.0].estimate) == -3
        and ahead[5.0].low < 0 < ahead[5.0].high
        and all(ahead[decay].low > 0 or ahead[decay].high < 0 for decay in (0.05, 0.2, 1.0)),
        record,
    )
    gained = [
        matches.gap(record, gains.arm("gain", decay), gains.arm("gain", 0))
        for decay in gains.DECAYS
    ]
    claims.require(
        "decay of the gains does nothing that shows up to 0.2, and gains four points at 1 and "
        "seven at 5",
        all(one.low < 0 < one.high for one in gained[:2])
        and int(gained[2].estimate) == 4
        and int(gained[3].estimate) == 7
        and all(one.low > 0 for one in gained[2:]),
        record,
    )
    claims.require(
        "shifts that decay too change less than a point",
        all(
            abs(matches.gap(record, gains.arm("both", decay), gains.arm("gain", decay)).estimate)
            < 1
            for decay in gains.DECAYS
        ),
        record,
    )
