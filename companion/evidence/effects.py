"""How large a difference between two samples is, and how sure: effect sizes and the bootstrap.

A sample is one value a run. A p-value says whether there is a difference; these say how much.
"""

import math
import warnings
from collections.abc import Callable, Iterable

import numpy as np
from scipy import stats

from companion.evidence.summaries import Interval, Summary, sample, summary


def superiority(a: Iterable[float], b: Iterable[float]) -> float:
    """Return the probability that a run of `a` is better than a run of `b`, ties counted half.

    ``A = U / (runs_a runs_b)``, with U the Mann-Whitney statistic of `a`: the share of all pairs
    in which `a` is the larger. 1/2 says no difference, 1 that every run of `a` beats every run of
    `b` (A. Vargha and H. Delaney, Journal of Educational and Behavioral Statistics 25, 2000).

    >>> superiority([1, 2, 3], [2, 3, 4])
    0.2222222222222222
    """
    return float(_superiority(sample(a), sample(b)))


def cliffs_delta(a: Iterable[float], b: Iterable[float]) -> float:
    """Return ``2 A - 1``: the share of pairs won by `a` less the share won by `b`, -1 to 1
    (N. Cliff, Psychological Bulletin 114, 1993).

    >>> cliffs_delta([4, 5, 6], [1, 2, 3])
    1.0
    """
    return 2 * superiority(a, b) - 1


def hedges_g(a: Summary | Iterable[float], b: Summary | Iterable[float]) -> float:
    """Return the difference of the means in units of the pooled standard deviation.

    ``g = J (mean_a - mean_b) / s`` with ``s^2 = ((n_a - 1) s_a^2 + (n_b - 1) s_b^2) / f``,
    ``f = n_a + n_b - 2`` and ``J = 1 - 3 / (4 f - 1)``, which takes out most of the bias of few
    runs (L. Hedges, Journal of Educational Statistics 6, 1981). Dimensionless; takes values or
    summaries, so a paper's printed numbers will do.

    `ValueError` for fewer than two runs on a side, or when no value differs from its mean.

    >>> from companion.evidence.summaries import from_printed
    >>> round(hedges_g(from_printed(50.08, 0.50, 100), from_printed(48.72, 0.48, 100)), 2)
    2.76
    """
    one = a if isinstance(a, Summary) else summary(a)
    two = b if isinstance(b, Summary) else summary(b)
    if min(one.runs, two.runs) < 2:
        raise ValueError(
            f"hedges_g needs at least 2 runs on each side, got {one.runs} and {two.runs}; "
            "one run shows no spread."
        )
    freedom = one.runs + two.runs - 2
    pooled = ((one.runs - 1) * one.sd**2 + (two.runs - 1) * two.sd**2) / freedom
    if pooled == 0:
        raise ValueError("hedges_g needs values that differ within a sample; give the difference.")
    return (1 - 3 / (4 * freedom - 1)) * (one.mean - two.mean) / math.sqrt(pooled)


def _superiority(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
    """A over the last axis, for a whole set of resamples at once."""
    if axis != -1:
        raise ValueError(f"axis must be -1, got {axis}; move the runs to the last axis.")
    ranks = stats.rankdata(np.concatenate([a, b], axis=-1), axis=-1)
    n, m = a.shape[-1], b.shape[-1]
    return (ranks[..., :n].sum(axis=-1) - n * (n + 1) / 2) / (n * m)


def _difference(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
    return a.mean(axis=axis) - b.mean(axis=axis)


def _delta(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
    return 2 * _superiority(a, b, axis) - 1


STATISTICS: dict[str, Callable] = {
    "difference": _difference,
    "superiority": _superiority,
    "delta": _delta,
}
"""What `bootstrap` can give an interval for."""


def bootstrap(
    a: Iterable[float],
    b: Iterable[float],
    statistic: str = "difference",
    confidence: float = 0.95,
    resamples: int = 9999,
    seed: int = 0,
) -> Interval:
    """Return a statistic of two samples with its bootstrap interval.

    `statistic` is "difference" (of means), "superiority" or "delta". Runs are drawn again with
    replacement, each side for itself, `resamples` times, and the interval is read from the
    statistic's quantiles, corrected for bias and skewness: BCa (B. Efron, Journal of the American
    Statistical Association 82, 1987; `scipy.stats.bootstrap`). The same seed gives the same
    interval.

    Where all resamples agree (one side always wins, or no value differs) the bootstrap has nothing
    to read from, and low and high are NaN. With fewer than about ten runs a side the interval is
    too short more often than it says.

    `ValueError` for an unknown statistic and for fewer than two runs on a side.

    >>> bootstrap([4, 5, 6, 7], [1, 2, 3, 4], resamples=999).estimate
    3.0
    """
    if statistic not in STATISTICS:
        raise ValueError(
            f"statistic must be one of {', '.join(STATISTICS)}, got {statistic!r}; use one."
        )
    one, two = sample(a), sample(b)
    if min(len(one), len(two)) < 2:
        raise ValueError(
            f"bootstrap needs at least 2 runs on each side, got {len(one)} and {len(two)}; "
            "one run cannot be drawn differently."
        )
    function = STATISTICS[statistic]
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # answered by NaN
        found = stats.bootstrap(
            (one, two),
            function,
            vectorized=True,
            axis=-1,
            n_resamples=resamples,
            confidence_level=confidence,
            method="BCa",
            random_state=np.random.default_rng(seed),
        ).confidence_interval
    return Interval(float(function(one, two)), float(found.low), float(found.high), confidence)
