"""Rank tests, step by step: Mann-Whitney for independent runs, signed ranks for paired ones.

A sample is one value a run.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from companion.evidence.summaries import sample

EXACT = 10
"""Runs a side up to which a p-value is the exact share of orders, not a normal approximation."""
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
    method "exact" p is the share of all ways to deal the values to the two samples that are at
    least as far from the middle, equal values included; "asymptotic" is the normal approximation
    with tie and continuity correction; "auto" is exact for at most `EXACT` runs a side
    (`scipy.stats.mannwhitneyu`; with ties, counted here).

    >>> mann_whitney([1, 2, 3], [4, 5, 6])
    MannWhitney(statistic=0.0, p=0.1)
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}; use one.")
    one, two = sample(a), sample(b)
    exact = method == "exact" or (method == "auto" and max(len(one), len(two)) <= EXACT)
    how = "exact" if exact else "asymptotic"
    result = stats.mannwhitneyu(one, two, alternative="two-sided", method=how)
    if exact and len(np.unique(np.concatenate([one, two]))) < len(one) + len(two):
        return MannWhitney(float(result.statistic), _exact_with_ties(one, two))
    return MannWhitney(float(result.statistic), float(result.pvalue))


def _exact_with_ties(one: np.ndarray, two: np.ndarray) -> float:
    """The share of all ways to deal the joint ranks to two samples whose rank sum is at least as
    far from its mean as that of `one`.

    By hand: scipy's permutations go through 184,756 orders for ten runs a side, in 2 s; here the
    number of ways to each rank sum is counted, rank by rank.
    """
    doubled = np.rint(2 * stats.rankdata(np.concatenate([one, two]))).astype(int)
    ways = np.zeros((len(one) + 1, doubled.sum() + 1))  # [ranks taken, their doubled sum]
    ways[0, 0] = 1
    for rank in doubled:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    mean = len(one) * (len(one) + len(two) + 1)
    observed = abs(doubled[: len(one)].sum() - mean)
    far = np.abs(np.arange(ways.shape[1]) - mean) >= observed
    return float(ways[-1, far].sum() / ways[-1].sum())


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
