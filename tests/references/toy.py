"""An experiment that the runner finishes in half a second, and an interruption for it."""

from dataclasses import replace

import pandas as pd
import pytest

from companion import data
from companion.evidence import records
from companion.experiments import packs, runner, sources, stack_training
from companion.experiments.plan import Experiment, Scale
from companion.training.settings import Settings
from tests.references import tiny

BASE = Settings(widths=(1, 7, 5, 1), learning_rate=0.05, batch_size=8)
TOY = Experiment(
    name="toy",
    title="a toy",
    source="this test",
    arms={
        "none": BASE,
        "wr": replace(BASE, rescale="wr", weight_decay=0.01),
        "wrs": replace(BASE, rescale="wrs", tau=3, learning_rate=0.2),
    },
    scales={"quick": Scale("quick", 2, 4, ("made",), "a test")},
    deviations=("made images",),
)
RUNS, EPOCHS, SIZE = 6, 4, 2
TABLES = ("epochs", "layers", "histograms")


CODE = {"version": "0.1", "commit": "abc", "source": "0" * 64}


def small(patch: pytest.MonkeyPatch) -> None:
    """Made images, stacks of two, a checkpoint after every epoch, and code that stands still."""
    patch.setattr(data, "load", lambda name: replace(tiny.image_set(), name=name))
    patch.setattr(packs, "stack_size", lambda run, device: SIZE)
    patch.setattr(stack_training, "CHECKPOINT_SECONDS", 0)
    patch.setattr(sources, "code", lambda: CODE)


def train(out, experiment=TOY, **options) -> records.Record:
    return runner.run(experiment, "quick", out=out, device="cpu", **options)


class Interrupt:
    """A progress callback that raises at its n-th report; reports of a stack: 1 + its epochs."""

    def __init__(self, after: int, error: type[BaseException]):
        self.left, self.error = after, error

    def __call__(self, total: int, done: int):
        return self.report

    def report(self, _: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise self.error("stop")


def assert_same(record: records.Record, other: records.Record) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(record, name), getattr(other, name), check_exact=True)
    assert records.verify(record.path) == records.verify(other.path) == []
