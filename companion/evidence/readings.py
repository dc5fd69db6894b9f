"""What a record's tables say about an arm: growth, overfitting, the price of choosing an epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.evidence import power, selection
from companion.evidence.records import Record
from companion.evidence.summaries import Summary, summary


def optimism_table(record: Record) -> pd.DataFrame:
    """One row an arm, means over its runs in percent: the test accuracy at the epoch that the
    validation images choose, at the epoch that the test images would choose, and at the last.

    Columns: arm, runs, chosen, highest, last, optimism (highest - chosen) and late (chosen -
    last), each difference with its 95 % t interval (optimism_low, ..., late_high), in points.
    """
    rows = []
    for arm, runs in selection.optimism(record.epochs).groupby("arm", sort=False):
        row = {"arm": arm, "runs": len(runs)}
        for name in ("chosen", "highest", "last", "optimism", "late"):
            found = summary(100 * runs[name])
            row[name] = found.mean
            if name in ("optimism", "late"):
                row |= {f"{name}_low": found.low, f"{name}_high": found.high}
        rows.append(row)
    return pd.DataFrame(rows)


def runs_table(
    differences: Sequence[float],
    sd: float,
    wanted: float = 0.8,
    alpha: float = 0.05,
    draws: int = 4000,
) -> pd.DataFrame:
    """How many runs an arm needs to find each difference with the wanted power, and the
    power that simulation gives.

    Columns: difference, sd (points, or any one unit), runs (`power.runs_needed`), simulated,
    low, high (the power of that many runs with its 95 % interval).

    >>> runs_table([0.4, 1.4], sd=0.5, draws=500)["runs"].tolist()
    [27, 5]
    """
    rows = []
    for difference in differences:
        runs = power.runs_needed(difference, sd, wanted, alpha)
        found = power.power(difference, sd, runs, alpha, draws=draws)
        rows.append((difference, sd, runs, found.estimate, found.low, found.high))
    names = ["difference", "sd", "runs", "simulated", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def smallest_p(runs: int) -> str:
    """What the exact Mann-Whitney test can say at most with `runs` a side, as a sentence.

    >>> smallest_p(3)
    'With 3 runs a side no p-value is below 2 / 20 = 0.1.'
    """
    orders = math.comb(2 * runs, runs)
    return f"With {runs} runs a side no p-value is below 2 / {orders:,} = {2 / orders:.2g}."


def growth(layers: pd.DataFrame, arm: str, quantity: str, layer: int) -> Summary:
    """The factor by which a layer's quantity changes from before training to its end, over runs.

    layers: a record's table of that name.
    """
    mine = layers[(layers["arm"] == arm) & (layers["layer"] == layer)]
    wide = mine.pivot(index="run", columns="epoch", values=quantity)
    return summary(wide.iloc[:, -1] / wide.iloc[:, 0])


def final_generalization_error(epochs: pd.DataFrame, arm: str) -> np.ndarray:
    """L(test) - L(train) of an arm's runs after the last epoch (N eq. 2)."""
    last = epochs[(epochs["arm"] == arm) & (epochs["epoch"] == epochs["epoch"].max())]
    return (last["test_loss"] - last["train_loss"]).to_numpy(float)


def at_end(epochs: pd.DataFrame) -> dict[str, np.ndarray]:
    """Arm -> test accuracy after the last epoch, in percent, one value a run."""
    last = epochs[epochs["epoch"] == epochs["epoch"].max()]
    return {str(arm): 100 * runs.to_numpy(float) for arm, runs in
            last.groupby("arm", sort=False)["test_accuracy"]}  # fmt: skip


def fall_after_best(epochs: pd.DataFrame, arm: str) -> Summary:
    """Test accuracy at the best epoch minus at the last, over an arm's runs: what overfitting
    takes from a run that is trained to the end."""
    best = selection.best_epoch(epochs[epochs["arm"] == arm]).set_index("run")["test_accuracy"]
    last = epochs[(epochs["arm"] == arm) & (epochs["epoch"] == epochs["epoch"].max())]
    return summary((best - last.set_index("run")["test_accuracy"]).to_numpy(float))
