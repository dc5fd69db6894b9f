"""What a lab says of its work, and how its sentences look."""

from __future__ import annotations

import html

import ipywidgets

from companion.display.labs import figure
from companion.display.labs.full import duration
from companion.display.labs.jobs import FAILED, STOPPED, Job
from companion.display.labs.session import Training


def button(text: str, does, kind: str = "") -> ipywidgets.Button:
    """A button as wide as its words; `does` takes it when it is pressed."""
    made = ipywidgets.Button(description=text, button_style=kind, layout={"width": "auto"})
    made.on_click(does)
    return made


def paragraph(text: str, role: str, kind: str, first: str = "", last: str = "") -> str:
    """A sentence as HTML; role: how a screen reader is told, such as ``alert``; kind: its class."""
    said = f' role="{role}"' if role else ""
    return f'<div class="wis"><p{said} class="{kind}">{first}{html.escape(text)}{last}</p></div>'


def left(job: Job) -> str:
    """How long a job will go on; "" where that is not known yet."""
    seconds = job.seconds_left
    return "" if seconds is None else f", about {duration(seconds)} left"


def progress(training: Training) -> str:
    """Where a running training is."""
    epochs = training.plan.settings.epochs
    if training.epoch < 0:
        return "Getting ready …"
    return f"Epoch {min(training.epoch + 1, epochs)} of {epochs}{left(training)}"


def ending(training: Training) -> str:
    """What became of a training, and what Run would do."""
    epochs = training.plan.settings.epochs
    if training.state == FAILED:
        return training.note
    if training.state == STOPPED:
        kept = f"Stopped after epoch {training.epoch} of {epochs}; its curves are kept"
        kept = kept if training.epoch >= 0 else "Stopped before the first measuring"
        then = "Go on continues there" if training.resumable else "Run begins anew"
        return f"{kept}. {then}."
    return f"Finished: {epochs} epoch{'s' * (epochs > 1)}, {figure.summary(training)}."


def letters(number: int) -> str:
    """A, B, ..., Z, AA, AB, ...

    >>> letters(0), letters(25), letters(26)
    ('A', 'Z', 'AA')
    """
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


CSS = (
    ".wis-lab{overflow:hidden;gap:4px}"
    ".wis-lab-title{font-size:1.1em}"
    ".wis-lab p{margin:.2em 0;line-height:1.45;max-width:44em}"
    ".wis-lab .wis-lab-message{border-left:3px solid var(--wis-compander);padding:.1em 0 .1em .7em}"
    ".wis-lab .wis-lab-status{color:var(--wis-muted);min-height:1.6em}"
    ".wis-lab progress{width:9em;height:.7em;margin-right:.6em;accent-color:var(--wis-wr)}"
    ".wis-lab .widget-toggle-buttons{display:flex;flex-flow:row wrap;align-items:center}"
    ".wis-lab .wis-lab-unit{color:var(--jp-ui-font-color2,inherit);margin:0 .6em 0 .3em}"
    ".wis-lab-table{overflow-x:auto;contain:inline-size}"
    ".wis-lab-table table{border-collapse:collapse;font-size:.93em;"
    "font-variant-numeric:tabular-nums}"
    ".wis-lab-table th,.wis-lab-table td{text-align:left;padding:.25em 1.1em .25em 0;"
    "border-bottom:1px solid var(--wis-rule);background:none;font-weight:normal;"
    "white-space:nowrap}"
    ".wis-lab-table thead th{color:var(--wis-muted)}"
    ".wis-lab-table tbody th,.wis-lab-table tr.wis-lab-front td{font-weight:600}"
)
