"""Labs: the experiment of a chapter, in the reader's hands.

In a live notebook a lab trains; in a page it shows the recorded results under the same controls.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from companion.chapters.rescaling import explorables
from companion.chapters.rescaling.experiments import scale_grid
from companion.display.explorables import Explorable
from companion.display.labs import colab, mlp
from companion.display.labs.full import FullRun
from companion.display.labs.setup import Setup
from companion.display.labs.view import Lab, Laboratory
from companion.evidence import records
from companion.evidence.records import Record

__all__ = ["rescaling"]


def rescaling(out: str | Path = "records") -> Lab:
    """Chapter 3's lab: width, gain and rescale frequency on the digits, and what goes with them.

    out: the folder that receives the record of a full experiment.
    """
    record = records.recorded("scale-grid-digits-book")
    title, setup = "Lab: hold the weights, or let them grow", mlp.SETUP.starting(gain=2.0)
    return Lab(
        Laboratory(
            title=title,
            setup=setup,
            record=record,
            full=FullRun(scale_grid.GRID, "full", "digits", out),
            page=lambda: _page(record, title, setup),
            colab=colab.address("notebooks/03-decay-and-rescaling.ipynb"),
        )
    )


def _page(record: Record, title: str, setup: Setup) -> Explorable:
    """The recorded results under the lab's controls, which stand first where the lab's do."""
    shown = explorables.width_gain_period(record)
    controls = [
        replace(control, start=control.values.index(setup[control.name].start))
        if control.name in ("width", "gain")
        else control
        for control in shown.controls
    ]
    return replace(shown, name="rescaling-lab", title=title, controls=controls)
