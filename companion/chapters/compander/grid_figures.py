"""The figures of chapter 4's page on the grid of a and b, each with alt text and a caption."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.chapters.compander import cells
from companion.chapters.compander.experiments import grid
from companion.display import style
from companion.display.figures import canvas, log_axis, show
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record


def redrawn(record: Record) -> Shown:
    """C's grid as it is searched, and over the learning rate that its cells have; a record of
    `grid.MLP`."""
    figure, (left, right) = canvas(columns=2, height=3.7)
    found = cells.table(record)
    found = found[found["a"].isin(grid.VALUES)]
    _map(left, found)
    _line(right, cells.plain(record))
    _dots(right, found)
    rest = cells.gaps(record, "nominal", least=min(grid.VALUES))
    return show(
        figure,
        alt=f"{_told(found)}. Over the learning rate, taking plain networks off leaves "
        f"{rest.left:.0%} of the variance of the cells.",
        caption="As a grid, left, the search has two axes. Over (a/b)², right, its 36 cells are "
        "one curve, that of plain networks at that learning rate.",
        ran=f"{record.label()}. A cell, a dot: mean over runs; grey: plain, with its 95 % "
        "interval.",
        name="grid-redrawn",
    )


def _map(axes, found: pd.DataFrame) -> None:
    from matplotlib.patches import Rectangle

    shown = found.pivot(index="b", columns="a", values="accuracy")
    low, high = float(shown.min(axis=None)), float(shown.max(axis=None))
    for (row, column), value in np.ndenumerate(shown.to_numpy()):
        # ground and colour turn with the theme of the page, and ink stays readable on both
        deep = 0.6 * (float(value) - low) / (high - low)
        for colour, alpha in ((style.RULE, 0.6), (style.colour("compander"), deep)):
            axes.add_patch(
                Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, fc=colour, lw=0, alpha=alpha)
            )
        axes.annotate(
            f"{value:.1f}", (column + 0.5, row + 0.5), ha="center", va="center",
            color=style.INK, size=9 * axes.figure.text_scale,
        )  # fmt: skip
    axes.set_xlim(0, shown.shape[1])
    axes.set_ylim(0, shown.shape[0])
    axes.set_xticks(np.arange(shown.shape[1]) + 0.5, [f"{a:g}" for a in shown.columns])
    axes.set_yticks(np.arange(shown.shape[0]) + 0.5, [f"{b:g}" for b in shown.index])
    axes.tick_params(length=0)
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    head(axes, "Test accuracy (%)", "upwards: b", "a")


def _line(axes, line: pd.DataFrame) -> None:
    grey, rates = style.colour("none"), np.geomspace(line["rate"].min(), line["rate"].max(), 40)
    mean, low, high = (
        cells.spline(line[side].to_numpy())(np.log(rates)) for side in ("accuracy", "low", "high")
    )
    axes.fill_between(rates, low, high, color=grey, alpha=0.2, lw=0)
    axes.plot(rates, mean, color=grey, lw=1.6)
    axes.plot(line["rate"], line["accuracy"], "o", color=grey, ms=3.5)


def _dots(axes, found: pd.DataFrame) -> None:
    look = {"color": style.colour("compander"), "ms": 5, "mew": 0, "alpha": 0.75}
    axes.plot(found["nominal"], found["accuracy"], "o", **look)
    axes.set_xlim(0.9 * min(grid.FACTORS), 1.12 * max(grid.FACTORS))
    log_axis(axes.xaxis)
    head(axes, "Test accuracy (%)", "better ↑; grey: plain", "learning rate (a/b)²")


def _told(found: pd.DataFrame) -> str:
    best, worst = (found.loc[getattr(found["accuracy"], f"idx{end}")()] for end in ("max", "min"))
    return (
        f"From {worst.accuracy:.1f} % at a = {worst.a:g}, b = {worst.b:g} to {best.accuracy:.1f} % "
        f"at a = {best.a:g}, b = {best.b:g}"
    )
