"""Chapter 2's records as parts of a variance: what the weights' size explains, and what more."""

from __future__ import annotations

import pandas as pd

from companion.evidence.records import Record
from companion.measure.signals import PARTS
from companion.theory import depth

COLUMNS = tuple(f"variance_{part}" for part in PARTS)


def means(record: Record) -> pd.DataFrame:
    """Mean over runs of the variance and its parts, rows (arm, epoch, layer), with the column
    `by_size`: what N's eq. 9 gives from the standard deviations of all weights up to the layer,
    He et al.'s product with E[x^2] = 1 at the input."""
    layers = record.layers
    fans = next(iter(record.provenance["arms"].values()))["widths"][:-1]
    std = layers.pivot(index=["arm", "run", "epoch"], columns="layer", values="weight_std")
    product = std.apply(
        lambda row: depth.preactivation_variance(fans, row.tolist(), "relu"),
        axis=1,
        result_type="expand",
    )
    product.columns = std.columns
    by_size = product.stack().rename("by_size")
    keys = ["arm", "run", "epoch", "layer"]
    whole = layers.set_index(keys)[["preactivation_variance", *COLUMNS]].join(by_size)
    return whole.groupby(["arm", "epoch", "layer"]).mean()


def correlated_share(record: Record, arm: str, layer: int, epoch: int | None = None) -> float:
    """The share of a layer's variance that weights add that know their inputs, after an epoch,
    the last if none is given; mean over runs."""
    rows = record.layers[(record.layers["arm"] == arm) & (record.layers["layer"] == layer)]
    rows = rows[rows["epoch"] == (rows["epoch"].max() if epoch is None else epoch)]
    return float((rows["variance_correlation"] / rows["preactivation_variance"]).mean())


def largest_gap(record: Record) -> float:
    """How far the four parts are from adding up to the variance, at worst, relative to it; the
    record holds float32 variances beside float64 parts."""
    layers = record.layers
    gap = layers[list(COLUMNS)].sum(axis=1) - layers["preactivation_variance"]
    return float((gap.abs() / layers["preactivation_variance"]).max())
