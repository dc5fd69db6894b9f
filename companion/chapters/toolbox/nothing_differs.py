"""A thousand experiments in which nothing differs, judged in several ways: how often is something
found that is not there?"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from companion.evidence import comparison, selection
from companion.evidence.records import Record

ARMS, RUNS, EXPERIMENTS = 5, 10, 1000


def _brunner_munzel(a: np.ndarray, b: np.ndarray) -> float:
    if a.min() > b.max() or b.min() > a.max():  # no spread of ranks to divide by
        return 0.0
    return float(stats.brunnermunzel(a, b).pvalue)


OTHERS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "Welch": lambda a, b: float(stats.ttest_ind(a, b, equal_var=False).pvalue),
    "Kolmogorov-Smirnov": lambda a, b: float(stats.ks_2samp(a, b).pvalue),
    "Brunner-Munzel": _brunner_munzel,
}
"""Tests of two samples that a package offers beside Mann-Whitney's."""
JUDGES = {
    "one pair, one test": "one pair, one test",
    "best test": "one pair, best of four tests",
    "best pair": "four pairs, the best one",
    "rule": "four pairs, the book's rule",
}


def scores(record: Record, arm: str = "none") -> np.ndarray:
    """The test accuracy of each run of an arm at its best validation epoch, in percent."""
    best = selection.best_epoch(record.epochs)
    return 100 * best.loc[best["arm"] == arm, "test_accuracy"].to_numpy(float)


def judged(arms: np.ndarray) -> dict[str, bool]:
    """Whether each of `JUDGES` finds a difference between the first of these arms and the others;
    arms [arms, runs]."""
    named = {str(k): runs for k, runs in enumerate(arms)}
    found = comparison.compare(named, [(name, "0") for name in named if name != "0"])
    p, level = found["p"].to_numpy(), comparison.ALPHA
    others = [test(arms[1], arms[0]) for test in OTHERS.values()]
    return {
        "one pair, one test": bool(p[0] <= level),
        "best test": bool(min(p[0], *others) <= level),
        "best pair": bool(p.min() <= level),
        "rule": bool(found["differs"].any()),
    }


def alarms(values: np.ndarray, experiments: int = EXPERIMENTS, seed: int = 0) -> pd.DataFrame:
    """How often each judge raises an alarm where nothing differs.

    values: scores of one arm, at least `ARMS` x `RUNS` of them, which are dealt at random to
    `ARMS` arms of `RUNS`. Columns: judge, share, low, high (its 95 % interval, Wilson's).
    """
    needed = ARMS * RUNS
    if len(values) < needed:
        raise ValueError(
            f"values must be at least {needed} scores, got {len(values)}; take an arm with more "
            "runs"
        )
    random = np.random.default_rng(seed)
    found = [
        judged(random.permutation(values)[:needed].reshape(ARMS, RUNS)) for _ in range(experiments)
    ]
    rows = []
    for judge in JUDGES:
        hits = sum(one[judge] for one in found)
        interval = stats.binomtest(hits, experiments).proportion_ci(method="wilson")
        rows.append((judge, hits / experiments, interval.low, interval.high))
    return pd.DataFrame(rows, columns=["judge", "share", "low", "high"])


@cache
def false_alarms(record: Record) -> pd.DataFrame:
    """`alarms` of the runs of a record's arm ``none``."""
    return alarms(scores(record))
