"""Chapter 1's records as maps: a row a cell, with what the mean-field theory predicts for it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import pandas as pd

from companion.chapters.initialization.experiments import depth_gain, depth_width, distributions
from companion.evidence import comparison
from companion.evidence.records import Record
from companion.theory import meanfield

LEARNED = 0.5
"""Test accuracy above which a run counts as one that learned; chance is 0.1."""
BORDER = 6.0
"""Depth in depth scales of a gradient beyond which networks are expected not to train
(Schoenholz et al. 2017, section 4)."""


def activation(record: Record) -> str:
    """That of a record of `depth_gain`."""
    return record.provenance["experiment"].removeprefix("depth-gain-")


def depth_gain_cells(record: Record) -> pd.DataFrame:
    """Each depth and gain at the learning rate with the best mean test accuracy at the end.

    Columns depth, gain (in units of `depth_gain.UNIT`), rate, accuracy (mean), runs (each run's
    accuracy, ascending), share (of runs that learned), steps (median over runs of `steps_to` nine
    tenths), scales: ``depth |ln chi_1|``, the depth in depth scales.
    """
    kind = activation(record)
    reached = ends(record)
    rows = []
    for depth, gain in depth_gain.cells(kind):
        runs = {rate: reached[depth_gain.arm_name(depth, gain, rate)] for rate in depth_gain.RATES}
        rate = _best(runs)
        rows.append(
            {
                "depth": depth,
                "gain": gain,
                "rate": rate,
                "accuracy": runs[rate].mean(),
                "runs": sorted(runs[rate]),
                "share": (runs[rate] > LEARNED).mean(),
                "steps": steps_to(record, depth_gain.arm_name(depth, gain, rate)).median(),
                "scales": depth * abs(math.log(chi_1(kind, gain))),
            }
        )
    return pd.DataFrame(rows)


def depth_width_cells(record: Record) -> pd.DataFrame:
    """Each depth and width of a record of `depth_width`, at the learning rate with the best mean
    test accuracy at the end: columns depth, width, ratio (depth / width), rate, accuracy, share."""
    reached = ends(record)
    rows = []
    for depth, width in itertools.product(depth_width.DEPTHS, depth_width.WIDTHS):
        runs = {
            rate: reached[depth_width.arm_name(depth, width, rate)] for rate in depth_width.RATES
        }
        rate = _best(runs)
        rows.append(
            {
                "depth": depth,
                "width": width,
                "ratio": depth / width,
                "rate": rate,
                "accuracy": runs[rate].mean(),
                "share": (runs[rate] > LEARNED).mean(),
            }
        )
    return pd.DataFrame(rows)


def shape_differences(record: Record) -> pd.DataFrame:
    """Uniform and truncated weights against normal ones, in points of test accuracy at the end:
    the rows of `comparison.compare`, and activation and shape. record: of `distributions`.

    Each activation at the learning rate that suits its normal weights best.
    """
    points = {arm: 100 * values for arm, values in ends(record).items()}
    samples, pairs, named = {}, [], []
    for kind in distributions.ACTIVATIONS:
        runs = {
            rate: points[distributions.arm_name(kind, "normal", rate)]
            for rate in distributions.RATES
        }
        rate = _best(runs)
        samples[f"{kind}, normal"] = runs[rate]
        for shape in ("uniform", "truncated"):
            samples[f"{kind}, {shape}"] = points[distributions.arm_name(kind, shape, rate)]
            pairs.append((f"{kind}, {shape}", f"{kind}, normal"))
            named.append({"activation": kind, "shape": shape, "rate": rate})
    rows = comparison.compare(samples, pairs)
    return pd.concat([rows, pd.DataFrame(named)], axis=1)


def _best(runs: Mapping[float, pd.Series]) -> float:
    """The learning rate with the best mean."""
    return max(runs, key=lambda rate: runs[rate].mean())


def chi_1(kind: str, gain: float) -> float:
    """The factor of a gradient's second moment per layer, at the variance that depth settles at;
    gain in units of `depth_gain.UNIT`."""
    sigma_w = gain * depth_gain.UNIT[kind]
    if kind == "relu":
        return meanfield.chi_1(kind, 1.0, sigma_w)  # the same at every variance
    if gain <= 1:
        return gain**2  # tanh's variance dies there, where its slope is 1
    return meanfield.chi_1(kind, meanfield.fixed_point(kind, sigma_w), sigma_w)


def agreement(cells: pd.DataFrame, border: float = BORDER) -> float:
    """The share of cells in which a border at so many depth scales says rightly whether the mean
    accuracy is above `LEARNED`."""
    return float(((cells["accuracy"] > LEARNED) == (cells["scales"] < border)).mean())


def rank_correlation(cells: pd.DataFrame) -> float:
    """Spearman's correlation of accuracy and depth in depth scales."""
    return float(cells["accuracy"].corr(cells["scales"], method="spearman"))


def steps_to(record: Record, arm: str, accuracy: float = 0.9, epoch_steps: int = 36) -> pd.Series:
    """Optimizer steps until each run's test accuracy reaches a value, to the next epoch; inf where
    it never does. epoch_steps: 36 for the digits in batches of 32."""
    rows = record.epochs[record.epochs["arm"] == arm]
    reached = rows[rows["test_accuracy"] >= accuracy].groupby("run")["epoch"].min()
    return epoch_steps * reached.reindex(rows["run"].unique()).fillna(math.inf)


def ends(record: Record) -> dict[str, pd.Series]:
    """Arm -> test accuracies of its runs after the last epoch."""
    epochs = record.epochs
    last = epochs[epochs["epoch"] == epochs["epoch"].max()]
    return {str(arm): rows for arm, rows in last.groupby("arm")["test_accuracy"]}
