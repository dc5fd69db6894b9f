"""Differences as a forest: one a row, with its interval, beside a line at 0."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.display import style
from companion.display.labels import head

BETTER = {"higher": "better →", "lower": "← better"}


def forest(rows: pd.DataFrame, axes, title: str, unit: str, better: str | None = None):
    """Draw one difference a row, with its interval, beside a line at 0.

    rows: columns name, family, estimate, low, high, lost, differs (a filled dot), those of
    `comparison.compare` among them. better: the good side, "higher" or "lower", None for neither.
    A pair of which runs diverged has no difference: its row says how many. An interval ten times
    as long as the median one does not set the axis: an arrow says that it goes on.
    """
    if rows.empty:
        raise ValueError("rows must hold a pair, got none; choose a record with both of its arms")
    if better is not None and better not in BETTER:
        raise ValueError(f"better must be one of {', '.join(BETTER)} or None, got {better!r}")
    places = np.arange(len(rows))[::-1]
    drawn = rows[(rows["lost"] == 0) & rows["low"].notna()]
    low, high = _limits(drawn)
    axes.set_xlim(low, high)
    axes.axvline(0, color=style.INK, linewidth=0.8, dashes=style.THEORY_DASHES)
    for place, row in zip(places, rows.itertuples(), strict=True):
        if row.lost:
            axes.annotate(
                f"{row.lost} runs diverged", (0, place), xytext=(5, 0), va="center", size=9,
                textcoords="offset points", color=style.MUTED,
            )  # fmt: skip
            continue
        line = style.colour(row.family)
        fill = line if row.differs else style.LIGHT_PAPER
        axes.plot(np.clip([row.low, row.high], low, high), [place, place], color=line)
        for beyond, edge, arrow in ((row.low < low, low, "<"), (row.high > high, high, ">")):
            if beyond:
                axes.plot(
                    edge, place, arrow, color=line, markersize=6, markerfacecolor=fill,
                    clip_on=False,
                )  # fmt: skip
        if low <= row.estimate <= high:
            axes.plot(
                row.estimate, place, "o", color=line, markersize=6, markerfacecolor=fill, zorder=3
            )
    axes.set_yticks(places, rows["name"])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.locator_params(axis="x", nbins=5)
    head(axes, title, x=f"{unit} ({BETTER[better]})" if better else unit)
    return axes


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """The axis: every interval that leaves room for the others, and 0."""
    if rows.empty:
        return -1.0, 1.0
    length = rows["high"] - rows["low"]
    kept = rows[length <= 10 * length.median()]
    low, high = min(kept["low"].min(), 0.0), max(kept["high"].max(), 0.0)
    room = 0.08 * (high - low or 1.0)
    return low - room, high + room
