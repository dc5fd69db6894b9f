"""From a plan to a record: pack runs into stacks, train, measure, write; stop and go on.

The working folder remembers every finished stack and, once a minute, the state of the one under
way. Interrupt at any moment and give the same command again: it goes on from there.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from companion import data, machine
from companion.evidence.records import Record
from companion.evidence.writer import Writer
from companion.experiments import sources
from companion.experiments.header import SPLIT_SEED, header, record_name
from companion.experiments.in_turn import Notice, train_all
from companion.experiments.packs import finished_runs, stack_key
from companion.experiments.plan import Experiment
from companion.experiments.rows import Tables, append
from companion.experiments.stack_training import Progress, TimeIsUp, timed, train_stack
from companion.measure.declare import Measure
from companion.training.settings import Run


def train(
    experiment: Experiment,
    scale: str = "quick",
    dataset: str | None = None,
    device: str = "auto",
    progress: Callable[[int, int], Progress] | None = None,
    notice: Notice | None = None,
    **overrides: Any,
) -> Tables:
    """Train a scale and return its tables without writing a record: for a live notebook cell.

    overrides: runs, epochs or arms, as in `Experiment.runs`; the rest as in `run`.
    """
    split, plan = _prepare(experiment, scale, dataset, machine.pick_device(device), **overrides)
    report = progress(len(plan) * plan[0].settings.epochs, 0) if progress else None
    tables: Tables = {}

    def one(stack: Sequence[Run], count: Progress) -> Tables:
        return train_stack(stack, split, progress=count, measures=experiment.measures)

    for _, new in train_all(plan, split.train_images.device, one, report, notice):
        tables = append(tables, new)
    return tables


def _prepare(
    experiment: Experiment,
    scale: str,
    dataset: str | None,
    device: torch.device,
    **overrides: Any,
) -> tuple[data.Split, list[Run]]:
    images = data.load(experiment.scale(scale).datasets[0] if dataset is None else dataset)
    plan = experiment.runs(scale, images.shape, images.classes, **overrides)
    kept = data.split(images, seed=SPLIT_SEED, validation=experiment.validation_at(scale))
    return kept.to(device), plan


@dataclass(frozen=True)
class Work:
    """What is left to train of a record: runs, images, and where checkpoints and news go."""

    waiting: Sequence[Run]
    split: data.Split
    measures: Sequence[Measure]
    header: dict[str, Any]
    writer: Writer
    report: Progress | None
    notice: Notice | None
    until: float = math.inf


Engine = Callable[[Work], Generator[tuple[Sequence[Run], Tables, dict[str, Any]], None, None]]
"""Trains all the waiting runs and yields stacks: runs, tables, and the origin of the part."""


def here(work: Work) -> Generator[tuple[Sequence[Run], Tables, dict[str, Any]], None, None]:
    """Train one stack after the other in this process, where the images are."""

    def train(stack: Sequence[Run], count: Progress) -> tuple[Tables, float]:
        if time.monotonic() >= work.until:
            raise TimeIsUp
        key = stack_key(stack)
        return timed(
            stack,
            work.split,
            checkpoint=work.writer.load_checkpoint(key),
            save=lambda state: work.writer.save_checkpoint(key, state),
            progress=count,
            measures=work.measures,
            until=work.until,
        )

    device, kept = work.split.train_images.device, work.writer.checkpoints
    for stack, (tables, seconds) in train_all(
        work.waiting, device, train, work.report, work.notice, kept
    ):
        yield stack, tables, sources.origin(work.header, seconds)


def run(
    experiment: Experiment,
    scale: str,
    dataset: str | None = None,
    out: Path | str = "records",
    device: str = "auto",
    progress: Callable[[int, int], Progress] | None = None,
    notice: Notice | None = None,
    engine: Engine | None = None,
    until: float = math.inf,
    **overrides: Any,
) -> Record:
    """Train an experiment's scale on an image set and write ``out/<record name>``.

    progress: called once with (run-epochs in all, run-epochs of stacks already finished), returns
    the function to call with every further number of finished run-epochs. notice: called with a
    sentence when stacks turn out too large for the memory. engine: what trains; default: `here`,
    which raises `TimeIsUp` when `time.monotonic` passes ``until``; the same call goes on later.
    overrides: runs, epochs or arms, as in `Experiment.runs`.
    """
    where = machine.pick_device(device)
    split, plan = _prepare(experiment, scale, dataset, where, **overrides)
    folder = Path(out) / record_name(experiment, split.name, scale)
    head = header(experiment, scale, split, plan, where)
    with Writer(folder, head) as writer:
        for sentence in writer.damaged() if notice else ():
            notice(sentence)
        done = finished_runs(writer.finished())
        length = plan[0].settings.epochs
        report = progress(len(plan) * length, len(done) * length) if progress else None
        waiting = [one for one in plan if one.number not in done]
        work = Work(waiting, split, experiment.measures, head, writer, report, notice, until)
        with contextlib.closing((engine or here)(work)) as results:
            for stack, tables, origin in results:
                writer.add(stack_key(stack), _kept(experiment, head, tables), origin)
                _drop_stale(writer, stack)
        return writer.finish()


def _kept(experiment: Experiment, head: Mapping[str, Any], tables: Tables) -> Tables:
    """The tables with the layers, and with the runs in detail, that the record keeps."""
    kept = dict(tables)
    for name in kept.keys() & {"layers", "steps"} if experiment.layers else ():
        kept[name] = kept[name][kept[name]["layer"].isin(experiment.layers)]
    for name in kept.keys() - {"epochs"} if "detailed_seeds" in head else ():
        kept[name] = kept[name][kept[name]["seed"].isin(head["detailed_seeds"])]
    return kept


def _drop_stale(writer: Writer, stack: Sequence[Run]) -> None:
    """Remove the checkpoints that speak of a run which is stored now: no stack can use them."""
    stored = {run.number for run in stack}
    for key in writer.checkpoints():
        if stored & finished_runs([key]):
            writer.drop_checkpoint(key)
