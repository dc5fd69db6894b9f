"""Learning-rate schedules against torch's schedulers and by hand."""

import itertools
from dataclasses import replace

import pytest
import torch

from companion.theory import norms
from companion.training.schedules import learning_rate, rises
from companion.training.settings import Settings

BASE = Settings(learning_rate=0.5, epochs=10)


def rates(settings: Settings, epoch_steps: int = 4) -> list[float]:
    return [learning_rate(settings, k, epoch_steps) for k in range(settings.epochs * epoch_steps)]


def torchs(make, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_a_constant_rate_is_constant():
    assert rates(BASE) == [0.5] * 40


def test_steps_are_torchs_multi_step():
    ours = rates(replace(BASE, schedule="step", milestones=(3, 7), drop=0.2))
    theirs = torchs(
        lambda o: torch.optim.lr_scheduler.MultiStepLR(o, milestones=[12, 28], gamma=0.2), 40
    )
    assert ours == pytest.approx(theirs)


def test_the_cosine_is_torchs():
    theirs = torchs(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=40), 40)
    assert rates(replace(BASE, schedule="cosine")) == pytest.approx(theirs, abs=1e-12)


def test_a_warm_up_is_linear_and_the_cosine_starts_after_it():
    ours = rates(replace(BASE, schedule="cosine", warmup=2))
    assert ours[:8] == pytest.approx([0.5 * k / 8 for k in range(1, 9)])
    assert ours[8] == 0.5
    assert ours[24] == pytest.approx(0.25)  # half way between steps 8 and 40
    assert min(ours[8:]) == ours[-1] > 0


def test_a_rising_rate_is_one_without_decay_and_follows_the_schedule():
    plan = replace(BASE, normalization="batch", schedule="step", milestones=(5,), drop=0.1)
    assert rises(plan, 40, 4).tolist() == [1.0] * 40
    held = replace(plan, decay_as_rate=1e-3)
    found = rises(held, 40, 4)
    assert found == pytest.approx(norms.rising_factors(rates(plan), 1e-3, 0.9))
    assert found[0] == pytest.approx(1 / (1 - 0.5 * 1e-3))
    assert all(a < b for a, b in itertools.pairwise(found))
