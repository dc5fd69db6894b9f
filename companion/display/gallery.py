"""The book's explorables, each built from the record it shows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from companion.display.explorables import Control, Curve, Explorable, Panel, Point
from companion.evidence import records
from companion.evidence.records import Record
from companion.evidence.summaries import summary
from companion.experiments import scale_grid

LAYER = 2
"""The layer whose weights are shown: hidden, so that its fan-in is the layer width."""
STD_LIMITS = (0.01, 10.0)
_WHEN = {None: "never", 0: "once an epoch", 1: "every step"}


def _when(period: int | None) -> str:
    return _WHEN.get(period, f"every {period} steps")


def width_gain_period(record: Record | None = None) -> Explorable:
    """Weight std and test accuracy on the digits; controls width, gain and rescale period.

    record: a record of `scale_grid.GRID`; the one that ships with the package if none is given.
    """
    shown = record or records.recorded("scale-grid-digits-book")
    last = int(shown.epochs["epoch"].max())
    layers = shown.layers[shown.layers["layer"] == LAYER]
    accuracy = _bands(shown.epochs, "test_accuracy")
    std = _bands(layers, "weight_std")
    finals = dict(list(shown.epochs[shown.epochs["epoch"] == last].groupby("arm")["test_accuracy"]))
    final_stds = dict(list(layers[layers["epoch"] == last].groupby("arm")["weight_std"]))

    def point(width: int, gain: float, period: str) -> Point:
        tau = periods[period]
        name = scale_grid.arm_name(width, gain, tau)
        never = scale_grid.arm_name(width, gain, None)
        sigma = gain * math.sqrt(2 / width)
        epochs = list(range(last + 1))
        arm = "none" if tau is None else "wr"
        label = "never rescaled" if tau is None else "rescaled"
        curves = {
            "std": [
                Curve("initial σ", epochs, [sigma] * len(epochs), role="theory"),
                _curve(label, std[name], arm, STD_LIMITS),
            ],
            "accuracy": [_curve(label, accuracy[name], arm, (0.0, 100.0), factor=100)],
        }
        if tau is not None:
            for key, bands, limits, factor in (
                ("std", std, STD_LIMITS, 1),
                ("accuracy", accuracy, (0.0, 100.0), 100),
            ):
                curves[key].append(
                    _curve("never rescaled", bands[never], "none", limits, factor, faint=True)
                )
        ending = _ending(finals[name], final_stds[name], sigma)
        held = "never rescaled" if tau is None else f"rescaled {period}"
        return Point(curves, f"Width {width}, gain {gain:g} × √2, {held}: {ending}")

    periods = {_when(tau): tau for tau in scale_grid.PERIODS}
    return Explorable.compute(
        "scale",
        "Where the weights start, and whether they are held there",
        [
            Control("width", "Layer width", scale_grid.WIDTHS, unit="units", start=2),
            Control("gain", "Gain", scale_grid.GAINS, unit="× √2", start=5),
            Control("period", "Rescale the weights", tuple(periods), start=0),
        ],
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
                y_limits=(0.0, 100.0),
                band="95 % interval of the mean",
            ),
        ],
        point,
    )


def _bands(rows: pd.DataFrame, quantity: str) -> dict[str, pd.DataFrame]:
    """Arm -> mean and 95 % t interval per epoch. An epoch in which a run is no longer finite
    has no mean."""
    from scipy.stats import t

    groups = rows.groupby(["arm", "epoch"], sort=False)[quantity]
    runs = groups.size()
    mean = groups.mean().where(groups.count() == runs)
    half = t.ppf(0.975, runs - 1) * groups.std() / np.sqrt(runs)
    bands = pd.DataFrame({"mean": mean, "low": mean - half, "high": mean + half})
    return {arm: band.droplevel("arm") for arm, band in bands.groupby(level="arm")}


def _curve(
    label: str,
    band: pd.DataFrame,
    arm: str,
    limits: tuple[float, float],
    factor: float = 1,
    faint: bool = False,
) -> Curve:
    """A curve inside the panel: it stops where its mean leaves the axis, its band is cut there."""
    low, high = limits
    scaled = (band * factor).astype(float)
    scaled = scaled.where(scaled["mean"].between(low, high), np.nan).clip(low, high)
    columns = [scaled[name].tolist() for name in ("mean", "low", "high")]
    if faint:
        columns[1:] = [None, None]
    return Curve(
        label, band.index.tolist(), *columns, arm=arm, role="reference" if faint else "data"
    )


def _ending(accuracy: pd.Series, std: pd.Series, sigma: float) -> str:
    """What came of a setting, in words."""
    final = summary(100 * accuracy.astype(float))
    sentence = (
        f"test accuracy {final.mean:.1f} % at the end "
        f"(95 % interval {max(final.low, 0):.1f} to {min(final.high, 100):.1f}, {final.runs} runs)"
    )
    lost = int((~np.isfinite(std) | (std > STD_LIMITS[1])).sum())
    if lost:
        return f"{sentence}; in {lost} of {len(std)} runs the weights exploded."
    factor = float(std.mean()) / sigma
    return f"{sentence}; the weights end at {factor:.2f} times their initial σ."
