"""How far a layer's weights reach, and how far their curve lets them (C figure 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from companion.measure.declare import Column, Measure, View

TAIL = 0.001
"""The share of weights beyond each of the two inner edges."""


def ranges(view: View) -> Mapping[str, Tensor]:
    """``weight_least``, ``weight_most``, ``weight_lower``, ``weight_upper`` and ``weight_bound``,
    each [runs, layers].

    Smallest and largest weight, the `TAIL` and 1 - `TAIL` quantiles (between the two weights next
    to it in order, a straight line), and ``|a| sup|psi|``, which no weight behind a curve reaches:
    0 where there is no curve, or one without a bound.

    >>> from types import SimpleNamespace
    >>> view = SimpleNamespace(weights=[torch.tensor([[[-1.0, 0.0, 3.0]]])], curves=[None])
    >>> ranges(view)["weight_most"].item(), ranges(view)["weight_bound"].item()
    (3.0, 0.0)
    """
    found: dict[str, list[Tensor]] = {column.name: [] for column in RANGES.columns}
    at = torch.tensor([0.0, TAIL, 1 - TAIL, 1.0], dtype=torch.float64)
    for weight, bent in zip(view.weights, view.curves, strict=True):
        # in float64 and by sorting: torch.quantile takes 16 million weights at most
        flat = weight.detach().double().flatten(1).sort(dim=1).values
        place = at.to(flat.device) * (flat.shape[1] - 1)
        left, right = flat[:, place.floor().long()], flat[:, place.ceil().long()]
        edges = torch.lerp(left, right, (place - place.floor()).expand_as(left))
        names = ("weight_least", "weight_lower", "weight_upper", "weight_most")
        for name, edge in zip(names, edges.unbind(1), strict=True):
            found[name].append(edge)
        found["weight_bound"].append(_bound(bent, edges[:, 0]))
    return {name: torch.stack(values, dim=1) for name, values in found.items()}


def _bound(bent, like: Tensor) -> Tensor:
    if bent is None or math.isinf(bent[0].curve.bound):
        return torch.zeros_like(like)
    return bent[0].a.double().abs() * bent[0].curve.bound


RANGES = Measure(
    "ranges",
    (
        Column("weight_least", "smallest weight of the layer"),
        Column("weight_lower", f"the weight that a share of {TAIL:g} lies below"),
        Column("weight_upper", f"the weight that a share of {TAIL:g} lies above"),
        Column("weight_most", "largest weight of the layer"),
        Column("weight_bound", "what no weight reaches behind its curve, 0 without", low=0),
    ),
    ranges,
    "the weights sorted once",
    per="layer",
)
