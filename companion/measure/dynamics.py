"""What moves a norm: squared lengths of weights, gradients and steps, and the angle of a step.

Squares are averaged over the units of a layer, because it is squares that add up: in a step of SGD
without momentum whose gradient is orthogonal to the weights, ``|w'|^2 = (1 - eta lambda)^2 |w|^2 +
eta^2 |g|^2`` holds for each unit, and so for their mean (`theory.norms`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from companion.measure.declare import Column, Measure, View
from companion.measure.geometry import angle, unit_angles


def squares(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The squared norm of every unit, float64: per layer [runs, out]."""
    return [tensor.detach().double().flatten(2).square().sum(dim=2) for tensor in tensors]


def unit_gradient_square(weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """Mean over units of ``|w|^2 |g|^2``, [runs, layers]: the squared gradient at unit norm, where
    the loss ignores a unit's norm, so that its gradient is proportional to 1 / |w|.

    >>> one = [torch.tensor([[[3.0, 4.0]]])], [torch.tensor([[[0.0, 2.0]]])]
    >>> unit_gradient_square(*one).item()
    100.0
    """
    pairs = zip(squares(weights), squares(gradients), strict=True)
    return torch.stack([(w * g).mean(dim=1) for w, g in pairs], dim=1)


def dynamics(view: View) -> dict[str, Tensor]:
    """The columns of `DYNAMICS`, each [runs, layers]."""
    slopes = torch.stack([s.mean(dim=1) for s in squares(view.gradients)], dim=1)
    moved = [after - before for before, after in zip(view.before, view.weights, strict=True)]
    return {
        "norm_square": torch.stack([s.mean(dim=1) for s in squares(view.before)], dim=1),
        "gradient_square": slopes,
        "unit_gradient_square": unit_gradient_square(view.before, view.gradients),
        "step_square": torch.stack([s.mean(dim=1) for s in squares(moved)], dim=1),
        "angle": angle(view.before, view.weights),
    }


def turns(view: View) -> dict[str, Tensor]:
    """The columns of `TURNS`, each [runs, layers]."""
    turned = unit_angles(view.before, view.weights)
    return {
        "turn_square": torch.stack([one.square().mean(dim=1) for one in turned], dim=1),
        "source_square": torch.stack([s.mean(dim=1) for s in squares(view.sources)], dim=1),
    }


DYNAMICS = Measure(
    "dynamics",
    (
        Column("norm_square", "mean over units of |w|^2 before the step", low=0),
        Column("gradient_square", "mean over units of |g|^2, g the batch's gradient", low=0),
        Column("unit_gradient_square", "mean over units of |w|^2 |g|^2", low=0),
        Column("step_square", "mean over units of the squared length of the step", low=0),
        Column("angle", "mean over units of the angle turned by the step, radians", low=0),
    ),
    dynamics,
    "a copy of the weights and another backward pass of the step's batch",
    per="layer",
    when="steps",
    moves=True,
    gradients=True,
)  # fmt: skip
TURNS = Measure(
    "turns",
    (
        Column("turn_square", "mean over units of the squared angle of the step, rad^2", low=0),
        Column(
            "source_square",
            "mean over units of |v|^2 after the step, v what w is computed from, or w itself",
            low=0,
        ),
    ),
    turns,
    "a copy of the weights and a pass over them",
    per="layer",
    when="steps",
    moves=True,
)
