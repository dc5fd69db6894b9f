"""The answers' figures draw the differences, and say the numbers they draw."""

import numpy as np
import pytest

from companion.chapters.rescaling import answer_figures, answers, conclusions
from companion.chapters.rescaling.experiments import questions
from companion.chapters.rescaling.experiments.questions import QUESTIONS
from companion.display import figures, style
from companion.display.forest import forest
from companion.evidence import claims, records
from tests.chapters.test_questions import made

DRAWN = {
    "rescaling-frequency": answer_figures.frequency,
    "rescaling-gain": answer_figures.gain,
    "rescaling-width": answer_figures.width,
    "rescaling-learning-rate": answer_figures.learning_rate,
    "rescaling-choices": answer_figures.choices,
    "rescaling-optimizers": answer_figures.optimizers,
    "rescaling-layer-norm": answer_figures.layer_norm,
    "rescaling-variance-penalty": answer_figures.variance_penalty,
    "rescaling-decay": answer_figures.decay_tuned,
    "rescaling-schedule": answer_figures.schedule,
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_a_figure_that_says_its_numbers(name):
    question = QUESTIONS[name]
    arm = question.pairs[0].arm
    record = made(question, {arm: 0.9}, {arm: 0.75})
    shown = DRAWN[name](record)
    rows = answers.differences(record)
    for row in rows.itertuples():
        digits = 2 if row.quantity == "accuracy" else 3
        assert f"{row.name} {row.estimate:+.{digits}f} ({row.low:+.{digits}f} to" in shown.alt
    assert shown.alt.startswith("Test accuracy, points more than the baseline: ")
    assert question.asked in shown.caption
    assert shown.ran.endswith(f"{record.label()}.")
    assert shown.svg.count("<svg") == 2


def test_a_caption_answers_where_the_record_does():
    asked = questions.FREQUENCY
    words = conclusions.ANSWERS[asked.experiment.name].words
    shipped = records.recorded("rescaling-frequency-digits-book")
    assert answer_figures.frequency(shipped).caption == f"{asked.asked} {words}"
    assert answer_figures.frequency(made(asked)).caption == asked.asked


@pytest.mark.parametrize(
    ("draw", "question", "words"),
    [
        (answer_figures.decay_tuned, questions.DECAY, "Baseline: WR. Dot"),
        (answer_figures.gain, questions.GAIN, "without rescaling at the same value. Dot"),
        (answer_figures.layer_norm, questions.NORMALIZATION, "of layer norm for WR, WR; of"),
    ],
)
def test_the_caption_names_the_baseline(draw, question, words):
    assert words in draw(made(question)).ran


def test_a_tuned_decay_says_what_it_costs():
    record = made(questions.DECAY, {"WD 0.001": 0.9}, validation={"WD 0.001": 0.9})
    assert answers.decay_sentence(record) in answer_figures.decay_tuned(record).caption


def test_a_variance_penalty_says_what_it_costs():
    record = made(questions.PENALTY, validation={"penalty 0.3": 0.9})
    assert answers.penalty_sentence(record) in answer_figures.variance_penalty(record).caption


def test_what_the_test_tells_apart_has_a_filled_dot():
    rows = answers.differences(made(questions.GAIN, {"gain 1, WR": 0.9}, {"gain 1, WR": 0.4}))
    rows = rows[rows["quantity"] == "accuracy"].assign(differs=lambda r: r["name"] == "gain 1")
    _, axes = figures.canvas()
    assert forest(rows, axes, "Test accuracy", "points") is axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    filled = [line.get_markerfacecolor() != style.LIGHT_PAPER for line in dots]
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
    rows = answers.differences(made(questions.GAIN))
    rows = rows[rows["quantity"] == "accuracy"].copy()
    widest = rows.index[-1]
    rows.loc[widest, ["low", "high"]] = [-40.0, 42.0]
    _, axes = figures.canvas()
    forest(rows, axes, "Test accuracy", "points")
    low, high = axes.get_xlim()
    others = rows.drop(index=widest)
    assert -5 < low < others["low"].min()
    assert others["high"].max() < high < 5
    arrows = [line.get_marker() for line in axes.lines if line.get_marker() in "<>"]
    assert arrows == ["<", ">"]


def test_diverged_runs_are_counted_instead_of_drawn():
    record = made(questions.GAIN)
    record.epochs.loc[record.epochs["arm"] == "gain 2, none", "test_loss"] = np.inf
    shown = answer_figures.gain(record)
    assert "gain 2 4 runs diverged" in shown.alt
    assert "4 runs diverged" in shown.svg
    table = answer_figures.table(record).to_html()
    assert "diverged" in table


def test_relative_steps_end_where_the_alt_text_says():
    shown = answer_figures.relative_steps(made(questions.SCHEDULE))
    end = 1.12**2 / 8
    assert f"none, rising rate {end:.2f}" in shown.alt
    assert f"WR, falling rate {1.12**-2 / 8:.2f}" in shown.alt
    assert "none 0.12," in shown.alt  # the made weights double three times


def test_the_table_has_a_row_an_arm():
    record = made(questions.OPTIMIZER, {"Adam, WR": 0.9})
    html = answer_figures.table(record).to_html()
    assert "90.00 ± 1.29" in html
    assert html.count("80.00 ± 1.29") == 3
    assert record.label() in html


def test_the_sentences_are_shown_as_a_list():
    record = made(questions.LEARNING_RATE)
    shown = answer_figures.said(record)
    said = answers.sentences(record)
    assert repr(shown) == "\n".join(said)
    assert shown._repr_html_().count("<li>") == len(said) == 8
    assert shown._repr_markdown_().startswith(f"- {said[0]}")


def test_the_wrong_record_is_refused():
    record = made(questions.GAIN)
    with pytest.raises(ValueError, match=r"record of rescaling-width, got one of rescaling-gain"):
        answer_figures.width(record)
    with pytest.raises(ValueError, match=r"record of rescaling-schedule, got one of rescaling-g"):
        answer_figures.relative_steps(record)


def test_no_rows_are_refused():
    _, axes = figures.canvas()
    rows = answers.differences(made(questions.GAIN))
    with pytest.raises(ValueError, match=r"rows must hold a pair, got none; choose a record"):
        forest(rows[:0], axes, "Test accuracy", "points")


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


def test_the_overview_says_every_answer_and_draws_its_differences():
    shown = answer_figures.overview(records.recorded(f"{name}-digits-book") for name in QUESTIONS)
    page = shown._repr_html_()
    for name in QUESTIONS:
        said = conclusions.answer(records.recorded(f"{name}-digits-book"))
        assert said.words.split("'")[0] in page
        assert said.words in repr(shown)
    assert page.count("<svg") == len(QUESTIONS)


def test_an_answer_that_its_record_does_not_support_stops_the_build():
    record = made(questions.FREQUENCY)  # no period changes anything
    with pytest.raises(claims.Unsupported, match="Hardly ever is often enough"):
        conclusions.answer(record)
    with pytest.raises(claims.Unsupported):
        answer_figures.overview([record])
