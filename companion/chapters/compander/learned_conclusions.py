"""What chapter 4 says of a and b that learn, and the checks that guard it."""

from __future__ import annotations

from companion.chapters.compander import differences
from companion.evidence import claims
from companion.evidence.records import Record


def check_learned(digits: Record) -> None:
    """Guard the sentences about learned a and b, a record of `mlp.DIGITS`."""
    found = differences.accuracies(digits)
    learned = {arm: int((found[arm] > 90).sum()) for arm in ("coarse", "fine", "fine-slow")}
    claims.require(
        "one pair a network: six of 24 runs do not learn; one pair a layer: two",
        learned == {"coarse": 18, "fine": 22, "fine-slow": 24},
        digits,
    )
    rows = digits.layers
    first = rows[(rows["arm"] == "fine") & (rows["epoch"] == 1)]["curve_a"]
    claims.require("a falls below 0.3 in the first epoch", first.mean() < 0.3, digits)
    last = rows[rows["epoch"] == rows["epoch"].max()]
    slow = last[last["arm"] == "fine-slow"]
    claims.require(
        "learned slowly, the pair hardly moves",
        (slow["curve_a"] - 0.5).abs().max() < 0.2 and (slow["curve_b"] - 1).abs().max() < 0.1,
        digits,
    )
    for arm in ("fine", "fine-slow"):
        mine = last[last["arm"] == arm].pivot(index="seed", columns="layer", values="curve_a")
        mine = mine[found[arm].loc[mine.index].to_numpy() > 90]
        claims.require(
            "in the runs that learn a is largest in the last layer",
            (mine.idxmax(axis=1) == 3).all(),
            digits,
        )
