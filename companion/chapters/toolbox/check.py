"""Answers to chapter 0's exercises, tried."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from companion.chapters.toolbox import masks
from companion.display.exercises import Reply, number
from companion.evidence.stopping import Rule, replay

CURVES = ((5.0, 4.0, 4.5, 3.0, 2.0, 3.0, 3.0, 3.0), (1.0, 1.0, 1.0, 1.0), (3.0, 2.0, 1.0))


def dropout(function: Callable[[Tensor, float, bool], Tensor]) -> Reply:
    """A function of values, p_drop and training: zeroes with probability p_drop in training.

    >>> dropout(lambda h, p_drop, training: h * (torch.rand_like(h) < p_drop) if training else h)
    Not yet: of values 1, in training 0.8 are zeroed at p_drop = 0.2.
    """
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    try:
        return _dropout(function)
    except Exception as error:  # a reader's function may fail in any way
        return Reply(False, f"Your function raised {type(error).__name__}: {error}")
    finally:
        torch.set_rng_state(torch_state)


def _dropout(function: Callable[[Tensor, float, bool], Tensor]) -> Reply:
    for p_drop in (0.2, 0.5):
        ones = torch.ones(200_000, dtype=torch.float64)
        trained, tested = (function(ones.clone(), p_drop, way) for way in (True, False))
        zeroed = float((trained == 0).double().mean())
        noise = 5 * math.sqrt(p_drop * (1 - p_drop) / len(ones))
        if abs(zeroed - p_drop) > noise:
            said = f"in training {zeroed:.1f} are zeroed at p_drop = {p_drop}"
            return Reply(False, f"Not yet: of values 1, {said}.")
        means = float(trained.mean()), float(tested.mean())
        if abs(means[0] - means[1]) > 5 * masks.standard_error(p_drop):
            said = f"at p_drop = {p_drop} their mean is {means[0]:.2f} in training and "
            return Reply(False, f"Not yet: of values 1, {said}{means[1]:.2f} in test.")
        if float((tested - tested[0]).abs().max()) > 0:
            return Reply(False, "Not yet: in test, equal values must stay equal.")
    return Reply(True, "Right: zeroed as often as asked, and the means agree at 0.2 and 0.5.")


def patience(function: Callable[[list[float], int], tuple[int, int]]) -> Reply:
    """A function of losses and patience that returns the epochs spent and the epoch to keep.

    >>> patience(lambda losses, patience: (len(losses), losses.index(min(losses)) + 1))
    Not yet: with patience 1 on (5, 4, 4.5, 3, 2, 3, 3, 3) it spent 8 epochs, one too late or more.
    """
    for curve in CURVES:
        for wait in (1, 3):
            wanted = replay(curve, Rule(wait))
            try:
                spent, kept = function(list(curve), wait)
            except Exception as error:
                return Reply(False, f"Your function raised {type(error).__name__}: {error}")
            where = f"with patience {wait} on ({', '.join(f'{v:g}' for v in curve)})"
            if spent != wanted.spent:
                side = "one too late or more" if spent > wanted.spent else "too few"
                return Reply(False, f"Not yet: {where} it spent {spent} epochs, {side}.")
            if kept != wanted.kept:
                return Reply(
                    False,
                    f"Not yet: {where} it keeps epoch {kept}, and an epoch before the stop had a "
                    "smaller loss, or the same one earlier.",
                )
    return Reply(True, "Right: it stops and keeps as the rule says on three curves.")


def l1_zero(answer: Any) -> Reply:
    """The smallest strength at which the weight of loss (w - 0.3)^2 ends at 0."""

    def broken(strength: float) -> str:
        slope = 2 * 0.3  # of the loss at w = 0
        if abs(strength / slope - 1) < 0.01:
            return ""
        side = "weaker" if strength < slope else "stronger"
        return f"this pull is {side} than the loss's own at w = 0"

    return number(answer, broken)


def same_pull(answer: Any) -> Reply:
    """The decoupled decay that shrinks a weight as a coupled one of 1e-3 does, momentum 0.9."""

    def broken(decay: float) -> str:
        if decay <= 0:
            return f"without decay nothing shrinks, got {decay:g}"
        # the velocity adds up 1 / (1 - momentum) gradients
        ratio = decay * (1 - 0.9) / 1e-3
        said = f"a step of this shrinks the weight {ratio:.2g} times as much as asked"
        return "" if abs(ratio - 1) < 0.02 else said

    return number(answer, broken)


def forgotten(answer: Any) -> Reply:
    """Batches until running statistics of momentum 0.1 have gone 99 % of the way."""

    def broken(batches: float) -> str:
        left = 0.9**batches
        if left > 0.01:
            return f"after so many batches {100 * left:.1f} % of the way is left"
        return "" if batches < 45 else "fewer batches do it"

    return number(answer, broken)


def batch_noise(answer: Any) -> Reply:
    """The batch at which a batch's mean has a tenth of the unit's standard deviation."""

    def broken(batch: float) -> str:
        if batch < 1:
            return f"a batch has at least one image, got {batch:g}"
        spread = batch**-0.5
        said = f"the mean of so many scatters by {spread:.2g} standard deviations"
        return "" if abs(spread / 0.1 - 1) < 0.01 else said

    return number(answer, broken)
