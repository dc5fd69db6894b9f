"""Chapter 0's lab: labels that are partly wrong, and what keeps a network from learning them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from companion.chapters.toolbox import explorables
from companion.chapters.toolbox.experiments import features
from companion.data.sizes import Sizes
from companion.display.labs import colab, mlp
from companion.display.labs.control import LabControl, Range
from companion.display.labs.full import FullRun
from companion.display.labs.setup import Choice, Panel, Setup
from companion.display.labs.view import Lab, Laboratory
from companion.evidence import records
from companion.training.settings import Settings

__all__ = ["remedies"]

TITLE = "Lab: wrong labels, and what helps"
_SHARE = Range(0, 0.95, whole=False)
_SLIDER = (0, 0.1, 0.2, 0.35, 0.5, 0.65)
CONTROLS = (
    LabControl("label_noise", "Labels drawn anew", 0.0, _SHARE, slider=_SLIDER,
               phrase="{} of the labels drawn anew"),
    LabControl("dropout", "Dropout p", 0.0, _SHARE, slider=_SLIDER, phrase="dropout {}"),
    LabControl("l1_penalty", "L1 penalty", 0.0, Range(0, 1, whole=False), phrase="L1 penalty {}"),
    LabControl("normalization", "Normalization", "none", ("none", "batch", "layer"),
               phrase="normalization {}"),
)  # fmt: skip


def remedies(out: str | Path = "records") -> Lab:
    """Width, label noise, dropout and weight decay on the digits.

    out: the folder that receives the record of a full experiment.
    """
    record = records.recorded("dropout-features-digits-book")
    return Lab(
        Laboratory(
            title=TITLE,
            setup=setup(),
            record=record,
            full=FullRun(features.EXPERIMENT, "full", "digits", out),
            page=lambda: replace(explorables.dropped(record), name="remedies-lab", title=TITLE),
            colab=colab.address("notebooks/00-toolbox.ipynb"),
        )
    )


def setup() -> Setup:
    """The lab's controls and panels."""
    both = replace(mlp.SETUP, controls=(*CONTROLS, *mlp.SETUP.controls), meaning=meaning)
    made = both.starting(
        ("width", "label_noise", "dropout", "weight_decay"),
        width=128,
        depth=2,
        gain=1.0,
        learning_rate=features.PLAIN.learning_rate,
        label_noise=0.35,
        runs=3,
        epochs=30,
    )
    train = Panel("Training loss, true labels", "train_loss", log=True)
    return replace(made, panels=(mlp.TEST_ACCURACY, train))


def meaning(choice: Choice, size: Sizes) -> Settings:
    """The settings of `labs.mlp`, with noise, dropout, L1 penalty and normalization."""
    made = mlp.meaning(choice, size)
    if choice["normalization"] == "batch":
        made = mlp.with_batch_norm(made, size)
    return replace(
        made,
        label_noise=choice["label_noise"],
        dropout=choice["dropout"],
        l1_penalty=choice["l1_penalty"],
        normalization=choice["normalization"],
    )
