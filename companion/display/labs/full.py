"""The recorded experiment at its full scale, from a lab: first what it costs, then the run."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from pathlib import Path

from companion import machine
from companion.display.labs.jobs import Halted, Job
from companion.evidence.records import Record
from companion.experiments import estimate, runner
from companion.experiments.plan import Experiment


class Cost(Job):
    """Time a few steps and multiply; `sentence` says what comes of it."""

    def __init__(self, full: FullRun, watch: Callable[[Job], None] | None = None):
        super().__init__(watch)
        self.full, self.sentence = full, ""

    def work(self, halted: Callable[[], bool]) -> None:
        """Fill in `sentence`."""
        full = self.full
        where = machine.pick_device(full.device)
        size = full.experiment.scale(full.scale)
        arms = len(size.arms or full.experiment.arms)
        seconds = estimate.Clock(where).scale(full.experiment, full.scale, full.dataset)
        hardware = machine.describe(where)["hardware"]
        here = "" if where.type == "cuda" else " There is no GPU here; on one it is faster."
        self.sentence = (
            f"{arms * size.runs:,} runs of {size.epochs} epochs ({arms} settings, {size.runs} runs "
            f"each) on {full.dataset}: about {duration(seconds)} on this machine ({hardware}). "
            f"It can be stopped, and goes on where it stopped.{here}"
        )


class FullRun(Job):
    """The experiment through the runner; `record` is there when it is done.

    A stop keeps every finished stack, and the next start goes on from there.
    """

    def __init__(
        self,
        experiment: Experiment,
        scale: str,
        dataset: str,
        out: str | Path = "records",
        device: str = "auto",
        watch: Callable[[Job], None] | None = None,
    ):
        super().__init__(watch)
        self.experiment, self.scale, self.dataset = experiment, scale, dataset
        self.out, self.device = Path(out), device
        self.record: Record | None = None

    @property
    def command(self) -> str:
        """The same at the command line."""
        words = ["companion", "run", self.experiment.name, "--data", self.dataset]
        words += ["--scale", self.scale, "--out", str(self.out)]
        return shlex.join(words)

    def work(self, halted: Callable[[], bool]) -> None:
        """Train what is missing, and write the record."""

        def progress(total: int, done: int) -> Callable[[int], None]:
            self.total, self.done, self._first = total, done, done
            self.begin()
            return count

        def count(finished: int) -> None:
            if halted():
                raise Halted
            self.advance(finished)

        self.record = runner.run(
            self.experiment, self.scale, self.dataset, self.out, self.device, progress=progress
        )


def duration(seconds: float) -> str:
    """A length of time as one says it.

    >>> duration(0.4), duration(90), duration(2700), duration(9000), duration(400000)
    ('1 second', '90 seconds', '45 minutes', '2.5 hours', '4.6 days')
    """
    if seconds < 100:
        count = max(1, round(seconds))
        return f"{count} second{'s' * (count > 1)}"
    unit, size = next(
        (unit, size)
        for unit, size, limit in (
            ("minutes", 60, 99.5), ("hours", 3600, 47.5), ("days", 86400, math.inf)
        )
        if seconds < limit * size
    )  # fmt: skip
    count = seconds / size
    return f"{count:.1f} {unit}" if count < 9.95 else f"{count:,.0f} {unit}"
