"""Chapter 4's explorables: the curve with what it does to steps, and training with and without."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch

from companion.chapters.compander import differences, walks
from companion.chapters.compander.experiments import mlp
from companion.display.explorables import Control, Curve, Explorable, Histogram, Panel, Point
from companion.display.explorables.curves import bands, inside
from companion.evidence import records
from companion.evidence.records import Record
from companion.methods.parametrizations.curves import CURVES

REACH = 1.5
"""The weights that are drawn: up to this size."""
TOP = 4.5
"""The largest factor that is drawn."""
BARS, TALLEST = 45, 0.16
"""Bars of a histogram, and the largest share of weights that is drawn."""


def hero() -> Explorable:
    """The map, what a step is multiplied by at each weight, and where random gradients push
    weights; controls kind, a and a/b. Computed when called, in a second, with a fixed seed."""
    v_axis = np.linspace(-2, 2, 81)
    edges = np.linspace(-REACH, REACH, BARS + 1)
    before = _histogram("without", walks.plain(), edges, "none", "reference")

    def point(kind: str, a: float, slope: float) -> Point:
        curve, b = CURVES[kind], a / slope * steepness(kind)
        w = curve.weight(torch.tensor(v_axis), a, b).numpy()
        shown = np.where(np.abs(w) <= REACH, w, np.nan)
        reach = min(0.999 * a * curve.bound, REACH)
        at = torch.linspace(-reach, reach, 81, dtype=torch.float64)
        factor = curve.slope(curve.inverse(at, a, b), a, b).square().numpy()
        ended = walks.walked(kind, a, b)
        return Point(
            {
                "map": [
                    Curve("no curve: w = v", [-REACH, REACH], [-REACH, REACH], role="theory"),
                    Curve(kind, v_axis.tolist(), shown.tolist(), family="compander"),
                ],
                "factor": [
                    Curve("no curve", [-REACH, REACH], [1.0, 1.0], role="theory"),
                    Curve(kind, at.tolist(), factor.tolist(), family="compander"),
                ],
                "weights": [before, _histogram(kind, ended, edges, "compander")],
            },
            _sentence(kind, a, slope, ended),
        )

    return Explorable.compute(
        "compander",
        "A curve between the weight that learns and the weight that acts",
        [
            Control("kind", "Curve", walks.KINDS, ordered=False),
            Control("a", "a", walks.A_VALUES, start=walks.A_VALUES.index(1.0)),
            Control("slope", "Slope at 0", walks.SLOPES, start=2, format=".3g"),
        ],
        [
            Panel("map", "v, the weight that learns", "w, the weight that acts",
                  y_limits=(-REACH, REACH)),
            Panel("factor", "w", "a step of w, in plain steps", y_limits=(0.0, TOP)),
            Panel("weights", "w", "share of weights", kind="histograms",
                  y_limits=(0.0, TALLEST)),
        ],
        point,
        note=f"{walks.WEIGHTS:,} weights from a normal distribution with σ = {walks.SIGMA:g}, "
        f"{walks.STEPS} random gradients each, the same with and without the curve; outline: "
        f"without. A bar is {2 * REACH / BARS:.2g} wide, a pile above {TALLEST:.0%} is cut.",
    )  # fmt: skip


def steepness(kind: str) -> float:
    """The slope of a curve at 0 for a = b = 1, psi'(0)."""
    return float(CURVES[kind].slope(torch.zeros(1, dtype=torch.float64), 1.0, 1.0))


def _histogram(
    label: str, weights: np.ndarray, edges: np.ndarray, family: str, role: str = "data"
) -> Histogram:
    share = np.histogram(weights.clip(edges[0], edges[-1]), edges)[0] / len(weights)
    return Histogram(label, edges.tolist(), share.tolist(), family=family, role=role)


def _sentence(kind: str, a: float, slope: float, ended: np.ndarray) -> str:
    curve, b = CURVES[kind], a / slope * steepness(kind)
    there = 0.5
    said = f"{kind}, a = {a:g}, b = {b:.2g}: a step at w = 0 is {slope**2:.2g} plain ones"
    if there < a * curve.bound:
        v = curve.inverse(torch.tensor(there, dtype=torch.float64), a, b)
        said += f", at w = {there:g} {float(curve.slope(v, a, b)) ** 2:.2g}"
    else:
        said += f", and no weight reaches {there:g}"
    near, faster = walks.share_near_zero(ended), walks.share_near_zero(walks.plain(slope**2))
    return (
        f"{said}. After random gradients {near:.0%} of the weights are smaller than 0.05, "
        f"{walks.share_near_zero(walks.plain()):.0%} without a curve and {faster:.0%} without one "
        f"at {slope**2:.2g} times the rate."
    )


LOSSES = (1e-3, 3.0)


def training(record: Record | None = None) -> Explorable:
    """Training loss and test accuracy behind curves of rising sigma/a, over the plain network at
    the learning rate (a/b)^2 times theirs. record: of `mlp.DIGITS`, the shipped one if none."""
    arms = {"a = 1": "wc", **{f"{ratio:g}": mlp.ratio_arm(ratio) for ratio in mlp.RATIOS}}
    said = {
        arm: "a = 1, b = 0.6" if arm == "wc" else f"σ/a = {ratio} in every layer"
        for ratio, arm in arms.items()
    }
    return _beside_the_twin(
        record,
        "compander-training",
        "The curve, or a plain network with its learning rate?",
        Control("ratio", "σ/a", tuple(arms), ordered=False),
        arms,
        said,
    )


KINDS = {
    "none": "none", "arctan": "wc", "arsinh": "arsinh", "erf": "erf",
    "powerpropagation": "powerprop", "arctan, a and b learned": "fine",
    "learned slowly": "fine-slow",
}  # fmt: skip
"""Curves in front of the digits' network, by the arm that was recorded."""


def kinds(record: Record | None = None) -> Explorable:
    """Training loss and test accuracy behind each kind of curve, over the plain network at 2.78
    times the learning rate. record: of `mlp.DIGITS`, the shipped one if none."""
    return _beside_the_twin(
        record,
        "compander-kinds",
        "Curves of every kind",
        Control("kind", "Curve", tuple(KINDS), start=1, ordered=False),
        KINDS,
        {arm: kind for kind, arm in KINDS.items()},
    )


def _beside_the_twin(
    record: Record | None,
    name: str,
    title: str,
    control: Control,
    arms: Mapping[str, str],
    said: Mapping[str, str],
) -> Explorable:
    """The digits' arms one by one; said: how the sentence names each."""
    shown = record or records.recorded("compander-curves-digits-book")
    loss = bands(shown.epochs, "train_loss")
    accuracy = bands(shown.epochs.assign(percent=100 * shown.epochs["test_accuracy"]), "percent")

    def point(**chosen: str) -> Point:
        arm = arms[chosen[control.name]]
        gap = differences.one(shown, arm, "twin")
        times = differences.loss_ratio(shown, arm, "twin")
        curves = {
            panel: [
                inside("plain", table["none"], limits, "none", faint=True),
                inside("plain, 2.78 × rate", table["twin"], limits, "none", "dashed"),
            ]
            + ([inside("behind the curve", table[arm], limits, "compander")]
               if arm != "none" else [])
            for panel, table, limits in (("loss", loss, LOSSES), ("accuracy", accuracy, (90, 100)))
        }  # fmt: skip
        return Point(
            curves,
            f"{said[arm]}: at the end the training loss is {times:.3g} times that of the plain "
            f"network at 2.78 times the rate, and the test accuracy {gap['estimate']:+.2f} points "
            f"({gap['low']:+.2f} to {gap['high']:+.2f}).",
        )

    return Explorable.compute(
        name,
        title,
        [control],
        [
            Panel("loss", "epoch", "training loss", y_log=True, y_limits=LOSSES,
                  band="95 % interval of the mean"),
            Panel("accuracy", "epoch", "test accuracy (%)", y_limits=(90.0, 100.0),
                  band="95 % interval of the mean"),
        ],
        point,
        note=f"{shown.label()}.",
    )  # fmt: skip


def reach(layer_std: float, a: float) -> float:
    """E[cos^4(w/a)] of normal weights: 3/8 + e^(-2 s^2) / 2 + e^(-8 s^2) / 8, with s = std / a.

    >>> round(reach(0.17, 1.0), 3)
    0.946
    """
    s = (layer_std / a) ** 2
    return 3 / 8 + math.exp(-2 * s) / 2 + math.exp(-8 * s) / 8
