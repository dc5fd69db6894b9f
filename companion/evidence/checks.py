"""What the tables of a record must satisfy, as sentences about what they do not."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from companion.evidence import consistency, tables

_RUN = ["run", "arm", "seed"]


def content(header: dict, frames: Mapping[str, pd.DataFrame], complete: bool = True) -> list[str]:
    """Return one sentence for each rule that `frames` break; an empty list when all is well.

    `header` gives arms, seeds, runs_per_arm and epochs, detailed_seeds where only some runs have
    more than epochs, and the columns with what each may hold. With `complete=False` the frames
    may be a part of the record: a number of runs, each with all its epochs.
    """
    layout = tables.of(header)
    problems = [
        f"{name}: a row is named by {', '.join(tables.KEYS[name])} and {count} are there twice."
        for name, frame in frames.items()
        if (count := int(frame.duplicated(tables.KEYS[name]).sum()))
    ]
    epochs = frames["epochs"]
    runs = epochs[_RUN].drop_duplicates()
    problems += _names(header, runs)
    problems += _epochs(header["epochs"], epochs)
    detailed = runs[runs["seed"].isin(header.get("detailed_seeds", header["seeds"]))]
    for name in layout:
        if name != "epochs":
            # what does not declare its columns may have left its histograms out
            lacking = name == "histograms" and "columns" not in header
            problems += _same_runs(name, frames[name], detailed, lacking)
        problems += _values(name, layout[name], frames[name])
    if not problems:
        problems += consistency.content(header, frames)
    if complete:
        counts = runs.groupby("arm")["run"].nunique()
        for arm in header["arms"]:
            have = int(counts.get(arm, 0))
            if have != header["runs_per_arm"]:
                problems.append(
                    f"epochs: each arm has {header['runs_per_arm']} runs and {arm} has {have}."
                )
    return problems


def order(frames: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return one sentence for each table whose rows are not in the order of their keys."""
    return [
        f"{name}: rows are in the order of {', '.join(tables.KEYS[name])}, and these are not."
        for name, frame in frames.items()
        if not pd.MultiIndex.from_frame(frame[tables.KEYS[name]]).is_monotonic_increasing
    ]


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


def _same_runs(name: str, frame: pd.DataFrame, runs: pd.DataFrame, lacking: bool) -> list[str]:
    """Check that a table speaks of the runs it should; lacking: it may be empty."""
    if frame.empty and lacking:
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


def _values(name: str, columns: tuple, frame: pd.DataFrame) -> list[str]:
    """Check that each column holds what it declares: its range, and a number before training."""
    problems = []
    start = frame["epoch"] == 0
    for column in columns:
        if column.name == "arm":
            continue
        values = frame[column.name].to_numpy()
        if column.start and not np.isfinite(values[start]).all():
            run = frame.loc[start & ~np.isfinite(values), "run"].iloc[0]
            problems.append(
                f"{name}: {column.name} must be finite before training (epoch 0) and is not in "
                f"run {run}."
            )
        wrong = values[(values < column.low) | (values > column.high)]
        if len(wrong):
            problems.append(
                f"{name}: {column.name} must be from {column.low:g} to {column.high:g}, got "
                f"{wrong[0]:g}."
            )
    return problems
