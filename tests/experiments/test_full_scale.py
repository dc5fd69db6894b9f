"""No command is dead: every experiment at the paper's size takes a step and measures itself.

The networks are those of the `full` scale, with their own widths; the images are noise.
"""

import itertools

import pytest
import torch

from companion import chapters
from companion.data import sizes
from companion.evidence import tables
from companion.experiments import rows
from companion.training.many_runs import Stack
from companion.training.settings import Run, Settings

SMALL = ("mlp", "lenet5")
"""Networks whose arms all fit in one stack, with batches of the paper's size."""
MAPS = ("depth-gain-tanh", "depth-gain-relu", "depth-width-relu", "weight-norm-depth-unplanned",
        "weight-norm-neighbours")  # fmt: skip
"""Experiments with networks in which the signal dies: that is what they show."""
DEAD = ("weight-norm-depth-unplanned", "weight-norm-neighbours")
"""One in which it dies in every network of the largest depths, and one with starts that leave the
first layers of branches where they are until the last ones have left 0."""
HEAVY = 5000
"""Channels of all layers from which on a step takes seconds: one arm a normalization is tried."""
IMAGES = {"train": 8, "validation": 4, "test": 4}
BATCH = 2
"""Images in the batch of a larger network: batch normalization needs two."""


def model(settings: Settings) -> str:
    return getattr(settings, "model", "mlp")


def kind(run: Run) -> tuple:
    """What decides which code trains a run: names as they are, of numbers whether they are 0."""
    return tuple(
        str(value if isinstance(value, (str, list)) else bool(value))
        for value in run.settings.as_dict().values()
    )


def tried(run: Run) -> tuple:
    """Of which arms one is tried where each trains alone."""
    heavy = sum(run.settings.widths) > HEAVY and model(run.settings) == "residual"
    return (run.settings.normalization,) if heavy else kind(run)


def stacks(plan: list[Run]) -> list[list[Run]]:
    """The first run of every arm in stacks of one architecture; of larger networks every kind of
    arm once, alone."""
    ordered = sorted(plan, key=lambda run: str(run.settings.shape))
    alike = [list(runs) for _, runs in itertools.groupby(ordered, lambda run: run.settings.shape)]
    return [
        stack
        for runs in alike
        for stack in (
            [runs]
            if model(runs[0].settings) in SMALL
            else [[run] for run in {tried(run): run for run in runs}.values()]
        )
    ]


@pytest.mark.parametrize("name", chapters.experiments())
def test_the_full_scale_takes_a_step_and_measures(name):
    experiment = chapters.find(name)
    size = sizes.of(experiment.scale("full").datasets[0])
    plan = experiment.runs("full", size.shape, size.classes, runs=1)
    split = sizes.Sizes(size.shape, **IMAGES, classes=size.classes).made(torch.device("cpu"))
    for runs in stacks(plan):
        stack = Stack(runs, split)
        before = [weight.clone() for weight in stack.weights]
        small = model(stack.settings) in SMALL
        images = stack.settings.batch(IMAGES["train"])  # 0 is all of them
        batch = torch.arange(images if small else BATCH) % IMAGES["train"]
        stack.step(batch.expand(len(runs), -1))
        equal = torch.tensor([run.settings.scheme == "constant" for run in runs])
        for weight, old in zip(stack.weights, before, strict=True):
            assert torch.isfinite(weight).all()
            moved = (weight != old).flatten(1).any(dim=1)
            assert moved.any() or name in DEAD, "a layer of no run moved"
            if name not in MAPS:  # from a constant, a hidden layer's first gradient is 0
                assert (moved | equal).all(), "a layer of a run did not move"
        measured = rows.epoch_tables(stack, measures=experiment.measures)
        layout = tables.layout(experiment.measures)
        for table, frame in measured.items():
            assert tables.encode(table, frame, layout).num_rows >= len(runs)
        assert set(measured["epochs"]["arm"]) == {run.arm for run in runs}
        assert measured["epochs"].notna().all(axis=None)


def test_large_networks_are_trained_alone_and_once_a_kind(monkeypatch):
    arms = [{}, {"weight_decay": 0.1}, {"weight_decay": 0.2}, {"rescale": "wr"}]
    plan = [Run(i, str(i), i, Settings(**changes)) for i, changes in enumerate(arms)]
    assert [len(stack) for stack in stacks(plan)] == [4]
    monkeypatch.setitem(globals(), "model", lambda settings: "resnet50")
    assert [[run.number for run in stack] for stack in stacks(plan)] == [[0], [2], [3]]
