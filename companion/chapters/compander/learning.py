"""The ResNet whose a and b learn, read: what learning gains, and where a and b end."""

from __future__ import annotations

import pandas as pd

from companion.evidence import comparison
from companion.evidence.records import Record

PAIRS = (("kept", "none"), ("coarse", "none"), ("fine", "none"), ("fine", "coarse"))


def compared(record: Record) -> pd.DataFrame:
    """`comparison.compare` of `PAIRS`, paired, in points of test accuracy after the last epoch."""
    rows = record.epochs[record.epochs["epoch"] == record.epochs["epoch"].max()]
    values = {
        arm: 100 * mine.set_index("seed")["test_accuracy"].astype(float).sort_index()
        for arm, mine in rows.groupby("arm", sort=False)
    }
    return comparison.compare(values, PAIRS, paired=True)


def ends(record: Record, arm: str) -> pd.DataFrame:
    """Where a and b of an arm end, without their signs: rows runs, columns (curve_a, layer) and
    (curve_b, layer). A layer whose a changed its sign turned its v about, or passed through 0."""
    rows = record.layers
    rows = rows[(rows["epoch"] == rows["epoch"].max()) & (rows["arm"] == arm)]
    return rows.pivot(index="seed", columns="layer", values=["curve_a", "curve_b"]).abs()
