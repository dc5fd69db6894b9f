"""The answers' figures draw the differences, and say the numbers they draw."""

import numpy as np
import pytest

from companion.display import answers, figures, style
from companion.evidence import records
from companion.experiments import rescaling_answers, rescaling_questions
from companion.experiments.rescaling_questions import QUESTIONS
from tests.test_questions import made

DRAWN = {
    "rescaling-frequency": answers.frequency,
    "rescaling-gain": answers.gain,
    "rescaling-width": answers.width,
    "rescaling-learning-rate": answers.learning_rate,
    "rescaling-choices": answers.choices,
    "rescaling-optimizers": answers.optimizers,
    "rescaling-layer-norm": answers.layer_norm,
    "rescaling-variance-penalty": answers.variance_penalty,
    "rescaling-decay": answers.decay_tuned,
    "rescaling-schedule": answers.schedule,
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_a_figure_that_says_its_numbers(name):
    question = QUESTIONS[name]
    arm = question.pairs[0].arm
    record = made(question, {arm: 0.9}, {arm: 0.75})
    shown = DRAWN[name](record)
    rows = rescaling_answers.differences(record)
    for row in rows.itertuples():
        digits = 2 if row.quantity == "accuracy" else 3
        assert f"{row.name} {row.estimate:+.{digits}f} ({row.low:+.{digits}f} to" in shown.alt
    assert shown.alt.startswith("Test accuracy, points more than the baseline: ")
    assert question.asked in shown.caption
    assert shown.caption.endswith(f"{record.label()}.")
    assert shown.svg.count("<svg") == 2


@pytest.mark.parametrize(
    ("draw", "question", "words"),
    [
        (answers.decay_tuned, rescaling_questions.DECAY, "Baseline: WR. Dot"),
        (answers.gain, rescaling_questions.GAIN, "without rescaling at the same value. Dot"),
        (answers.layer_norm, rescaling_questions.NORMALIZATION, "of layer norm for WR, WR; of"),
    ],
)
def test_the_caption_names_the_baseline(draw, question, words):
    assert words in draw(made(question)).caption


def test_a_tuned_decay_says_what_it_costs():
    record = made(rescaling_questions.DECAY, {"WD 0.001": 0.9}, validation={"WD 0.001": 0.9})
    assert rescaling_answers.decay_sentence(record) in answers.decay_tuned(record).caption


def test_a_variance_penalty_says_what_it_costs():
    record = made(rescaling_questions.PENALTY, validation={"penalty 0.3": 0.9})
    assert rescaling_answers.penalty_sentence(record) in answers.variance_penalty(record).caption


def test_an_interval_without_zero_has_a_filled_dot():
    rows = rescaling_answers.differences(
        made(rescaling_questions.GAIN, {"gain 1, WR": 0.9}, {"gain 1, WR": 0.4})
    )
    rows = rows[rows["quantity"] == "accuracy"]
    _, axes = figures.canvas()
    assert answers.forest(rows, axes, "Test accuracy", "points") is axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    filled = [line.get_markerfacecolor() != "none" for line in dots]
    assert filled == [name == "gain 1" for name in rows["name"]]
    assert [line.get_xdata()[0] for line in dots] == pytest.approx(rows["estimate"].to_list())
    bars = [line for line in axes.lines if len(line.get_xdata()) == 2][1:]  # the first is at 0
    assert [line.get_xdata()[0] for line in bars] == pytest.approx(rows["low"].to_list())
    assert [line.get_xdata()[1] for line in bars] == pytest.approx(rows["high"].to_list())
    assert {line.get_color() for line in dots} == {style.PALETTE["wr"]}
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == rows["name"].to_list()
    assert axes.get_yticks()[0] > axes.get_yticks()[-1]  # the first pair stands on top


def test_one_long_interval_leaves_the_panel_to_the_others():
    rows = rescaling_answers.differences(made(rescaling_questions.GAIN))
    rows = rows[rows["quantity"] == "accuracy"].copy()
    widest = rows.index[-1]
    rows.loc[widest, ["low", "high"]] = [-40.0, 42.0]
    _, axes = figures.canvas()
    answers.forest(rows, axes, "Test accuracy", "points")
    low, high = axes.get_xlim()
    others = rows.drop(index=widest)
    assert -5 < low < others["low"].min()
    assert others["high"].max() < high < 5
    assert [text.get_text() for text in axes.texts] == ["-40.0 to +42.0"]


def test_diverged_runs_are_counted_instead_of_drawn():
    record = made(rescaling_questions.GAIN)
    record.epochs.loc[record.epochs["arm"] == "gain 2, none", "test_loss"] = np.inf
    shown = answers.gain(record)
    assert "gain 2 4 runs diverged" in shown.alt
    assert "4 runs diverged" in shown.svg
    table = answers.table(record).to_html()
    assert "diverged" in table


def test_relative_steps_end_where_the_alt_text_says():
    shown = answers.relative_steps(made(rescaling_questions.SCHEDULE))
    end = 1.12**2 / 8
    assert f"none, rising rate {end:.2f}" in shown.alt
    assert f"WR, falling rate {1.12**-2 / 8:.2f}" in shown.alt
    assert "none 0.12," in shown.alt  # the made weights double three times


def test_the_table_has_a_row_an_arm():
    record = made(rescaling_questions.OPTIMIZER, {"Adam, WR": 0.9})
    html = answers.table(record).to_html()
    assert "90.00 ± 1.29" in html
    assert html.count("80.00 ± 1.29") == 3
    assert record.label() in html


def test_the_sentences_are_shown_as_a_list():
    record = made(rescaling_questions.LEARNING_RATE)
    shown = answers.said(record)
    said = rescaling_answers.sentences(record)
    assert repr(shown) == "\n".join(said)
    assert shown._repr_html_().count("<li>") == len(said) == 8
    assert shown._repr_markdown_().startswith(f"- {said[0]}")


def test_the_wrong_record_is_refused():
    record = made(rescaling_questions.GAIN)
    with pytest.raises(ValueError, match=r"record of rescaling-width, got one of rescaling-gain"):
        answers.width(record)
    with pytest.raises(ValueError, match=r"record of rescaling-schedule, got one of rescaling-g"):
        answers.relative_steps(record)


def test_no_rows_are_refused():
    _, axes = figures.canvas()
    rows = rescaling_answers.differences(made(rescaling_questions.GAIN))
    with pytest.raises(ValueError, match=r"rows must hold a pair, got none; choose a record"):
        answers.forest(rows[:0], axes, "Test accuracy", "points")


# --- what ships -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_shipped_record_answers_the_question_of_the_book(name):
    record = records.recorded(f"{name}-digits-book")
    scale = QUESTIONS[name].experiment.scale("book")
    assert set(record.provenance["arms"]) == set(scale.arms or QUESTIONS[name].experiment.arms)
    assert record.provenance["runs_per_arm"] == 20
    assert records.verify(record.path) == []
    assert "+changes" not in record.provenance["code"]["commit"]
    assert "nan" not in DRAWN[name](record).alt


def test_all_that_ships_is_small():
    folder = records.recorded("rescaling-gain-digits-book").path.parent
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 10_000_000
