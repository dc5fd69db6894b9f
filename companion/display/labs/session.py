"""A lab's training in the background: rows while it trains, a stop at any step, and no surprise.

>>> from companion.display.labs.mlp import SETUP
>>> from companion.display.labs.settings import plan
>>> small = {"width": 8, "depth": 1, "runs": 2, "epochs": 1}
>>> training = Training(plan(SETUP, SETUP.usual | small))
>>> training.start(); training.wait()
True
>>> training.state, training.epoch, len(training.epochs)
('done', 1, 4)
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from companion import data, machine
from companion.display.labs.jobs import RUNNING, STOPPED, Job
from companion.display.labs.settings import Plan
from companion.experiments.header import SPLIT_SEED
from companion.measure import catalogue
from companion.measure.declare import Measure
from companion.training.many_runs import Stack
from companion.training.packing import stack_size


@functools.lru_cache(maxsize=2)
def split_of(dataset: str, device: str) -> data.Split:
    """The images of a lab on its device, in the split of the book's records."""
    return data.split(data.load(dataset), seed=SPLIT_SEED).to(device)


class Training(Job):
    """A plan on its way: rows grow an epoch at a time, from epoch 0 (before training).

    Runs that do not fit one stack train in several, an epoch of each in turn. After a stop, the
    finished epochs stay, and `start` goes on within the epoch where it stopped; after `forget`,
    which frees the networks, it begins anew. measures: what is measured, accuracy among it.
    """

    def __init__(
        self,
        plan: Plan,
        watch: Callable[[Job], None] | None = None,
        measures: Sequence[Measure] = catalogue.EACH_EPOCH,
    ):
        super().__init__(watch)
        self.plan, self.measures = plan, tuple(measures)
        self.stacks: list[Stack] = []
        self.values: dict[str, list[np.ndarray]] = {}

    @property
    def epoch(self) -> int:
        """The last epoch that has been measured; -1 before the first measuring."""
        return len(self.values.get("test_accuracy", ())) - 1

    def work(self, halted: Callable[[], bool]) -> None:
        """Train and measure until all epochs are there."""
        try:
            self._train(halted)
        except Exception:
            self.stacks = []  # of unknown state
            raise

    def _train(self, halted: Callable[[], bool]) -> None:
        if not self.stacks:
            self.stacks = self._build(halted)
        if halted():
            return
        self.begin()
        while True:
            if self.stacks[0].epoch > self.epoch and not self._measure(halted):
                return
            if self.epoch == self.plan.settings.epochs:
                self.stacks = []
                return
            for stack in self.stacks:
                if stack.epoch == self.epoch and not stack.train_epoch(self._asked(halted)):
                    return

    def forget(self) -> None:
        """Free the networks of a stopped training; what was measured stays."""
        if self.state != RUNNING:
            self.stacks = []

    @property
    def resumable(self) -> bool:
        """Whether `start` would go on instead of beginning anew."""
        return self.state == STOPPED and bool(self.stacks)

    # --- what was measured ----------------------------------------------------------------------

    def curve(self, quantity: str, layer: int | None = None) -> np.ndarray:
        """A quantity [epochs, runs], of a layer (1, 2, ..., or -1 for the last) where it is one
        of a layer's."""
        with self.lock:
            rows = list(self.values.get(quantity, ()))
        table = np.array(rows, dtype=float)
        return table if layer is None or not rows else table[:, :, layer - (layer > 0)]

    @property
    def epochs(self) -> pd.DataFrame:
        """One row per run and epoch, as in a record."""
        scalars = [name for name in self.values if name not in self._of_layers]
        return self._table({name: self.curve(name) for name in scalars})

    @property
    def _of_layers(self) -> list[str]:
        """The columns that have a number a layer."""
        return [column.name for one in self.measures if one.per == "layer"
                for column in one.columns]  # fmt: skip

    @property
    def layers(self) -> pd.DataFrame:
        """One row per run, epoch and layer, as in a record."""
        parts = [
            self._table({name: self.curve(name, layer) for name in self._of_layers}).assign(
                layer=layer
            )
            for layer in range(1, len(self.plan.settings.widths))
        ]
        return pd.concat(parts, ignore_index=True)

    def _table(self, columns: dict[str, np.ndarray]) -> pd.DataFrame:
        members = self.plan.members()
        count = min((len(values) for values in columns.values() if len(values)), default=0)
        who = pd.DataFrame(
            [
                {"run": run.number, "seed": run.seed, "epoch": epoch}
                for epoch in range(count)
                for run in members
            ],
            columns=["run", "seed", "epoch"],
        )
        flat = {name: values[:count].reshape(-1) for name, values in columns.items()}
        return who.assign(**flat)

    # --- the steps of the work ------------------------------------------------------------------

    def _build(self, halted: Callable[[], bool]) -> list[Stack]:
        """New stacks; what an earlier, forgotten attempt measured goes."""
        members = self.plan.members()
        split = split_of(self.plan.dataset, self.plan.device)
        each = stack_size(members[0], machine.pick_device(self.plan.device))
        stacks = []
        for start in range(0, len(members), each):
            if halted():
                return []
            stacks.append(Stack(members[start : start + each], split))
        count = len(split.train_labels)
        batches = math.ceil(count / self.plan.settings.batch(count))
        with self.lock:
            if not halted():
                self.values, self.done = {}, 0
                self.total = batches * self.plan.settings.epochs * len(stacks)
                self._first = 0
        return stacks

    def _asked(self, halted: Callable[[], bool]) -> Callable[[], bool]:
        """What a stack asks before each step; an answer of False is a step to come."""

        def ask() -> bool:
            if halted():
                return True
            self.advance()
            return False

        return ask

    def _measure(self, halted: Callable[[], bool]) -> bool:
        """Append the rows of the stacks' epoch; False if that was stopped."""
        found: list[dict[str, np.ndarray]] = []
        for stack in self.stacks:
            if halted():
                return False
            measured = stack.measure(self.measures)
            found.append({name: value.cpu().numpy() for name, value in measured.items()})
        with self.lock:
            if halted():
                return False
            for name in found[0]:
                rows = np.concatenate([values[name] for values in found])
                self.values.setdefault(name, []).append(rows)
        self.watch(self)
        return True
