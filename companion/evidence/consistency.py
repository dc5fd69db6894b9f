"""Laws that hold between the columns of a record, whatever was trained.

They see what no digest and no range does: numbers that a faulty or a false writer made up.
"""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from companion.measure import signals

PARTS = ("train", "validation", "test")
VARIANCE = "preactivation_variance"
VARIANCE_PARTS = [f"variance_{part}" for part in signals.PARTS]
ROUNDED = 1e-4
"""What float32 sums of logarithms may be off, of their value and absolutely."""


def content(header: dict, frames: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return one sentence for each law that the tables break, where they have its columns."""
    problems = []
    for part in PARTS:
        if {f"{part}_loss", f"{part}_accuracy"} <= set(frames["epochs"]):
            problems += _loss(part, frames["epochs"], _classes(header))
    if "layers" in frames and {VARIANCE, *VARIANCE_PARTS} <= set(frames["layers"]):
        problems += _variance(frames["layers"])
    for name in ("layers", "histograms", "steps"):
        if name in frames and not frames[name].empty:
            problems += _grid(name, frames[name], header["epochs"])
    if "histograms" in frames and {"left", "right", "count"} <= set(frames["histograms"]):
        problems += _bins(frames["histograms"])
    return problems


def _classes(header: dict) -> int | None:
    """The number of classes, if the header says it: by itself, or as the last width."""
    widths = [arm["widths"][-1] for arm in header["arms"].values() if arm.get("widths")]
    return header.get("classes", max(widths, default=None))


def _loss(part: str, epochs: pd.DataFrame, classes: int | None) -> list[str]:
    """A wrong image has at most half of the probability on its label, so a loss is at least
    (1 - accuracy) ln 2; a right one has at least 1 / classes, so where all are right it is at most
    ln classes."""
    loss, right = (epochs[f"{part}_{what}"].to_numpy(np.float64) for what in ("loss", "accuracy"))
    least = (1 - right) * math.log(2)
    wrong = loss < least * (1 - ROUNDED) - ROUNDED
    if classes:
        wrong |= (right == 1) & (loss > math.log(classes) * (1 + ROUNDED) + ROUNDED)
    if not wrong.any():
        return []
    run, epoch = epochs.loc[wrong, ["run", "epoch"]].iloc[0]
    return [
        f"epochs: {part}_loss {loss[wrong][0]:.6g} and {part}_accuracy {right[wrong][0]:.6g} of "
        f"run {run} at epoch {epoch} cannot be of the same images."
    ]


def _variance(layers: pd.DataFrame) -> list[str]:
    """The parts of a variance add up to it."""
    parts = layers[VARIANCE_PARTS].to_numpy(np.float64)
    whole = layers[VARIANCE].to_numpy(np.float64)
    off = np.abs(parts.sum(axis=1) - whole)
    wrong = off > 10 * ROUNDED * (np.abs(parts).sum(axis=1) + np.abs(whole))
    if not wrong.any():
        return []
    run, epoch, layer = layers.loc[wrong, ["run", "epoch", "layer"]].iloc[0]
    return [
        f"layers: the parts of the variance add up to {parts[wrong][0].sum():.6g} and it is "
        f"{whole[wrong][0]:.6g} in layer {layer} of run {run} at epoch {epoch}."
    ]


def _grid(name: str, frame: pd.DataFrame, last: int) -> list[str]:
    """The runs of an arm have the same layers, at the same times."""
    time = "step" if name == "steps" else "epoch"
    rows = frame[["arm", "run", time, "layer"]].drop_duplicates()
    problems = []
    for arm, some in rows.groupby("arm"):
        if len(some) != math.prod(some[key].nunique() for key in ("run", time, "layer")):
            problems.append(
                f"{name}: the runs of an arm have the same layers at the same {time}s, and those "
                f"of {arm} have not."
            )
        times = set(some[time])
        if name == "layers" and len(times) != last + 1:
            problems.append(f"layers: epochs 0 to {last} of {arm} must be there, got {len(times)}.")
        if name == "histograms" and not {0, last} <= times:
            problems.append(f"histograms: those of {arm} before and after training must be there.")
    return problems


def _bins(histograms: pd.DataFrame) -> list[str]:
    """A bin has left < right, and a layer as many weights after training as before, or none where
    they are no longer finite."""
    problems = []
    if (histograms["right"] <= histograms["left"]).any():
        problems.append("histograms: a bin has left < right, and one has not.")
    sums = histograms.groupby(["arm", "layer", "run", "epoch"])["count"].sum().reset_index()
    most = sums.groupby(["arm", "layer"])["count"].transform("max")
    odd = sums[(sums["count"] != most) & ((sums["count"] != 0) | (sums["epoch"] == 0))]
    odd = pd.concat([odd, sums[(most == 0)]])
    if len(odd):
        arm, layer, run, epoch, count = odd.iloc[0]
        problems.append(
            f"histograms: a layer has the same number of weights in every run of an arm, and layer "
            f"{layer} of {arm} has {count} in run {run} at epoch {epoch}."
        )
    return problems
