"""How many runs a difference needs: the power of the Mann-Whitney test.

Power is the probability that a test finds a difference that is there: that its p-value is at most
alpha.
"""

import math
from functools import cache

import numpy as np
from scipy import stats

from companion.evidence.rank_tests import EXACT
from companion.evidence.summaries import Interval

EFFICIENCY = 3 / math.pi
"""Runs the t test needs for what the Mann-Whitney test needs 1 run for, on normal data and in the
limit of many runs (E. Pitman, 1948): the price of not assuming a normal distribution is 5 %."""

FEW = 20
"""Runs an arm up to which `runs_needed` checks the formula by simulation."""
LIMIT = 1_000_000
"""Runs an arm beyond which `runs_needed` stops looking."""


def smallest_runs(alpha: float = 0.05) -> int:
    """Return the fewest runs a side with which the exact Mann-Whitney test can say anything.

    With n runs a side the smallest two-sided p-value is ``2 / C(2n, n)``.

    >>> smallest_runs(), smallest_runs(0.05 / 3)
    (4, 5)
    """
    _check(alpha=alpha)
    runs = 1
    while 2 / math.comb(2 * runs, runs) > alpha:
        runs += 1
    return runs


def power(
    difference: float,
    sd: float,
    runs: int,
    alpha: float = 0.05,
    sd_b: float | None = None,
    draws: int = 4000,
    seed: int = 0,
) -> Interval:
    """Return the power of the two-sided Mann-Whitney test, by simulation.

    Both arms have `runs` runs, drawn from normal distributions whose means differ by `difference`
    and whose standard deviations are `sd` and `sd_b` (the same when None). The estimate is the
    share of `draws` simulated experiments with p <= alpha; the interval is the 95 % Clopper-
    Pearson one of that share. p is exact for at most `EXACT` runs a side.

    `ValueError` for sds or alpha out of range, runs < 1, draws < 1.

    >>> power(0.4, 0.5, runs=27).estimate > 0.75
    True
    """
    other = sd if sd_b is None else sd_b
    _check(alpha=alpha, sd=sd, sd_b=other, runs=runs, draws=draws)
    random = np.random.default_rng(seed)
    a = random.normal(difference, sd, (draws, runs))
    b = random.normal(0.0, other, (draws, runs))
    method = "exact" if runs <= EXACT else "asymptotic"
    p = stats.mannwhitneyu(a, b, alternative="two-sided", axis=1, method=method).pvalue
    found = stats.binomtest(int((p <= alpha).sum()), draws)
    ends = found.proportion_ci(0.95)
    return Interval(found.statistic, ends.low, ends.high)


def power_by_formula(difference: float, sd: float, runs: float, alpha: float = 0.05) -> float:
    """Return the same power by normal theory: that of a t test with `3 / pi` of the runs.

    Too high for few runs, where the exact test's p-values come in coarse steps.

    The t test's power comes from the non-central t distribution
    (`statsmodels.stats.power.TTestIndPower`). For fewer than `smallest_runs` it is 0.

    >>> round(power_by_formula(0.4, 0.5, runs=27), 2)
    0.8
    """
    from statsmodels.stats.power import TTestIndPower

    _check(alpha=alpha, sd=sd, runs=runs)
    if runs < smallest_runs(alpha):
        return 0.0
    found = float(TTestIndPower().power(abs(difference) / sd, runs * EFFICIENCY, alpha))
    return 1.0 if math.isnan(found) else found  # so far from 0 that scipy's distribution ends


def runs_needed(difference: float, sd: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Return how many runs an arm needs for the Mann-Whitney test to find a difference.

    The smallest whole number whose `power_by_formula` is at least `power`, for two arms of equal
    size and spread; never below `smallest_runs(alpha)`. Where that is at most `FEW`, simulation
    decides, because the formula promises too much there. Units cancel: give both in points. With m
    tests under one correction give ``alpha / m``.

    `ValueError` when the difference is 0 (no number of runs finds it) or a share is out of range.

    >>> runs_needed(difference=0.4, sd=0.5)
    27
    """
    _check(alpha=alpha, sd=sd, power=power)
    if difference == 0 or not math.isfinite(difference):
        raise ValueError(
            f"difference must be a finite number other than 0, got {difference}; "
            "no number of runs finds a difference that is not there."
        )
    fewest = smallest_runs(alpha)
    low, high = fewest - 1, fewest
    while power_by_formula(difference, sd, high, alpha) < power:
        low, high = high, 2 * high
        if high > LIMIT:
            raise ValueError(
                f"a difference of {difference:g} at sd {sd:g} needs more than {LIMIT:,} runs an "
                "arm; look for a larger one."
            )
    while high - low > 1:
        middle = (low + high) // 2
        if power_by_formula(difference, sd, middle, alpha) < power:
            low = middle
        else:
            high = middle
    while high <= FEW and _simulated(difference, sd, high, alpha) < power:
        high += 1
    return high


@cache
def _simulated(difference: float, sd: float, runs: int, alpha: float) -> float:
    return power(difference, sd, runs, alpha, draws=20_000).estimate


def _check(**values: float) -> None:
    for name, value in values.items():
        if name in ("alpha", "power"):
            if not 0 < value < 1:
                raise ValueError(f"{name} must be between 0 and 1, got {value}; 0.05 is 5 %.")
        elif name in ("runs", "draws"):
            if not value >= 1:
                raise ValueError(f"{name} must be at least 1, got {value}; give a count.")
        elif not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a finite number > 0, got {value}; give the spread.")
