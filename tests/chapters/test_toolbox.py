"""Chapter 0: stopping, penalties, masks and remedies against theory, guards, figures, lab."""

import itertools

import numpy as np
import pytest
import torch

from companion import data
from companion.chapters.toolbox import (
    check,
    conclusions,
    errata,
    explorables,
    figures,
    lab,
    masks,
    nothing_differs,
    penalties,
    remedies,
    stopping,
)
from companion.chapters.toolbox.experiments import features
from companion.chapters.toolbox.experiments import remedies as remedies_plan
from companion.display.labs.control import Refusal
from companion.display.labs.settings import plan
from companion.evidence import claims, records, selection
from companion.evidence.stopping import Rule, Stopped, replay
from companion.training.many_runs import Stack


@pytest.fixture(scope="module")
def record():
    return records.recorded("early-stopping-digits-book")


@pytest.fixture(scope="module")
def dropped():
    return records.recorded("dropout-features-digits-book")


@pytest.fixture(scope="module")
def mnist():
    return records.recorded("remedies-lenet5-mnist-t10k-book")


@pytest.fixture(scope="module")
def large():
    return records.recorded("weight-rescaling-mlp-cifar10-jpeg-full")


# --- stopping -------------------------------------------------------------------------------------


def test_the_record_learns_1297_digits_and_keeps_500(record):
    split = record.provenance["split"]
    assert split["train"] == 1297
    assert split["validation"] + split["test"] == 500
    assert record.provenance["runs_per_arm"] == 100


@pytest.mark.parametrize("watched", stopping.WATCHED)
def test_an_outcome_is_each_half_choosing_once(record, watched):
    rule = Rule(3)
    found = stopping.outcome(record, "noisy", watched, rule)
    accuracy = 100 * stopping.curves(record, "noisy", "accuracy")[7]
    seen = stopping.curves(record, "noisy", "loss")[7] if watched == "loss" else -accuracy
    rows = []
    for one in itertools.combinations(range(4), 2):
        other = [k for k in range(4) if k not in one]
        stopped = replay(np.round(seen[list(one)].mean(0), 9), rule)
        own, tested = accuracy[list(one)].mean(0), accuracy[other].mean(0)
        at = stopped.kept - 1
        rows.append((stopped.spent, stopped.kept, tested[at], tested.max() - tested[at],
                     own[at] - tested[at]))  # fmt: skip
    np.testing.assert_allclose(found.iloc[7], np.mean(rows, 0), rtol=1e-9)


def test_an_epoch_that_nobody_chose_has_no_optimism(record, monkeypatch):
    """A rule that keeps the tenth epoch whatever it sees."""
    monkeypatch.setattr(stopping, "replay", lambda values, rule: Stopped(60, 10))
    found = stopping.outcome(record, "clean", "accuracy", Rule(1))
    assert (found["kept"] == 10).all()
    assert found["optimism"].abs().max() < 1e-9


def test_the_loss_by_fate_is_that_of_the_recorded_runs(record):
    """Both parts together are the mean over the folds of the same two runs."""
    found = stopping.loss_by_fate((3,), 2)[3]
    loss, accuracy = (
        stopping.curves(record, "noisy", quantity)[:2, :, 2].mean() for quantity in
        ("loss", "accuracy")
    )  # fmt: skip
    assert found[0] + found[1] == pytest.approx(loss, rel=1e-3)
    assert found[2] == pytest.approx(accuracy, abs=1.01 / 1000)


def test_regret_is_never_negative_and_the_price_is_paid_against_the_best_of_all(record):
    for rows in stopping.outcomes(record).values():
        assert (rows["regret"] >= 0).all()
        assert (rows["kept"] <= rows["spent"]).all()
    assert stopping.price(record, "clean", "loss", "best of all").mean == 0


# --- penalties and masks --------------------------------------------------------------------------


@pytest.mark.parametrize("way", penalties.WAYS)
def test_weights_settle_where_theory_says(way):
    """Five standard errors over the copies, and what steps of finite length and the kink at 0 add:
    a step's pull, rate times strength over the curvature's, is 0.005 at most."""
    found = penalties.settled(way)
    error = found.std(0, ddof=1) / np.sqrt(len(found))
    off = np.abs(found.mean(0) - penalties.expected(way, penalties.CURVATURES))
    assert (off < 5 * error + 0.03).all()


def test_the_minimum_of_l1_is_the_threshold():
    """By brute force over a grid of weights."""
    grid = np.linspace(-1, 2, 300_001)
    for curvature in (0.05, 0.15, 2.0):
        loss = curvature * (grid - 1) ** 2 / 2 + penalties.STRENGTH * np.abs(grid)
        expected = penalties.expected("l1", [curvature])[0]
        assert grid[loss.argmin()] == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("p_drop", [0.2, 0.5])
def test_both_scalings_keep_the_mean_and_the_slides_at_one_half_only(p_drop):
    for way in masks.WAYS:
        trained, tested = masks.both_means(
            lambda h, p, training, g, way=way: masks.dropout(h, p, training, g, way), p_drop
        )
        kept = way != "slide" or p_drop == 0.5
        assert (abs(trained - tested) < 5 * masks.standard_error(p_drop)) == kept
        ratio = masks.test_over_training(way, p_drop)
        error = ratio.std(0, ddof=1) / np.sqrt(len(ratio))
        expected = 1.0 if kept else p_drop / (1 - p_drop)
        layers = np.arange(1, masks.LAYERS + 1)
        # the mean of 1 / x lies above 1 / mean by the squared spread
        off = np.abs(ratio.mean(0) / expected**layers - 1)
        assert (off < 5 * error / ratio.mean(0) + ratio.std(0) ** 2 / ratio.mean(0) ** 2).all()


def test_the_models_dropout_is_the_inverted_one():
    from companion.models.dropout import Dropout

    layer = Dropout(0.2, number=1)
    ones = torch.ones(200_000, dtype=torch.float64)
    trained = layer(ones)
    assert abs(float(trained.mean()) - 1) < 5 * masks.standard_error(0.2)
    assert sorted(set(trained.tolist())) == [0.0, pytest.approx(1.25)]
    assert torch.equal(layer.eval()(ones), ones)


# --- remedies -------------------------------------------------------------------------------------


def test_the_table_is_that_of_paired_best_epochs(mnist):
    table = remedies.table(mnist).set_index("arm")
    best = selection.best_epoch(mnist.epochs).sort_values(["arm", "seed"])
    wrong = {arm: 100 * (1 - rows["test_accuracy"].to_numpy(float)) for arm, rows in
             best.groupby("arm")}  # fmt: skip
    for arm in table.index.drop("none"):
        gaps = wrong[arm] - wrong["none"]
        assert table.loc[arm, "estimate"] == pytest.approx(gaps.mean(), abs=1e-6)
        assert table.loc[arm, "low"] < gaps.mean() < table.loc[arm, "high"]
    assert np.isnan(table.loc["none", "estimate"])
    gap = remedies.stopped(mnist)
    last = mnist.epochs[mnist.epochs["epoch"] == mnist.epochs["epoch"].max()]
    ends = 100 * (1 - last[last["arm"] == "none"].sort_values("seed")["test_accuracy"])
    assert gap.mean == pytest.approx((wrong["none"] - ends.to_numpy(float)).mean(), abs=1e-5)


def test_seven_arms_can_be_told_apart_by_nine_pairs():
    """The floor of the signed-rank test, 2 / 2^n, times the comparisons that Holm counts."""
    size = remedies_plan.EXPERIMENT.scale("book")
    assert 2 / 2**size.runs * (len(remedies_plan.EXPERIMENT.arms) - 1) < 0.05


def test_the_cnn_trains_on_mnist():
    """An epoch of every arm on a corner of the set, where its files are."""
    if "mnist-t10k" not in data.names():
        pytest.skip("mnist-t10k lies in no folder here")
    split = data.split(data.load("mnist-t10k"), validation=7600)
    assert split.sizes["train"] == 400
    runs = remedies_plan.EXPERIMENT.runs("book", split.shape, split.classes, runs=1, epochs=3)
    assert [run.seed for run in runs] == [0] * len(runs)
    for run in runs:
        stack = Stack([run], split)
        before = stack.measure()["train_loss"].item()
        for _ in range(3):
            stack.train_epoch()
        assert stack.measure()["train_loss"].item() < before, run.arm


# --- statistics -----------------------------------------------------------------------------------


def test_dealt_runs_raise_as_many_alarms_as_the_tests_promise():
    """Normal scores, 200 experiments: the single test within five standard errors of 5 %, and no
    judge that looks more often finds less."""
    values = np.random.default_rng(1).normal(size=100)
    rows = nothing_differs.alarms(values, experiments=200).set_index("judge")
    assert abs(rows.loc["one pair, one test", "share"] - 0.05) < 5 * np.sqrt(0.05 * 0.95 / 200)
    assert rows.loc["best pair", "share"] >= rows.loc["one pair, one test", "share"]
    assert rows.loc["best test", "share"] >= rows.loc["one pair, one test", "share"]
    assert rows.loc["rule", "share"] <= rows.loc["best pair", "share"]
    assert ((rows["low"] <= rows["share"]) & (rows["share"] <= rows["high"])).all()


def test_a_difference_that_is_there_is_found():
    arms = np.random.default_rng(0).normal(size=(5, 10))
    arms[3] += 10
    assert nothing_differs.judged(arms)["rule"]
    arms[1] += 10
    assert nothing_differs.judged(arms)["best test"]


def test_alarms_need_enough_runs():
    with pytest.raises(ValueError, match="at least 50 scores, got 3; take an arm with more runs"):
        nothing_differs.alarms(np.zeros(3))


# --- words, figures, errata, lab ------------------------------------------------------------------


def test_the_chapters_words_stand_under_guard(record, dropped, mnist, large):
    conclusions.check_stopping(record)
    conclusions.check_tools()
    conclusions.check_features(dropped)
    conclusions.check_remedies(mnist)
    conclusions.check_statistics(large)
    conclusions.check_normalization()
    conclusions.check_lab()


def test_a_record_that_says_otherwise_stops_the_build(record, dropped, monkeypatch):
    monkeypatch.setattr(stopping, "price", lambda *_: claims.Summary(0, 1, 100, -1, 1))
    with pytest.raises(claims.Unsupported, match="every rule that stops ends above"):
        conclusions.check_stopping(record)
    arms = {features.arm_name(0.5): "none", "none": features.arm_name(0.5)}
    swapped = dropped.epochs.assign(arm=dropped.epochs["arm"].replace(arms))

    class Other:
        epochs, name = swapped, "swapped"

        def label(self) -> str:
            return "swapped"

    with pytest.raises(claims.Unsupported, match="half of a unit's variance"):
        conclusions.check_features(Other())


def test_figures_say_what_they_show(record, dropped, mnist, large):
    assert "decoupled, AdamW: 0.96 where flat, 0.96 where steep" in figures.shrunk().alt
    assert "as printed: 0.250 behind one layer, 0.016 behind 3" in figures.means_kept().alt
    assert "Two units, correlation, mean size (%): 18.5" in figures.useful_features(dropped).alt
    assert "accuracy, best of all: 1.21" in figures.optimism(record).alt
    assert "the book's rule: 4.6 %" in figures.false_alarms(large).alt
    assert "none 0.062; L1 1e-4 0.045" in figures.overfitting(mnist).alt
    assert "signed ranks" in figures.remedies_table(mnist).to_html()


def test_explorables_say_what_a_rule_costs(record, mnist, dropped):
    made = explorables.when_to_stop(record)
    assert "60 epochs on average, and 3.04 points" in made.grid[made.start].caption
    remedy = explorables.remedy(mnist)
    assert "none, after the last epoch" in remedy.grid[0, 0].caption
    runs = [c for c in remedy.grid[1, 1].curves["error"] if c.role != "reference"]
    assert len(runs) == mnist.provenance["runs_per_arm"]
    assert "p = 0.5: after the last epoch" in explorables.dropped(dropped).grid[(4,)].caption


def test_the_errata_name_the_factor_and_the_shift():
    factor, shift = errata.findings()
    assert factor.verdict == "does not hold"
    assert "0.80 on average in training" in factor.computed
    assert "0.016 behind three" in factor.computed
    assert shift.verdict == "left open"


def test_the_labs_controls_reach_the_training(tmp_path):
    setup = lab.setup()
    opened = plan(setup, setup.usual).settings
    assert (opened.label_noise, opened.dropout, opened.widths) == (0.35, 0.0, (64, 128, 128, 10))
    moved = {"dropout": 0.5, "l1_penalty": 1e-4, "normalization": "batch", "label_noise": 0}
    settings = plan(setup, setup.usual | moved).settings
    assert {name: getattr(settings, name) for name in moved} == moved
    made = lab.remedies(tmp_path)
    assert made.message.value == ""


def test_the_lab_refuses_a_batch_of_one_image_under_batch_norm_alone():
    setup = lab.setup()
    chosen = setup.usual | {"batch": 383, "normalization": "batch"}  # 3 x 383 + 1 images
    with pytest.raises(Refusal, match="Batch norm needs 2 images or more in every batch"):
        plan(setup, chosen)
    assert plan(setup, chosen | {"normalization": "layer"}).settings.batch_size == 383


def test_the_lab_without_noise_repeats_a_recorded_arm(dropped):
    from companion.display.labs.record import Recorded

    setup = lab.setup()
    for p_drop in (0.0, 0.5):
        made = plan(setup, setup.usual | {"label_noise": 0, "dropout": p_drop})
        assert Recorded(dropped).arm(made) == features.arm_name(p_drop)


# --- exercises ------------------------------------------------------------------------------------


def right(h, p_drop, training):
    return h * (torch.rand_like(h) >= p_drop) / (1 - p_drop) if training else h


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (right, "Right: zeroed as often as asked"),
        (
            lambda h, p, t: h * (torch.rand_like(h) >= p) if t else h * (1 - p),
            "Right: zeroed as often as asked",
        ),
        (
            lambda h, p, t: h * (torch.rand_like(h) < p) if t else h * p,
            "in training 0.8 are zeroed at p_drop = 0.2",
        ),
        (
            lambda h, p, t: h * (torch.rand_like(h) >= p) if t else h * p,
            "at p_drop = 0.2 their mean is 0.80 in training and 0.20 in test",
        ),
        (lambda h, p, t: right(h, p, True), "in test, equal values must stay equal"),
        (lambda h: h, "Your function raised TypeError"),
    ],
)
def test_a_dropout_is_told_which_mean_it_breaks(function, said):
    state = torch.get_rng_state()
    reply = check.dropout(function)
    assert said in reply.text
    assert reply.right == said.startswith("Right")
    assert torch.equal(torch.get_rng_state(), state)


def stop(losses, patience):
    watch = Rule(patience).watch()
    for loss in losses:
        if watch.stop(loss):
            break
    return watch.spent, watch.kept


def test_a_stopping_function_is_told_when_it_is_late_early_or_keeps_the_last():
    assert check.patience(stop).right
    assert "spent 8 epochs, one too late" in check.patience(lambda v, p: (len(v), 1)).text
    assert "spent 1 epochs, too few" in check.patience(lambda v, p: (1, 1)).text
    late = check.patience(lambda v, p: (stop(v, p)[0], stop(v, p)[0]))
    assert "keeps epoch 3, and an epoch before the stop had a smaller loss" in late.text
    assert "raised ZeroDivisionError" in check.patience(lambda v, p: 1 / 0).text


@pytest.mark.parametrize(
    ("exercise", "good", "bad", "law"),
    [
        (check.l1_zero, 0.6, 0.3, "weaker than the loss's own"),
        (check.l1_zero, 0.6, 0.9, "stronger than the loss's own"),
        (check.same_pull, 1e-2, 1e-3, "shrinks the weight 0.1 times"),
        (check.same_pull, 1e-2, 0, "nothing shrinks"),
        (check.forgotten, 44, 43, "1.1 % of the way is left"),
        (check.forgotten, 44, 100, "fewer batches do it"),
        (check.batch_noise, 100, 10, "scatters by 0.32"),
        (check.batch_noise, 100, 0, "at least one image"),
    ],
)
def test_exercises_know_right_from_wrong_and_name_the_law(exercise, good, bad, law):
    assert exercise(good).right
    wrong = exercise(bad)
    assert not wrong.right
    assert law in wrong.text
