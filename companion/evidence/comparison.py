"""Comparing arms: rank tests, step by step, and corrections for many tests.

A sample is one value a run. Intervals (`summaries`), the best-epoch metric (`selection`), effect
sizes (`effects`) and power (`power`) are offered here too.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from companion.evidence.effects import bootstrap, cliffs_delta, hedges_g, superiority
from companion.evidence.power import power, power_by_formula, runs_needed, smallest_runs
from companion.evidence.selection import best_epoch, by_arm, optimism
from companion.evidence.summaries import (
    Interval,
    Summary,
    difference,
    from_printed,
    sample,
    summary,
)

__all__ = [
    "Interval", "MannWhitney", "SignedRank", "Summary", "best_epoch", "bootstrap", "by_arm",
    "cliffs_delta", "corrections", "difference", "from_printed", "hedges_g", "holm",
    "mann_whitney", "mann_whitney_p", "optimism", "power", "power_by_formula", "ranks",
    "runs_needed", "signed_rank", "signed_rank_p", "smallest_runs", "summary", "superiority",
]  # fmt: skip

METHODS = ("auto", "exact", "asymptotic")


class MannWhitney(NamedTuple):
    """The statistic U of the first sample and the two-sided p-value."""

    statistic: float
    p: float


class SignedRank(NamedTuple):
    """The smaller of the two signed rank sums, W, and the two-sided p-value."""

    statistic: float
    p: float


def ranks(a: Iterable[float], b: Iterable[float]) -> pd.DataFrame:
    """Return the ranks behind a Mann-Whitney test, smallest value first: columns sample ("a" or
    "b"), value, rank and beaten.

    Equal values share the mean of their ranks. `beaten` is how many values of the other sample
    are smaller, ties counted half. The rank sum of `a` less its smallest possible value is U:
    ``U = sum(rank of a) - n (n + 1) / 2 = sum(beaten of a)``.

    >>> table = ranks([1, 4, 5], [2, 4])
    >>> table["rank"].tolist()
    [1.0, 2.0, 3.5, 3.5, 5.0]
    >>> a = table[table["sample"] == "a"]
    >>> print(a["rank"].sum() - 3 * 4 / 2, a["beaten"].sum())
    3.5 3.5
    """
    one, two = sample(a), sample(b)
    values = np.concatenate([one, two])
    joint = stats.rankdata(values)
    own = np.concatenate([stats.rankdata(one), stats.rankdata(two)])
    frame = pd.DataFrame(
        {
            "sample": ["a"] * len(one) + ["b"] * len(two),
            "value": values,
            "rank": joint,
            "beaten": joint - own,
        }
    )
    return frame.sort_values(["value", "sample"], kind="stable").reset_index(drop=True)


def mann_whitney(a: Iterable[float], b: Iterable[float], method: str = "auto") -> MannWhitney:
    """Return U of `a` and the two-sided p-value of the Mann-Whitney U test.

    U counts the pairs in which `a` is the larger, ties as one half: 0 to runs_a * runs_b. With
    method "exact" p is the share of all ways to deal the ranks to the two samples that are at
    least as far from the middle (right without ties only); "asymptotic" is the normal
    approximation with tie and continuity correction; "auto" is exact when there are no ties and
    one sample has at most 8 values (`scipy.stats.mannwhitneyu`).

    >>> mann_whitney([1, 2, 3], [4, 5, 6])
    MannWhitney(statistic=0.0, p=0.1)
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}; use one.")
    result = stats.mannwhitneyu(sample(a), sample(b), alternative="two-sided", method=method)
    return MannWhitney(float(result.statistic), float(result.pvalue))


def mann_whitney_p(statistic: float, runs_a: int, runs_b: int, continuity: bool = True) -> float:
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
    return _normal_p(statistic - runs_a * runs_b / 2, spread, continuity)


def signed_rank(a: Iterable[float], b: Iterable[float]) -> SignedRank:
    """Return W and the two-sided p-value of Wilcoxon's signed-rank test, for *paired* samples.

    The differences a_i - b_i are ranked by size; W is the smaller of the rank sum of the positive
    and that of the negative ones: 0 to n (n + 1) / 4. Zeros are left out. p is exact for at most
    50 pairs without ties and zeros, else the normal approximation (`scipy.stats.wilcoxon`). For
    independent samples the pairing, and with it W, is arbitrary.

    `ValueError` for samples of different length or without any difference.

    >>> signed_rank([1, 2, 3], [2, 4, 6])
    SignedRank(statistic=0.0, p=0.25)
    """
    one, two = sample(a), sample(b)
    if len(one) != len(two):
        raise ValueError(
            f"pairs need samples of one length, got {len(one)} and {len(two)}; "
            "use mann_whitney for independent samples."
        )
    if (one == two).all():
        raise ValueError("a signed-rank test needs a pair that differs, and all pairs are equal.")
    result = stats.wilcoxon(one, two)
    return SignedRank(float(result.statistic), float(result.pvalue))


def signed_rank_p(statistic: float, pairs: int, continuity: bool = False) -> float:
    """Return the two-sided p-value that belongs to a printed W, by the normal approximation.

    Without ties W has mean n (n + 1) / 4 and variance n (n + 1) (2 n + 1) / 24.

    >>> round(signed_rank_p(2080, 100), 3)
    0.126
    """
    if pairs < 1 or not 0 <= statistic <= pairs * (pairs + 1) / 2:
        raise ValueError(
            f"W must be between 0 and pairs (pairs + 1) / 2 = {pairs * (pairs + 1) // 2}, "
            f"got {statistic}; check the number of pairs."
        )
    spread = np.sqrt(pairs * (pairs + 1) * (2 * pairs + 1) / 24)
    return _normal_p(statistic - pairs * (pairs + 1) / 4, spread, continuity)


def _normal_p(distance: float, spread: float, continuity: bool) -> float:
    z = max(abs(distance) - 0.5 * continuity, 0) / spread
    return float(2 * stats.norm.sf(z))


def holm(pvalues: Iterable[float]) -> np.ndarray:
    """Return Holm's adjusted p-values, in the order given; compare them with one alpha.

    The k-th smallest of m p-values is multiplied by m - k + 1; each is at least the one before
    and at most 1 (S. Holm, Scandinavian Journal of Statistics 6, 1979).

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    data = _pvalues(pvalues)
    order = np.argsort(data, kind="stable")
    # by hand: statsmodels' multipletests collects all garbage at each call, 0.1 s in a notebook
    steps = np.arange(len(data), 0, -1) * data[order]
    adjusted = np.empty_like(data)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return adjusted


def corrections(pvalues: Iterable[float], alpha: float = 0.05) -> pd.DataFrame:
    """Return Bonferroni's and Holm's correction of m p-values side by side, in the order given.

    Columns: p; step (1 for the smallest); bonferroni and holm, the adjusted p-values;
    bonferroni_alpha = alpha / m and holm_alpha = alpha / (m - step + 1), what a raw p is compared
    with; bonferroni_finds and holm_finds, the decisions. Holm goes up from the smallest p and
    stops at the first that fails. Both keep the probability of any false finding at alpha at
    most, whatever the dependence of the tests; Holm finds all that Bonferroni finds, or more.

    >>> table = corrections([0.01, 0.04, 0.02])
    >>> table["bonferroni_finds"].tolist(), table["holm_finds"].tolist()
    ([True, False, False], [True, True, True])
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}; 0.05 is usual.")
    data = _pvalues(pvalues)
    count = len(data)
    step = stats.rankdata(data, method="ordinal")
    bonferroni, adjusted = np.minimum(1, count * data), holm(data)
    return pd.DataFrame(
        {
            "p": data,
            "step": step,
            "bonferroni": bonferroni,
            "holm": adjusted,
            "bonferroni_alpha": alpha / count,
            "holm_alpha": alpha / (count - step + 1),
            "bonferroni_finds": bonferroni <= alpha,
            "holm_finds": adjusted <= alpha,
        }
    )


def _pvalues(pvalues: Iterable[float]) -> np.ndarray:
    data = sample(pvalues)
    if ((data < 0) | (data > 1)).any():
        wrong = data[(data < 0) | (data > 1)][0]
        raise ValueError(f"a p-value lies between 0 and 1, got {wrong:g}; check the test.")
    return data
