"""What a curve does to the steps of a layer's weights, and the shape of their distribution."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from companion.measure.declare import Column, Measure, View

NEAR = 0.1
"""A weight is near zero below this share of its layer's own rms."""
STILL = 0.01
"""A weight is small below this, whatever its layer."""


def curves(view: View) -> Mapping[str, Tensor]:
    """``step_factor``, ``curve_a`` and ``curve_b``, each [runs, layers].

    A small step of v moves w by Psi'(v) times as much, and dL/dv is Psi'(v) times dL/dw: a step in
    w is Psi'(v)^2 times a plain one. For arctan that is (a/b)^2 cos^4(w/a). The mean is over the
    layer's weights; without a curve the factor is 1, and a and b are 0.
    """
    factors, ones, twos = [], [], []
    for weight, bent in zip(view.weights, view.curves, strict=True):
        if bent is None:
            runs = torch.ones(len(weight), dtype=torch.float64, device=weight.device)
            factors, ones, twos = [*factors, runs], [*ones, 0 * runs], [*twos, 0 * runs]
            continue
        curve, v = bent
        factors.append(curve.slope(v.double()).square().flatten(1).mean(1))
        ones.append(curve.a.double())
        twos.append(curve.b.double())
    found = {"step_factor": factors, "curve_a": ones, "curve_b": twos}
    return {name: torch.stack(values, dim=1) for name, values in found.items()}


def shapes(view: View) -> Mapping[str, Tensor]:
    """``weight_kurtosis``, ``weight_near_zero`` and ``weight_small``, each [runs, layers].

    >>> from types import SimpleNamespace
    >>> view = SimpleNamespace(weights=[torch.tensor([[[-1.0, 1.0, 1.0, -1.0]]])])
    >>> shapes(view)["weight_kurtosis"].item()  # two points, the least there is
    1.0
    """
    found: dict[str, list[Tensor]] = {
        "weight_kurtosis": [], "weight_near_zero": [], "weight_small": [],
    }  # fmt: skip
    for weight in view.weights:
        flat = weight.detach().double().flatten(1)
        off = flat - flat.mean(1, keepdim=True)
        variance = off.square().mean(1)
        rms = flat.square().mean(1, keepdim=True).sqrt()
        found["weight_kurtosis"].append(off.pow(4).mean(1) / variance.square())
        found["weight_near_zero"].append((flat.abs() < NEAR * rms).double().mean(1))
        found["weight_small"].append((flat.abs() < STILL).double().mean(1))
    return {name: torch.stack(values, dim=1) for name, values in found.items()}


CURVES = Measure(
    "curves",
    (
        Column("step_factor", "mean over weights of Psi'(v)^2, 1 without a curve", low=0),
        Column("curve_a", "a of the layer's curve, 0 without one"),
        Column("curve_b", "b of the layer's curve, 0 without one"),
    ),
    curves,
    "one pass over the weights",
    per="layer",
)
SHAPES = Measure(
    "shapes",
    (
        Column("weight_kurtosis", "fourth moment over squared variance, 3 for a normal", low=0,
               start=False),
        Column("weight_near_zero", f"share of |w| below {NEAR:g} rms of the layer", low=0, high=1),
        Column("weight_small", f"share of |w| below {STILL:g}", low=0, high=1),
    ),
    shapes,
    "one pass over the weights",
    per="layer",
)  # fmt: skip
