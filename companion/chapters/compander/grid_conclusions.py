"""What chapter 4 says of the grid of a and b and of the range of weights, and the checks of it."""

from __future__ import annotations

from companion.chapters.compander import cells, dial, reach_figures
from companion.chapters.compander.experiments import grid, reach
from companion.evidence import claims
from companion.evidence.records import Record
from companion.evidence.summaries import summary


def check_laws() -> None:
    """Guard the sentences about runs that are one, trained here; raises `claims.Unsupported`."""
    run, half, here = dial.trained, 0.5, "trained here"
    same = (
        (run(half, 0.02, decay_w=1e-2), run(1.0, 0.08, decay_w=1e-2)),
        (run(half, 0.02, decay_v=4e-2), run(1.0, 0.08, decay_v=1e-2)),
        (run(half, 1e-3, "adam", eps=1e-8), run(1.0, 2e-3, "adam", eps=5e-9)),
    )
    claims.require(
        "with b a power of two not even a rounding differs",
        all(dial.apart(*pair) == 0 for pair in same),
        here,
    )
    kept = dial.apart(run(half, 0.02), run(1.0, 0.02))
    claims.require("where the rate is kept they part", kept > 0.01, here)


def check_grid(record: Record) -> None:
    """Guard the sentences about C's own cells, a record of `grid.MLP`."""
    nominal, step = (cells.gaps(record, axis, min(grid.VALUES)) for axis in ("nominal", "step"))
    claims.require(
        "36 cells over the learning rate: plain networks leave less than a fifth of their "
        "variance, over the mean step less than a tenth, and no cell a point off",
        len(nominal.cells) == len(step.cells) == len(grid.VALUES) ** 2
        and nominal.left < 1 / 5
        and step.left < 1 / 10
        and step.cells["gap"].abs().max() < 1,
        record,
    )
    found = cells.searches(record)
    best = cells.table(record)["accuracy"].max()
    usual = float(cells.accuracies(record)[grid.straight(1.0)].mean())
    claims.require(
        "twenty searches find more than a dozen winners, which on other seeds read more than half "
        "a point less than a plain network that nobody searched for",
        len(found) == 20
        and found["arm"].nunique() > 12
        and 0.5 < usual - found["elsewhere"].mean() < 1
        and usual < best,
        record,
    )
    claims.require(
        "their (a/b)^2 run over a factor of more than ten",
        found["nominal"].max() > 10 * found["nominal"].min(),
        record,
    )


def check_small(record: Record) -> None:
    """Guard the sentences about a = 0.1 and 0.2, a record of `grid.MLP`."""
    nominal, step = (cells.gaps(record, axis).cells for axis in ("nominal", "step"))
    least = min(grid.SMALL)
    far = nominal.loc[nominal["a"] == least, "gap"]
    claims.require(
        "over (a/b)^2 the cells of a = 0.1 lie up to sixteen points below plain and five above",
        -17.5 < far.min() < -15.5 and 5 < far.max() < 6.5,
        record,
    )
    near = step.loc[step["a"].isin(grid.SMALL), "gap"]
    claims.require(
        "over the mean step two points below at most, and up to three above",
        -2 < near.min() < 0 and 3 < near.max() < 3.6,
        record,
    )
    found = cells.accuracies(record)
    bent = grid.cell(least, least / 4)
    plain = max((grid.straight(f) for f in grid.FACTORS), key=lambda arm: found[arm].mean())
    gain = summary(found[bent] - found[plain])
    claims.require("a = 0.1 at its best reads a point more than plain at its best",
                   0.5 < gain.low < gain.mean < 2, record)  # fmt: skip
    low = max((grid.low(f) for f in grid.LOW_FACTORS), key=lambda arm: found[arm].mean())
    beside = summary(found[bent] - found[low])
    claims.require(
        "beside a plain network that starts as small it gains nothing: the interval holds 0, "
        "within three quarters of a point",
        -0.75 < beside.low < 0 < beside.high < 0.75,
        record,
    )


def check_shapes(record: Record) -> None:
    """Guard the sentences about weights near zero by layer, a record of `reach.DIGITS`."""
    found = reach_figures.shapes(record)
    near, beta = (found[column].unstack() for column in ("near", "beta"))
    share = near.loc["wc"] / near.loc["twin"]
    claims.require(
        "in the first and the last layer, of few inputs, less than half of the twin's share near "
        "zero is left, in the two between more than three quarters",
        (share[[1, 4]] < 0.5).all() and share[[2, 3]].between(0.75, 0.9).all(),
        record,
    )
    claims.require(
        "the shapes of all layers are flatter than the twin's",
        (beta.loc["wc"] > beta.loc["twin"]).all() and (beta.loc["wc", [1, 4]] > 10).all(),
        record,
    )


def check_reach(record: Record) -> None:
    """Guard the sentences about the range of weights, a record of `reach.DIGITS`."""
    last = reach_figures.edges(record)
    most = last[["weight_least", "weight_most"]].abs().max(axis=1).unstack()
    before = reach_figures.edges(record, layer=1).xs(0, level="epoch")
    start = before[["weight_least", "weight_most"]].abs().max(axis=1)
    claims.require(
        "at the same rate as its twin the first convolution's largest weight more than doubles, "
        "and behind the curve it stays within a twentieth of where it started",
        most.loc["twin", 1] > 2 * start["twin"] and abs(most.loc["wc", 1] / start["wc"] - 1) < 0.05,
        record,
    )
    bound = last["weight_bound"].unstack()
    claims.require(
        "behind a = 0.8 no layer comes within a twentieth of the bound, behind a = 0.2 all do",
        (most.loc["wc"] < 0.95 * bound.loc["wc"]).all()
        and (most.loc["tight"] > 0.95 * bound.loc["tight"]).all(),
        record,
    )
    claims.require(
        "in every layer the plain twin's weights reach further than the curve's",
        (most.loc["twin"] > 1.5 * most.loc["wc"]).all(),
        record,
    )
    rows = record.epochs[record.epochs["epoch"] == record.epochs["epoch"].max()]
    ends = 100 * rows.groupby("arm")["test_accuracy"].mean()
    claims.require(
        "all four read alike, within two tenths of a point",
        float(ends.max() - ends.min()) < 0.2 and set(ends.index) == set(reach.DIGITS.arms),
        record,
    )
