"""Chapter 1's lab: depth, gain and activation on the digits, and what goes with them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from companion.chapters.initialization import explorables
from companion.chapters.initialization.experiments import depth_gain
from companion.data.sizes import Sizes
from companion.display.labs import colab, mlp
from companion.display.labs.full import FullRun
from companion.display.labs.setup import Choice, Panel, Setup
from companion.display.labs.view import Lab, Laboratory
from companion.evidence import records
from companion.methods.initialization import sigma
from companion.theory import meanfield
from companion.training.settings import Settings

__all__ = ["initialization"]


def initialization(out: str | Path = "records") -> Lab:
    """Depth, gain and activation on the digits; the signal's size in the last hidden layer.

    out: the folder that receives the record of a full experiment.
    """
    record = records.recorded("depth-gain-tanh-digits-book")
    return Lab(
        Laboratory(
            title="Lab: find the gain for a network of your own",
            setup=_setup(),
            record=record,
            full=FullRun(depth_gain.TANH, "full", "digits", out),
            page=lambda: replace(
                explorables.depth_and_gain(record),
                name="initialization-lab",
                title="Lab: find the gain for a network of your own",
            ),
            colab=colab.address("notebooks/01-initialization.ipynb"),
        )
    )


def _setup() -> Setup:
    made = mlp.SETUP.starting(
        ("depth", "gain", "activation"),
        depth=31,
        gain=1.0,
        activation="tanh",
        learning_rate=0.004,
        runs=3,
        epochs=10,
    )
    gain = replace(made["gain"], unit="× the activation's own")
    controls = tuple(gain if one.name == "gain" else one for one in made.controls)
    signal = Panel(
        "Variance before the last hidden activation",
        "preactivation_variance",
        -2,
        log=True,
        theory=("at the start", expected_variance),
    )
    return replace(made, controls=controls, meaning=_meaning, panels=(signal, mlp.TEST_ACCURACY))


def _meaning(choice: Choice, size: Sizes) -> Settings:
    """Gain 1 is sqrt 2 for the ReLU family and 1 for the others: the edge of chaos."""
    halved = choice["activation"] in ("relu", "leaky_relu")
    return mlp.meaning(choice, size, math.sqrt(2) if halved else 1.0)


def expected_variance(settings: Settings) -> float:
    """The variance of the last hidden layer's pre-activations at the start, for standardised
    inputs and wide layers; NaN for a constant, which has none."""
    if settings.scheme == "constant":
        return math.nan
    scales = [
        sigma(settings.scheme, fan_in, fan_out, settings.gain) * math.sqrt(fan_in)
        for fan_in, fan_out in zip(settings.widths[:-2], settings.widths[1:-1], strict=True)
    ]
    variance = scales[0] ** 2
    for sigma_w in scales[1:]:
        if not 1e-30 < variance < 1e30:
            return variance
        variance = meanfield.variance_map(settings.activation, variance, sigma_w)
    return variance
