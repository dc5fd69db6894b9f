"""Chapter 5's lab: the norm of a layer before batch norm, and what it decides."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from companion.chapters.batchnorm_norms import adamw_explorables
from companion.chapters.batchnorm_norms.experiments import adamw
from companion.data.sizes import Sizes
from companion.display.labs import colab, mlp
from companion.display.labs.full import FullRun
from companion.display.labs.setup import Choice, Panel, Setup
from companion.display.labs.view import Lab, Laboratory
from companion.evidence import records
from companion.theory import norms
from companion.training.settings import Settings

__all__ = ["norms_and_steps"]

TITLE = "Lab: the norm that the output ignores"
NOISE = adamw.PLAIN.label_noise


def norms_and_steps(out: str | Path = "records") -> Lab:
    """Width, gain, rescale frequency, decay, optimizer and batch size for one hidden layer with
    batch norm.

    out: the folder that receives the record of a full experiment.
    """
    record = records.recorded(adamw_explorables.RECORD)
    return Lab(
        Laboratory(
            title=TITLE,
            setup=setup(),
            record=record,
            full=FullRun(adamw.DIGITS, "full", "digits", out),
            page=lambda: replace(
                adamw_explorables.decay_and_rate(record), name="norms-lab", title=TITLE
            ),
            colab=colab.address("notebooks/05-batchnorm-norms.ipynb"),
        )
    )


def setup() -> Setup:
    """The lab's controls and panels."""
    made = mlp.SETUP.starting(
        ("width", "gain", "frequency", "weight_decay", "optimizer", "batch"),
        width=128,
        depth=1,
        gain=1.0,
        rule="wrs",
        period=20,
        optimizer="adamw",
        learning_rate=3e-3,
        weight_decay=5.0,
        runs=5,
        epochs=15,
    )
    controls = tuple(
        replace(one, values=replace(one.values, high=100)) if one.name == "weight_decay" else one
        for one in made.controls
    )
    norm = Panel(
        "Norm of a unit, layer 1",
        "weight_norm",
        1,
        log=True,
        theory=("level", expected_norm),
    )
    return replace(made, controls=controls, meaning=meaning, panels=(norm, mlp.TEST_ACCURACY))


def meaning(choice: Choice, size: Sizes) -> Settings:
    """Batch norm in every hidden layer, three in ten labels drawn at random; the output layer is
    neither decayed nor rescaled, and with one hidden layer nothing but its weights is."""
    made = mlp.meaning(choice, size)
    held = made.rescale == "wrs"
    return replace(
        mlp.with_batch_norm(made, size),
        label_noise=NOISE,
        decayed=("input",) if choice["depth"] == 1 else ("input", "hidden"),
        rescale_layers="not_output" if held else "all",
    )


def expected_norm(settings: Settings) -> float:
    """The norm at which the first layer settles, where no gradient need be known: 1 under WRS,
    AdamW's equilibrium under its decay; else NaN."""
    if settings.rescale == "wrs":
        return 1.0
    if settings.optimizer != "adamw" or not settings.weight_decay or settings.rescale != "none":
        return math.nan
    law = norms.AdamW(settings.learning_rate, settings.weight_decay, settings.widths[0])
    return law.norm
