"""Chapter 1's explorables: the map of depth and gain, gain by learning rate, and a calculator."""

from __future__ import annotations

import math

import numpy as np

from companion.chapters.initialization import maps
from companion.chapters.initialization.experiments import gain_rate
from companion.display.explorables import Control, Curve, Explorable, HeatMap, Panel, Point
from companion.evidence import records
from companion.evidence.records import Record
from companion.theory import gains, scale

__all__ = ["calculator", "depth_and_gain", "gain_and_rate"]
BORDERS = (1.0, 2.0, 4.0, 6.0, 9.0, 14.0)
"""Positions of the movable border, in depth scales."""
NAMES = {"tanh": "tanh", "relu": "ReLU"}
UNITS = {"tanh": "", "relu": "× √2"}


def depth_and_gain(record: Record | None = None) -> Explorable:
    """Accuracy of trained networks by depth and gain, beside what a border of depth scales
    predicts; controls gain, depth, border.

    record: of `depth_gain.TANH` or `RELU`; the shipped one of tanh if none is given.
    """
    shown = record or records.recorded("depth-gain-tanh-digits-book")
    kind, cells = maps.activation(shown), maps.depth_gain_cells(shown)
    gains_, depths = (tuple(cells[name].unique()) for name in ("gain", "depth"))
    by_cell = cells.set_index(["gain", "depth"])

    def point(gain: float, depth: int, border: float) -> Point:
        cell = by_cell.loc[(gain, depth)]
        predicted = 100.0 if cell["scales"] < border else 0.0
        runs = ", ".join(f"{100 * run:.0f}" for run in cell["runs"])
        learned = round(cell["share"] * len(cell["runs"]))
        return Point(
            {"accuracy": 100 * cell["accuracy"], "predicted": predicted},
            f"{depth} layers, gain {gain:g}: {learned} of {len(cell['runs'])} runs learned "
            f"(at learning rate {cell['rate']:g}: {runs} %){_speed(cell['steps'])}. The network is "
            f"{cell['scales']:.3g} depth scales deep. A border at {border:g} is right in "
            f"{100 * maps.agreement(cells, border):.0f} % of the cells.",
        )

    return Explorable.compute(
        f"depth-gain-{kind}" if kind != "tanh" else "depth-gain",
        f"Which {NAMES[kind]} networks learn",
        [
            Control("gain", "Gain", gains_, unit=UNITS[kind], start=gains_.index(1.0)),
            Control("depth", "Layers", depths, unit="layers", start=depths.index(32)),
            Control("border", "Border", BORDERS, unit="depth scales", start=BORDERS.index(6.0)),
        ],
        [
            HeatMap("accuracy", "measured: test accuracy (%)", x="gain", y="depth"),
            HeatMap("predicted", "predicted: 100 learns, 0 does not", x="gain", y="depth"),
        ],
        point,
        note=f"{shown.label()}. Each cell at the best of four learning rates.",
    )


def _speed(steps: float) -> str:
    """How long a typical run takes to nine tenths, in words; nothing where it never gets there."""
    return f"; half of them read 90 % within {steps:.0f} steps" if math.isfinite(steps) else ""


def gain_and_rate(record: Record | None = None) -> Explorable:
    """Test accuracy by gain and learning rate; controls are the two axes.

    record: of `gain_rate.EXPERIMENT`; the shipped one if none is given.
    """
    shown = record or records.recorded("gain-rate-digits-book")
    ends = maps.ends(shown)

    def point(gain: float, rate: float) -> Point:
        runs = 100 * ends[gain_rate.arm_name(gain, rate)]
        each = ", ".join(f"{run:.0f}" for run in sorted(runs))
        return Point(
            {"accuracy": float(runs.mean())},
            f"Gain {gain:g} at learning rate {rate:g}: four networks reach {each} %.",
        )

    return Explorable.compute(
        "gain-rate",
        "1,600 networks: gain by learning rate",
        [
            Control("gain", "Gain", gain_rate.GAINS, start=10),
            Control("rate", "Learning rate", gain_rate.RATES, start=10),
        ],
        [HeatMap("accuracy", "test accuracy (%)", x="rate", y="gain")],
        point,
        note=f"{shown.label()}.",
    )


LAYERS = {
    # label: (torch's class, options)
    "linear": ("linear", {}),
    "conv 3 × 3": ("conv2d", {"kernel_size": 3}),
    "conv 3 × 3, stride 2": ("conv2d", {"kernel_size": 3, "stride": 2}),
    "conv 3 × 3, 4 groups": ("conv2d", {"kernel_size": 3, "groups": 4}),
    "transposed 4 × 4, stride 2": ("convtranspose2d", {"kernel_size": 4, "stride": 2}),
}
SIZES = (16, 64, 256, 1024)


def calculator() -> Explorable:
    """My layer, my activation: fans, gain, standard deviation and bound; controls the layer's
    kind, its inputs and outputs, and the activation that it reads."""
    from companion.methods.initialization import recommend

    activations = tuple(gains.ACTIVATIONS)

    def point(layer: str, inputs: int, outputs: int, activation: str) -> Point:
        kind, options = LAYERS[layer]
        with _meta():
            found = recommend(kind, activation, inputs, outputs, **options)
        return Point({"density": _densities(found.std)}, " ".join(str(found).splitlines()))

    return Explorable.compute(
        "calculator",
        "My layer, my activation",
        [
            Control("layer", "Layer", tuple(LAYERS), ordered=False),
            Control("inputs", "Inputs or channels", SIZES, start=1),
            Control("outputs", "Outputs or channels", SIZES, start=1),
            Control("activation", "It reads the outputs of", activations, ordered=False, start=1),
        ],
        [Panel("density", "weight", "density of the initial weights", y_limits=(0.0, 8.0))],
        point,
        note="The gain is that of a standard normal signal, by quadrature.",
    )


def _meta():
    """Layers without memory: only their shapes are asked for."""
    import torch

    return torch.device("meta")


def _densities(std: float) -> list[Curve]:
    """Normal and uniform weights of this standard deviation, cut at the panel's edge."""
    x = np.linspace(-0.6, 0.6, 121)
    normal = np.exp(-((x / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))
    bound = scale.uniform_bound(std)
    uniform = np.where(abs(x) <= bound, 1 / (2 * bound), 0.0)
    top = 8.0
    return [
        Curve("normal", x.round(3).tolist(), normal.clip(max=top).round(3).tolist(), family="wr"),
        Curve(
            "uniform",
            x.round(3).tolist(),
            uniform.clip(max=top).round(3).tolist(),
            family="wd",
            dash="dashed",
        ),
    ]
