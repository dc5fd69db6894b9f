"""What a training takes here, measured: time a few steps of its stacks, then multiply.

The steps are those of the runner's own stacks, on made images of the set's shape; what is not
timed is multiplied from what is: steps by the steps of an epoch, the measuring by the images it
visits. The answer holds for the machine as busy as it is now.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from companion import data, machine, models
from companion.data import sizes
from companion.data.sizes import Sizes
from companion.experiments import packs, rows
from companion.experiments.plan import Experiment
from companion.measure import catalogue
from companion.measure.evaluation import TRAIN_IMAGES
from companion.training.many_runs import Stack
from companion.training.settings import Run

STEPS = (2, 16)
"""Steps of a timed epoch, at most: first few, and more while that is quick."""
SECONDS = 0.02
"""When a timed epoch took this long, no longer one is timed."""
MEASURED = 200
"""Images of the validation and of the test part that are visited when measuring is timed."""
FEW = 4
"""Images of a batch and of each part with which a convolutional network is timed on a CPU; and
three times as many, which tells the time of an image from that of an update."""
CPU_RUNS = 16
"""Runs of a timed stack on a CPU, at most: a larger one costs as much a run."""
SAMPLES = 2
"""Stacks of one architecture that are timed, spread over the plan; the others cost their mean."""


def _measured(size: Sizes) -> int:
    """Images that are visited after each epoch."""
    return min(size.train, TRAIN_IMAGES) + size.validation + size.test


def free_gib(folder: str | Path) -> float:
    """Free disk space in GiB where a folder is, or where it would be made."""
    path = Path(folder).resolve()
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free / 2**30


class Clock:
    """Times stacks on one device; a stack like one that was timed before is not timed again."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._known: dict[tuple, tuple[float, float]] = {}
        self._splits: dict[Sizes, data.Split] = {}

    def scale(self, experiment: Experiment, scale: str, dataset: str) -> float:
        """Seconds that a scale of an experiment takes here on an image set."""
        size = sizes.of(dataset, experiment.validation_at(scale))
        plan = experiment.runs(scale, size.shape, size.classes)
        return self.runs(plan, size)

    def runs(self, plan: Sequence[Run], size: Sizes) -> float:
        """Seconds that the runs of a plan take here, packed into stacks as the runner does."""
        alike: dict[tuple, list[list[Run]]] = {}
        for stack in packs.pack(plan, self.device):
            alike.setdefault(stack[0].settings.shape, []).append(stack)
        return sum(self._stacks(stacks, size) for stacks in alike.values())

    def _stacks(self, stacks: list[list[Run]], size: Sizes) -> float:
        """Seconds for stacks of one architecture, from a sample of them."""
        step = max(1, len(stacks) // SAMPLES)
        sample = stacks[step // 2 :: step][:SAMPLES]
        if self.device.type == "cpu":
            sample = [stack[:: math.ceil(len(stack) / CPU_RUNS)] for stack in sample]
        seconds = sum(self.stack(stack, size) for stack in sample)
        return seconds * sum(map(len, stacks)) / sum(map(len, sample))

    def stack(self, runs: Sequence[Run], size: Sizes) -> float:
        """Seconds that one stack takes here: drawing its weights and all its epochs."""
        kind = (size, *(replace(run.settings, epochs=1) for run in runs))
        if kind not in self._known:
            self._known[kind] = self._time(runs, size)
        start, epoch = self._known[kind]
        return start + runs[0].settings.epochs * epoch

    def _time(self, runs: Sequence[Run], size: Sizes) -> tuple[float, float]:
        """Seconds to build the stack and seconds an epoch."""
        if self.device.type == "cpu" and not models.model(runs[0].settings.model).vectors:
            few = size.reduced(3 * FEW, FEW)
            stack, start = self._built(runs, few)
            return start, self._training(stack, size) + self._measuring(stack, few, size, tries=1)
        batch = runs[0].settings.batch(size.train)
        for steps in STEPS:
            few = size.reduced(steps * batch, MEASURED)
            stack, start = self._built(runs, few)
            # the least: another process can only add to the time
            timed = min(self._seconds(stack.train_epoch) for _ in range(3))
            if timed > SECONDS:
                break
        training = timed * math.ceil(size.train / batch) / math.ceil(few.train / batch)
        return start, training + self._measuring(stack, few, size, tries=2)

    def _built(self, runs: Sequence[Run], few: Sizes) -> tuple[Stack, float]:
        """The stack on few images, and the seconds to build it."""
        if few not in self._splits:
            self._splits[few] = few.made(self.device)
        began = self._now()
        stack = Stack(runs, self._splits[few])
        return stack, self._now() - began

    def _measuring(self, stack: Stack, few: Sizes, size: Sizes, tries: int) -> float:
        """Seconds that measuring takes after an epoch, from measuring few images."""
        least = min(
            self._seconds(lambda: rows.epoch_tables(stack, catalogue.EACH_EPOCH))
            for _ in range(tries)
        )
        return least * _measured(size) / _measured(few)

    def _training(self, stack: Stack, size: Sizes) -> float:
        """Seconds that the steps of an epoch take, from steps with few images."""

        def step(images: int) -> float:
            batch = torch.arange(images, device=self.device).expand(len(stack.runs), images)
            with machine.cpu_threads(stack.threads):
                return self._seconds(lambda: stack.step(batch))

        step(FEW)  # the first one is slower
        small, large = step(FEW), step(3 * FEW)
        image = max(0.0, (large - small) / (2 * FEW))
        update = max(0.0, small - FEW * image)
        steps = math.ceil(size.train / stack.settings.batch(size.train))
        return steps * update + size.train * image

    def _seconds(self, work: Callable[[], object]) -> float:
        began = self._now()
        work()
        return self._now() - began

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
