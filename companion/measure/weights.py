"""The weights themselves: mean, standard deviation, unit norms, histograms.

Numbers are gathered in float64, whatever the weights are.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import torch
from torch import Tensor

from companion.measure.declare import Column, Measure, View

HISTOGRAM_BINS = 80


def weight_statistics(weights: Sequence[Tensor]) -> dict[str, Tensor]:
    """Mean, population standard deviation, and mean unit norm of each layer's weights.

    weights: per layer [runs, out, fan_in]. Returns ``weight_mean``, ``weight_std`` and
    ``weight_norm`` (the L2 norm of one output unit's weight vector, averaged over units), each
    [runs, layers].

    >>> stats = weight_statistics([torch.tensor([[[3.0, 4.0], [0.0, 5.0]]])])
    >>> stats["weight_mean"].item(), stats["weight_norm"].item()
    (3.0, 5.0)
    """
    columns: dict[str, list[Tensor]] = {"weight_mean": [], "weight_std": [], "weight_norm": []}
    for weight in weights:
        flat = weight.detach().double().flatten(2)
        variance, mean = torch.var_mean(flat, dim=(1, 2), correction=0)
        columns["weight_mean"].append(mean)
        columns["weight_std"].append(variance.sqrt())
        columns["weight_norm"].append(flat.norm(dim=2).mean(dim=1))
    return {name: torch.stack(values, dim=1) for name, values in columns.items()}


def weight_histogram(weight: Tensor, bins: int = HISTOGRAM_BINS) -> tuple[Tensor, Tensor]:
    """Counts [runs, bins] of a layer's weights [runs, out, fan_in] and the edges [runs, bins + 1].

    The bins of each run are symmetric about 0 and reach its largest magnitude. A run whose
    weights are no longer finite has reach 1 and counts 0.
    """
    flat = weight.detach().flatten(1).double().cpu()
    reach = flat.abs().amax(dim=1).clamp_min(1e-12)
    finite = reach.isfinite()
    reach = reach.where(finite, 1.0)
    flat = flat.where(finite[:, None], 0.0)
    edges = torch.linspace(-1, 1, bins + 1, dtype=torch.float64) * reach[:, None]
    position = ((flat / reach[:, None] + 1) * (bins / 2)).long().clamp_(0, bins - 1)
    counts = torch.zeros(len(flat), bins, dtype=torch.int64)
    counts.scatter_add_(1, position, finite[:, None].expand_as(position).long())
    return counts, edges


def histograms(view: View) -> dict[str, Tensor]:
    """``left`` and ``right`` edge and ``count`` of every bin, [runs, layers, bins]."""
    found = [weight_histogram(weight) for weight in view.weights]
    counts, edges = (torch.stack(values, dim=1) for values in zip(*found, strict=True))
    return {"left": edges[..., :-1], "right": edges[..., 1:], "count": counts}


WEIGHTS = Measure(
    "weights",
    (
        Column("weight_mean", "mean of the layer's weights"),
        Column("weight_std", "standard deviation of the weights, divided by n", low=0),
        Column("weight_norm", "mean over units of the norm of a unit's weights", low=0),
    ),
    lambda view: weight_statistics(view.weights),
    "one pass over the weights",
    per="layer",
)
HISTOGRAMS = Measure(
    "histograms",
    (
        Column("left", "left edge of the bin, in units of weight"),
        Column("right", "right edge of the bin"),
        Column("count", "weights in the bin", pa.int32(), low=0),
    ),
    histograms,
    "one pass over the weights, on the CPU; 80 rows a run and layer",
    per="bin",
    when="ends",
)
