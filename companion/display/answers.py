"""The answers to the questions on weight rescaling: a figure or a table of each record.

Every figure has one row a pair of arms, and shows the difference of the first from the second with
its 95 % interval, in test accuracy and in test loss: a dot that stands off the line at 0, and an
interval that does not touch it, is a difference. What is drawn and said is computed in
`experiments.rescaling_answers`.

    answers.frequency(records.recorded("rescaling-frequency-digits-book"))
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.display import figures, style
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.arms import label
from companion.evidence.records import Record
from companion.experiments import rescaling_answers, rescaling_questions
from companion.experiments.rescaling_questions import Question

PANELS = {
    "accuracy": ("Test accuracy", "points more than the baseline"),
    "loss": ("Test loss at the end", "nats more than the baseline"),
}


def frequency(record: Record) -> Shown:
    """Rescaling every step to every 10 epochs, each against never."""
    return _answer(record, rescaling_questions.FREQUENCY)


def gain(record: Record) -> Shown:
    """WR against none at gains from half to twice the usual one."""
    return _answer(record, rescaling_questions.GAIN)


def width(record: Record) -> Shown:
    """WR against none in hidden layers of 8 to 128 units."""
    return _answer(record, rescaling_questions.WIDTH)


def learning_rate(record: Record) -> Shown:
    """WR against none at learning rates from 0.001 to 0.2."""
    return _answer(
        record, rescaling_questions.LEARNING_RATE, rescaling_answers.learning_rate_sentence
    )


def choices(record: Record) -> Shown:
    """Biases kept or scaled, mean removed, per unit, to the initial std: each against the paper's
    WR."""
    return _answer(record, rescaling_questions.CHOICE)


def optimizers(record: Record) -> Shown:
    """WR with Adam and with AdamW."""
    return _answer(record, rescaling_questions.OPTIMIZER)


def layer_norm(record: Record) -> Shown:
    """Layer normalization instead of WR, and both together."""
    return _answer(record, rescaling_questions.NORMALIZATION)


def variance_penalty(record: Record) -> Shown:
    """A variance penalty of four strengths instead of WR; what the tuning costs and saves."""
    return _answer(record, rescaling_questions.PENALTY, rescaling_answers.penalty_sentence)


def decay_tuned(record: Record) -> Shown:
    """Weight decay at seven values, each against untuned WR; what the tuning costs and saves."""
    return _answer(record, rescaling_questions.DECAY, rescaling_answers.decay_sentence)


def schedule(record: Record) -> Shown:
    """Is WR a learning-rate schedule in disguise? With the relative steps of each arm."""
    return _answer(record, rescaling_questions.SCHEDULE)


def relative_steps(record: Record) -> Shown:
    """The learning rate over the weights' growth, epoch by epoch, of each arm: medians of runs."""
    _check(record, rescaling_questions.SCHEDULE)
    rows = rescaling_answers.relative_steps(record)
    figure, axes = figures.canvas(width=6.2, height=3.6)
    ends = []
    for arm, mine in rows.groupby("arm", sort=False):
        runs = mine.groupby("epoch")["relative"]
        middle = runs.median()
        family, changed = _family(arm), "," in arm
        line = style.PALETTE[family]
        axes.fill_between(
            middle.index, runs.quantile(0.25), runs.quantile(0.75), color=line, alpha=0.16,
            linewidth=0,
        )  # fmt: skip
        axes.plot(middle.index, middle, color=line, linestyle=(0, (5, 1.5)) if changed else "-")
        ends.append(
            (middle.iloc[-1], rescaling_answers.named(arm), style.readable(line, style.LIGHT_PAPER))
        )
    figures.log_axis(axes.yaxis)
    head(axes, "Relative step", "line: median, band: middle half of the runs", "epoch")
    figures.name_lines(axes, ends)
    listed = ", ".join(f"{name} {value:.2f}" for value, name, _ in ends)
    return figures.show(
        figure,
        alt="Learning rate over the growth of the hidden weights, per epoch, start 1. It ends at: "
        f"{listed}.",
        caption="How large a step is to the weights that it changes, as a multiple of that at the "
        f"start. {record.label()}.",
    )


def table(record: Record):
    """Every arm's means, as a pandas Styler: what the differences are differences of."""
    rows = rescaling_answers.means(record)
    shown = pd.DataFrame(
        {
            "arm": rows["arm"].map(rescaling_answers.named),
            "test accuracy, %": [f"{row.accuracy:.2f} ± {row.sd:.2f}" for row in rows.itertuples()],
            "best epoch": rows["epoch"].map("{:.1f}".format),
            "at the end, %": rows["last"].map("{:.2f}".format),
            "test loss": rows["test_loss"].map(_loss),
            "training loss": rows["train_loss"].map(_loss),
            "hidden std, end / start": rows["growth"].map("{:.2f}".format),
        }
    )
    caption = (
        f"{rescaling_answers.question(record).experiment.title}. Test accuracy is that at the "
        f"epoch of best validation accuracy, ± its standard deviation. {record.label()}."
    )
    return shown.style.hide(axis="index").set_caption(caption)


def _loss(value: float) -> str:
    return f"{value:.4f}" if np.isfinite(value) else "diverged"


@dataclass(frozen=True)
class Said:
    """Sentences as a notebook shows them: a list."""

    sentences: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        return f"<ul>{''.join(f'<li>{html.escape(one)}</li>' for one in self.sentences)}</ul>"

    def _repr_markdown_(self) -> str:
        return "\n".join(f"- {one}" for one in self.sentences)


def said(record: Record) -> Said:
    """What a record answers, in sentences."""
    return Said(tuple(rescaling_answers.sentences(record)))


# --- the drawing --------------------------------------------------------------------------------


def _check(record: Record, question: Question) -> None:
    if rescaling_answers.question(record) is not question:
        raise ValueError(
            f"this answer needs a record of {question.experiment.name}, got one of "
            f"{record.provenance['experiment']}; open another"
        )


def _answer(
    record: Record, question: Question, add: Callable[[Record], str] | None = None
) -> Shown:
    """The figure of a question: two panels, one row a pair; add: one more sentence below."""
    _check(record, question)
    rows = rescaling_answers.differences(record)
    names = list(dict.fromkeys(rows["name"]))
    figure, axes = figures.canvas(columns=2, height=1.25 + 0.3 * len(names), width=8.2)
    for panel, (quantity, (title, unit)) in zip(axes, PANELS.items(), strict=True):
        forest(rows[rows["quantity"] == quantity], panel, title, unit)
    runs = record.provenance["runs_per_arm"]
    lines = [
        question.asked,
        f"Baseline: {_baselines(question)}.",
        f"Dot: difference of two means of {runs} runs, filled where its 95 % interval (bar) "
        "excludes 0.",
    ]
    more = [add(record)] if add else []
    return figures.show(
        figure,
        alt=" ".join(_spoken(rows, quantity) for quantity in PANELS),
        caption=" ".join([*lines, *more, f"{record.label()}."]),
    )


def _baselines(question: Question) -> str:
    """What the pairs of a question are measured against, in words."""
    pairs = question.pairs
    if len({pair.baseline for pair in pairs}) == 1:
        return label(pairs[0].baseline)
    if all(pair.baseline == f"{pair.name}, none" for pair in pairs):
        return "the run without rescaling at the same value"
    return "; ".join(f"of {pair.name}, {label(pair.baseline)}" for pair in pairs)


def forest(rows: pd.DataFrame, axes, title: str, unit: str):
    """Draw one difference a row, with its interval, beside a line at 0.

    rows: columns name, arm, estimate, low, high, lost. A filled dot has an interval without 0. A
    pair of which runs diverged has no difference of losses: it says how many. An interval ten times
    as long as the median one does not set the axis: it leaves the panel, and its ends are written.
    """
    if rows.empty:
        raise ValueError("rows must hold a pair, got none; choose a record with both of its arms")
    places = np.arange(len(rows))[::-1]
    long = _too_long(rows)
    axes.axvline(0, color=style.INK, linewidth=0.8, dashes=style.THEORY_DASHES)
    for place, row in zip(places, rows.itertuples(), strict=True):
        if row.lost:
            axes.annotate(
                f"{row.lost} runs diverged", (0, place), xytext=(5, 0), va="center", size=9,
                textcoords="offset points", color=style.MUTED,
            )  # fmt: skip
            continue
        line = style.PALETTE[_family(row.arm)]
        apart = row.low > 0 or row.high < 0
        axes.plot([row.low, row.high], [place, place], color=line)
        axes.plot(
            row.estimate, place, "o", color=line, markersize=6,
            markerfacecolor=line if apart else "none",
        )  # fmt: skip
        if long[row.Index]:
            axes.annotate(
                f"{row.low:+.1f} to {row.high:+.1f}", (0, place), xytext=(5, 6), size=9,
                textcoords="offset points", color=style.MUTED,
            )  # fmt: skip
    if long.any():
        kept = rows[~long & rows["low"].notna()]
        low, high = min(kept["low"].min(), 0), max(kept["high"].max(), 0)
        axes.set_xlim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    axes.set_yticks(places, rows["name"].map(label))
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.margins(x=0.08)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.locator_params(axis="x", nbins=5)
    head(axes, title, x=unit)
    return axes


def _too_long(rows: pd.DataFrame) -> pd.Series:
    """Which intervals would leave no room for the others."""
    length = rows["high"] - rows["low"]
    return length > 10 * length.median()


def _family(arm: str) -> str:
    """The palette's key of an arm of a question: what it does to the weights. A variance penalty
    pulls as weight decay does, and has its colour.

    >>> _family("gain 0.5, WR"), _family("WD 0.001"), _family("none, rising rate")
    ('wr', 'wd', 'none')
    """
    if arm.startswith(("WD", "penalty")):
        return "wd"
    plain = arm in ("none", "never", "layer norm") or arm.endswith("none") or "rising" in arm
    return "none" if plain else "wr"


def _spoken(rows: pd.DataFrame, quantity: str) -> str:
    """One panel in words, with its numbers."""
    title, unit = PANELS[quantity]
    digits = 2 if quantity == "accuracy" else 3
    parts = [
        f"{label(row.name)} "
        + (
            f"{row.lost} runs diverged"
            if row.lost
            else f"{row.estimate:+.{digits}f} ({row.low:+.{digits}f} to {row.high:+.{digits}f})"
        )
        for row in rows[rows["quantity"] == quantity].itertuples(index=False)
    ]
    return f"{title}, {unit}: {', '.join(parts)}."
