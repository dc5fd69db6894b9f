"""What a lab shows of its results: two panels, a table, and the sentence that judges."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass

import numpy as np

from companion.display.lab.choice import Choice, words
from companion.display.lab.drawing import Axes, Line, figure
from companion.display.lab.jobs import DONE, FAILED, RUNNING, STOPPED
from companion.display.lab.record import Recorded, interval
from companion.display.lab.session import Training
from companion.display.lab.settings import Plan
from companion.display.labels import plain

LAYER = 2
"""The layer whose weights are shown: hidden, so that its fan-in is the layer width."""
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
    results: list[Result], shown: Result | None, plan: Plan | None, recorded: Recorded | None
) -> str:
    """The figure: the shown result in front, others behind, the recorded band of the plan last."""
    drawn = [result for result in results if result is not shown][-DRAWN + (shown is not None) :]
    drawn += [shown] if shown else []
    arm = recorded.arm(plan) if plan and recorded else None
    lengths = [result.training.plan.settings.epochs for result in drawn]
    if arm:
        lengths.append(recorded.record.provenance["epochs"])
    epochs = max(lengths or [plan.settings.epochs if plan else 1])
    accuracy = [_line(r, r is shown, "test_accuracy", None, 100) for r in drawn]
    std = [_line(r, r is shown, "weight_std", LAYER) for r in drawn]
    if plan:
        sigma = plan.settings
        start = Training(plan).sigma(LAYER) if sigma.scheme != "constant" else math.nan
        if start > 0:
            std.append(Line("initial σ", np.full(epochs + 1, start), role="theory"))
    if arm:
        accuracy.append(_recorded(recorded, arm, plan, "test_accuracy", None, 100))
        std.append(_recorded(recorded, arm, plan, "weight_std", LAYER))
    line = "line: mean, band: its 95 % interval"
    behind = f"grey: recorded; holds 95 % of {_means(plan)}" if arm else line
    return figure(
        [
            (Axes(f"Weight std, layer {LAYER}", line, epochs, None, True), _some(std)),
            (Axes("Test accuracy (%)", behind, epochs, (0.0, 100.0)), _some(accuracy)),
        ],
        _alt(drawn, arm),
    )


def _some(lines: list[Line]) -> list[Line]:
    return [line for line in lines if len(line.y)]


def _line(result: Result, front: bool, quantity: str, layer: int | None, factor=1.0) -> Line:
    values = result.training.curve(quantity, layer) * factor
    role = "data" if front else "past"
    if not len(values):
        return Line(result.name, np.array([]), role=role)
    band = interval(values)
    return Line(result.name, band.mean, band.low, band.high, result.family, role)


def _recorded(recorded: Recorded, arm: str, plan: Plan, quantity: str, layer, factor=1.0) -> Line:
    band = recorded.band(arm, quantity, plan.runs, layer)
    return Line(
        "recorded", band.mean * factor, band.low * factor, band.high * factor, role="record"
    )


def _means(plan: Plan) -> str:
    return f"new means of {plan.runs} runs" if plan.runs > 1 else "new runs"


def _alt(drawn: list[Result], arm: str | None) -> str:
    said = [f"{r.name}: {words(r.choice)}: {summary(r.training)}" for r in drawn]
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


def table(results: list[Result], shown: Result | None) -> str:
    """All results by name, as an HTML table; "" before the first."""
    if not results:
        return ""
    rows = "".join(_row(result, result is shown) for result in results)
    heads = "".join(
        f'<th scope="col">{text}</th>'
        for text in (
            "", "Setting", "Epochs", "Test accuracy (95 % interval)", "Weight std / initial σ",
        )
    )  # fmt: skip
    return (
        '<div class="wis-lab-table" tabindex="0" role="group" aria-label="Results">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(result: Result, front: bool) -> str:
    training, plan = result.training, result.training.plan
    accuracy = training.curve("test_accuracy")
    std = training.curve("weight_std", LAYER)
    state = {STOPPED: ", stopped", FAILED: ", failed", RUNNING: ", running", DONE: ""}
    cells = (
        html.escape(words(result.choice)),
        f"{max(training.epoch, 0)} of {plan.settings.epochs}{state.get(training.state, '')}",
        accuracy_words(accuracy[-1]) if len(accuracy) else "–",
        _growth(std[-1], training.sigma(LAYER)) if len(std) else "–",
    )
    colour = f"color:var(--wis-{result.family}-text)"
    head = f'<th scope="row" style="{colour}">{result.name}</th>'
    kind = ' class="wis-lab-front"' if front else ""
    return f"<tr{kind}>{head}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _growth(std: np.ndarray, sigma: float) -> str:
    lost = int((~np.isfinite(std)).sum())
    if lost:
        return f"no number in {lost} of {len(std)} runs"
    share = float(std.mean()) / sigma if sigma else math.nan
    return "–" if math.isnan(share) else f"{share:.2f}" if share < 100 else plain(round(share))
