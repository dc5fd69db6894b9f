"""A mean with its spread and its t interval, from values or from a paper's printed numbers."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval that covers the true value with the stated confidence."""

    estimate: float
    low: float
    high: float
    confidence: float = 0.95

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Summary:
    """Mean, standard deviation (divided by n - 1), number of runs, and interval of the mean."""

    mean: float
    sd: float
    runs: int
    low: float
    high: float
    confidence: float = 0.95


def half_width(sd, runs, confidence: float = 0.95):
    """Half the t interval of a mean: ``t sd / sqrt(runs)``, with t the quantile of Student's
    distribution with runs - 1 degrees of freedom (W. S. Gosset, "The Probable Error of a Mean",
    1908). Numbers or arrays; NaN for one run, which says nothing about the spread.

    >>> round(float(half_width(1.0, 3)), 3)
    2.484
    """
    freedom = np.maximum(np.asarray(runs) - 1, 1)
    half = stats.t.ppf((1 + confidence) / 2, freedom) * sd / np.sqrt(runs)
    return np.where(np.asarray(runs) > 1, half, np.nan)


def from_printed(mean: float, sd: float, runs: int, confidence: float = 0.95) -> Summary:
    """Return the summary of `runs` values of which only mean and standard deviation are known.

    The interval is mean +- `half_width`. One run says nothing about the spread: its interval is
    the whole line and its sd is NaN.

    >>> interval = from_printed(mean=50.08, sd=0.50, runs=100)
    >>> f"{interval.low:.2f} to {interval.high:.2f}"
    '49.98 to 50.18'
    """
    _check_confidence(confidence)
    if runs < 1 or runs != int(runs):
        raise ValueError(f"runs must be a whole number >= 1, got {runs}; give the runs counted.")
    if not math.isfinite(mean):
        raise ValueError(f"mean must be a finite number, got {mean}; leave out what diverged.")
    if runs == 1:
        return Summary(float(mean), math.nan, 1, -math.inf, math.inf, confidence)
    if not (math.isfinite(sd) and sd >= 0):
        raise ValueError(f"sd must be a finite number >= 0, got {sd}; give the printed value.")
    half = float(half_width(sd, runs, confidence))
    return Summary(float(mean), float(sd), int(runs), mean - half, mean + half, confidence)


def summary(values: Iterable[float], confidence: float = 0.95) -> Summary:
    """Return mean, standard deviation (n - 1), runs and t interval of the mean of `values`.

    >>> s = summary([1.0, 2.0, 3.0])
    >>> s.mean, s.sd, s.runs, round(s.high - s.mean, 3)
    (2.0, 1.0, 3, 2.484)
    """
    data = sample(values)
    sd = float(np.std(data, ddof=1)) if len(data) > 1 else math.nan
    return from_printed(float(np.mean(data)), sd, len(data), confidence)


def sample(values: Iterable[float]) -> np.ndarray:
    """Return `values` as a float64 vector; `ValueError` when it is empty or holds NaN."""
    data = np.asarray(list(values), dtype=np.float64)
    if data.ndim != 1 or len(data) == 0:
        raise ValueError(
            f"a sample is a list of at least one number, got shape {data.shape}; "
            "give one value a run."
        )
    if not np.isfinite(data).all():
        wrong = data[~np.isfinite(data)][0]
        raise ValueError(f"a sample holds finite numbers, got {wrong}; leave out what diverged.")
    return data


def difference(
    a: Summary | Iterable[float], b: Summary | Iterable[float], confidence: float = 0.95
) -> Interval:
    """Return Welch's interval of mean(a) - mean(b), from values or from summaries.

    With s = sd^2 / runs of each sample, the half width is t * sqrt(s_a + s_b), and t has
    (s_a + s_b)^2 / (s_a^2 / (runs_a - 1) + s_b^2 / (runs_b - 1)) degrees of freedom (B. L. Welch,
    Biometrika 34, 1947): the two spreads need not be equal. With a single run on either side the
    interval is the whole line.

    >>> gap = difference(from_printed(50.08, 0.50, 100), from_printed(48.72, 0.48, 100))
    >>> f"{gap.estimate:.2f} ({gap.low:.2f} to {gap.high:.2f})"
    '1.36 (1.22 to 1.50)'
    """
    _check_confidence(confidence)
    one = a if isinstance(a, Summary) else summary(a)
    two = b if isinstance(b, Summary) else summary(b)
    gap = one.mean - two.mean
    if min(one.runs, two.runs) == 1:
        return Interval(gap, -math.inf, math.inf, confidence)
    parts = [s.sd**2 / s.runs for s in (one, two)]
    total = sum(parts)
    if total == 0:
        return Interval(gap, gap, gap, confidence)
    shares = [part / total for part in parts]
    freedom = 1 / sum(q**2 / (s.runs - 1) for q, s in zip(shares, (one, two), strict=True))
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(total)
    return Interval(gap, gap - half, gap + half, confidence)


def paired_difference(a: Iterable[float], b: Iterable[float], confidence: float = 0.95) -> Interval:
    """Return the t interval of mean(a - b) for runs paired in order, as runs with shared seeds.

    >>> paired_difference([2, 3, 5], [1, 2, 3]).estimate
    1.3333333333333333
    """
    one, two = sample(a), sample(b)
    if len(one) != len(two):
        raise ValueError(
            f"pairs need samples of one length, got {len(one)} and {len(two)}; "
            "use difference() for independent samples."
        )
    found = summary(one - two, confidence)
    return Interval(found.mean, found.low, found.high, confidence)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}; 0.95 is usual.")
