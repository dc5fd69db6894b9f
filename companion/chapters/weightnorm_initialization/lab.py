"""Chapter 6's lab: a start of one's own for a deep weight-normalized network, and its rescue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from companion.chapters.weightnorm_initialization import explorables
from companion.chapters.weightnorm_initialization.experiments import depth, rescued
from companion.data.sizes import Sizes
from companion.display.labs import colab, mlp
from companion.display.labs.control import LabControl, Refusal
from companion.display.labs.full import FullRun
from companion.display.labs.setup import Choice, Panel, Setup
from companion.display.labs.view import Lab, Laboratory
from companion.evidence import records
from companion.training.settings import Settings

__all__ = ["rescue"]

TITLE = "Lab: rescue a bad start"
FIXED = ("one", "torch", "data")
"""Lengths that no gain changes."""
LENGTHS = LabControl(
    "lengths", "Lengths", "one", depth.STARTS, depth.NAMES, front=True, phrase="lengths: {}"
)
SIGNAL = Panel("Variance of the logits", "preactivation_variance", -1, log=True)


def rescue(out: str | Path = "records") -> Lab:
    """Lengths, rescale rule and frequency, depth, width and gain on the digits.

    out: the folder that receives the record of a full experiment.
    """
    record = records.recorded("weight-norm-rescued-digits-book")
    return Lab(
        Laboratory(
            title=TITLE,
            setup=setup(),
            record=record,
            full=FullRun(rescued.EXPERIMENT, "full", "digits", out),
            page=lambda: replace(explorables.rescue(record), name="weight-norm-lab", title=TITLE),
            colab=colab.address("notebooks/06-weightnorm-initialization.ipynb"),
        )
    )  # fmt: skip


def setup() -> Setup:
    """The lab's controls and panels."""
    kept = tuple(control for control in mlp.CONTROLS if control.name != "scheme")
    made = Setup((LENGTHS, *kept), meaning, (SIGNAL, mlp.TEST_ACCURACY))
    return made.starting(
        ("lengths", "frequency", "rule", "depth", "width", "gain"),
        depth=rescued.DEPTH - 1,
        learning_rate=rescued.RATE,
        frequency=mlp.STEPS,
        period=1,
        batch=64,
        runs=3,
        epochs=20,
    )


def meaning(choice: Choice, size: Sizes) -> Settings:
    """The settings of settled values; hidden widths vary around the layer width, as in
    `experiments.depth`."""
    if choice["lengths"] in FIXED and choice["gain"] != 1:
        shown = depth.NAMES[str(choice["lengths"])]
        raise Refusal("gain", f"No gain changes the lengths of this start ({shown}): Gain must be "
                      "1", choice["gain"], 1)  # fmt: skip
    plain = mlp.meaning({**choice, "scheme": "kaiming"}, size)
    hidden = [
        max(1, round(choice["width"] * width / 64))
        for width in depth.hidden_widths(choice["depth"] + 1)
    ]
    return replace(
        plain,
        widths=(plain.widths[0], *hidden, plain.widths[-1]),
        parametrization="weight_norm",
        lengths=choice["lengths"],
    )
