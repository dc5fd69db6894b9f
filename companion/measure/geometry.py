"""Directions and shapes: how far a step turns the weights, and what their distribution is.

A unit is one output unit, its weights [fan_in]. Numbers are gathered in float64.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import gammaln
from torch import Tensor

from companion.measure.declare import Column, Measure, View
from companion.measure.weights import weight_statistics

SHAPES = (0.2, 20.0)
"""The generalized-Gaussian shapes that `shape` tells apart; beyond them it gives the nearer end."""


def _units(weights: Sequence[Tensor]) -> list[Tensor]:
    return [weight.detach().double().flatten(2) for weight in weights]


def angle(before: Sequence[Tensor], after: Sequence[Tensor]) -> Tensor:
    """Mean over units of the angle between a unit's weights before and after, [runs, layers],
    radians.

    before, after: per layer [runs, out, ...]. ``2 atan2(|u - v|, |u + v|)`` with unit vectors u
    and v (Kahan 2006) keeps its digits for small angles, where the arc cosine loses them.
    Undefined, NaN, where a unit is 0.

    >>> angle([torch.tensor([[[1.0, 0.0]]])], [torch.tensor([[[2.0, 2.0]]])]).item() * 4
    3.14159...
    """
    return torch.stack([one.mean(dim=1) for one in unit_angles(before, after)], dim=1)


def unit_angles(before: Sequence[Tensor], after: Sequence[Tensor]) -> list[Tensor]:
    """The angles of `angle`, per layer [runs, out]."""
    found = []
    for old, new in zip(_units(before), _units(after), strict=True):
        u, v = old / old.norm(dim=2, keepdim=True), new / new.norm(dim=2, keepdim=True)
        found.append(2 * torch.atan2((u - v).norm(dim=2), (u + v).norm(dim=2)))
    return found


def projection(weights: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """Mean over units of ``<w, x> / (|w| |x|)``, the share of x that points along a unit's
    weights w, from -1 to 1, [runs, layers].

    weights, others: per layer [runs, out, ...]. 0 where x is 0. The loss's gradient has 0 where
    the weights' scale does not matter, as before batch normalization (van Laarhoven 2017).
    """
    found = []
    for w, x in zip(_units(weights), _units(others), strict=True):
        along = (w * x).sum(dim=2) / (w.norm(dim=2) * x.norm(dim=2))
        found.append(along.where(x.norm(dim=2) != 0, 0.0).mean(dim=1))
    return torch.stack(found, dim=1)


def ratio(beta: np.ndarray | float) -> np.ndarray:
    """``(E|x|)^2 / E[x^2]`` of the density proportional to ``exp(-|x / a|^beta)``, which is
    ``Gamma(2/beta)^2 / (Gamma(1/beta) Gamma(3/beta))`` (Mallat 1989).

    >>> round(float(ratio(1.0)), 6), round(float(ratio(2.0)), 6)
    (0.5, 0.63662)
    """
    inverse = 1 / np.asarray(beta, dtype=np.float64)
    return np.exp(2 * gammaln(2 * inverse) - gammaln(inverse) - gammaln(3 * inverse))


@functools.cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    shapes = np.geomspace(*SHAPES, 4001)
    return ratio(shapes), shapes


def shape(weights: Sequence[Tensor]) -> Tensor:
    """Generalized-Gaussian shape beta of each layer's weights, by moments, [runs, layers].

    weights: per layer [runs, ...]. The beta whose `ratio` is that of the weights less their mean:
    1 is Laplace's, 2 the Gaussian, and the uniform one is its limit. Within `SHAPES`; NaN where
    weights are not finite or all equal.
    """
    found = []
    for weight in weights:
        flat = weight.detach().double().flatten(1)
        flat = flat - flat.mean(dim=1, keepdim=True)
        found.append(flat.abs().mean(dim=1).square() / flat.square().mean(dim=1))
    measured = torch.stack(found, dim=1)
    known, shapes = _table()
    values = np.interp(measured.cpu().numpy(), known, shapes)
    return torch.from_numpy(values).where(measured.isfinite().cpu(), torch.nan)


def shape_error(weights: Sequence[Tensor]) -> Tensor:
    """The standard error of `shape`, [runs, layers], for weights that are independent draws.

    By the delta method: with r = `ratio` = (E|x|)^2 / E[x^2], one weight moves r by
    ``r (2 (|x| / E|x| - 1) - (x^2 / E[x^2] - 1)) / n``, and beta by that over ``dr/dbeta``. NaN
    where `shape` is at an end of `SHAPES` or has no value.
    """
    betas, found = shape(weights), []
    for weight, beta in zip(weights, betas.unbind(dim=1), strict=True):
        flat = weight.detach().double().flatten(1)
        flat = flat - flat.mean(dim=1, keepdim=True)
        one, two = flat.abs(), flat.square()
        means = one.mean(dim=1, keepdim=True), two.mean(dim=1, keepdim=True)
        pulls = 2 * one / means[0] - two / means[1]
        r = (means[0].square() / means[1]).squeeze(1)
        spread = r * pulls.std(dim=1, correction=0) / flat.shape[1] ** 0.5
        step = 1e-4 * beta.numpy()
        slope = (ratio(beta.numpy() + step) - ratio(beta.numpy() - step)) / (2 * step)
        known = (beta > SHAPES[0]) & (beta < SHAPES[1])
        found.append((spread.cpu() / torch.from_numpy(slope)).where(known, torch.nan))
    return torch.stack(found, dim=1)


def turning(view: View) -> dict[str, Tensor]:
    """``angle`` turned by the step and ``weight_norm`` after it, [runs, layers]."""
    norm = weight_statistics(view.weights)["weight_norm"]
    return {"angle": angle(view.before, view.weights), "weight_norm": norm}


def pull(view: View) -> dict[str, Tensor]:
    """``gradient_norm`` and ``gradient_along``, the `projection` on the weights, [runs, layers],
    at the weights before the step."""
    norms = [units.norm(dim=2).mean(dim=1) for units in _units(view.gradients)]
    return {
        "gradient_norm": torch.stack(norms, dim=1),
        "gradient_along": projection(view.before, view.gradients),
    }


TURNING = Measure(
    "turning",
    (
        Column("angle", "mean over units of the angle turned by the step, radians", low=0),
        Column("weight_norm", "mean over units of the norm of a unit's weights", low=0),
    ),
    turning,
    "a copy of the weights and two passes over them",
    per="layer",
    when="steps",
    moves=True,
)
GRADIENTS = Measure(
    "gradients",
    (
        Column("gradient_norm", "mean over units of the norm of the batch's gradient", low=0),
        Column(
            "gradient_along",
            "mean over units of the gradient's cosine with the weights",
            low=-1.000001,  # float32 of a rounded 1
            high=1.000001,
        ),
    ),
    pull,
    "another backward pass of the step's batch",
    per="layer",
    when="steps",
    moves=True,
    gradients=True,
)
SHAPE = Measure(
    "shape",
    (
        Column(
            "weight_shape",
            "generalized-Gaussian shape of the layer's weights: 1 Laplace, 2 Gaussian",
            low=SHAPES[0],
            high=SHAPES[1] * (1 + 1e-6),
            start=False,
        ),
        Column(
            "weight_shape_error", "its standard error, for independent weights", low=0, start=False
        ),
    ),
    lambda view: {
        "weight_shape": shape(view.weights),
        "weight_shape_error": shape_error(view.weights),
    },
    "two passes over the weights",
    per="layer",
)
