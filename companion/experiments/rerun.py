"""Train one run of a record again, alone, and compare its rows with the recorded ones.

The same seed gives the same run to float32 rounding, which training enlarges from epoch to epoch:
the first epoch is judged strictly, what follows against the scatter between runs.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
import torch

from companion import data, machine
from companion.evidence.records import Record
from companion.evidence.tables import KEYS
from companion.experiments import rows, sources
from companion.experiments.plan import Experiment
from companion.measure.declare import Measure
from companion.measure.evaluation import TRAIN_IMAGES
from companion.training.many_runs import Stack
from companion.training.settings import Run, Settings

RELATIVE, ABSOLUTE = 1e-3, 1e-4
LATER = 0.05
ROUNDED = 1e-6  # float32 fractions that are 5 points apart may differ by a little more
RULE = (
    "Rule: before training and after the first epoch every number agrees to "
    f"{RELATIVE:g} of its value plus {ABSOLUTE:g} (accuracies: or to 2 images), and no later "
    f"accuracy is off by more than {100 * LATER:g} points or the arm's own range at that epoch, "
    "whichever is larger."
)


@dataclass(frozen=True)
class Rerun:
    """What is trained again: the run, its images, how many epochs, remarks on both, and what is
    measured."""

    record: Record
    run: Run
    split: data.Split
    epochs: int
    notes: tuple[str, ...]
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class Outcome:
    """agrees: by `RULE`. strict: the last epoch up to which every number agrees strictly, -1 for
    none. identical: whether all retrained rows are the same bit for bit. last: recorded and
    retrained test accuracy after the last retrained epoch. first_wrong: what breaks the rule."""

    agrees: bool
    strict: int
    identical: bool
    last: tuple[float, float]
    first_wrong: str | None


def check_epochs(epochs: int | None) -> None:
    """Refuse a number of epochs that trains nothing; None stands for all of them."""
    if epochs is not None and epochs < 1:
        raise ValueError(f"--epochs must be >= 1, got {epochs}; one epoch is judged strictly")


def plan(
    record: Record,
    experiment: Experiment | None,
    seed: int | None = None,
    epochs: int | None = None,
    device: str = "auto",
) -> Rerun:
    """Pick a run of the record by `seed` (None: by chance) and load its images.

    experiment: the record's own, None where this code does not have it.

    Raises ValueError when this code or this machine cannot train it.
    """
    p = record.provenance
    check_epochs(epochs)
    if experiment is None:
        raise ValueError(
            f"{record.name} is of the experiment {p['experiment']!r}, which this code does not "
            "have; use the version that made it"
        )
    rows = record.epochs[["run", "arm", "seed"]].drop_duplicates().sort_values("run")
    number, arm, run_seed = rows.iloc[random.Random(seed).randrange(len(rows))]
    settings, notes = _settings(record, experiment, arm)
    images = data.load(p["dataset"])
    if images.digest != p["dataset_digest"]:
        raise ValueError(
            f"{record.name} was trained on images with digest {p['dataset_digest'][:12]}, got "
            f"{images.digest[:12]} for {p['dataset']} here; use the same files"
        )
    if not {"seed", "validation"} <= set(p.get("split", {})):
        raise ValueError(
            f"{record.name} must say its split, seed and validation, to be trained again, and does "
            "not; use the version that made it"
        )
    split = data.split(images, seed=p["split"]["seed"], validation=p["split"]["validation"])
    where = machine.pick_device(device)
    if p["code"]["source"] != sources.source_digest():
        notes.append("The code that trains has changed since the record was made.")
    here = machine.describe(where)["hardware"]
    if p["machine"].get("hardware") != here:
        notes.append(f"Recorded on {p['machine'].get('hardware')}, retrained on {here}.")
    return Rerun(
        record,
        Run(int(number), arm, int(run_seed), settings),
        split.to(where),
        min(epochs or p["epochs"], p["epochs"]),
        tuple(notes),
        experiment.measures,
    )


def _settings(record: Record, experiment: Experiment, arm: str) -> tuple[Settings, list[str]]:
    """The arm's settings from the record, or the experiment's own where a field is unknown."""
    p = record.provenance
    said = p["arms"][arm]
    known = {field.name for field in fields(Settings)}
    unknown, new = sorted(set(said) - known), sorted(known - set(said))
    if not unknown:
        note = f"The record does not have {', '.join(new)}: today's default is taken."
        return Settings(**said), [note] if new else []
    own = experiment.arms.get(arm)
    if own is None:
        raise ValueError(
            f"{record.name} describes its arm {arm} by {unknown[0]}, which this code does not "
            "know, and the experiment has no such arm now; use the version that made it"
        )
    note = f"The record's {', '.join(unknown)} is unknown now: the experiment's own arm is taken."
    return replace(own.settings, widths=said["widths"], epochs=p["epochs"]), [note]


@torch.no_grad()
def train(planned: Rerun, progress: Callable[[int], object] | None = None) -> rows.Tables:
    """Train the run alone and return the rows of what is measured each epoch."""
    stack = Stack([planned.run], planned.split)
    measures = [one for one in planned.measures if one.when == "epoch"]
    found = [rows.epoch_tables(stack, measures)]
    while stack.epoch < planned.epochs:
        stack.train_epoch()
        found.append(rows.epoch_tables(stack, measures))
        if progress:
            progress(1)
    return {name: pd.concat([one[name] for one in found]) for name in found[0]}


def compare(planned: Rerun, tables: rows.Tables) -> Outcome:
    """Judge retrained rows by `RULE`."""
    parts = planned.split.sizes
    images = {**parts, "train": min(parts["train"], TRAIN_IMAGES)}
    strict, wrong, identical = planned.epochs, [], True
    for name in tables:
        keys = KEYS[name][1:]
        recorded = getattr(planned.record, name)
        theirs = recorded[(recorded["run"] == planned.run.number)].set_index(keys).sort_index()
        mine = tables[name].set_index(keys).sort_index()
        mine = mine[mine.index.isin(theirs.index)]  # a record may keep some layers only
        theirs = theirs.loc[mine.index]
        epoch = mine.index.get_level_values("epoch").to_numpy()
        for column in theirs.select_dtypes("float32").columns.intersection(mine.columns):
            old = theirs[column].to_numpy(np.float64)
            new = mine[column].to_numpy(np.float32).astype(np.float64)
            part = column.removesuffix("_accuracy")
            more = 2.01 / images[part] if part in images else 0.0
            close = np.isclose(new, old, RELATIVE, ABSOLUTE + more, equal_nan=True)
            identical &= bool(np.array_equal(new, old, equal_nan=True))
            if not close.all():
                strict = min(strict, int(epoch[~close].min()) - 1)
            bad = ~close & (epoch <= 1)
            if part in images:
                arm = recorded[recorded["arm"] == planned.run.arm].groupby("epoch")[column]
                scatter = (arm.max() - arm.min()).reindex(epoch).to_numpy(np.float64)
                most = np.maximum(LATER, scatter) + ROUNDED
                bad |= (epoch > 1) & (np.abs(new - old) > most)
            if bad.any():
                at = int(np.argmax(bad))
                found = (
                    f"{column} after epoch {epoch[at]}: recorded {old[at]:.6g}, now {new[at]:.6g}"
                )
                wrong.append((int(epoch[at]), found))
    at = planned.epochs
    last = [
        float(
            table.loc[(table["run"] == planned.run.number) & (table["epoch"] == at)][
                "test_accuracy"
            ].iloc[0]
        )
        for table in (planned.record.epochs, tables["epochs"])
    ]
    return Outcome(not wrong, strict, identical, tuple(last), min(wrong)[1] if wrong else None)
