"""Chapter 5: theorems run, its records' parts, guards, figures and lab."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from companion.chapters.batchnorm_norms import (
    adamw_explorables,
    by_hand,
    channels,
    conclusions,
    errata,
    explorables,
    figures,
    lab,
    live_conclusions,
    norm_figures,
    parts,
    trainings,
)
from companion.chapters.batchnorm_norms.experiments import adamw, convnet
from companion.display.labs.control import Refusal
from companion.display.labs.settings import plan
from companion.display.labs.trained import trained
from companion.evidence import claims, records
from companion.theory import norms


@pytest.fixture(scope="module")
def record():
    return records.recorded(explorables.RECORD)


@pytest.fixture(scope="module")
def digits():
    return records.recorded(adamw_explorables.RECORD)


# --- theorems --------------------------------------------------------------------------------


def test_the_gradient_is_orthogonal_without_eps():
    assert by_hand.cosines(by_hand.TINY).abs().max() < 1e-14
    assert by_hand.cosines(1e-5).abs().max() > 1e-7


@pytest.mark.parametrize("size", [1.0, 0.1, 0.01])
def test_what_eps_leaves_is_the_derived_remainder(size):
    """Up to the rounding of float64 beside the sums, which cancel to the remainder."""
    found, expected = by_hand.remainder(1e-5, size)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-15)
    assert found.abs().max() > 1e-7


def test_plain_steps_obey_the_recursion():
    square, slope = by_hand.plain_steps(20, 1.0, dtype=torch.float64)
    np.testing.assert_allclose(np.diff(square, axis=0), slope, rtol=1e-9, atol=1e-12)
    square, slope = by_hand.plain_steps(20, 1.0, 0.01, dtype=torch.float64)
    law = norms.after_step(square[:-1], slope, 1.0, 0.01)
    np.testing.assert_allclose(square[1:], law, rtol=1e-12)


@pytest.mark.parametrize(
    ("images", "ranks"), [(2, (1, 1)), (3, (2, 2)), (9, (8, 8)), (64, (32, 24))]
)
def test_a_step_has_at_most_the_rank_of_its_batch(images, ranks):
    """min(B - 1, fan_in, units); a batch of 2 is whitened to +-1 and leaves no gradient but
    rounding."""
    found = tuple(by_hand.update_rank(images, layer) for layer in (0, 1))
    if images == 2:
        slopes = by_hand.gradients(by_hand.network(by_hand.TINY), *by_hand.batch(1, 2))
        assert slopes[0].abs().max() < 1e-12
    else:
        assert found == ranks


@pytest.mark.parametrize(
    ("images", "ranks"), [(3, (9, 11, 2)), (5, (9, 19, 4)), (9, (9, 24, 8)), (64, (9, 24, 24))]
)
def test_a_step_of_a_convolution_has_at_most_the_rank_of_its_patches(images, ranks):
    """min(N - 1, fan_in, channels) with N images times 16, 4 and 1 places: fan_in limits the first
    layer, the patches the second of few images, the images alone the third."""
    for layer, rank in enumerate(ranks):
        found, bound = by_hand.kernel_rank(images, layer)
        assert bound == min(
            images * (16, 4, 1)[layer] - 1, (9, 144, 216)[layer], (16, 24, 24)[layer]
        )
        assert found == rank == bound


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_kernels_gradient_is_a_sum_of_centred_patches(layer):
    slope, signals, patches = by_hand.convolution(6, layer)
    size = signals.abs().max()
    assert signals.sum(dim=0).abs().max() < 1e-12 * size * len(signals)
    scale = slope.abs().max()
    torch.testing.assert_close(slope, signals.T @ patches, rtol=0, atol=1e-12 * float(scale))
    centred = patches - patches.mean(dim=0)
    torch.testing.assert_close(slope, signals.T @ centred, rtol=0, atol=1e-12 * float(scale))


# --- channels --------------------------------------------------------------------------------


def test_each_channel_obeys_the_recursion_by_itself():
    for decay in (0.0, 0.02):
        found = channels.trained(6, decay, dtype=torch.float64, eps=by_hand.TINY)
        law = norms.after_step(
            found.norm_square[:-1], found.gradient_square, channels.LEARNING_RATE, decay
        )
        np.testing.assert_allclose(found.norm_square[1:], law, rtol=1e-10)


def test_channels_start_apart_and_wrs_returns_them():
    found = channels.trained(5, tau=2)
    assert found.norm[0].min() == pytest.approx(1 / channels.SPREAD)
    assert found.norm[0].max() == pytest.approx(channels.SPREAD)
    np.testing.assert_allclose(found.norm_square[[2, 4]], 1, rtol=1e-6)
    assert (found.norm_square[[3, 5]] > 1).all()


def test_a_channel_that_is_settled_stands_where_its_gradient_predicts():
    """|w|^2 = 2 and |g|^2 = 2 lambda |w|^2 / eta at every step: what is added is taken."""
    square = np.full((9, 2), 2.0)
    gradient = 2 * channels.WEIGHT_DECAY * square[1:] / channels.LEARNING_RATE
    found = channels.Paths(square, gradient)
    np.testing.assert_allclose(found.predicted(), math.sqrt(2))
    np.testing.assert_allclose(found.settled(), math.sqrt(2))


def test_decay_and_a_rising_rate_are_one_network():
    both = trainings.decay_as_rate(steps=60)
    assert both["turned"] < 1e-11
    assert both["loss"] < 1e-11
    assert both["norms"] == pytest.approx((1 - 0.5 * 1e-2) ** -60, rel=1e-9)
    assert both["moved"] > 0.05


def test_only_the_last_layers_norms_change_predictions():
    first, last = trainings.changed_predictions()
    assert first < 0.001  # eps alone
    assert last > first


# --- the source's decay ----------------------------------------------------------------------


def test_adamws_path_step_by_step():
    square, rate = 2.0, 1e-3
    _, reached, wanted = adamw_explorables.adamw_path(0.1, 576)
    for epoch in range(3):
        for _ in range(500):
            square = (1 - rate * 0.1) ** 2 * square + rate**2 * 576
        assert reached[epoch + 1] == pytest.approx(math.sqrt(square))
    assert wanted[1] == pytest.approx(norms.AdamW(1e-3, 0.1, 576).norm)
    assert wanted[-1] == pytest.approx(wanted[1] * math.sqrt(1e-3))


def test_stronger_decay_takes_more():
    taken = [errata.adamw_decay(decay=one) for one in (0.0, 5e-4, 0.05, 0.5)]
    assert taken[0] == 0
    assert taken == sorted(taken)
    assert taken[1] == errata.adamw_decay()


# --- records ---------------------------------------------------------------------------------


def test_parts_of_a_made_up_layer(record):
    """A layer whose units are alike and whose gradients are independent is explained by theory."""

    class Made:
        provenance = record.provenance

    steps = np.arange(33, 4000, 33)
    settings, square = record.provenance["arms"]["wd-5e-4"], 4.0
    rate, alpha = settings["learning_rate"], settings["momentum"]
    gradient = square**2 * 2 * settings["weight_decay"] * (1 - alpha) / rate
    made = Made()
    made.steps = pd.DataFrame(
        {
            "arm": "wd-5e-4", "layer": 1, "run": 0, "step": steps, "norm_square": square,
            "gradient_square": gradient / square, "unit_gradient_square": gradient,
            "step_square": rate**2 * gradient / square / (1 - alpha**2), "angle": 0.01,
        }
    )  # fmt: skip
    found = parts.gap(made, "wd-5e-4", 1)
    assert (found.units, found.memory, found.drift) == pytest.approx((1, 1, 1))
    assert found.measured == pytest.approx(2)
    assert found.explained == pytest.approx(2)


def test_a_level_is_the_norm_where_steps_and_decay_are_equal(record):
    """Steps that turn by the equilibrium's angle leave the norm at its level; steps half as long
    have a level a root of two lower, and a tenth of the rate with a hundredth of the squared step
    the same gradient."""

    class Made:
        provenance = record.provenance

    steps = np.arange(33, 4000, 33)
    settings = record.provenance["arms"]["wd-5e-4"]
    rate, decay, alpha = (settings[key] for key in ("learning_rate", "weight_decay", "momentum"))
    late = steps > 3200
    turn = norms.equilibrium_angle(rate, decay, alpha) * np.where(late, 0.1, 1)
    made = Made()
    made.steps = pd.DataFrame(
        {
            "arm": "wd-5e-4", "layer": 1, "run": 0, "step": steps, "norm_square": 4.0,
            "gradient_square": 1.0, "unit_gradient_square": 4.0,
            "step_square": 4.0 * turn**2, "angle": turn,
        }
    )  # fmt: skip
    found = parts.behind(made, "wd-5e-4", 1)
    np.testing.assert_allclose(found["norm"], 2)
    np.testing.assert_allclose(found["level"].loc[:3200], 2)
    np.testing.assert_allclose(found["level"].loc[3201:], 2 * 0.1**0.25)
    made.steps["step_square"] /= 4
    level = parts.behind(made, "wd-5e-4", 1)["level"]
    np.testing.assert_allclose(level.loc[:3200], math.sqrt(2))


def test_a_series_is_the_mean_over_runs(record):
    rows = record.steps.query("arm == 'wrs' and layer == 2 and step == 363")
    found = parts.series(record, "wrs", 2).loc[363]
    assert found["norm"] == pytest.approx(math.sqrt(rows["norm_square"].mean()))
    turns = np.sqrt(rows["step_square"] / rows["norm_square"])
    assert found["turn_high"] == pytest.approx(turns.max())
    assert parts.epoch_steps(record) == 800
    assert parts.constant_steps(record) == 3200


def test_under_wrs_the_norm_is_one_after_each_period(record):
    """Steps 33 k with 33 k = 1 mod 20 are the first after a rescaling: |w|^2 is 1 before them."""
    rows = record.steps[record.steps["arm"].isin(["wrs", "wrs, matched"])]
    first = rows[rows["step"] % 20 == 1]
    assert len(first) > 20
    np.testing.assert_allclose(first["norm_square"], 1, rtol=1e-5)


def test_without_momentum_the_steps_are_the_gradients(record):
    """Decay adds (lambda |w|)^2, and the eps of batch norm next to nothing."""
    arm = "wd-1e-3, no momentum"
    rows = record.steps[record.steps["arm"] == arm]
    settings = record.provenance["arms"][arm]
    rate = np.where(rows["step"] > parts.constant_steps(record), 0.1, 1) * settings["learning_rate"]
    decay = settings["weight_decay"]
    expected = rate**2 * (rows["gradient_square"] + decay**2 * rows["norm_square"])
    np.testing.assert_allclose(rows["step_square"], expected, rtol=2e-3)


def test_the_chapters_words_stand_under_guard(record, digits):
    conclusions.check_norms(record)
    conclusions.check_trailing(record)
    conclusions.check_late(record)
    conclusions.check_turns(digits, record)


def test_what_is_said_of_networks_trained_here_stands_under_guard():
    live_conclusions.check_theorems()
    live_conclusions.check_channels()
    live_conclusions.check_returns()
    live_conclusions.check_lab()


def test_a_record_that_says_otherwise_stops_the_build(record, digits, monkeypatch):
    real = parts.ends
    monkeypatch.setattr(parts, "ends", lambda one: real(one).assign(accuracy=0.8))
    with pytest.raises(claims.Unsupported, match="decay 5 gains five points"):
        conclusions.check_turns(digits, record)


def test_norms_that_do_not_trail_stop_the_build(record, monkeypatch):
    real = parts.behind
    monkeypatch.setattr(parts, "behind", lambda *given: real(*given).assign(level=2.0))
    with pytest.raises(claims.Unsupported, match="below its level to the fall"):
        conclusions.check_trailing(record)


def test_channels_that_keep_their_start_stop_the_build(monkeypatch):
    free = channels.trained(40)
    monkeypatch.setattr(channels, "held", lambda _: free)
    with pytest.raises(claims.Unsupported, match="little to do with where they started"):
        live_conclusions.check_channels()


def test_arms_differ_in_what_holds_the_norm_alone():
    for experiment, free in (
        (convnet.SGD, {"decayed", "weight_decay", "rescale", "tau", "rescale_layers",
                       "rate_factors", "momentum", "learning_rate"}),
        (adamw.DIGITS, {"weight_decay", "rescale", "tau", "rescale_layers", "rate_factors"}),
    ):  # fmt: skip
        plain = experiment.arms["none"].settings.as_dict()
        for arm in experiment.arms.values():
            mine = arm.settings.as_dict()
            assert {key for key in mine if mine[key] != plain[key]} <= free
    factor = convnet.SGD.arms["wrs, matched"].settings.rate_factor
    assert factor(("weight", "hidden")) == convnet.MATCHED
    assert factor(("weight", "output")) == pytest.approx(1)
    assert factor(("bias", "output")) == pytest.approx(1)
    assert factor(("gain", "hidden")) == 1


# --- what is shown ---------------------------------------------------------------------------


def test_figures_say_what_they_show(record, digits):
    assert "eps almost 0" in figures.orthogonal().alt
    assert "WD 5e-4, layer 1: predicted" in figures.gaps(record).alt
    turns = figures.turns(digits, record).alt
    assert "Digits, AdamW, WRS, all layers: turn" in turns
    assert "CIFAR-10, SGD, WRS, matched rate: turn" in turns
    assert "Norm of its gradient, WRS" in figures.late_gradients(record).alt
    assert "rate × 10, after the fall: norm" in norm_figures.trailing(record).alt
    channels_alt = norm_figures.channels().alt
    assert "decay 0.01: largest over smallest norm 9.0 at first" in channels_alt
    assert "measured" in channels_alt


def test_the_explorables_predict_and_measure(record, digits):
    shown = explorables.norm_and_angle(record)
    point = shown.grid[shown.start]
    drawn = {role: [c.label for c in point.curves["norm"] if (c.role == "context") == role]
             for role in (False, True)}  # fmt: skip
    assert drawn[False] == ["predicted", "real gradients", "measured"]
    assert len(drawn[True]) == 4  # the other recorded trainings
    assert "; measured " in point.caption
    assert "At equilibrium the turn is 0.01 rad" in point.caption
    unrecorded = shown.grid[5, 2, 1, 0]
    assert [c.label for c in unrecorded.curves["norm"] if c.role != "context"] == ["predicted"]
    decay = adamw_explorables.adamw_decay().grid[0, 1]
    assert "decay alone takes 1.6 % of a weight" in decay.caption
    shown = adamw_explorables.decay_and_rate(digits)
    assert "of the test digits are right" in shown.grid[0,].caption


def test_the_lab_starts_at_a_recorded_arm(tmp_path):
    made = lab.norms_and_steps(tmp_path)
    assert "recorded band of wd-5" in made.figure.value
    assert made.message.value == ""


def test_the_labs_line_is_the_equilibrium():
    setup = lab.setup()
    start = plan(setup, setup.usual).settings
    assert lab.expected_norm(start) == pytest.approx(norms.AdamW(3e-3, 5.0, 64).norm)
    held = plan(setup, setup.usual | {"frequency": "every k steps"}).settings
    assert (held.rescale, held.rescale_layers) == ("wrs", "not_output")
    assert lab.expected_norm(held) == 1
    plain = plan(setup, setup.usual | {"optimizer": "sgd"}).settings
    assert math.isnan(lab.expected_norm(plain))


# --- the lab's batch size ----------------------------------------------------------------------


def test_the_lab_trains_with_the_batch_size_that_is_typed():
    setup = lab.setup()
    made = plan(setup, setup.usual | {"batch": "128", "epochs": 2, "runs": 1})
    assert made.settings.batch_size == 128
    assert made.settings.normalization == "batch"
    assert "batches of 128" in setup.words(setup.usual | {"batch": 128})
    stack = trained(setup, batch="128", epochs=2, runs=1)
    assert stack.steps == 2 * math.ceil(1150 / 128)


@pytest.mark.parametrize(
    ("size", "nearest", "message"),
    [
        (0, 2, "Batch size must be a whole number from 1 to 60,000, got 0; the nearest .* is 2"),
        (2000, 1150, "Batch size must be at most 1,150, the training images, got 2,000"),
        (1, 2, "Batch norm needs 2 images or more in every batch, and batches of 1 leave 1"),
        (383, 384, "batches of 383 leave 1 of the 1,150 .* another number, got 383"),
    ],
)
def test_a_batch_size_that_cannot_be_trained_gets_a_sentence(size, nearest, message):
    setup = lab.setup()
    with pytest.raises(Refusal, match=message) as caught:
        plan(setup, setup.usual | {"batch": size})
    assert (caught.value.field, caught.value.nearest) == ("batch", nearest)


def test_a_rescale_period_may_be_as_long_as_the_steps_of_that_batch_size():
    setup = lab.setup()
    chosen = setup.usual | {"frequency": "every k steps", "batch": 1150, "period": 16}
    with pytest.raises(Refusal, match="k must be at most 15, the steps of the whole training"):
        plan(setup, chosen)
    assert plan(setup, chosen | {"period": 15}).settings.tau == 15


def test_a_reader_sets_the_batch_size_and_runs(tmp_path):
    """What the page's hands would do, without a browser: a wrong size, its remedy, a run."""
    made = lab.norms_and_steps(tmp_path)
    assert made.controls.rows["batch"] in made.controls.children
    for name, value in (("epochs", "1"), ("runs", "1"), ("device", "cpu"), ("batch", "383")):
        made.controls.fields[name].value = value
    assert "batches of 383 leave 1" in made.message.value
    made.fix.click()
    assert made.message.value == ""
    assert made.controls.choice["batch"] == "384"
    made.run.click()
    assert made.results[0].training.wait(60)
    assert made.results[0].training.plan.settings.batch_size == 384
    assert "batches of 384" in made.figure.value
