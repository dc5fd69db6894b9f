"""Curves of explorables from rows: the mean over runs in its band, cut where it leaves the axis."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.display.explorables.marks import Curve


def bands(rows: pd.DataFrame, quantity: str) -> dict[str, pd.DataFrame]:
    """Arm -> columns mean, low, high per epoch: the mean over runs and its 95 % t interval.

    rows: columns arm, epoch and `quantity`. An epoch in which a run is no longer finite has no
    mean.
    """
    from companion.evidence.summaries import half_width

    groups = rows.groupby(["arm", "epoch"], sort=False)[quantity]
    runs = groups.size()
    mean = groups.mean().where(groups.count() == runs)
    half = half_width(groups.std(), runs)
    table = pd.DataFrame({"mean": mean, "low": mean - half, "high": mean + half})
    return {arm: band.droplevel("arm") for arm, band in table.groupby(level="arm")}


def inside(
    label: str,
    band: pd.DataFrame,
    limits: tuple[float, float],
    family: str,
    dash: str = "solid",
    faint: bool = False,
) -> Curve:
    """Return the curve of a band (index x; columns mean, low, high) inside the limits.

    It stops where its mean leaves them, its band is cut there. faint: without the band, as what
    happens without the method. family and dash as in `Curve`.
    """
    columns = band[["mean", "low", "high"]].to_numpy(float)
    kept = (limits[0] <= columns[:, :1]) & (columns[:, :1] <= limits[1])
    y, *edges = np.where(kept, columns.clip(*limits), np.nan).T.tolist()
    if faint:
        return Curve(label, band.index.tolist(), y, family=family, role="reference")
    return Curve(label, band.index.tolist(), y, *edges, family=family, dash=dash)


def line(
    label: str,
    x: np.ndarray,
    y: np.ndarray,
    limits: tuple[float, float],
    family: str = "none",
    role: str = "data",
) -> Curve:
    """Return a curve without a band, [points] each, that stops where it leaves the limits.

    >>> line("a", np.array([1, 2]), np.array([0.5, 3.0]), (0.0, 1.0)).y
    (0.5, nan)
    """
    y = np.asarray(y, dtype=float)
    kept = np.where((limits[0] <= y) & (y <= limits[1]), y, np.nan)
    return Curve(label, np.asarray(x).tolist(), kept.tolist(), family=family, role=role)
