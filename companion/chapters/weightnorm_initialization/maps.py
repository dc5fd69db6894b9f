"""Chapter 6's records as tables: a row a depth, start and learning rate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pandas as pd

from companion.chapters.weightnorm_initialization.experiments import depth, rate, rescued
from companion.evidence import records
from companion.evidence.records import Record

LEARNED = 0.5
"""Test accuracy above which a run counts as one that learned; chance is 0.1."""


def ends(record: Record, column: str = "test_accuracy") -> dict[str, pd.Series]:
    """Arm -> a column of its runs after the last epoch, by run."""
    last = record.epochs[record.epochs["epoch"] == record.epochs["epoch"].max()]
    return {str(arm): rows.set_index("run")[column] for arm, rows in last.groupby("arm")}


RECORDS = ("weight-norm-depth-digits-book", "weight-norm-depth-unplanned-digits-book")


def shipped() -> tuple[Record, ...]:
    """The records of `depth.COMPARED` and `depth.UNPLANNED`, which hold every start together."""
    return tuple(records.recorded(name) for name in RECORDS)


def cells(shown: Sequence[Record]) -> pd.DataFrame:
    """Every cell of records of `depth`: start, depth, rate, runs (each run's test accuracy,
    ascending), accuracy (their mean), learned (the share above `LEARNED`)."""
    reached = {arm: runs for record in shown for arm, runs in ends(record).items()}
    rows = []
    for layers, start, step in itertools.product(depth.BOOK_DEPTHS, depth.STARTS, depth.RATES):
        runs = sorted(reached[depth.arm_name(layers, start, step)].fillna(0.0))
        rows.append(
            {
                "start": start,
                "depth": layers,
                "rate": step,
                "runs": runs,
                "accuracy": sum(runs) / len(runs),
                "learned": sum(run > LEARNED for run in runs) / len(runs),
            }
        )
    return pd.DataFrame(rows)


def best(shown: Sequence[Record]) -> pd.DataFrame:
    """The rate with the best mean accuracy of every start and depth."""
    every = cells(shown)
    return every.loc[every.groupby(["start", "depth"])["accuracy"].idxmax()].reset_index(drop=True)


def falling(record: Record) -> pd.DataFrame:
    """Start and rate -> share of runs whose training loss ends below its start, of a record of
    `rate.EXPERIMENT`."""
    first = record.epochs[record.epochs["epoch"] == 0].set_index("run")["train_loss"]
    last = ends(record, "train_loss")
    rows = []
    for start, step in itertools.product(rate.STARTS, rate.RATES):
        loss = last[rate.arm_name(start, step)]
        fell = [math.isfinite(loss[run]) and loss[run] < first[run] for run in loss.index]
        rows.append({"start": start, "rate": step, "share": sum(fell) / len(fell)})
    return pd.DataFrame(rows)


def largest_rate(record: Record, start: str) -> float:
    """The largest learning rate up to which all runs' losses fell at every rate; 0 for none."""
    rows = falling(record)
    rows = rows[rows["start"] == start].sort_values("rate")
    usable = rows[(rows["share"] == 1).cummin()]
    return float(usable["rate"].max()) if len(usable) else 0.0


def rescues(record: Record) -> pd.DataFrame:
    """Start and rule -> each run's test accuracy at the end, in a record of `rescued`."""
    reached = ends(record)
    return pd.DataFrame(
        [
            {"start": start, "held": held, "runs": sorted(reached[rescued.arm_name(start, held)])}
            for start, held in itertools.product(rescued.STARTS, ("none", "wr", "wrs"))
        ]
    ).set_index(["start", "held"])


DEEP_RECORDS = ("weight-norm-deeper-digits-book", "weight-norm-deepest-digits-book")


def deep() -> tuple[Record, ...]:
    """The records of `depth.DEEPER` and `depth.DEEPEST`, a hundred layers and two hundred."""
    return tuple(records.recorded(name) for name in DEEP_RECORDS)


def deep_cells(shown: Sequence[Record]) -> pd.DataFrame:
    """As `cells`, of the records of `deep`: start, depth, rate, runs, accuracy."""
    rows = []
    for layers, record in zip(depth.DEEP, shown, strict=True):
        reached = ends(record)
        for _, start, step in depth.deep_arms(layers):
            runs = sorted(reached[depth.arm_name(layers, start, step)].fillna(0.0))
            rows.append({"start": start, "depth": layers, "rate": step, "runs": runs,
                         "accuracy": sum(runs) / len(runs)})  # fmt: skip
    return pd.DataFrame(rows)


def deep_best(shown: Sequence[Record]) -> pd.DataFrame:
    """As `best`, of the records of `deep`."""
    every = deep_cells(shown)
    return every.loc[every.groupby(["start", "depth"])["accuracy"].idxmax()].reset_index(drop=True)
