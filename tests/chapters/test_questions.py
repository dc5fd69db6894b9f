"""The questions on weight rescaling: arms differ in one thing, and answers follow the numbers."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from companion import data
from companion.chapters.rescaling import answers
from companion.chapters.rescaling.experiments import questions, scale_grid
from companion.chapters.rescaling.experiments.questions import QUESTIONS
from companion.evidence import records, summaries
from companion.evidence.records import Record
from companion.experiments import rerun, runner
from companion.experiments.plan import Experiment, Scale
from companion.measure import catalogue
from companion.training.settings import Settings

RUNS, EPOCHS = 4, 3
SHIPPED = [f"{name}-digits-book" for name in QUESTIONS]


def made(question, accuracy=None, loss=None, runs=RUNS, validation=None):
    """A record of a question's book arms without training: arm -> its mean, to which the runs add
    -0.015, -0.005, 0.005 and 0.015. Accuracies peak in epoch 2; the std doubles each epoch."""
    accuracy, loss, validation = accuracy or {}, loss or {}, validation or {}
    experiment = question.experiment
    plan = experiment.runs("book", (1, 8, 8), 10, runs=runs, epochs=EPOCHS)
    spread = np.linspace(-0.015, 0.015, runs)
    rows, layers = [], []
    for run in plan:
        extra = spread[run.number % runs]
        for epoch in range(EPOCHS + 1):
            who = {"run": run.number, "arm": run.arm, "seed": run.seed, "epoch": epoch}
            peak = 0 if epoch == 2 else -0.1
            rows.append(
                who
                | {
                    "train_loss": 0.1,
                    "test_loss": loss.get(run.arm, 0.5) + extra,
                    "validation_accuracy": validation.get(run.arm, 0.7) + peak,
                    "test_accuracy": accuracy.get(run.arm, 0.8) + extra + peak,
                }
            )
            layers.append(who | {"layer": 2, "weight_std": 0.1 * 2.0**epoch})
    content = {
        "name": "made",
        "experiment": experiment.name,
        "runs_per_arm": runs,
        "epochs": EPOCHS,
        "dataset": "digits",
        "scale": "book",
        "machine": {"hardware": "no machine"},
        "arms": {run.arm: run.settings.as_dict() for run in plan},
    }
    record = Record("nowhere", content)
    record.epochs, record.layers = pd.DataFrame(rows), pd.DataFrame(layers)
    return record


def changed(arm, baseline):
    """The settings in which two arms differ."""
    one, two = asdict(arm), asdict(baseline)
    return {name for name in one if one[name] != two[name]}


# --- the arms -----------------------------------------------------------------------------------


def settings_of(question):
    return {name: arm.settings for name, arm in question.experiment.arms.items()}


@pytest.mark.parametrize(
    ("question", "name", "values"),
    [
        (questions.GAIN, "gain", [0.5 * 2**0.5, 2 * 2**0.5]),
        (questions.WIDTH, "widths", [(3072, 8, 8, 10), (3072, 128, 128, 10)]),
        (questions.LEARNING_RATE, "learning_rate", [0.001, 0.2]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rescaled_run_has_a_plain_twin_at_every_value(question, name, values):
    arms = settings_of(question)
    assert len(arms) == 2 * len(question.pairs)
    for pair in question.pairs:
        assert changed(arms[pair.arm], arms[pair.baseline]) == {"rescale"}
        assert changed(arms[pair.baseline], questions.BASE) <= {name}
        assert pair.expected == 1
    ends = [getattr(arms[pair.arm], name) for pair in (question.pairs[0], question.pairs[-1])]
    assert ends == pytest.approx(values) if name != "widths" else ends == values


def test_the_periods_differ_in_the_period_alone():
    arms = settings_of(questions.FREQUENCY)
    for pair in questions.FREQUENCY.pairs:
        assert changed(arms[pair.arm], arms["every epoch"]) <= {"tau"}
        assert changed(arms[pair.arm], arms["never"]) <= {"rescale", "tau"}
    assert [arms[name].tau for name in ("every step", "every epoch", "every 10 epochs")] == [
        1,
        0,
        360,
    ]


def test_ten_epochs_are_as_many_steps_as_the_arms_say():
    digits = data.split(data.load("digits")).sizes["train"]
    steps = -(-digits // questions.BASE.batch_size)
    arms = settings_of(questions.FREQUENCY)
    assert arms["every 10 epochs"].tau == scale_grid.TEN_EPOCHS == 10 * steps
    assert arms["every 3 epochs"].tau == 3 * steps
    assert arms["every 12,500 steps"].tau == 10 * 40_000 // 32


def test_each_choice_departs_from_the_papers_rule_in_one():
    arms = settings_of(questions.CHOICE)
    found = {pair.name: changed(arms[pair.arm], arms["wr"]) for pair in
             questions.CHOICE.pairs}  # fmt: skip
    assert found == {
        "biases kept": {"rescale_biases"},
        "biases scaled": {"rescale_biases"},
        "mean removed": {"rescale_mean"},
        "per unit": {"rescale_per"},
        "to the initial std": {"rescale_to"},
        "no rescaling": {"rescale"},
    }


def test_seven_decays_without_rescaling_stand_against_one_rescaled_arm():
    arms = settings_of(questions.DECAY)
    decays = [arm for name, arm in arms.items() if name.startswith("WD")]
    assert [arm.weight_decay for arm in decays] == list(questions.DECAYS)
    assert len(decays) == 7
    for arm in decays:
        assert changed(arm, arms["none"]) == {"weight_decay"}
    assert changed(arms["wr"], arms["none"]) == {"rescale"}


def test_four_penalties_over_three_decades_stand_against_one_rescaled_arm():
    arms = settings_of(questions.PENALTY)
    penalties = [arm for name, arm in arms.items() if name.startswith("penalty")]
    assert [arm.variance_penalty for arm in penalties] == list(questions.PENALTIES)
    assert len(penalties) == 4
    assert penalties[-1].variance_penalty == pytest.approx(1000 * penalties[0].variance_penalty)
    for arm in penalties:
        assert changed(arm, arms["none"]) == {"variance_penalty"}
    assert changed(arms["wr"], arms["none"]) == {"rescale"}


def test_the_other_experiments_change_what_they_name():
    arms = settings_of(questions.SCHEDULE)
    rate = {"schedule", "milestones", "drop"}
    assert changed(arms["none, rising rate"], arms["none"]) == rate
    assert changed(arms["wr, falling rate"], arms["wr"]) == rate
    assert arms["none, rising rate"].drop * arms["wr, falling rate"].drop == pytest.approx(1)
    arms = settings_of(questions.NORMALIZATION)
    assert changed(arms["layer norm"], arms["none"]) == {"normalization"}
    assert changed(arms["layer norm, WR"], arms["layer norm"]) == {"rescale"}
    arms = settings_of(questions.OPTIMIZER)
    assert changed(arms["Adam, WR"], arms["Adam, none"]) == {"rescale"}
    assert changed(arms["AdamW 0.01, WR"], arms["AdamW 0.01, none"]) == {"rescale"}
    assert changed(arms["AdamW 0.01, none"], arms["Adam, none"]) == {"optimizer", "weight_decay"}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))
def test_every_pair_is_of_arms_that_the_experiment_has(question):
    named = {arm for pair in question.pairs for arm in (pair.arm, pair.baseline)}
    assert named == set(question.experiment.arms)
    for scale in question.experiment.scales.values():
        assert set(scale.arms or named) <= named


def test_the_full_scale_has_the_papers_learning_rate():
    for name, question in QUESTIONS.items():
        plan = question.experiment.runs("full", (3, 32, 32), 10, runs=1)
        rates = {run.settings.learning_rate for run in plan}
        expected = set(questions.RATES) if name == "rescaling-learning-rate" else {1e-3}
        assert rates == expected


def again(epochs):
    """The same runs once more, as further runs with a hair's difference."""
    more = epochs.assign(run=epochs["run"] + 10_000, seed=epochs["seed"] + 100)
    columns = [name for name in more if name.endswith(("accuracy", "loss"))]
    return more.assign(**{name: more[name] + 1e-5 for name in columns})


# --- the numbers --------------------------------------------------------------------------------


def test_a_difference_is_that_of_the_means_with_welchs_interval():
    record = made(questions.FREQUENCY, {"every step": 0.9}, {"every step": 0.25})
    rows = answers.differences(record).set_index(["name", "quantity"])
    accuracy, loss = rows.loc["every step", "accuracy"], rows.loc["every step", "loss"]
    assert accuracy["estimate"] == pytest.approx(10)  # points
    assert loss["estimate"] == pytest.approx(-0.25)
    spread = np.array([-1.5, -0.5, 0.5, 1.5])
    gap = summaries.difference(90 + spread, 80 + spread)
    assert (accuracy["low"], accuracy["high"]) == pytest.approx((gap.low, gap.high))
    assert rows.loc["every epoch", "accuracy"]["estimate"] == pytest.approx(0)
    # 4 runs a side: no p-value below 2 / 70, and six pairs multiply it by six
    assert accuracy["p"] == pytest.approx(2 / 70)
    assert accuracy["adjusted"] == pytest.approx(6 * 2 / 70)


def test_a_pair_with_diverged_runs_has_no_difference_of_losses():
    record = made(questions.GAIN)
    epochs = record.epochs
    hit = (epochs["arm"] == "gain 2, WR") & (epochs["seed"] % 1000 == 1) & (epochs["epoch"] == 3)
    epochs.loc[hit, "test_loss"] = np.nan
    rows = answers.differences(record).set_index(["name", "quantity"])
    row = rows.loc["gain 2", "loss"]
    assert row["lost"] == 1
    assert np.isnan([row["estimate"], row["low"], row["p"], row["adjusted"]]).all()
    assert rows.loc["gain 1", "loss"]["lost"] == 0
    said = answers.sentences(record)
    assert "1 of 8 runs diverged" in next(one for one in said if one.startswith("gain 2,"))


def test_pairs_without_both_arms_are_left_out():
    record = made(questions.SCHEDULE)
    record.epochs = record.epochs[record.epochs["arm"] != "wr"]
    names = list(answers.differences(record)["name"].unique())
    assert names == ["plain, rising rate", "WR, falling rate"]


@pytest.mark.parametrize(
    ("accuracy", "word", "verdict"),
    [(0.9, "higher", "direction"), (0.7, "lower", "not reproduced"),
     (0.8, "not told apart", "undecided")],
)  # fmt: skip
def test_words_follow_the_adjusted_test_and_verdicts_the_interval(accuracy, word, verdict):
    record = made(questions.GAIN, {"gain 1, WR": accuracy})
    record.epochs = pd.concat([record.epochs, again(record.epochs)], ignore_index=True)
    said = answers.sentences(record)
    sentence = next(one for one in said if one.startswith("gain 1,"))
    assert sentence.split(";")[0].endswith(word)
    assert f"{100 * (accuracy - 0.8):+.2f} points" in sentence
    claim = next(one for one in answers.findings(record) if one.sentence.startswith("gain 1:"))
    assert claim.verdict == verdict
    assert record.label() in claim.records[0]


def test_the_tally_counts_what_the_adjusted_test_tells_apart():
    record = made(questions.GAIN, {"gain 1, WR": 0.9, "gain 2, WR": 0.6})
    few = answers.sentences(record)[-1]  # 4 runs a side: 5 times 2 / 70 is above .05
    assert few == (
        "Told apart by Holm's adjusted test: 0 of 5 in test accuracy, 0 of 5 in test loss."
    )
    record.epochs = pd.concat([record.epochs, again(record.epochs)], ignore_index=True)
    assert "2 of 5 in test accuracy, 0 of 5 in test loss" in answers.sentences(record)[-1]


def test_validation_images_choose_the_decay():
    record = made(
        questions.DECAY,
        accuracy={"WD 0.001": 0.85, "WD 0.01": 0.95, "WD 0.03": 0.5, "wr": 0.9},
        validation={"WD 0.001": 0.8, "WD 0.01": 0.6},
    )
    said = answers.decay_sentence(record)
    assert "Validation chooses WD 0.001 of 7 values" in said
    assert "that of WR: -5.00 points" in said
    assert "for 7 trainings instead of one" in said
    assert "The worst value tried, WD 0.03: -40.00 points" in said
    assert said in answers.sentences(record)


def test_validation_images_choose_the_variance_penalty():
    record = made(
        questions.PENALTY,
        accuracy={"penalty 0.03": 0.85, "penalty 0.3": 0.95, "wr": 0.9},
        validation={"penalty 0.03": 0.8},
    )
    *_, tuned, growth, _ = answers.sentences(record)
    assert tuned == answers.penalty_sentence(record)
    assert tuned.startswith("Validation chooses penalty 0.03 of 4 values.")
    assert "that of WR: -5.00 points" in tuned
    assert "for 4 trainings instead of one" in tuned
    assert "at the start: none 8.00, WR 8.00, penalty 0.0003 8.00" in growth


def test_validation_images_choose_the_learning_rates():
    record = made(
        questions.LEARNING_RATE,
        accuracy={"rate 0.1, WR": 0.9, "rate 0.02, none": 0.86, "rate 0.2, WR": 0.99},
        validation={"rate 0.1, WR": 0.8, "rate 0.02, none": 0.8},
    )
    said = answers.learning_rate_sentence(record)
    assert said.startswith("Validation chooses rate 0.1 with rescaling and rate 0.02 without.")
    assert "of the second: +4.00 points" in said
    assert said in answers.sentences(record)


def test_a_relative_step_is_the_rate_over_the_growth():
    rows = answers.relative_steps(made(questions.SCHEDULE))
    mean = rows.groupby(["arm", "epoch"])["relative"].mean()
    growth = questions.GROWTH
    assert mean["none"].to_list() == pytest.approx([1, 1 / 2, 1 / 4, 1 / 8])
    rising = [1, growth / 2, growth**2 / 4, growth**2 / 8]  # milestones 1 and 2
    assert mean["none, rising rate"].to_list() == pytest.approx(rising)


def test_the_means_of_an_arm():
    rows = answers.means(made(questions.GAIN, {"gain 1, WR": 0.9}))
    row = rows.set_index("arm").loc["gain 1, WR"]
    assert row[["runs", "epoch", "accuracy", "last", "growth"]].tolist() == pytest.approx(
        [4, 2, 90, 80, 8]
    )


def test_another_experiments_record_is_refused():
    record = made(questions.GAIN)
    record.provenance["experiment"] = "scale-grid"
    with pytest.raises(ValueError, match=r"one of rescaling-frequency, .* got one of scale-grid"):
        answers.differences(record)


def test_what_is_not_built_says_so():
    built = answers.not_built()
    assert [claim.verdict for claim in built] == ["not built"]
    assert "relative step" in built[0].sentence


# --- records that keep some layers ---------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return Experiment(
        name="scale-grid",  # one that `rerun` finds
        title="a toy",
        source="this test",
        measures=catalogue.EACH_EPOCH,
        layers=(2,),
        arms={"a": Settings(widths=(64, 6, 5, 10)), "b": Settings(widths=(64, 6, 5, 10), gain=1)},
        scales={"quick": Scale("quick", 2, 2, ("digits",), "a test")},
    ), tmp_path_factory.mktemp("records")


def test_a_record_keeps_the_layers_it_is_told_to(small):
    experiment, folder = small
    record = runner.run(experiment, "quick", out=folder, device="cpu")
    assert record.layers["layer"].unique().tolist() == [2]
    assert len(record.layers) == 2 * 2 * 3
    assert records.verify(record.path) == []
    planned = rerun.plan(record, experiment, device="cpu")
    assert rerun.compare(planned, rerun.train(planned)).agrees


def test_a_live_training_keeps_all_layers(small):
    tables = runner.train(small[0], device="cpu")
    assert tables["layers"]["layer"].unique().tolist() == [1, 2, 3]
