"""Chapter 2's lab: the signal of a middle layer while a network of one's own learns the digits."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from companion.chapters.variance_propagation import explorables
from companion.chapters.variance_propagation.experiments import in_training
from companion.display.labs import colab, mlp
from companion.display.labs.full import FullRun
from companion.display.labs.setup import Panel, Setup
from companion.display.labs.view import Lab, Laboratory
from companion.evidence import records
from companion.methods.initialization import sigma
from companion.theory import depth
from companion.training.settings import Settings

__all__ = ["propagation"]

TITLE = "Lab: hold the weights and watch the signal"


def propagation(out: str | Path = "records") -> Lab:
    """Width, gain, depth, activation, scheme and rescale frequency on the digits.

    out: the folder that receives the record of a full experiment.
    """
    record = records.recorded("variance-in-training-digits-book")
    return Lab(
        Laboratory(
            title=TITLE,
            setup=setup(),
            record=record,
            full=FullRun(in_training.DIGITS, "full", "digits", out),
            page=lambda: replace(
                explorables.variance_parts(record, epoch=0),
                name="propagation-lab",
                title=TITLE,
            ),
            colab=colab.address("notebooks/02-variance-propagation.ipynb"),
        )
    )


def setup() -> Setup:
    """The lab's controls and panels."""
    made = mlp.SETUP.starting(
        ("width", "gain", "frequency", "depth"),
        depth=5,
        gain=1.0,
        frequency=mlp.STEPS,
        period=1,
        learning_rate=0.01,
        runs=3,
        epochs=10,
    )
    signal = Panel(
        "Variance before the last layer's softmax",
        "preactivation_variance",
        -1,
        log=True,
        theory=("by the weights' size at the start", expected_variance),
    )
    return replace(made, panels=(signal, mlp.TEST_ACCURACY))


def expected_variance(settings: Settings) -> float:
    """The variance of the last pre-activations by N's eq. 9, from the weights at the start, for
    standardised inputs; NaN for a constant and for an activation without a share of its own."""
    if settings.scheme == "constant" or settings.activation not in ("relu", "linear"):
        return math.nan
    fans = settings.widths[:-1]
    stds = [
        sigma(settings.scheme, fan_in, fan_out, settings.gain)
        for fan_in, fan_out in zip(settings.widths[:-1], settings.widths[1:], strict=True)
    ]
    return float(depth.preactivation_variance(fans, stds, settings.activation)[-1])
