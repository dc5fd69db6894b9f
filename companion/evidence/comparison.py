"""The book's one rule for comparing arms.

Two arms differ by the difference of their means, with Welch's 95 % interval (or the paired one
where their runs share seeds). Whether they differ is said by the Mann-Whitney test (by the
signed-rank test for pairs), exact for few runs, with Holm's adjustment over all the comparisons
that are judged together. Every page, table and figure takes a comparison from here.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from companion.evidence.corrections import holm
from companion.evidence.rank_tests import mann_whitney, signed_rank
from companion.evidence.summaries import Interval, difference, paired_difference

ALPHA = 0.05
"""Two arms differ when Holm's adjusted p-value is at most this."""
COLUMNS = (
    "arm", "baseline", "runs", "lost", "estimate", "low", "high", "p", "adjusted", "differs",
)  # fmt: skip


def compare(
    samples: Mapping[str, Iterable[float]],
    pairs: Iterable[tuple[str, str]],
    paired: bool = False,
) -> pd.DataFrame:
    """Compare each pair of arms (arm, baseline), all judged together; one row a pair.

    samples: arm -> one value a run. Columns: arm, baseline, runs (of the arm), lost (values of the
    two that are not finite, as a diverged run's loss), estimate = mean of arm - mean of baseline
    with its 95 % interval low, high, p, adjusted (Holm's, over the rows) and differs (adjusted at
    most `ALPHA`). Where values are lost there is no mean: NaN, and differs is False.

    >>> rows = compare({"none": [1.0, 2, 3, 4, 5], "wr": [6.0, 7, 8, 9, 10]}, [("wr", "none")])
    >>> rows[["estimate", "differs"]].values.tolist()
    [[5.0, True]]
    """
    rows = []
    for arm, baseline in pairs:
        one, two = (np.asarray(list(samples[name]), float) for name in (arm, baseline))
        lost = int((~np.isfinite(one)).sum() + (~np.isfinite(two)).sum())
        gap, p = Interval(np.nan, np.nan, np.nan), np.nan
        if not lost:
            gap = paired_difference(one, two) if paired else difference(one, two)
            p = _p(one, two, paired)
        rows.append((arm, baseline, len(one), lost, gap.estimate, gap.low, gap.high, p))
    frame = pd.DataFrame(rows, columns=list(COLUMNS[:8]))
    tested = frame["p"].notna()
    frame["adjusted"] = np.nan
    if tested.any():
        frame.loc[tested, "adjusted"] = holm(frame.loc[tested, "p"])
    return frame.assign(differs=frame["adjusted"] <= ALPHA)


def _p(one: np.ndarray, two: np.ndarray, paired: bool) -> float:
    if not paired:
        return mann_whitney(one, two).p
    return 1.0 if (one == two).all() else signed_rank(one, two).p
