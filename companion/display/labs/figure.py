"""What a lab shows of its results: two panels, a table, and the sentence that judges."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass

import numpy as np

from companion.display.labels import plain
from companion.display.labs.drawing import Axes, Line, figure
from companion.display.labs.jobs import DONE, FAILED, RUNNING, STOPPED
from companion.display.labs.record import Recorded, interval
from companion.display.labs.session import Training
from companion.display.labs.settings import Plan
from companion.display.labs.setup import Choice, Panel, Setup, shown

DRAWN = 6
"""Results in the figure at most: the one of the setting, and the last others."""


@dataclass
class Result:
    """A named result: what was chosen, and the training that came of it."""

    name: str
    choice: Choice
    training: Training

    @property
    def family(self) -> str:
        """The colour of its rescaling rule."""
        return self.training.plan.settings.rescale


def panels(
    setup: Setup,
    results: list[Result],
    front: Result | None,
    plan: Plan | None,
    recorded: Recorded | None,
) -> str:
    """The figure: the front result, others behind, the recorded band of the plan last."""
    drawn = [result for result in results if result is not front][-DRAWN + (front is not None) :]
    drawn += [front] if front else []
    arm = recorded.arm(plan) if plan and recorded else None
    lengths = [result.training.plan.settings.epochs for result in drawn]
    if arm:
        lengths.append(recorded.record.provenance["epochs"])
    epochs = max(lengths or [plan.settings.epochs if plan else 1])
    note = f"grey: recorded; holds 95 % of {_means(plan)}" if arm else "line: mean, band: 95 %"
    parts = []
    for panel in setup.panels:
        lines = [_line(result, result is front, panel) for result in drawn]
        if plan and panel.theory:
            name, expected = panel.theory
            start = shown(panel, np.full(epochs + 1, expected(plan.settings)))
            if not panel.log or start[0] > 0:
                lines.append(Line(name, start, role="theory"))
        if arm and recorded.holds(arm, panel):
            lines.append(_recorded(recorded, arm, plan, panel))
        axes = Axes(panel.title, note, epochs, panel.limits, panel.log)
        parts.append((axes, [line for line in lines if len(line.y)]))
    return figure(parts, _alt(setup, drawn, arm))


def _line(result: Result, front: bool, panel: Panel) -> Line:
    values = shown(panel, result.training.curve(panel.column, panel.layer))
    role = "data" if front else "past"
    if not len(values):
        return Line(result.name, np.array([]), role=role)
    band = interval(values)
    return Line(result.name, band.mean, band.low, band.high, result.family, role)


def _recorded(recorded: Recorded, arm: str, plan: Plan, panel: Panel) -> Line:
    band = recorded.band(arm, panel.column, plan.runs, panel.layer)
    mean, low, high = (shown(panel, values) for values in (band.mean, band.low, band.high))
    return Line("recorded", mean, low, high, role="record")


def _means(plan: Plan) -> str:
    return f"new means of {plan.runs} runs" if plan.runs > 1 else "new runs"


def _alt(setup: Setup, drawn: list[Result], arm: str | None) -> str:
    said = [f"{r.name}: {setup.words(r.choice)}: {summary(r.training)}" for r in drawn]
    said += [f"Behind, the recorded band of {arm}"] if arm else []
    return ". ".join(said or ["No result yet"]) + "."


def summary(training: Training) -> str:
    """The last accuracy in words."""
    values = training.curve("test_accuracy")
    return f"test accuracy {accuracy_words(values[-1])}" if len(values) else "nothing measured yet"


def accuracy_words(values: np.ndarray) -> str:
    """Mean and interval of the runs' accuracies.

    >>> accuracy_words(np.array([0.5, 0.6])), accuracy_words(np.array([0.5]))
    ('55.0 % (0.0 to 100.0)', '50.0 %')
    """
    band = interval(100 * values[None])
    mean, low, high = (float(v[0]) for v in (band.mean, band.low, band.high))
    if math.isnan(low):
        return f"{mean:.1f} %"
    return f"{mean:.1f} % ({max(low, 0):.1f} to {min(high, 100):.1f})"


def table(setup: Setup, results: list[Result], front: Result | None) -> str:
    """All results by name, as an HTML table; "" before the first."""
    if not results:
        return ""
    rows = "".join(_row(setup, result, result is front) for result in results)
    against = [f"{panel.title} / {panel.theory[0]}" for panel in setup.panels if panel.theory]
    heads = "".join(
        f'<th scope="col">{html.escape(text)}</th>'
        for text in ("", "Setting", "Epochs", "Test accuracy (95 % interval)", *against)
    )
    return (
        '<div class="wis-lab-table" tabindex="0" role="group" aria-label="Results">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(setup: Setup, result: Result, front: bool) -> str:
    training, plan = result.training, result.training.plan
    accuracy = training.curve("test_accuracy")
    against = []
    for panel in setup.panels:
        if panel.theory:
            values = training.curve(panel.column, panel.layer)
            expected = panel.theory[1](plan.settings)
            against.append(_share(values[-1], expected) if len(values) else "–")
    state = {STOPPED: ", stopped", FAILED: ", failed", RUNNING: ", running", DONE: ""}
    cells = (
        html.escape(setup.words(result.choice)),
        f"{max(training.epoch, 0)} of {plan.settings.epochs}{state.get(training.state, '')}",
        accuracy_words(accuracy[-1]) if len(accuracy) else "–",
        *against,
    )
    colour = f"color:var(--wis-{result.family}-text)"
    head = f'<th scope="row" style="{colour}">{result.name}</th>'
    kind = ' class="wis-lab-front"' if front else ""
    return f"<tr{kind}>{head}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _share(values: np.ndarray, expected: float) -> str:
    lost = int((~np.isfinite(values)).sum())
    if lost:
        return f"no number in {lost} of {len(values)} runs"
    share = float(values.mean()) / expected if expected else math.nan
    return "–" if math.isnan(share) else f"{share:.2f}" if share < 100 else plain(round(share))
