"""Labs: the experiment of a chapter, in the reader's hands.

In a live notebook a lab trains; in a page it shows the recorded results under the same controls.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from companion.display import gallery
from companion.display.explorables import Explorable
from companion.display.lab.choice import Choice
from companion.display.lab.full import FullRun
from companion.display.lab.view import Lab, Laboratory
from companion.evidence import records
from companion.evidence.records import Record
from companion.experiments import scale_grid

__all__ = ["rescaling"]


def rescaling(out: str | Path = "records") -> Lab:
    """Chapter 3's lab: width, gain and rescale frequency on the digits, and what goes with them.

    out: the folder that receives the record of a full experiment.
    """
    record = records.recorded("scale-grid-digits-book")
    title, start = "Lab: hold the weights, or let them grow", Choice()
    return Lab(
        Laboratory(
            title=title,
            start=start,
            record=record,
            full=FullRun(scale_grid.GRID, "full", "digits", out),
            page=lambda: _page(record, title, start),
            colab=_colab("notebooks/03-decay-and-rescaling.ipynb"),
        )
    )


def _page(record: Record, title: str, start: Choice) -> Explorable:
    """The recorded results under the lab's controls, which stand first where the lab's do."""
    shown = gallery.width_gain_period(record)
    controls = [
        replace(control, start=control.values.index(getattr(start, control.name)))
        if control.name in ("width", "gain")
        else control
        for control in shown.controls
    ]
    return replace(shown, name="rescaling-lab", title=title, controls=controls)


def _colab(notebook: str) -> str:
    """Where Colab opens a notebook of the book's repository."""
    try:
        urls = metadata("weights-in-scale").get_all("Project-URL") or []
    except PackageNotFoundError:
        urls = []
    known = dict(url.split(", ", 1) for url in urls)
    path = known.get("Repository", "").removeprefix("https://github.com/")
    base = "https://colab.research.google.com"
    return f"{base}/github/{path}/blob/main/{notebook}" if path else base
