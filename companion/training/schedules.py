"""The learning rate at a step: constant, in steps, or a cosine, each after a linear warm-up."""

from __future__ import annotations

import math

import numpy as np

from companion.theory import norms
from companion.training.settings import Settings


def learning_rate(settings: Settings, step: int, epoch_steps: int) -> float:
    """The learning rate of optimizer step number ``step``, counted from 0.

    With eta the settings' learning rate, W = ``warmup`` and E = ``epochs`` times ``epoch_steps``:

    * warm-up, step < W: ``eta (step + 1) / W``;
    * ``constant``: eta;
    * ``step``: eta ``drop^m`` with m the number of ``milestones`` (epochs) that have passed;
    * ``cosine``: ``eta (1 + cos(pi (step - W) / (E - W))) / 2``, which ends at 0.

    >>> plan = Settings(learning_rate=0.1, schedule="step", milestones=(60, 120), epochs=200)
    >>> [round(learning_rate(plan, 10 * epoch, 10), 4) for epoch in (59, 60, 120)]
    [0.1, 0.01, 0.001]
    """
    eta, warmup = settings.learning_rate, settings.warmup * epoch_steps
    if step < warmup:
        return eta * (step + 1) / warmup
    if settings.schedule == "step":
        passed = sum(step >= milestone * epoch_steps for milestone in settings.milestones)
        return eta * settings.drop**passed
    if settings.schedule == "cosine":
        total = settings.epochs * epoch_steps
        return eta * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2
    return eta


def rises(settings: Settings, steps: int, epoch_steps: int) -> np.ndarray:
    """Of the first ``steps`` optimizer steps, what multiplies the learning rate of weights whose
    decay is replaced by a rising rate (`Optimization`): `norms.rising_factors`; else ones."""
    if not settings.decay_as_rate:
        return np.ones(steps)
    rates = [learning_rate(settings, step, epoch_steps) for step in range(steps)]
    return norms.rising_factors(rates, settings.decay_as_rate, settings.momentum)
