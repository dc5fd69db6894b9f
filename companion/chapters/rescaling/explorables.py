"""Chapter 3's explorables, each built from the record it shows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from companion.chapters.rescaling import experiments
from companion.chapters.rescaling.experiments import scale_grid
from companion.display.explorables import (
    Control,
    Curve,
    Explorable,
    HeatMap,
    Panel,
    Point,
    by_layer,
)
from companion.display.explorables.curves import bands, inside
from companion.evidence import records
from companion.evidence.records import Record
from companion.evidence.summaries import summary

__all__ = [
    "scale_map", "weight_std_by_layer", "weights_before_and_after", "width_gain_period",
]  # fmt: skip
LAYER = 2
"""The layer whose weights are shown: hidden, so that its fan-in is the layer width."""
STD_LIMITS = (0.05, 2.0)
EXPLODED = 10.0
"""Weight std above which a run's weights count as exploded; its curve has left the axis before."""
PERCENT = (0.0, 100.0)
LEARNED = 50.0
"""Test accuracy, in percent, above which a run counts as one that learned; chance is 10."""
MLP_RECORD = "weight-rescaling-mlp-cifar10-jpeg-full"
_WHEN = {
    None: "never",
    scale_grid.TEN_EPOCHS: "every 10 epochs",
    0: "once an epoch",
    1: "every step",
}


def _when(period: int | None) -> str:
    return _WHEN.get(period, f"every {period} steps")


def width_gain_period(record: Record | None = None) -> Explorable:
    """Weight std and test accuracy on the digits; controls width, gain and rescale period.

    record: a record of `scale_grid.GRID`; the one that ships with the package if none is given.
    """
    shown = record or records.recorded("scale-grid-digits-book")
    last = int(shown.epochs["epoch"].max())
    layers = shown.layers[shown.layers["layer"] == LAYER]
    accuracy = {arm: 100 * band for arm, band in bands(shown.epochs, "test_accuracy").items()}
    std = bands(layers, "weight_std")
    said, arms = _endings(shown), scale_grid.GRID.arms
    ends = dict(list(_last(shown.epochs).groupby("arm")["test_accuracy"]))

    def point(width: int, gain: float, period: str) -> Point:
        tau = periods[period]
        name = scale_grid.arm_name(width, gain, tau)
        never = scale_grid.arm_name(width, gain, None)
        sigma = gain * math.sqrt(2 / width)
        epochs = list(range(last + 1))
        label = "never rescaled" if tau is None else "rescaled"
        start = Curve("initial σ", epochs, [sigma] * len(epochs), role="theory")
        curves = {
            "std": [start, inside(label, std[name], STD_LIMITS, arms[name].family)],
            "accuracy": [inside(label, accuracy[name], PERCENT, arms[name].family)],
        }
        if _fates_differ(ends[name]):
            curves["accuracy"] = [*_each_run(shown.epochs, name), *curves["accuracy"]]
        if tau is not None:
            for key, quantity, limits in (
                ("std", std, STD_LIMITS), ("accuracy", accuracy, PERCENT)
            ):  # fmt: skip
                curves[key].append(
                    inside(
                        "never rescaled", quantity[never], limits, arms[never].family, faint=True
                    )
                )
        return Point(curves, said(width, gain, period))

    periods = _periods()
    return Explorable.compute(
        "scale",
        "Where the weights start, and whether they are held there",
        _controls(),
        [
            Panel(
                "std",
                "epoch",
                f"weight std, layer {LAYER}",
                y_log=True,
                y_limits=STD_LIMITS,
                band="95 % interval of the mean",
            ),
            Panel(
                "accuracy",
                "epoch",
                "test accuracy (%)",
                y_limits=PERCENT,
                band="95 % interval of the mean",
            ),
        ],
        point,
        note=f"{shown.label()}.",
    )


def scale_map(record: Record | None = None) -> Explorable:
    """The final test accuracy on the digits as a map of gain and rescale period; control width.

    record: as in `width_gain_period`.
    """
    shown = record or records.recorded("scale-grid-digits-book")
    means = 100 * _last(shown.epochs).groupby("arm")["test_accuracy"].mean()
    said, periods = _endings(shown), _periods()

    def point(width: int, gain: float, period: str) -> Point:
        mean = means[scale_grid.arm_name(width, gain, periods[period])]
        return Point({"accuracy": mean}, said(width, gain, period))

    return Explorable.compute(
        "scale-map",
        "Every gain and every rescale period at once",
        _controls(),
        [HeatMap("accuracy", "test accuracy at the end (%)", x="gain", y="period")],
        point,
        note=f"{shown.label()}.",
    )


def weight_std_by_layer(record: Record | None = None) -> Explorable:
    """Weight std per epoch, a panel a layer; control arm.

    record: a record of `mlp.MLP`; the one that ships with the package if none is given.
    """
    shown = record or records.recorded(MLP_RECORD)
    return by_layer.weight_std(shown, experiments.of(shown).arms)


def weights_before_and_after(record: Record | None = None) -> Explorable:
    """Histograms of the weights before and after training, a panel a layer; control arm.

    record: as in `weight_std_by_layer`.
    """
    shown = record or records.recorded(MLP_RECORD)
    return by_layer.weights(shown, experiments.of(shown).arms)


def _controls() -> list[Control]:
    return [
        Control("width", "Layer width", scale_grid.WIDTHS, unit="units", start=2),
        Control("gain", "Gain", scale_grid.GAINS, unit="× √2", start=scale_grid.GAINS.index(2.0)),
        Control("period", "Rescale the weights", tuple(_periods()), start=0),
    ]


def _periods() -> dict[str, int | None]:
    """What the reader sees -> the period in steps."""
    return {_when(tau): tau for tau in scale_grid.PERIODS}


def _last(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["epoch"] == rows["epoch"].max()]


def _each_run(epochs: pd.DataFrame, arm: str) -> list[Curve]:
    """The accuracy of every run of an arm, thin."""
    mine = epochs[epochs["arm"] == arm]
    return [
        Curve(
            f"run {number}",
            run["epoch"].tolist(),
            (100 * run["test_accuracy"].astype(float)).round(1).tolist(),
            role="context",
        )
        for number, (_, run) in enumerate(mine.groupby("run"), start=1)
    ]


def _endings(record: Record):
    """Return said(width, gain, period): what came of a setting, as a sentence."""
    layers = _last(record.layers[record.layers["layer"] == LAYER])
    accuracies = dict(list(_last(record.epochs).groupby("arm")["test_accuracy"]))
    stds = dict(list(layers.groupby("arm")["weight_std"]))

    def said(width: int, gain: float, period: str) -> str:
        tau = _periods()[period]
        name = scale_grid.arm_name(width, gain, tau)
        held = "never rescaled" if tau is None else f"rescaled {period}"
        ending = _ending(accuracies[name], stds[name], gain * math.sqrt(2 / width))
        return f"Width {width}, gain {gain:g} × √2, {held}: {ending}"

    return said


def _fates_differ(accuracy: pd.Series) -> bool:
    """Whether some of the runs learned and some did not, so that their mean is no run's."""
    learned = 100 * accuracy.astype(float) > LEARNED
    return bool(learned.any() and not learned.all())


def _ending(accuracy: pd.Series, std: pd.Series, sigma: float) -> str:
    """What came of a setting, in words."""
    final = summary(100 * accuracy.astype(float))
    learned = 100 * accuracy.astype(float) > LEARNED
    if _fates_differ(accuracy):
        sentence = (
            f"{learned.sum()} of {final.runs} runs learned, to {100 * accuracy[learned].mean():.1f}"
            f" % on average, and {final.runs - learned.sum()} did not; the mean of all, "
            f"{final.mean:.1f} %, is no run's"
        )
    else:
        sentence = (
            f"test accuracy {final.mean:.1f} % at the end (95 % interval {max(final.low, 0):.1f} "
            f"to {min(final.high, 100):.1f}, {final.runs} runs)"
        )
    lost = int((~np.isfinite(std) | (std > EXPLODED)).sum())
    if lost:
        return f"{sentence}; in {lost} of {len(std)} runs the weights exploded."
    factor = float(std.mean()) / sigma
    return f"{sentence}; the weights end at {factor:.2f} times their initial σ."
