"""No command is dead: every experiment at the paper's size takes a step and measures itself.

The networks are those of the `full` scale, with their own widths; the images are noise.
"""

import itertools
from dataclasses import replace

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
DEAD = ("weight-norm-depth-unplanned", "weight-norm-neighbours", "weight-norm-table-2-resnet164")
"""One in which it dies in every network of the largest depths, and two with starts that leave the
first layers of branches where they are until the last ones have left 0, or that diverge at once."""
IMAGES = {"train": 8, "validation": 4, "test": 4}
BATCH = 2
"""Images in the batch of a larger network: batch normalization needs two."""
NARROWER = 8
"""The factor by which a larger network is narrowed for its step; its own widths are only built."""
DEEP = 101
"""Layers up to which an MLP's arms all fit in one stack."""


def model(settings: Settings) -> str:
    return getattr(settings, "model", "mlp")


def small(run: Run) -> bool:
    return model(run.settings) in SMALL and len(run.settings.widths) <= DEEP


def kind(run: Run) -> tuple:
    """What decides which code trains a run, whatever its depth: names as they are, of numbers
    whether they are 0."""
    named = run.settings.as_dict()
    return tuple(
        str(value if isinstance(value, (str, list)) else bool(value))
        for name, value in named.items()
        if name != "widths"
    )


def narrow(run: Run) -> Run:
    """The run with hidden layers an eighth as wide, where its network is an image's."""
    first, *hidden, last = run.settings.widths
    if model(run.settings) == "mlp":
        return run
    widths = (first, *(max(width // NARROWER, 4) for width in hidden), last)
    return replace(run, settings=replace(run.settings, widths=widths))


def stacks(plan: list[Run]) -> list[list[Run]]:
    """The first run of every arm in stacks of one architecture; of larger networks every kind of
    arm once, alone, in the shallowest one."""
    ordered = sorted(plan, key=lambda run: (len(run.settings.widths), str(run.settings.shape)))
    together = itertools.groupby(filter(small, ordered), lambda run: run.settings.shape)
    alone = {kind(run): run for run in itertools.filterfalse(small, reversed(ordered))}
    return [*(list(runs) for _, runs in together), *([narrow(run)] for run in alone.values())]


@pytest.mark.parametrize("name", chapters.experiments())
def test_the_full_scale_takes_a_step_and_measures(name):
    experiment = chapters.find(name)
    size = sizes.of(experiment.scale("full").datasets[0])
    plan = experiment.runs("full", size.shape, size.classes, runs=1)
    split = sizes.Sizes(size.shape, **IMAGES, classes=size.classes).made(torch.device("cpu"))
    for shape in {run.settings.shape: run.settings for run in plan}.values():
        with torch.device("meta"):
            shape.build()
    for runs in stacks(plan):
        stack = Stack(runs, split)
        before = [weight.clone() for weight in stack.weights]
        images = stack.settings.batch(IMAGES["train"])  # 0 is all of them
        batch = torch.arange(images if small(runs[0]) else BATCH) % IMAGES["train"]
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
        unsure = [column.name for column in layout["epochs"] if not column.start]
        if name not in DEAD:
            assert measured["epochs"].drop(columns=unsure).notna().all(axis=None)


def test_large_networks_are_trained_alone_and_once_a_kind(monkeypatch):
    arms = [{}, {"weight_decay": 0.1}, {"weight_decay": 0.2}, {"rescale": "wr"}]
    plan = [Run(i, str(i), i, Settings(**changes)) for i, changes in enumerate(arms)]
    assert [len(stack) for stack in stacks(plan)] == [4]
    monkeypatch.setitem(globals(), "small", lambda run: False)
    assert [[run.number for run in stack] for stack in stacks(plan)] == [[3], [1], [0]]
