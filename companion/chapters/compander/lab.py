"""Chapter 4's lab: a curve of one's own in front of a network that learns the digits."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from companion.chapters.compander import explorables
from companion.chapters.compander.experiments import mlp as experiments
from companion.data.sizes import Sizes
from companion.display.labs import colab, mlp
from companion.display.labs.control import LabControl, Range
from companion.display.labs.full import FullRun
from companion.display.labs.setup import Choice, Panel, Setup
from companion.display.labs.view import Lab, Laboratory
from companion.evidence import records
from companion.measure import catalogue, companding
from companion.methods.parametrizations import CURVES
from companion.training.settings import Settings

__all__ = ["compander"]

TITLE = "Lab: bend the weights of a network of your own"
STRAIGHT = "none"


def _pair(choice: Choice) -> str:
    return f"{choice['curve']}, a {choice['a']}, b {choice['b']}"


CONTROLS = (
    LabControl(
        "curve",
        "Curve",
        "arctan",
        (STRAIGHT, *CURVES),
        {"powerprop": "powerpropagation"},
        front=True,
        phrase=lambda choice: "no curve" if choice["curve"] == STRAIGHT else _pair(choice),
    ),
    LabControl(
        "a",
        "a",
        1.0,
        Range(0.001, 1000, whole=False),
        slider=(0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 10.0),
        front=True,
        phrase="",
    ),
    LabControl(
        "b",
        "b",
        0.6,
        Range(0.001, 1000, whole=False),
        slider=(0.06, 0.12, 0.21, 0.3, 0.6, 1.2, 6.0),
        front=True,
        phrase="",
    ),
)


def compander(out: str | Path = "records") -> Lab:
    """Curve, a, b, width, gain and rescale frequency on the digits.

    out: the folder that receives the record of a full experiment.
    """
    record = records.recorded("compander-curves-digits-book")
    return Lab(
        Laboratory(
            title=TITLE,
            setup=setup(),
            record=record,
            full=FullRun(experiments.DIGITS, "full", "digits", out),
            page=lambda: replace(explorables.kinds(record), name="compander-lab", title=TITLE),
            colab=colab.address("notebooks/04-compander.ipynb"),
        )
    )


def setup() -> Setup:
    """The lab's controls and panels."""
    made = mlp.SETUP.starting(
        ("width", "gain", "frequency"), depth=2, learning_rate=0.003, runs=3, epochs=12
    )
    factor = Panel(
        "Mean step factor, layer 2",
        "step_factor",
        2,
        log=True,
        theory=("where the curve is straight", straight),
    )
    return replace(
        made,
        controls=(*CONTROLS, *made.controls),
        meaning=meaning,
        panels=(factor, mlp.TEST_ACCURACY),
        measures=(*catalogue.EACH_EPOCH, companding.CURVES),
    )


def meaning(choice: Choice, size: Sizes) -> Settings:
    """The settings of settled values. Weights that start, or are rescaled, outside the range of a
    curve are cut, as the page says."""
    plain = mlp.meaning(choice, size)
    if choice["curve"] == STRAIGHT:
        return plain
    return replace(
        plain,
        parametrization=choice["curve"],
        compander_a=choice["a"],
        compander_b=choice["b"],
        compander_clamp=True,
    )


def straight(settings: Settings) -> float:
    """(a/b)^2 psi'(0)^2: what the curve multiplies a step by at w = 0; 1 without a curve, NaN for
    powerpropagation, whose slope there is 0."""
    if settings.parametrization == STRAIGHT:
        return 1.0
    slope = explorables.steepness(settings.parametrization) or math.nan
    return (settings.compander_a / settings.compander_b * slope) ** 2
