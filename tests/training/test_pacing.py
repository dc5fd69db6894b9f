"""A run that follows another one's norms takes its steps."""

from dataclasses import replace

import pytest
import torch

from companion.measure.geometry import unit_angles
from companion.training import pacing
from companion.training.many_runs import Stack
from companion.training.optimizers import Optimizer
from companion.training.settings import Run, Settings
from tests.references import tiny

SPLIT = tiny.split()
PLAIN = Settings(
    model="convnet",
    widths=(2, 4, 5, 3),
    normalization="batch",
    learning_rate=0.05,
    weight_decay=0.2,
    decayed=("gain", "shift"),
    batch_size=15,
    epochs=20,
)
DECAYED = (("decayed", ("input", "hidden")),)
HELD = (("rescale", "wrs"), ("tau", 3), ("rescale_layers", "not_output"))


def trained(settings: Settings) -> Stack:
    stack = Stack([Run(0, "one", 3, settings)], SPLIT, torch.float64)
    for _ in range(settings.epochs):
        stack.train_epoch()
    return stack


def turned(one: Stack, other: Stack) -> float:
    """The largest angle between units of two networks, before their output layers, radians."""
    angles = unit_angles(one.weights[:-1], other.weights[:-1])
    return max(found.max().item() for found in angles)


def test_a_ratio_is_a_units_or_a_layers():
    own, other = torch.ones(1, 2, 3, 2, 2), torch.ones(1, 2, 3, 2, 2)
    own[0, 0], other[0, 1] = 2.0, 4.0
    found = pacing.ratio(own, other, units=True)
    assert found.shape == (1, 2, 1, 1, 1)
    assert found.flatten().tolist() == pytest.approx([2, 0.25])
    found = pacing.ratio(own, other, units=False)
    assert found.shape == (1, 2, 1, 1, 1)
    assert found.flatten().tolist() == pytest.approx([(5 / 17) ** 0.5] * 2)


@pytest.mark.parametrize(
    ("changes", "missed"), [(DECAYED, 0.2), (HELD, 0.01)], ids=["decay", "rescaling"]
)
@pytest.mark.parametrize(
    "base",
    [
        replace(PLAIN, momentum=0.0),
        replace(PLAIN, learning_rate=0.02, weight_decay=0.05),
        replace(PLAIN, optimizer="adamw", learning_rate=0.01, weight_decay=1.0),
    ],
    ids=["sgd", "momentum", "adamw"],
)
def test_a_follower_goes_where_its_leader_goes(base, changes, missed):
    """What decay takes in a step is known to the follower one step late: over 40 steps that is a
    twentieth of what a run that follows nobody misses on average, and errors grow on their way.
    A rescaling is known before the next step: what is left is batch norm's epsilon."""
    follower = trained(replace(base, rate_from=changes))
    alone = trained(base)
    leader = trained(follower.settings.leader)
    assert turned(alone, leader) > 0.03
    assert turned(follower, leader) < missed * turned(alone, leader)
    for ours, theirs in zip(follower.leader.weights, leader.weights, strict=True):
        assert torch.equal(ours, theirs)
    for ours, theirs in zip(follower.weights[:-1], leader.weights[:-1], strict=True):
        assert pacing.ratio(ours, theirs, units=True).mean() > 1.1


def test_under_adamw_the_rate_alone_does_not_follow(monkeypatch):
    """Its second moments remember gradients from before the weights grew."""
    base = replace(
        PLAIN, optimizer="adamw", learning_rate=0.01, weight_decay=5.0, rate_from=DECAYED
    )
    follower, leader = trained(base), trained(base.leader)
    real = Optimizer.update

    def as_they_come(self, index, gradient):
        real(self, index, gradient / self.ratios.get(index, 1))

    monkeypatch.setattr(Optimizer, "update", as_they_come)
    slow = trained(base)
    assert turned(slow, leader) > 3 * turned(follower, leader)
