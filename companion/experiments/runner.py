"""From a plan to a record: pack runs into stacks, train, measure, write; stop and go on.

The working folder remembers every finished stack and, once a minute, the state of the one under
way. Interrupt at any moment and give the same command again: it goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from companion import data, machine
from companion.evidence import records
from companion.experiments import provenance
from companion.experiments.plan import Experiment
from companion.measure import probes
from companion.training.many_runs import Stack
from companion.training.packing import stack_size
from companion.training.settings import Run

CHECKPOINT_SECONDS = 60
SPLIT_SEED = 0
LAYER_QUANTITIES = ("weight_mean", "weight_std", "weight_norm", "preactivation_variance")

NO_HISTOGRAMS = pd.DataFrame(
    columns=["run", "arm", "seed", "epoch", "layer", "left", "right", "count"]
)

Tables = dict[str, pd.DataFrame]
Progress = Callable[[int], Any]
"""Called with the number of run-epochs just finished."""


def pack(runs: Iterable[Run], device: torch.device) -> Iterator[list[Run]]:
    """Stacks of consecutive runs that share an architecture, in the order of the plan."""
    stack: list[Run] = []
    for run in runs:
        if stack and (
            run.number != stack[-1].number + 1
            or run.settings.shape != stack[0].settings.shape
            or len(stack) >= stack_size(run, device)
        ):
            yield stack
            stack = []
        stack.append(run)
    if stack:
        yield stack


def stack_key(stack: Sequence[Run]) -> str:
    """The runs of a stack, which are consecutive, as a file name: ``00000-00005``."""
    return f"{stack[0].number:05d}-{stack[-1].number:05d}"


def _finished_runs(keys: Iterable[str]) -> set[int]:
    ranges = (key.split("-") for key in keys)
    return {number for first, last in ranges for number in range(int(first), int(last) + 1)}


def epoch_tables(stack: Stack, histograms: bool = True) -> Tables:
    """The rows of the current epoch: `epochs`, `layers`, and at the two ends `histograms`."""
    values = {name: value.cpu().numpy() for name, value in stack.measure().items()}
    who = pd.DataFrame(
        {
            "run": [run.number for run in stack.runs],
            "arm": [run.arm for run in stack.runs],
            "seed": [run.seed for run in stack.runs],
            "epoch": stack.epoch,
        }
    )
    scalars = {name: value for name, value in values.items() if name not in LAYER_QUANTITIES}
    layers = [
        who.assign(layer=layer + 1, **{name: values[name][:, layer] for name in LAYER_QUANTITIES})
        for layer in range(len(stack.weights))
    ]
    tables = {"epochs": who.assign(**scalars), "layers": pd.concat(layers, ignore_index=True)}
    if histograms and stack.epoch in (0, stack.settings.epochs):
        tables["histograms"] = pd.concat(
            [_histogram_rows(who, layer + 1, weight) for layer, weight in enumerate(stack.weights)],
            ignore_index=True,
        )
    return tables


def _histogram_rows(who: pd.DataFrame, layer: int, weight: torch.Tensor) -> pd.DataFrame:
    counts, edges = probes.weight_histogram(weight)
    repeated = who.loc[who.index.repeat(counts.shape[1])].reset_index(drop=True)
    return repeated.assign(
        layer=layer,
        left=edges[:, :-1].flatten().numpy(),
        right=edges[:, 1:].flatten().numpy(),
        count=counts.flatten().numpy(),
    )


def _append(tables: Tables, new: Tables) -> Tables:
    return {
        name: pd.concat([tables[name], rows], ignore_index=True) if name in tables else rows
        for name, rows in new.items()
    } | {name: rows for name, rows in tables.items() if name not in new}


def train_stack(
    runs: Sequence[Run],
    split: data.Split,
    checkpoint: dict[str, Any] | None = None,
    save: Callable[[dict[str, Any]], None] | None = None,
    progress: Progress | None = None,
    histograms: bool = True,
) -> Tables:
    """Train one stack from the start, or from a checkpoint, and return its tables.

    ``save`` is given a checkpoint at the end of an epoch when a minute has passed, so that an
    interruption costs at most that and the epoch under way.
    """
    stack = Stack(runs, split)
    if checkpoint:
        stack.load_state(checkpoint["stack"])
        tables = {name: pd.DataFrame(columns) for name, columns in checkpoint["tables"].items()}
    else:
        tables = epoch_tables(stack, histograms)
    report = progress or (lambda _: None)
    report(stack.epoch * len(runs))
    saved_at = time.monotonic()
    while stack.epoch < stack.settings.epochs:
        stack.train_epoch()
        tables = _append(tables, epoch_tables(stack, histograms))
        if save and time.monotonic() - saved_at >= CHECKPOINT_SECONDS:
            save(_checkpoint(stack, tables))
            saved_at = time.monotonic()
        report(len(runs))
    return {"histograms": NO_HISTOGRAMS, **tables}


def _checkpoint(stack: Stack, tables: Tables) -> dict[str, Any]:
    return {
        "stack": stack.state(),
        "tables": {name: rows.to_dict(orient="list") for name, rows in tables.items()},
    }


def header(
    experiment: Experiment,
    scale: str,
    split: data.Split,
    runs: Sequence[Run],
    device: torch.device,
) -> dict[str, Any]:
    """What a record says of itself; a resumed run must agree with all but machine and commit."""
    arms = {run.arm: run.settings.as_dict() for run in runs}
    per_arm, epochs = len(runs) // len(arms), runs[0].settings.epochs
    size = experiment.scale(scale)
    reduced = [
        f"Reduced from the {scale} scale's {what}: {wanted}."
        for what, wanted, smaller in (
            ("runs an arm", size.runs, per_arm < size.runs),
            ("epochs", size.epochs, epochs < size.epochs),
            (
                "arms",
                len(size.arms or experiment.arms),
                len(arms) < len(size.arms or experiment.arms),
            ),
            ("images", " or ".join(size.datasets), split.name not in size.datasets),
        )
        if smaller
    ]
    return {
        "name": record_name(experiment, split.name, scale),
        "experiment": experiment.name,
        "title": experiment.title,
        "source": experiment.source,
        "scale": scale,
        "dataset": split.name,
        "dataset_digest": split.digest,
        "split": {**split.sizes, "seed": SPLIT_SEED},
        "arms": arms,
        "seeds": [run.seed for run in runs],
        "runs_per_arm": per_arm,
        "epochs": epochs,
        "reduced": bool(reduced),
        "deviations": [*experiment.deviations, *reduced],
        "code": provenance.code(),
        "machine": machine.describe(device),
    }


def record_name(experiment: Experiment, dataset: str, scale: str) -> str:
    """The folder of a record, for example ``weight-rescaling-mlp-digits-quick``."""
    return f"{experiment.name}-{dataset}-{scale}"


def train(
    experiment: Experiment,
    scale: str = "quick",
    dataset: str | None = None,
    device: str = "auto",
    progress: Callable[[int, int], Progress] | None = None,
    **overrides: Any,
) -> Tables:
    """Train a scale and return its tables without writing a record: for a live notebook cell.

    overrides: runs, epochs or arms, as in `Experiment.runs`; the rest as in `run`.
    """
    split, plan = _prepare(experiment, scale, dataset, machine.pick_device(device), **overrides)
    report = progress(len(plan) * plan[0].settings.epochs, 0) if progress else None
    tables: Tables = {}
    for stack in pack(plan, split.train_images.device):
        tables = _append(
            tables, train_stack(stack, split, progress=report, histograms=experiment.histograms)
        )
    return tables


def _prepare(
    experiment: Experiment,
    scale: str,
    dataset: str | None,
    device: torch.device,
    **overrides: Any,
) -> tuple[data.Split, list[Run]]:
    images = data.load(dataset or experiment.scale(scale).datasets[0])
    plan = experiment.runs(scale, images.shape, images.classes, **overrides)
    return data.split(images, seed=SPLIT_SEED).to(device), plan


def run(
    experiment: Experiment,
    scale: str,
    dataset: str | None = None,
    out: Path | str = "records",
    device: str = "auto",
    runs: int | None = None,
    epochs: int | None = None,
    arms: Sequence[str] | None = None,
    progress: Callable[[int, int], Progress] | None = None,
) -> records.Record:
    """Train an experiment's scale on an image set and write ``out/<record name>``.

    progress: called once with (run-epochs in all, run-epochs of stacks already finished), returns
    the function to call with every further number of finished run-epochs.
    """
    where = machine.pick_device(device)
    split, plan = _prepare(experiment, scale, dataset, where, runs=runs, epochs=epochs, arms=arms)
    folder = Path(out) / record_name(experiment, split.name, scale)
    with records.Writer(folder, header(experiment, scale, split, plan, where)) as writer:
        done = _finished_runs(writer.finished())
        length = plan[0].settings.epochs
        report = progress(len(plan) * length, len(done) * length) if progress else None
        for stack in pack((one for one in plan if one.number not in done), where):
            key = stack_key(stack)
            tables = train_stack(
                stack,
                split,
                checkpoint=writer.load_checkpoint(key),
                save=lambda state, key=key: writer.save_checkpoint(key, state),
                progress=report,
                histograms=experiment.histograms,
            )
            writer.add(key, tables)
        return writer.finish()
