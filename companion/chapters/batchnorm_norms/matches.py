"""Runs beside those whose norms they follow, and Table 1 in small: what records of the side page
hold."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from companion.chapters.batchnorm_norms import bounded as tracks
from companion.chapters.batchnorm_norms import inside, parts
from companion.chapters.batchnorm_norms.experiments import matched, networks
from companion.evidence import published
from companion.evidence.records import Record


def told(record: Record, pairs: Iterable[tuple[str, str]]) -> str:
    """The paired differences in final test accuracy, points with 95 % intervals, a line each."""
    rows = inside.compared(record, pairs)
    return "\n".join(
        f"{row.arm} minus {row.baseline}: {row.estimate:+.1f} ({row.low:+.1f} to {row.high:+.1f})"
        for row in rows.itertuples()
    )


def gap(record: Record, one: str, other: str) -> pd.Series:
    """The paired difference in final test accuracy of one arm less another (`inside.compared`)."""
    return inside.compared(record, [(one, other)]).iloc[0]


def lengths_apart(record: Record, hold: str, optimizer: str, layer: int) -> float:
    """By how much a layer's weights are longer in the end than those whose norms they follow."""
    ends = [
        tracks.series(record, matched.arm(kind, optimizer), layer)["source"].iloc[-1]
        for kind in (f"follows {hold}", hold)
    ]
    return float(ends[0] / ends[1])


def turns_apart(record: Record, hold: str, optimizer: str, layer: int) -> float:
    """The rms turn of a follower's steps over that of those it follows, less 1, before the learning
    rate falls."""
    end = parts.constant_steps(record)
    mine, followed = (
        tracks.series(record, matched.arm(kind, optimizer), layer)["turn"].loc[:end]
        for kind in (f"follows {hold}", hold)
    )
    return float(np.sqrt(mine.pow(2).mean() / followed.pow(2).mean()) - 1)


def small_table(record: Record) -> pd.DataFrame:
    """WRS less WD in points, a row for each network and optimizer of Table 1: ours with its 95 %
    interval, from a record of `networks.DIGITS`, and the paper's on CIFAR-10 and CIFAR-100."""
    printed = published.paired_rows("L", "1")
    printed["gain"] = printed["wrs"] - printed["wd"]
    cells = printed["network"] + " " + printed["optimizer"]
    rows = []
    for cell in networks.CELLS:
        ours = gap(record, f"{cell} wrs", f"{cell} wd")
        theirs = printed[cells == cell].set_index("dataset")["gain"]
        rows.append(
            {
                "cell": cell,
                "ours": ours.estimate,
                "low": ours.low,
                "high": ours.high,
                "C10": theirs["c10"],
                "C100": theirs["c100"],
            }
        )
    return pd.DataFrame(rows)
