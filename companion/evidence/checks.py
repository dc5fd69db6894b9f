"""What the tables of a record must satisfy, as sentences about what they do not."""

import numpy as np
import pandas as pd

from companion.evidence import tables

_RUN = ["run", "arm", "seed"]


def content(header: dict, frames: dict[str, pd.DataFrame], complete: bool = True) -> list[str]:
    """Return one sentence for each rule that `frames` break; an empty list when all is well.

    `header` gives arms, seeds, runs_per_arm and epochs. With `complete=False` the frames may be
    a part of the record: a number of runs, each with all its epochs.
    """
    problems = [
        f"{name}: a row is named by {', '.join(tables.KEYS[name])} and {count} are there twice."
        for name, frame in frames.items()
        if (count := int(frame.duplicated(tables.KEYS[name]).sum()))
    ]
    epochs = frames["epochs"]
    runs = epochs[_RUN].drop_duplicates()
    problems += _names(header, runs)
    problems += _epochs(header["epochs"], epochs)
    for name in ("layers", "histograms"):
        problems += _same_runs(name, frames[name], runs)
    for name in ("epochs", "layers"):
        problems += _start(name, frames[name])
    problems += _values(epochs, frames["histograms"])
    if complete:
        counts = runs.groupby("arm")["run"].nunique()
        for arm in header["arms"]:
            have = int(counts.get(arm, 0))
            if have != header["runs_per_arm"]:
                problems.append(
                    f"epochs: each arm has {header['runs_per_arm']} runs and {arm} has {have}."
                )
    return problems


def _names(header: dict, runs: pd.DataFrame) -> list[str]:
    """Check that runs, arms and seeds are declared and name each other one to one."""
    problems = []
    for column, declared in (("arm", list(header["arms"])), ("seed", header["seeds"])):
        unknown = sorted(set(runs[column]) - set(declared))
        if unknown:
            problems.append(
                f"epochs: {column} {unknown[0]} is not among the record's "
                f"{', '.join(map(str, declared))}."
            )
    if runs["run"].duplicated().any():
        run = runs.loc[runs["run"].duplicated(), "run"].iloc[0]
        problems.append(f"epochs: a run has one arm and one seed and run {run} has more.")
    if runs.duplicated(["arm", "seed"]).any():
        twice = runs[runs.duplicated(["arm", "seed"])].iloc[0]
        problems.append(
            f"epochs: an arm and a seed name one run and {twice['arm']} with seed "
            f"{twice['seed']} has more."
        )
    return problems


def _epochs(last: int, epochs: pd.DataFrame) -> list[str]:
    """Check that each run has the epochs 0 to `last`."""
    wanted = set(range(last + 1))
    for run, found in epochs.groupby("run")["epoch"]:
        odd = sorted(wanted.symmetric_difference(found))
        if odd:
            state = "missing" if odd[0] in wanted else "beyond that"
            return [f"epochs: each run has epochs 0 to {last}; in run {run} {odd[0]} is {state}."]
    return []


def _same_runs(name: str, frame: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """Check that a table speaks of the same runs as `epochs`; an empty table is allowed."""
    if frame.empty:
        return []
    here, there = (
        set(f[_RUN].drop_duplicates().itertuples(index=False, name=None)) for f in (frame, runs)
    )
    odd = sorted(here ^ there)
    if not odd:
        return []
    run, arm, seed = odd[0]
    where = name if odd[0] in here else "epochs"
    return [
        f"{name}: its runs must be those of epochs; run {run} ({arm}, seed {seed}) is only in "
        f"{where}."
    ]


def _start(name: str, frame: pd.DataFrame) -> list[str]:
    """Check that everything measured before training (epoch 0) is a finite number."""
    start = frame[frame["epoch"] == 0]
    measured = [c.name for c in tables.TABLES[name] if str(c.type) == "float"]
    return [
        f"{name}: {column} must be finite before training (epoch 0) and is not in run "
        f"{start.loc[~np.isfinite(start[column]), 'run'].iloc[0]}."
        for column in measured
        if not np.isfinite(start[column]).all()
    ]


def _values(epochs: pd.DataFrame, histograms: pd.DataFrame) -> list[str]:
    """Check the ranges: accuracies are fractions, bins are not empty intervals."""
    problems = []
    for column in ("train_accuracy", "validation_accuracy", "test_accuracy"):
        wrong = epochs[(epochs[column] < 0) | (epochs[column] > 1)]
        if len(wrong):
            value = wrong[column].iloc[0]
            problems.append(f"epochs: {column} is a fraction from 0 to 1, got {value:g}.")
    if (histograms["right"] <= histograms["left"]).any() or (histograms["count"] < 0).any():
        problems.append("histograms: a bin has left < right and count >= 0, and one has not.")
    return problems
