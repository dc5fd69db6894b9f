"""The grid of a and b, read: each cell's accuracy, its real axes, and the plain line below it.

A cell's first real axis is how far its weights reach into the curve, sigma / a at the start; its
second the learning rate that the curve makes of the network's own. In *nominal* rate that is
(a/b)^2; the *mean step* is the mean of Psi'(v)^2 over all weights and over training, as measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from companion.chapters.compander.experiments import grid
from companion.evidence.records import Record
from companion.evidence.summaries import summary


def accuracies(record: Record) -> pd.DataFrame:
    """Test accuracy after the last epoch in percent, rows seeds, columns arms."""
    rows = record.epochs
    rows = rows[rows["epoch"] == rows["epoch"].max()]
    found = 100 * rows.pivot(index="seed", columns="arm", values="test_accuracy").astype(float)
    return found[list(record.provenance["arms"])]


def mean_steps(record: Record) -> pd.Series:
    """Arm -> the step factor's mean over layers, epochs and the runs recorded in detail, times the
    learning rate of its weights in those of the grid. Layers count alike, whatever their size."""
    arms = record.provenance["arms"]
    base = arms[grid.cell(1.0, 1.0)]["learning_rate"]
    factor = record.layers.groupby("arm", sort=False)["step_factor"].mean()
    return pd.Series({arm: factor[arm] * own["learning_rate"] / base for arm, own in arms.items()})


def table(record: Record) -> pd.DataFrame:
    """A row for each companded arm: a, b, nominal rate, mean step, and mean accuracy with the 95 %
    interval, in percent."""
    found, steps, rows = accuracies(record), mean_steps(record), []
    for arm, own in record.provenance["arms"].items():
        if own["parametrization"] == "none":
            continue
        a, b, mean = own["compander_a"], own["compander_b"], summary(found[arm])
        rows.append(
            {"arm": arm, "a": a, "b": b, "nominal": (a / b) ** 2, "step": steps[arm],
             "accuracy": mean.mean, "low": mean.low, "high": mean.high}
        )  # fmt: skip
    return pd.DataFrame(rows)


def plain(record: Record, low: bool = False) -> pd.DataFrame:
    """A row for each plain arm: the rate of its weights, and accuracy as in `table`. low: those
    with small initial weights."""
    found = accuracies(record)
    name, factors = (grid.low, grid.LOW_FACTORS) if low else (grid.straight, grid.FACTORS)
    rows = [(factor, summary(found[name(factor)])) for factor in factors]
    return pd.DataFrame(
        {"rate": factor, "accuracy": s.mean, "low": s.low, "high": s.high} for factor, s in rows
    )


@dataclass(frozen=True)
class Gaps:
    """What cells lie above the plain line, in points: `cells` has the columns arm, a, gap, low and
    high; `left` is the share of the cells' variance that remains after the line is taken off."""

    cells: pd.DataFrame
    left: float


def gaps(record: Record, axis: str, least: float = 0.0) -> Gaps:
    """Each cell's accuracy less that of plain networks at its ``nominal`` rate or mean ``step``.

    Between two plain rates a cubic `spline` of the logarithm of the rate, seed by seed, so that
    intervals are paired; cells beyond the plain rates have no gap and are left out. least: the
    smallest a that counts. ValueError for another axis.
    """
    if axis not in ("nominal", "step"):
        raise ValueError(f"axis must be nominal or step, got {axis!r}; use one")
    found, cells = accuracies(record), table(record)
    cells = cells[(cells["a"] >= least) & cells[axis].between(*_ends())]
    line = spline(found[[grid.straight(factor) for factor in grid.FACTORS]].to_numpy())
    rows = []
    for one in cells.itertuples():
        mean = summary(found[one.arm].to_numpy() - line(np.log(getattr(one, axis))))
        rows.append({"arm": one.arm, "a": one.a, "gap": mean.mean, "low": mean.low,
                     "high": mean.high})  # fmt: skip
    rows = pd.DataFrame(rows)
    spread = cells["accuracy"].var(ddof=0)
    return Gaps(rows, float(np.mean(rows["gap"] ** 2) / spread))


def spline(values: np.ndarray) -> CubicSpline:
    """Through the values at the plain rates, [..., rates], as a function of the rate's logarithm;
    natural at its ends. It is linear in the values: that of a mean is the mean of those of seeds.
    """
    return CubicSpline(np.log(grid.FACTORS), values, axis=-1, bc_type="natural")


def _ends() -> tuple[float, float]:
    slack = 1e-9  # a factor that is computed from a and b
    return grid.FACTORS[0] * (1 - slack), grid.FACTORS[-1] * (1 + slack)


def searches(record: Record) -> pd.DataFrame:
    """What a search of C's grid with a single seed finds, one row a seed: the cell with the best
    validation accuracy (of several the first), its nominal rate, its test accuracy there, and the
    test accuracy of the same cell over all other seeds."""
    rows = record.epochs
    rows = rows[rows["epoch"] == rows["epoch"].max()]
    values = rows.pivot(index="seed", columns="arm", values="validation_accuracy").astype(float)
    arms = record.provenance["arms"]
    cells = [arm for arm, own in arms.items() if own["parametrization"] != "none"
             and own["compander_a"] in grid.VALUES]  # fmt: skip
    test, found = accuracies(record), []
    for seed, best in values[cells].idxmax(axis=1).items():
        own = arms[best]
        found.append(
            {"seed": seed, "arm": best, "nominal": (own["compander_a"] / own["compander_b"]) ** 2,
             "there": test.loc[seed, best], "elsewhere": test[best].drop(seed).mean()}
        )  # fmt: skip
    return pd.DataFrame(found)
