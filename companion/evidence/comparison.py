"""Comparing arms: the best-epoch metric, tests and corrections.

A sample is one value a run. Intervals of means and differences come from `summaries` and are
offered here too.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from companion.evidence.summaries import (
    Interval,
    Summary,
    difference,
    from_printed,
    sample,
    summary,
)

__all__ = [
    "Interval", "MannWhitney", "Summary", "best_epoch", "by_arm", "difference", "from_printed",
    "holm", "mann_whitney", "mann_whitney_p", "summary",
]  # fmt: skip


class MannWhitney(NamedTuple):
    """The statistic U of the first sample and the two-sided p-value."""

    statistic: float
    p: float


def best_epoch(epochs: pd.DataFrame) -> pd.DataFrame:
    """Return, for each run, the epoch with the best validation accuracy and the accuracies there.

    `e*_r = argmax_e acc_r(e; validation)` over the epochs >= 1, and `acc_r(test)` at that epoch
    (Niehaus et al., eqs. 13-17). Of equal epochs the first counts. `epochs` is a record's table;
    the result has run, arm, seed, best_epoch, validation_accuracy and test_accuracy, one row a
    run, sorted by run. A NaN accuracy never is the best.
    """
    wanted = ["run", "arm", "seed", "epoch", "validation_accuracy", "test_accuracy"]
    absent = [name for name in wanted if name not in epochs.columns]
    if absent:
        raise ValueError(f"best_epoch needs the column {absent[0]}; give a record's epochs table.")
    if epochs.duplicated(["run", "epoch"]).any():
        raise ValueError("a run has one row an epoch, got two; give one record's epochs table.")
    trained = epochs[(epochs["epoch"] >= 1) & epochs["validation_accuracy"].notna()]
    lost = sorted(set(epochs["run"]) - set(trained["run"]))
    if lost or trained.empty:
        run = f"run {lost[0]} has none" if lost else "the table is empty"
        raise ValueError(f"a run needs a validation accuracy after epoch 0; {run}; leave it out.")
    order = trained.sort_values(
        ["run", "validation_accuracy", "epoch"], ascending=[True, False, True]
    )
    best = order.drop_duplicates("run")[wanted]
    return best.rename(columns={"epoch": "best_epoch"}).reset_index(drop=True)


def by_arm(
    best: pd.DataFrame, quantity: str = "test_accuracy", confidence: float = 0.95
) -> dict[str, Summary]:
    """Return the summary of one column of `best_epoch` for each arm, in order of appearance."""
    if quantity not in best.columns:
        raise ValueError(
            f"quantity must be one of {', '.join(best.columns)}, got {quantity!r}; use one."
        )
    groups = best.groupby("arm", sort=False)[quantity]
    return {arm: summary(values, confidence) for arm, values in groups}


def mann_whitney(a: Iterable[float], b: Iterable[float]) -> MannWhitney:
    """Return U of `a` and the two-sided p-value of the Mann-Whitney U test.

    U counts the pairs in which `a` is the larger, ties as one half: 0 to runs_a * runs_b. The
    p-value is exact without ties when one sample has at most 8 values, else the normal
    approximation with tie and continuity correction (`scipy.stats.mannwhitneyu`).

    >>> mann_whitney([1, 2, 3], [4, 5, 6])
    MannWhitney(statistic=0.0, p=0.1)
    """
    result = stats.mannwhitneyu(sample(a), sample(b), alternative="two-sided")
    return MannWhitney(float(result.statistic), float(result.pvalue))


def mann_whitney_p(statistic: float, runs_a: int, runs_b: int) -> float:
    """Return the two-sided p-value that belongs to a printed U, by the normal approximation.

    Without ties U has mean m = runs_a runs_b / 2 and variance runs_a runs_b (runs_a + runs_b + 1)
    / 12; the continuity correction takes 1/2 from |U - m|. It tells whether a printed statistic
    and p-value belong together.

    >>> f"{mann_whitney_p(0, 20, 20):.2e}"  # Niehaus et al., Table VI, AlexNet: as printed
    '6.80e-08'
    """
    if min(runs_a, runs_b) < 1 or not 0 <= statistic <= runs_a * runs_b:
        raise ValueError(
            f"U must be between 0 and runs_a * runs_b = {runs_a * runs_b}, got {statistic}; "
            "check the sample sizes."
        )
    spread = np.sqrt(runs_a * runs_b * (runs_a + runs_b + 1) / 12)
    z = max(abs(statistic - runs_a * runs_b / 2) - 0.5, 0) / spread
    return float(2 * stats.norm.sf(z))


def holm(pvalues: Iterable[float]) -> np.ndarray:
    """Return Holm's adjusted p-values, in the order given; compare them with one alpha.

    The k-th smallest of m p-values is multiplied by m - k + 1; each is at least the one before
    and at most 1 (S. Holm, Scandinavian Journal of Statistics 6, 1979).

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    from statsmodels.stats.multitest import multipletests

    data = sample(pvalues)
    if ((data < 0) | (data > 1)).any():
        wrong = data[(data < 0) | (data > 1)][0]
        raise ValueError(f"a p-value lies between 0 and 1, got {wrong:g}; check the test.")
    return multipletests(data, method="holm")[1]
