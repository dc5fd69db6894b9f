"""Weights seen from their inputs: what the records of the side page hold, and one network made
for it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
import pandas as pd

from companion.chapters.batchnorm_norms import parts
from companion.evidence import comparison
from companion.evidence.records import Record

TRIALS = ("batch_accuracy", "inside_accuracy", "random_accuracy")
"""As it is, without what lies outside the span, without as many random directions."""


def by_layer(record: Record, column: str, epoch: int | None = None) -> pd.DataFrame:
    """Mean over runs of a column of the layers, rows arms, columns layers; after the last epoch
    unless another is given."""
    rows = record.layers
    rows = rows[rows["epoch"] == (rows["epoch"].max() if epoch is None else epoch)]
    return rows.groupby(["arm", "layer"], sort=False)[column].mean().unstack()


def by_epoch(record: Record, column: str, arm: str, layer: int) -> pd.Series:
    """Mean over runs of a column of one layer, by epoch."""
    rows = record.layers
    rows = rows[(rows["arm"] == arm) & (rows["layer"] == layer)]
    return rows.groupby("epoch")[column].mean()


def final(
    record: Record, column: str = "test_accuracy", epoch: int | None = None
) -> dict[str, pd.Series]:
    """Arm -> a column of the last epoch, or of another, in percent, by seed."""
    rows = record.epochs
    rows = rows[rows["epoch"] == (rows["epoch"].max() if epoch is None else epoch)]
    return {
        arm: 100 * mine.set_index("seed")[column].astype(float).sort_index()
        for arm, mine in rows.groupby("arm", sort=False)
    }


def compared(
    record: Record, pairs: Iterable[tuple[str, str]], epoch: int | None = None
) -> pd.DataFrame:
    """Paired differences in test accuracy after the last epoch, or another, in points
    (`comparison.compare`)."""
    return comparison.compare(final(record, epoch=epoch), pairs, paired=True)


def lost(record: Record, column: str) -> float:
    """The largest loss of test accuracy, in points, that a projection costs a run of any arm."""
    whole, less = final(record, "batch_accuracy"), final(record, column)
    return max(float((whole[arm] - less[arm]).max()) for arm in whole)


def turns(record: Record, layer: int) -> pd.DataFrame:
    """Each run's mean turn of a step in one layer before the rate falls, and its final test
    accuracy in percent: columns arm, turn, accuracy."""
    rows = parts.steps(record)
    end = parts.constant_steps(record)
    rows = rows[(rows["layer"] == layer) & (rows["step"] > end / 2) & (rows["step"] <= end)]
    found = rows.groupby(["arm", "run"], sort=False)["turn"].mean().rename("turn").reset_index()
    last = record.epochs[record.epochs["epoch"] == record.provenance["epochs"]]
    accuracy = last.set_index("run")["test_accuracy"]
    return found.assign(accuracy=100 * found["run"].map(accuracy).astype(float))


@cache
def scales_apart(epochs: int = 4) -> dict[str, float]:
    """The generalized-Gaussian shape of a layer's weights, of their projections on the directions
    of its inputs, and of these when each direction is divided by its own rms: one small
    convolutional network, trained here on the digits.
    """
    import torch

    from companion import data
    from companion.measure import geometry, span
    from companion.training.many_runs import Stack
    from companion.training.settings import Run, Settings

    settings = Settings(
        model="convnet", widths=(1, 16, 32, 10), normalization="batch", learning_rate=0.1,
        epochs=epochs,
    )  # fmt: skip
    stack = Stack([Run(0, "digits", 0, settings)], data.split(data.load("digits")))
    for _ in range(epochs):
        stack.train_epoch()
    view, layer = stack.view(), 1
    weight = view.weights[layer].flatten(2).double()
    turned = weight @ span.spans(view)[layer][1]
    rms = turned.square().mean(dim=1, keepdim=True).sqrt()
    named = {"weights": weight, "projections": turned, "each direction": turned / rms}
    shapes = {name: geometry.shape([values]).item() for name, values in named.items()}
    return shapes | {"rms apart": float(torch.log10(rms.max() / rms.min()))}


def growth(record: Record, arm: str, layer: int) -> float:
    """The factor by which a layer's norm changed from the first to the last measured step before
    the rate falls."""
    norms = parts.series(record, arm, layer)["norm"].loc[: parts.constant_steps(record)]
    return float(norms.iloc[-1] / norms.iloc[0])


def spread(values: Iterable[float]) -> float:
    """Largest less smallest."""
    known = np.asarray(list(values), float)
    return float(known.max() - known.min())
