"""What chapter 4 says of a and b that learn, and the checks that guard it."""

from __future__ import annotations

from companion.chapters.compander import differences, learning, pulls
from companion.chapters.compander.experiments import learned
from companion.evidence import claims
from companion.evidence.records import Record


def check_learned(digits: Record) -> None:
    """Guard the sentences about learned a and b, a record of `mlp.DIGITS`."""
    found = differences.accuracies(digits)
    able = {arm: int((found[arm] > 90).sum()) for arm in ("coarse", "fine", "fine-slow")}
    claims.require(
        "one pair a network: six of 24 runs do not learn; one pair a layer: two",
        able == {"coarse": 18, "fine": 22, "fine-slow": 24},
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


def check_pulls() -> None:
    """Guard the sentences about what pulls at a and b, computed here."""
    here = "computed here"
    normed, free = pulls.pulls("batch"), pulls.pulls("none")
    claims.require(
        "before batch norm the terms of a cancel to five digits, those of b in the two middle "
        "layers to a few in ten thousand and in the first to some hundredths",
        (normed["a"][:3] < 1e-5).all()
        and (normed["b"][1:3] < 5e-4).all()
        and 0.02 < normed.loc[1, "b"] < 0.1,
        here,
    )
    claims.require(
        "the last layer is pulled as those of a network without",
        normed.loc[4].min() > 0.3 and free.min(axis=None) > 0.05,
        here,
    )


def check_resnet(record: Record) -> None:
    """Guard the sentences about a narrow ResNet, a record of `learned.CIFAR`."""
    size = record.provenance
    claims.require(
        "three epochs of 20,000 images",
        (size["epochs"], size["split"]["train"]) == (3, 20_000),
        record,
    )
    fine, coarse = (learning.ends(record, arm) for arm in ("fine", "coarse"))
    last = int(fine["curve_a"].columns.max())
    own_a, own_b = (fine[one].drop(columns=last) for one in ("curve_a", "curve_b"))
    claims.require(
        "in the twenty layers before a batch norm a stays at 0.5 to the third digit",
        last == 21 and (own_a - learned.A).abs().max(axis=None) < 1e-3,
        record,
    )
    far_a, far_b = fine["curve_a", last], fine["curve_b", last]
    claims.require(
        "the last layer's a goes to about 1 and its b to between 4 and 6",
        far_a.between(0.9, 1.3).all() and far_b.between(4, 6).all(),
        record,
    )
    rows = record.layers[(record.layers["arm"] == "fine") & (record.layers["layer"] == last)]
    ends = rows[rows["epoch"] == rows["epoch"].max()]["curve_a"]
    claims.require(
        "in two of three runs it has passed through 0",
        sorted(ends < 0) == [False, True, True],
        record,
    )
    first = rows[rows["epoch"] == 1]["curve_b"].to_numpy() - learned.B
    claims.require(
        "most of it in the first epoch",
        (first > 0.8 * (far_b.to_numpy() - learned.B)).all(),
        record,
    )
    shared = coarse["curve_a", last] / far_a, coarse["curve_b", last] / far_b
    claims.require(
        "the coarse pair ends where the last layer's ends",
        all(abs(ratio.mean() - 1) < 0.1 for ratio in shared),
        record,
    )
    early, late = ((own_b.loc[:, layers] - learned.B) for layers in (slice(1, 8), slice(9, 20)))
    sizes = [float(moved.abs().mean(axis=None)) for moved in (early, late)]
    claims.require(
        "b moves by a tenth in the first eight layers, half of that later, down as often as up",
        0.08 < sizes[0] < 0.15
        and sizes[1] < 0.5 * sizes[0]
        and 0.35 < float((early > 0).mean(axis=None)) < 0.65,
        record,
    )
    rows = learning.compared(record)
    claims.require(
        "all four intervals hold 0, the widest reach beyond two points and none beyond three",
        (rows["low"] < 0).all()
        and (rows["high"] > 0).all()
        and 2 < rows[["low", "high"]].abs().max(axis=None) < 3,
        record,
    )
