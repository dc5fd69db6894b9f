"""From a plan to a record: pack runs into stacks, train, measure, write; stop and go on.

The working folder remembers every finished stack and, once a minute, the state of the one under
way. Interrupt at any moment and give the same command again: it goes on from there.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from companion import data, machine
from companion.evidence import records
from companion.experiments import provenance
from companion.experiments.heading import SPLIT_SEED, header, record_name
from companion.experiments.plan import Experiment
from companion.experiments.rows import NO_HISTOGRAMS, Tables, append, epoch_tables
from companion.training.many_runs import Stack
from companion.training.packing import stack_size
from companion.training.settings import Run

CHECKPOINT_SECONDS = 60
Progress = Callable[[int], Any]
"""Called with the number of run-epochs just finished, negative where they must be trained anew."""
Notice = Callable[[str], Any]
"""Called with one sentence that the one who waits should read."""
Limits = Mapping[tuple, int]
"""`Settings.shape` -> how many runs of it fit at most, known since more did not."""


def pack(
    runs: Iterable[Run],
    device: torch.device,
    limits: Limits | None = None,
    kept: Iterable[str] = (),
    most: Callable[[Run], int] | None = None,
) -> Iterator[list[Run]]:
    """Stacks of consecutive runs that share an architecture, in the order of the plan.

    most: how many runs like this one to take at most; default: `stack_size` on the device. kept:
    keys of stacks that have a checkpoint. Where all of its runs are here such a stack is
    formed again, whatever `most` says now, as its checkpoint fits no other.
    """
    ends: dict[int, list[int]] = {}
    for key in kept:
        if re.fullmatch(r"\d+-\d+", key):
            first, last = map(int, key.split("-"))
            ends.setdefault(first, []).append(last)
    for waiting in _alike(runs):
        while waiting:
            head = waiting[0]
            fit = min((limits or {}).get(head.settings.shape, len(waiting)), len(waiting))
            again = [last - head.number + 1 for last in ends.get(head.number, ())]
            size = max((one for one in again if one <= fit), default=0)
            if not size:
                size = min(fit, most(head) if most else stack_size(head, device))
                size = next((i for i in range(1, size) if waiting[i].number in ends), size)
            yield waiting[:size]
            waiting = waiting[size:]


def _alike(runs: Iterable[Run]) -> Iterator[list[Run]]:
    """The plan in parts: runs that are consecutive and share an architecture."""

    def kind(at: tuple[int, Run]) -> tuple:
        return at[1].number - at[0], at[1].settings.shape

    for _, part in itertools.groupby(enumerate(runs), kind):
        yield [run for _, run in part]


def stack_key(stack: Sequence[Run]) -> str:
    """The runs of a stack, which are consecutive, as a file name: ``00000-00005``."""
    return f"{stack[0].number:05d}-{stack[-1].number:05d}"


def _finished_runs(keys: Iterable[str]) -> set[int]:
    ranges = (key.split("-") for key in keys)
    return {number for first, last in ranges for number in range(int(first), int(last) + 1)}


def train_stack(
    runs: Sequence[Run],
    split: data.Split,
    checkpoint: dict[str, Any] | None = None,
    save: Callable[[dict[str, Any]], None] | None = None,
    progress: Progress | None = None,
    histograms: bool = True,
    period: float | None = None,
) -> Tables:
    """Train one stack from the start, or from a checkpoint, and return its tables.

    ``save`` is given a checkpoint between two steps whenever ``period`` seconds have passed
    (None: a minute; 0: at the end of each epoch), so that an interruption costs at most that and
    the step under way.
    """
    period = CHECKPOINT_SECONDS if period is None else period
    stack = Stack(runs, split)
    if checkpoint:
        stack.load_state(checkpoint["stack"])
        tables = {name: pd.DataFrame(columns) for name, columns in checkpoint["tables"].items()}
    else:
        tables = epoch_tables(stack, histograms)
    report = progress or (lambda _: None)
    report(stack.epoch * len(runs))
    saved_at = time.monotonic()

    def due() -> bool:
        return save is not None and time.monotonic() - saved_at >= period

    while stack.epoch < stack.settings.epochs:
        asked = itertools.count()  # a step is taken before the first checkpoint, however long it is
        stop = (lambda asked=asked: next(asked) > 0 and due()) if period else None
        complete = stack.train_epoch(stop)
        if complete:
            tables = append(tables, epoch_tables(stack, histograms))
        if due():
            save(_checkpoint(stack, tables))
            saved_at = time.monotonic()
        report(len(runs) if complete else 0)
    return {"histograms": NO_HISTOGRAMS, **tables}


def timed(
    runs: Sequence[Run],
    split: data.Split,
    checkpoint: dict[str, Any] | None = None,
    save: Callable[[dict[str, Any]], None] | None = None,
    **options: Any,
) -> tuple[Tables, float]:
    """`train_stack`'s tables and the seconds it took, with those before the checkpoint."""
    before, began = (checkpoint or {}).get("seconds", 0.0), time.monotonic()

    def seconds() -> float:
        return before + time.monotonic() - began

    keep = save and (lambda state: save({**state, "seconds": seconds()}))
    return train_stack(runs, split, checkpoint, keep, **options), seconds()


def _checkpoint(stack: Stack, tables: Tables) -> dict[str, Any]:
    return {
        "stack": stack.state(),
        "tables": {name: rows.to_dict(orient="list") for name, rows in tables.items()},
    }


def train_all(
    waiting: Sequence[Run],
    device: torch.device,
    train: Callable[[Sequence[Run], Progress], Any],
    report: Progress | None = None,
    notice: Notice | None = None,
    kept: Callable[[], Iterable[str]] = tuple,
) -> Iterator[tuple[list[Run], Any]]:
    """Pack the runs, and yield each stack with what ``train(stack, progress)`` returns for it.

    A stack that does not fit in memory is trained as two halves, and from then on no larger stack
    of its architecture is formed. kept: called for the keys that `pack` takes.

    Raises ValueError when one run alone does not fit; all stacks before it have been yielded.
    """
    limits: dict[tuple, int] = {}
    while waiting:
        stack = next(pack(waiting, device, limits, kept()))
        counted = Counted(report)
        result = _unless_too_large(train, stack, counted)
        if device.type == "cuda" or result is None:  # else the next stack is packed for less memory
            gc.collect()
            torch.cuda.empty_cache()
        if result is None:
            counted.take_back()
            limits[stack[0].settings.shape] = halved(stack, str(device), notice)
            continue
        yield stack, result
        waiting = waiting[len(stack) :]


def halved(stack: Sequence[Run], where: str, notice: Notice | None) -> int:
    """Half the runs of a stack that does not fit, rounded up, after saying so.

    Raises ValueError when it is a single run.
    """
    if len(stack) == 1:
        raise ValueError(
            f"a run must fit in the free memory of its device, and run {stack[0].number} "
            f"({stack[0].arm}) alone does not fit in that of {where}; free memory there or choose "
            "another --device, then give the same command again: what is stored stays"
        )
    half = math.ceil(len(stack) / 2)
    if notice:
        notice(
            f"{len(stack)} runs at once do not fit in the memory of {where}: from here on it "
            f"trains at most {half} of this kind at once, and nothing stored is lost."
        )
    return half


def _unless_too_large(train: Callable[..., Any], *arguments: Any) -> Any:
    """The result, or None where memory ends. The stack is free once the error is: its traceback
    holds the frames that hold the stack."""
    try:
        return train(*arguments)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
    return None


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device has no memory left."""
    said = ("DefaultCPUAllocator: can't allocate memory", "_STATUS_ALLOC_FAILED")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        text in str(error) for text in said
    )


class Counted:
    """A progress that knows what it has reported."""

    def __init__(self, report: Progress | None) -> None:
        self.report, self.total = report or (lambda _: None), 0

    def __call__(self, epochs: int) -> None:
        """Report finished run-epochs."""
        self.total += epochs
        self.report(epochs)

    def take_back(self) -> None:
        """Report that what was reported must be trained anew."""
        if self.total:
            self.report(-self.total)


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
        return train_stack(stack, split, progress=count, histograms=experiment.histograms)

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
    images = data.load(dataset or experiment.scale(scale).datasets[0])
    plan = experiment.runs(scale, images.shape, images.classes, **overrides)
    return data.split(images, seed=SPLIT_SEED).to(device), plan


@dataclass(frozen=True)
class Work:
    """What is left to train of a record: runs, images, and where checkpoints and news go."""

    waiting: Sequence[Run]
    split: data.Split
    histograms: bool
    header: dict[str, Any]
    writer: records.Writer
    report: Progress | None
    notice: Notice | None


Engine = Callable[[Work], Generator[tuple[Sequence[Run], Tables, dict[str, Any]], None, None]]
"""Trains all the waiting runs and yields stacks: runs, tables, and the origin of the part."""


def here(work: Work) -> Generator[tuple[Sequence[Run], Tables, dict[str, Any]], None, None]:
    """Train one stack after the other in this process, where the images are."""

    def train(stack: Sequence[Run], count: Progress) -> tuple[Tables, float]:
        key = stack_key(stack)
        return timed(
            stack,
            work.split,
            checkpoint=work.writer.load_checkpoint(key),
            save=lambda state: work.writer.save_checkpoint(key, state),
            progress=count,
            histograms=work.histograms,
        )

    device, kept = work.split.train_images.device, work.writer.checkpoints
    for stack, (tables, seconds) in train_all(
        work.waiting, device, train, work.report, work.notice, kept
    ):
        yield stack, tables, provenance.origin(work.header, seconds)


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
    notice: Notice | None = None,
    engine: Engine | None = None,
) -> records.Record:
    """Train an experiment's scale on an image set and write ``out/<record name>``.

    progress: called once with (run-epochs in all, run-epochs of stacks already finished), returns
    the function to call with every further number of finished run-epochs. notice: called with a
    sentence when stacks turn out too large for the memory. engine: what trains; default: `here`.
    """
    where = machine.pick_device(device)
    split, plan = _prepare(experiment, scale, dataset, where, runs=runs, epochs=epochs, arms=arms)
    folder = Path(out) / record_name(experiment, split.name, scale)
    head = header(experiment, scale, split, plan, where)
    with records.Writer(folder, head) as writer:
        done = _finished_runs(writer.finished())
        length = plan[0].settings.epochs
        report = progress(len(plan) * length, len(done) * length) if progress else None
        waiting = [one for one in plan if one.number not in done]
        work = Work(waiting, split, experiment.histograms, head, writer, report, notice)
        with contextlib.closing((engine or here)(work)) as results:
            for stack, tables, origin in results:
                writer.add(stack_key(stack), _kept(experiment, tables), origin)
                _drop_stale(writer, stack)
        return writer.finish()


def _kept(experiment: Experiment, tables: Tables) -> Tables:
    """The tables with the layers that the experiment's records keep."""
    if not experiment.layers:
        return tables
    layers = tables["layers"]
    return {**tables, "layers": layers[layers["layer"].isin(experiment.layers)]}


def _drop_stale(writer: records.Writer, stack: Sequence[Run]) -> None:
    """Remove the checkpoints that speak of a run which is stored now: no stack can use them."""
    stored = {run.number for run in stack}
    for key in writer.checkpoints():
        if stored & _finished_runs([key]):
            writer.drop_checkpoint(key)
