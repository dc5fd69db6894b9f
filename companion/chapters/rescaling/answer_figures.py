"""The answers to the questions on weight rescaling: a figure or a table of each record.

Every figure has one row a pair of arms, and shows the difference of the first from the second with
its 95 % interval, in test accuracy and in test loss; a filled dot is a difference by the book's
rule for comparing. What is drawn and said is computed in
`answers`.

    answers.frequency(records.recorded("rescaling-frequency-digits-book"))
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.chapters.rescaling import answers, conclusions
from companion.chapters.rescaling.experiments import questions
from companion.chapters.rescaling.experiments.questions import Question
from companion.display import figures, style
from companion.display.forest import forest
from companion.display.labels import head
from companion.display.svg import Shown, inline
from companion.evidence.records import Record

PANELS = {
    "accuracy": ("Test accuracy", "points more than the baseline", "higher"),
    "loss": ("Test loss at the end", "nats more than the baseline", "lower"),
}


def frequency(record: Record) -> Shown:
    """Rescaling every step to every 10 epochs, each against never."""
    return _answer(record, questions.FREQUENCY)


def gain(record: Record) -> Shown:
    """WR against none at gains from half to twice the usual one."""
    return _answer(record, questions.GAIN)


def width(record: Record) -> Shown:
    """WR against none in hidden layers of 8 to 128 units."""
    return _answer(record, questions.WIDTH)


def learning_rate(record: Record) -> Shown:
    """WR against none at learning rates from 0.001 to 0.2."""
    return _answer(record, questions.LEARNING_RATE, answers.learning_rate_sentence)


def choices(record: Record) -> Shown:
    """Biases kept or scaled, mean removed, per unit, to the initial std: each against the paper's
    WR."""
    return _answer(record, questions.CHOICE)


def optimizers(record: Record) -> Shown:
    """WR with Adam and with AdamW."""
    return _answer(record, questions.OPTIMIZER)


def layer_norm(record: Record) -> Shown:
    """Layer normalization instead of WR, and both together."""
    return _answer(record, questions.NORMALIZATION)


def variance_penalty(record: Record) -> Shown:
    """A variance penalty of four strengths instead of WR; what the tuning costs and saves."""
    return _answer(record, questions.PENALTY, answers.penalty_sentence)


def decay_tuned(record: Record) -> Shown:
    """Weight decay at seven values, each against untuned WR; what the tuning costs and saves."""
    return _answer(record, questions.DECAY, answers.decay_sentence)


def schedule(record: Record) -> Shown:
    """Is WR a learning-rate schedule in disguise? With the relative steps of each arm."""
    return _answer(record, questions.SCHEDULE)


def relative_steps(record: Record) -> Shown:
    """The learning rate over the weights' growth, epoch by epoch, of each arm: medians of runs."""
    _check(record, questions.SCHEDULE)
    rows = answers.relative_steps(record)
    figure, axes = figures.canvas(height=3.8)
    ends = []
    for name, mine in rows.groupby("arm", sort=False):
        arm = questions.SCHEDULE.experiment.arms[name]
        runs = mine.groupby("epoch")["relative"]
        middle = runs.median()
        line = style.colour(arm.family)
        axes.fill_between(
            middle.index, runs.quantile(0.25), runs.quantile(0.75), color=line, alpha=0.16,
            linewidth=0,
        )  # fmt: skip
        axes.plot(middle.index, middle, color=line, linestyle=style.linestyle(arm.dash))
        ends.append((middle.iloc[-1], arm.label, style.text_colour(arm.family)))
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
    rows = answers.means(record)
    shown = pd.DataFrame(
        {
            "arm": rows["label"],
            "test accuracy, %": [f"{row.accuracy:.2f} ± {row.sd:.2f}" for row in rows.itertuples()],
            "best epoch": rows["epoch"].map("{:.1f}".format),
            "at the end, %": rows["last"].map("{:.2f}".format),
            "test loss": rows["test_loss"].map(_loss),
            "training loss": rows["train_loss"].map(_loss),
            "hidden std, end / start": rows["growth"].map("{:.2f}".format),
        }
    )
    caption = (
        f"{answers.question(record).experiment.title}. Test accuracy is that at the "
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
    return Said(tuple(answers.sentences(record)))


@dataclass(frozen=True)
class Overview:
    """Every question with its answer in words and its differences, one below the other."""

    rows: tuple[tuple[str, str, str, str], ...]
    """(question, answer, drawing, what it shows in words)"""
    ran: str

    def __repr__(self) -> str:
        return "\n".join(f"{asked} {words}" for asked, words, *_ in self.rows)

    def _repr_html_(self) -> str:
        body = "".join(
            f"<div><b>{html.escape(asked)}</b><br>{html.escape(words)}</div><div>{drawing}</div>"
            for asked, words, drawing, _ in self.rows
        )
        return (
            f"<style>{style.css()}{_CSS}</style>"
            f'<figure class="wis" style="margin:1.8rem 0"><div class="wis-overview">{body}</div>'
            f'<figcaption class="wis-note" style="margin-top:1rem">{html.escape(self.ran)}'
            "</figcaption></figure>"
        )


def overview(shown: Iterable[Record]) -> Overview:
    """The page in one figure: each record's question, its answer, and the differences behind it.

    `claims.Unsupported` when a record no longer supports its answer.
    """
    rows = []
    for record in shown:
        asked, said = answers.question(record).asked, conclusions.answer(record)
        mine = answers.differences(record)
        mine = mine[mine["quantity"] == said.quantity]
        title, unit, better = PANELS[said.quantity]
        figure, axes = figures.canvas(width=3.4, height=0.62 + 0.14 * len(mine))
        forest(mine, axes, "", f"{title.lower()}, {unit.split()[0]}", better)
        axes.set_yticks([])
        alt = _spoken(mine, said.quantity)
        rows.append((asked, said.words, inline(figure, alt), alt))
    return Overview(
        tuple(rows),
        "Each dot is the difference of an arm from its baseline, filled where Holm's adjusted test "
        f"tells them apart; bar: its 95 % interval. {record.label()}.",
    )


_CSS = (
    ".wis-overview{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,330px);"
    "gap:.8rem 1.6rem;align-items:center}"
    "@media(max-width:640px){.wis-overview{grid-template-columns:minmax(0,1fr);gap:.6rem}"
    ".wis-overview>div:nth-child(even){margin-bottom:1rem}}"
    ".wis-note{font-size:.87rem;line-height:1.45;color:var(--wis-muted);margin-top:1rem}"
)


# --- the drawing --------------------------------------------------------------------------------


def _check(record: Record, question: Question) -> None:
    if answers.question(record) is not question:
        raise ValueError(
            f"this answer needs a record of {question.experiment.name}, got one of "
            f"{record.provenance['experiment']}; open another"
        )


def _answer(
    record: Record, question: Question, add: Callable[[Record], str] | None = None
) -> Shown:
    """The figure of a question: two panels, one row a pair.

    The caption has the question's answer where the record supports it. add: one more sentence.
    """
    _check(record, question)
    rows = answers.differences(record)
    names = list(dict.fromkeys(rows["name"]))
    figure, axes = figures.canvas(columns=2, height=1.1 + 0.26 * len(names), width=8.2)
    for panel, (quantity, words) in zip(axes, PANELS.items(), strict=True):
        forest(rows[rows["quantity"] == quantity], panel, *words)
    told = conclusions.ANSWERS[question.experiment.name]
    held = told.holds(conclusions.Differences(rows))
    see = [question.asked, *([told.words] if held else []), *([add(record)] if add else [])]
    ran = (
        f"Baseline: {_baselines(question)}. Dot filled: told apart by Holm's adjusted test; bar: "
        f"95 % interval. {record.label()}."
    )
    return figures.show(
        figure,
        alt=" ".join(_spoken(rows, quantity) for quantity in PANELS),
        caption=" ".join(see),
        ran=ran,
    )


def _baselines(question: Question) -> str:
    """What the pairs of a question are measured against, in words."""
    pairs, arms = question.pairs, question.experiment.arms
    if len({pair.baseline for pair in pairs}) == 1:
        return arms[pairs[0].baseline].label
    if all(pair.baseline == f"{pair.name}, none" for pair in pairs):
        return "the run without rescaling at the same value"
    return "; ".join(f"of {pair.name}, {arms[pair.baseline].label}" for pair in pairs)


def _spoken(rows: pd.DataFrame, quantity: str) -> str:
    """One panel in words, with its numbers."""
    title, unit, _ = PANELS[quantity]
    digits = 2 if quantity == "accuracy" else 3
    parts = [
        f"{row.name} "
        + (
            f"{row.lost} runs diverged"
            if row.lost
            else f"{row.estimate:+.{digits}f} ({row.low:+.{digits}f} to {row.high:+.{digits}f})"
        )
        for row in rows[rows["quantity"] == quantity].itertuples(index=False)
    ]
    return f"{title}, {unit}: {', '.join(parts)}."
