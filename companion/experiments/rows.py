"""What a stack measures, as the rows of a record's tables."""

from __future__ import annotations

import pandas as pd
import torch

from companion.measure import probes
from companion.training.many_runs import Stack

LAYER_QUANTITIES = ("weight_mean", "weight_std", "weight_norm", "preactivation_variance")
NO_HISTOGRAMS = pd.DataFrame(
    columns=["run", "arm", "seed", "epoch", "layer", "left", "right", "count"]
)

Tables = dict[str, pd.DataFrame]


def epoch_tables(stack: Stack, histograms: bool = True) -> Tables:
    """The rows of the current epoch: `epochs`, `layers`, and at the two ends `histograms`."""
    values = {name: value.cpu().numpy() for name, value in stack.measure().items()}
    who = pd.DataFrame(
        {
            "run": [run.number for run in stack.runs],
            "arm": [run.arm for run in stack.runs],
            "seed": [run.seed for run in stack.runs],
            "epoch": stack.epoch,
        }
    )
    scalars = {name: value for name, value in values.items() if name not in LAYER_QUANTITIES}
    layers = [
        who.assign(layer=layer + 1, **{name: values[name][:, layer] for name in LAYER_QUANTITIES})
        for layer in range(len(stack.weights))
    ]
    tables = {"epochs": who.assign(**scalars), "layers": pd.concat(layers, ignore_index=True)}
    if histograms and stack.epoch in (0, stack.settings.epochs):
        tables["histograms"] = pd.concat(
            [_histogram_rows(who, layer + 1, weight) for layer, weight in enumerate(stack.weights)],
            ignore_index=True,
        )
    return tables


def _histogram_rows(who: pd.DataFrame, layer: int, weight: torch.Tensor) -> pd.DataFrame:
    counts, edges = probes.weight_histogram(weight)
    repeated = who.loc[who.index.repeat(counts.shape[1])].reset_index(drop=True)
    return repeated.assign(
        layer=layer,
        left=edges[:, :-1].flatten().numpy(),
        right=edges[:, 1:].flatten().numpy(),
        count=counts.flatten().numpy(),
    )


def append(tables: Tables, new: Tables) -> Tables:
    """Both tables' rows; a name that only one of them has is taken as it is."""
    return {
        name: pd.concat([tables[name], rows], ignore_index=True) if name in tables else rows
        for name, rows in new.items()
    } | {name: rows for name, rows in tables.items() if name not in new}
