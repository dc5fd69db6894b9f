"""What a stack measures, as the rows of a record's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.evidence import tables
from companion.measure.declare import Measure
from companion.training.many_runs import Stack

Tables = dict[str, pd.DataFrame]


def epoch_tables(stack: Stack, measures: Sequence[Measure]) -> Tables:
    """The rows of the current epoch, of all measures that are not taken at steps."""
    at_end = stack.epoch in (0, stack.settings.epochs)
    due = [
        one
        for one in measures
        if one.when == "epoch"
        or (one.when == "ends" and at_end)
        or (one.when == "start" and stack.epoch == 0)
    ]
    return _tables(stack, measures, due, stack.measure(due), stack.epoch)


class Steps:
    """Takes the measures that are due at a step: called in place of `Stack.step`, which it calls.

    tables: the rows since they were last taken away.
    """

    def __init__(self, stack: Stack, measures: Sequence[Measure]) -> None:
        self.stack = stack
        self.measures = [one for one in measures if one.when == "steps"]
        self.tables: Tables = {}

    @torch.no_grad()
    def __call__(self, batch: Tensor, rate: float | Tensor) -> None:
        """Train one step, and measure its two sides if one of the measures is due."""
        stack, number = self.stack, self.stack.steps + 1
        due = [one for one in self.measures if number % one.every == 0]
        sides = {}
        if any(one.moves for one in due):
            sides["before"] = [weight.clone() for weight in stack.weights]
        if any(one.gradients for one in due):
            sides["gradients"] = stack.gradients(batch)
        stack.step(batch, rate)
        if due:
            values = {k: v for one in due for k, v in one(stack.view(**sides)).items()}
            # a step belongs to the epoch that it is part of
            new = _tables(stack, self.measures, due, values, stack.epoch + 1, step=number)
            self.tables = append(self.tables, new)

    def taken(self) -> Tables:
        """The rows, which are gone from here."""
        found, self.tables = self.tables, {}
        return found


def _tables(
    stack: Stack,
    measures: Sequence[Measure],
    due: Sequence[Measure],
    values: Mapping[str, Tensor],
    epoch: int,
    **more: int,
) -> Tables:
    """The values of the measures that are due as rows, NaN for the others of their tables."""
    arrays = {name: value.cpu().numpy() for name, value in values.items()}
    filled = {one.table for one in due}
    who = pd.DataFrame(
        {
            "run": [run.number for run in stack.runs],
            "arm": [run.arm for run in stack.runs],
            "seed": [run.seed for run in stack.runs],
            "epoch": epoch,
            **more,
        }
    )
    found: Tables = {}
    for table, columns in tables.layout(measures).items():
        if table in filled:
            named = [column.name for column in tables.NAMED[table]]
            own = [column.name for column in columns if column.name not in named]
            shape = next(arrays[name].shape for name in own if name in arrays)
            rows = who.loc[who.index.repeat(np.prod(shape[1:], dtype=int))].reset_index(drop=True)
            if "layer" in named:
                numbers = np.arange(1, shape[1] + 1).reshape(1, -1, *[1] * (len(shape) - 2))
                rows["layer"] = np.broadcast_to(numbers, shape).flatten()
            cells = {name: arrays.get(name, np.full(shape, np.nan)).flatten() for name in own}
            found[table] = rows.assign(**cells)
    return found


def append(tables: Tables, new: Tables) -> Tables:
    """Both tables' rows; a name that only one of them has is taken as it is."""
    return {
        name: pd.concat([tables[name], rows], ignore_index=True) if name in tables else rows
        for name, rows in new.items()
    } | {name: rows for name, rows in tables.items() if name not in new}


def whole(found: Tables, measures: Sequence[Measure]) -> Tables:
    """All the tables that the measures fill, without rows where nothing was due."""
    layout = tables.layout(measures)
    return {name: found[name] if name in found else tables.empty(name, layout) for name in layout}
