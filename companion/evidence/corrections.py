"""Corrections for many tests: Holm's and Bonferroni's."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import stats

from companion.evidence.summaries import sample


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
