"""Runs beside those whose norms they follow: what the records of the side page hold."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from companion.chapters.batchnorm_norms import bounded as tracks
from companion.chapters.batchnorm_norms import inside, parts
from companion.chapters.batchnorm_norms.experiments import matched
from companion.evidence.records import Record


def told(record: Record, pairs: Iterable[tuple[str, str]]) -> str:
    """The paired differences in final test accuracy, points with 95 % intervals, a line each."""
    rows = inside.compared(record, pairs)
    return "\n".join(
        f"{row.arm} less {row.baseline}: {row.estimate:+.1f} ({row.low:+.1f} to {row.high:+.1f})"
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
