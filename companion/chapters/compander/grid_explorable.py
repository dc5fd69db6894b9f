"""The explorable of chapter 4's page on the grid: one a at a time, over three axes."""

from __future__ import annotations

import pandas as pd

from companion.chapters.compander import cells
from companion.chapters.compander.experiments import grid
from companion.display.explorables import Control, Curve, Explorable, Panel, Point
from companion.evidence import records
from companion.evidence.records import Record

SHOWN = (*grid.SMALL, 0.5, 0.7, 1.0)
SIGMA = 0.177
"""The standard deviation that every layer of the network starts with: Kaiming's, of 64 inputs."""
AXES = {"b": "b", "nominal": "learning rate (a/b)²", "step": "mean step"}
LIMITS = (86.0, 96.0)


def explore(record: Record | None = None) -> Explorable:
    """Test accuracy of the cells with one a over b, over (a/b)^2 and over the mean step, beside
    plain networks. record: of `grid.MLP`, the shipped one if none."""
    shown = record or records.recorded("compander-grid-digits-book")
    found = cells.table(shown)
    lines = [
        _plain("plain", cells.plain(shown), "solid"),
        _plain("plain, small start", cells.plain(shown, low=True), "dashed"),
    ]
    gaps = {axis: cells.gaps(shown, axis).cells for axis in ("nominal", "step")}

    def point(a: float) -> Point:
        return Point(
            {
                axis: [
                    *(lines if axis != "b" else []),
                    *(_cells(found, other, axis, "context") for other in SHOWN if other != a),
                    _cells(found, a, axis, "data"),
                ]
                for axis in AXES
            },
            _sentence(a, gaps),
        )

    return Explorable.compute(
        "compander-cells",
        "One a at a time",
        [Control("a", "a", SHOWN, start=len(SHOWN) - 1)],
        [
            Panel(axis, label, "test accuracy (%)", x_log=True, y_limits=LIMITS,
                  band="95 % interval of the mean")
            for axis, label in AXES.items()
        ],
        point,
        note=f"{shown.label()}. Thin: the other a. Plain: networks without a curve at as many "
        "times the learning rate; small start: with the standard deviation that a = 0.1 leaves to "
        "the weights that it cuts. A cell below the axis is not drawn.",
    )  # fmt: skip


def _plain(label: str, line: pd.DataFrame, dash: str) -> Curve:
    kept = line[line["accuracy"] >= LIMITS[0]]
    bands = (kept[side].clip(*LIMITS).tolist() for side in ("low", "high"))
    values = kept["rate"].tolist(), kept["accuracy"].tolist()
    return Curve(label, *values, *bands, family="none", dash=dash)


def _cells(found: pd.DataFrame, a: float, axis: str, role: str) -> Curve:
    mine = found[(found["a"] == a) & (found["accuracy"] >= LIMITS[0])].sort_values(axis)
    values = mine[axis].tolist(), mine["accuracy"].tolist()
    if role == "context":
        return Curve(f"a = {a:g}", *values, family="compander", role=role)
    bands = (mine[side].clip(*LIMITS).tolist() for side in ("low", "high"))
    return Curve(f"a = {a:g}", *values, *bands, family="compander")


def _sentence(a: float, gaps: dict[str, pd.DataFrame]) -> str:
    far = {axis: rows.loc[rows["a"] == a, "gap"] for axis, rows in gaps.items()}
    said = {axis: f"{rows.min():+.1f} to {rows.max():+.1f}" for axis, rows in far.items()}
    return (
        f"a = {a:g}, σ/a = {SIGMA / a:.2f} at the start: over the learning rate (a/b)² its cells "
        f"lie {said['nominal']} points off the plain line, over the mean step {said['step']}."
    )
