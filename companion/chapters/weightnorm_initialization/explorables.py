"""Chapter 6's explorables: a weight vector's two handles, and how deep a start can be trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from companion.chapters.weightnorm_initialization import maps, random_networks
from companion.chapters.weightnorm_initialization.experiments import depth, rescued
from companion.chapters.weightnorm_initialization.random_networks import Passed
from companion.display.explorables import Control, Curve, Explorable, HeatMap, Panel, Point
from companion.display.explorables.curves import bands, inside
from companion.evidence import records
from companion.evidence.records import Record

LIMITS = (1e-4, 1e4)
FACTORS = (0.7, 0.9, 1.0, 1.1, 1.4)
"""What the lengths of all units are multiplied by."""
TURNS = (20, 75, 160)
"""Degrees at which the three draws of directions are shown."""
LAYERS = random_networks.LAYERS
WIDTHS = {
    "change at random": tuple(random_networks.drawn_widths(random_networks.NARROW, LAYERS + 1, 0)),
    "narrow from 400 to 50": tuple(
        int(width) for width in np.geomspace(400, 50, LAYERS + 1).round()
    ),
}
NAMES = {depth.NAMES[start]: start for start in ("one", "torch", "backward", "forward", "data")}
"""What the buttons say, and the start they mean."""


@cache
def passed(shape: str, turn: int, start: str, factor: float) -> Passed:
    """What one network does whose directions are the turn-th draw, its lengths times a factor.

    Without biases a ReLU network multiplies: a factor of every length is one of every signal. Data
    set biases too, and their networks are passed again for every factor.
    """
    if start != "data" and factor != 1:
        found, layers = passed(shape, turn, start, 1.0), np.arange(LAYERS + 1)
        up, down = factor**layers, factor ** layers[::-1]
        return Passed(found.signals * up, found.gradients * down)
    model, inputs = _network(shape, turn)
    return random_networks.lengths(model, start, inputs, turn, factor)


@cache
def _network(shape: str, turn: int):
    from companion.methods.initialization import weight_norm_

    widths = WIDTHS[shape]
    model = weight_norm_(random_networks.Plain(widths), "one", seed=turn)
    return model, random_networks.white(turn, widths[0])


def first_length(shape: str, start: str) -> float:
    """The length with which a start begins in layer 1; from white images, data give 1."""
    if start == "data":
        return 1.0
    widths = WIDTHS[shape]
    once = random_networks.expected(start, widths[:2])[1][0]  # the gradient's factor: r / sqrt 2
    return math.sqrt(2) * once


def two_handles() -> Explorable:
    """A unit's direction and length, and what they do to signal and gradient through twenty layers;
    controls start, factor of the length, direction, widths."""

    def point(start: str, factor: float, direction: int, shape: str) -> Point:
        turn, label, start = TURNS.index(direction), start, NAMES[start]
        found, drawn = passed(shape, turn, start, factor), {}
        lift = factor ** np.arange(LAYERS + 1)
        theory = None if start == "data" else random_networks.expected(start, WIDTHS[shape])
        for side, (key, sizes) in enumerate(
            (("signal", found.signals), ("gradient", found.gradients))
        ):
            drawn[key] = [_line("measured", sizes, family="weight_norm")]
            if theory is not None:
                line = theory[side] * (lift if side == 0 else lift[::-1])
                drawn[key].insert(0, _line("theory", line, role="theory"))
        r = factor * first_length(shape, start)
        return Point(
            {"vector": _vector(r, direction), **drawn},
            f"Lengths: {label}, times {factor:g}; directions at {direction}°; widths that {shape}: "
            f"after {LAYERS} layers the signal is {found.signals[-1]:.2g} times as long, and the "
            f"gradient, back at the input, {found.gradients[0]:.2g} times.",
        )

    return Explorable.compute(
        "two-handles",
        "A weight vector has two handles",
        [
            Control("start", "Lengths", tuple(NAMES), ordered=False),
            Control("factor", "Lengths times", FACTORS, start=FACTORS.index(1.0)),
            Control("direction", "Directions at", TURNS, unit="°"),
            Control("shape", "Widths", tuple(WIDTHS), ordered=False),
        ],
        [
            Panel("vector", "weight from input 1", "weight from input 2",
                  y_limits=(-1.2, 2.2), equal=True),
            Panel("signal", "layer", "length of the signal", y_log=True,
                  y_limits=LIMITS),
            Panel("gradient", "layer", "length of the gradient", y_log=True,
                  y_limits=LIMITS),
        ],
        point,
        note=f"Untrained ReLU networks of {LAYERS} layers under weight norm, orthogonal "
        f"directions, {random_networks.INPUTS} random inputs; lengths are 1 at the input and the "
        "output. Left, two weights of a unit of layer 1 stand for all; its length is the true one.",
    )  # fmt: skip


def _line(label: str, values: np.ndarray, **look) -> Curve:
    inside = (values >= LIMITS[0]) & (values <= LIMITS[1])
    shown = [
        float(f"{v:.3g}") if kept else math.nan for v, kept in zip(values, inside, strict=True)
    ]
    return Curve(label, range(len(values)), shown, **look)


def _vector(length: float, degrees: int) -> list[Curve]:
    circle = np.linspace(0, 2 * math.pi, 49)
    angle = math.radians(degrees)
    tip = [round(length * math.cos(angle), 3), round(length * math.sin(angle), 3)]
    return [
        Curve("", [-2.2, 2.2], [0, 0], role="context"),
        Curve("length 1", np.cos(circle).round(3), np.sin(circle).round(3), role="reference"),
        Curve(f"length {length:.2f}", [0, tip[0]], [0, tip[1]], family="weight_norm"),
    ]


def depth_and_rate(given: Sequence[Record] | None = None) -> Explorable:
    """Test accuracy by depth and learning rate, a map for each start; controls are start and the
    two axes. given: records of `depth`, all starts together; the shipped ones if None."""
    shown = given or maps.shipped()
    cells = maps.cells(shown).set_index(["start", "depth", "rate"])
    names = {label: start for start, label in depth.NAMES.items()}
    rates = {round(1000 * rate, 2): rate for rate in depth.RATES}

    def point(start: str, layers: int, rate: float) -> Point:
        rate = rates[rate]
        runs = cells.loc[(names[start], layers, rate), "runs"]
        learned = sum(run > maps.LEARNED for run in runs)
        each = ", ".join(f"{100 * run:.0f}" for run in runs)
        return Point(
            {"accuracy": 100 * float(np.mean(runs))},
            f"{start}, {layers} layers, learning rate {rate:g}: {learned} of {len(runs)} runs "
            f"learned ({each} %).",
        )

    return Explorable.compute(
        "depth-and-rate",
        "How deep, and how fast?",
        [
            Control("start", "Lengths at the start", tuple(names), ordered=False),
            Control("layers", "Layers", depth.BOOK_DEPTHS, start=3),
            Control("rate", "Learning rate", tuple(rates), unit="× 0.001", start=2),
        ],
        [HeatMap("accuracy", "test accuracy (%)", x="rate", y="layers", limits=(0, 100))],
        point,
        note=f"{shown[0].label()}. A run learned that ends above 50 %; chance is 10 %.",
    )


LOGITS = (1e-9, 1e3)


def rescue(record: Record | None = None) -> Explorable:
    """The variance of the logits and the test accuracy of twenty layers, by start and rescaling,
    over those of the same start without; control arm.

    record: of `rescued.EXPERIMENT`, the shipped one if none is given.
    """
    shown = record or records.recorded("weight-norm-rescued-digits-book")
    known, held = rescued.EXPERIMENT.arms, shown.provenance["arms"]
    names = sorted((name for name in known if name in held), key=_start_of)
    arms = {known[name].label: name for name in names}
    last = shown.layers[shown.layers["layer"] == rescued.DEPTH]
    powers = bands(last.assign(power=np.log10(last["preactivation_variance"])), "power")
    logits = {name: 10**band for name, band in powers.items()}
    accuracy = bands(shown.epochs.assign(percent=100 * shown.epochs["test_accuracy"]), "percent")

    def point(arm: str) -> Point:
        name = arms[arm]
        free = depth.STARTS[_start_of(name)]
        curves = {}
        for key, table, limits in (("logits", logits, LOGITS), ("accuracy", accuracy, (0, 100))):
            curves[key] = [inside(arm, table[name], limits, known[name].family)]
            if free != name and free in held:
                curves[key].append(
                    inside(known[free].label, table[free], limits, "none", faint=True)
                )
        return Point(
            curves,
            f"{arm}: the variance of the logits goes from {logits[name]['mean'].iloc[0]:.1g} to "
            f"{logits[name]['mean'].iloc[-1]:.1g}, and {accuracy[name]['mean'].iloc[-1]:.0f} % of "
            "the test digits are right.",
        )

    return Explorable.compute(
        "rescue",
        "Rescue a bad start",
        [Control("arm", "Lengths at the start, and what holds them", tuple(arms), ordered=False,
                 start=list(arms.values()).index(rescued.arm_name("one", "wr")))],
        [
            Panel("logits", "epoch", "variance of the logits", y_log=True, y_limits=LOGITS,
                  band="geometric mean, 95 % interval"),
            Panel("accuracy", "epoch", "test accuracy (%)", y_limits=(0.0, 100.0),
                  band="95 % interval"),
        ],
        point,
        note=f"{shown.label()}. {rescued.DEPTH} layers, learning rate {rescued.RATE:g}.",
    )  # fmt: skip


def _start_of(arm: str) -> int:
    return depth.STARTS.index(arm.partition(",")[0])
