"""Chapter 4's records as paired differences, and the rule for what is only a learning rate."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from companion.evidence import comparison, selection
from companion.evidence.records import Record

LIMIT = 0.3
"""Points: a difference whose 95 % interval lies within this of 0 is called none."""


def accuracies(record: Record) -> dict[str, pd.Series]:
    """Arm -> test accuracy at the best epoch in percent, by seed: arms in the same order of pairs.

    The arms of the record must share their seeds.
    """
    best = selection.best_epoch(record.epochs)
    by_arm = {arm: 100 * rows.set_index("seed")["test_accuracy"].astype(float).sort_index()
              for arm, rows in best.groupby("arm", sort=False)}  # fmt: skip
    seeds = {tuple(values.index) for values in by_arm.values()}
    if len(seeds) > 1:
        raise ValueError(
            f"pairs need arms with the same seeds, and {record.name} has {len(seeds)} sets; use "
            "comparison.compare() for independent runs"
        )
    return by_arm


def compared(record: Record, pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """`comparison.compare` of paired arms, in points, with the column ``none``: whether the whole
    interval lies within `LIMIT` of 0."""
    rows = comparison.compare(accuracies(record), pairs, paired=True)
    return rows.assign(none=(rows["low"] > -LIMIT) & (rows["high"] < LIMIT))


def one(record: Record, arm: str, baseline: str) -> pd.Series:
    """A single paired difference."""
    return compared(record, [(arm, baseline)]).iloc[0]


def by_layer(record: Record, column: str, epoch: int | None = None) -> pd.DataFrame:
    """Mean over runs of a column of the layers, rows arms, columns layers; after the last epoch
    unless another is given."""
    rows = record.layers
    rows = rows[rows["epoch"] == (rows["epoch"].max() if epoch is None else epoch)]
    return rows.groupby(["arm", "layer"], sort=False)[column].mean().unstack()


def step_factors(record: Record) -> pd.Series:
    """Arm -> what a step of w is multiplied by after training, mean over layers and runs: of the
    curve, times the learning rate relative to that of the first arm."""
    rates = {arm: own["learning_rate"] for arm, own in record.provenance["arms"].items()}
    own = pd.Series(rates) / next(iter(rates.values()))
    return by_layer(record, "step_factor").mean(axis=1)[list(rates)] * own


def loss_ratio(record: Record, arm: str, baseline: str, epoch: int | None = None) -> float:
    """Geometric mean over pairs of the training loss of an arm over that of another, at an epoch,
    the last unless another is given."""
    import numpy as np

    rows = record.epochs
    rows = rows[rows["epoch"] == (rows["epoch"].max() if epoch is None else epoch)]
    loss = rows.pivot(index="seed", columns="arm", values="train_loss").astype(float)
    return float(np.exp(np.log(loss[arm] / loss[baseline]).mean()))
