"""One stack from its start or a checkpoint to its tables, stopped between two steps if need be."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from companion import data
from companion.experiments.rows import Steps, Tables, append, epoch_tables, whole
from companion.measure import catalogue
from companion.measure.declare import Measure
from companion.training.many_runs import Stack
from companion.training.settings import Run

CHECKPOINT_SECONDS = 60
Progress = Callable[[int], Any]
"""Called with the number of run-epochs just finished, negative where they must be trained anew."""


class TimeIsUp(Exception):
    """The time given is over. Finished stacks are stored, the one under way has a checkpoint."""


def train_stack(
    runs: Sequence[Run],
    split: data.Split,
    checkpoint: dict[str, Any] | None = None,
    save: Callable[[dict[str, Any]], None] | None = None,
    progress: Progress | None = None,
    measures: Sequence[Measure] = catalogue.STANDARD,
    period: float | None = None,
    until: float = math.inf,
) -> Tables:
    """Train one stack from the start, or from a checkpoint, and return its tables.

    ``save`` is given a checkpoint between two steps whenever ``period`` seconds have passed
    (None: a minute; 0: at the end of each epoch), so that an interruption costs at most that and
    the step under way. Once `time.monotonic` passes ``until`` it is given one, and `TimeIsUp` is
    raised.
    """
    period = CHECKPOINT_SECONDS if period is None else period
    stack = Stack(runs, split)
    tables = _resumed(stack, checkpoint) if checkpoint else epoch_tables(stack, measures)
    steps = Steps(stack, measures)
    watch = {"step": steps} if steps.measures else {}
    report = progress or (lambda _: None)
    report(stack.epoch * len(runs))
    saved_at = time.monotonic()

    def over() -> bool:
        return time.monotonic() >= until

    def due() -> bool:
        return save is not None and (time.monotonic() - saved_at >= period or over())

    while stack.epoch < stack.settings.epochs:
        asked = itertools.count()  # a step is taken before the first checkpoint, however long it is
        stop = (lambda asked=asked: next(asked) > 0 and due()) if period else None
        complete = stack.train_epoch(stop, **watch)
        tables = append(tables, steps.taken())
        if complete:
            tables = append(tables, epoch_tables(stack, measures))
        if due():
            save(_checkpoint(stack, tables))
            saved_at = time.monotonic()
        report(len(runs) if complete else 0)
        if over() and stack.epoch < stack.settings.epochs:
            raise TimeIsUp
    return whole(tables, measures)


def _resumed(stack: Stack, checkpoint: Mapping[str, Any]) -> Tables:
    """The tables of a checkpoint, whose state the stack takes.

    Raises ValueError when it is of another stack or of another version of the code.
    """
    try:
        tables = {name: pd.DataFrame(columns) for name, columns in checkpoint["tables"].items()}
        done, rows = checkpoint["stack"]["epoch"], tables["epochs"]
        if not 0 <= done <= stack.settings.epochs:
            raise ValueError
        wanted = {(run.number, epoch) for run in stack.runs for epoch in range(done + 1)}
        if set(zip(rows["run"], rows["epoch"], strict=True)) != wanted:
            raise ValueError
        stack.load_state(checkpoint["stack"])
        return tables
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError):
        raise ValueError(
            f"a checkpoint must be of its stack, and that of runs {stack.runs[0].number} to "
            f"{stack.runs[-1].number} is not; delete it to train this stack from its start"
        ) from None


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
