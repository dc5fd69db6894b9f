"""Chapter 5: theorems run, its records' parts, guards, figures and lab."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from companion.chapters.batchnorm_norms import (
    by_hand,
    conclusions,
    errata,
    explorables,
    figures,
    lab,
    parts,
)
from companion.chapters.batchnorm_norms.experiments import adamw, convnet
from companion.display.labs.settings import plan
from companion.evidence import claims, records
from companion.theory import norms


@pytest.fixture(scope="module")
def record():
    return records.recorded(explorables.RECORD)


@pytest.fixture(scope="module")
def digits():
    return records.recorded(explorables.ADAMW_RECORD)


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


def test_decay_and_a_rising_rate_are_one_network():
    both = by_hand.decay_as_rate(steps=60)
    assert both["turned"] < 1e-11
    assert both["loss"] < 1e-11
    assert both["norms"] == pytest.approx((1 - 0.5 * 1e-2) ** -60, rel=1e-9)
    assert both["moved"] > 0.05


def test_only_the_last_layers_norms_change_predictions():
    first, last = by_hand.changed_predictions()
    assert first < 0.001  # eps alone
    assert last > first


# --- the source's decay ----------------------------------------------------------------------


def test_adamws_path_step_by_step():
    square, rate = 2.0, 1e-3
    for epoch in range(3):
        for _ in range(500):
            square = (1 - rate * 0.1) ** 2 * square + rate**2 * 576
        assert explorables.adamw_path(0.1, 576)[1][epoch + 1] == pytest.approx(math.sqrt(square))
    _, _, wanted = explorables.adamw_path(0.1, 576)
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
    conclusions.check_theorems()
    conclusions.check_norms(record)
    conclusions.check_late(record)
    conclusions.check_turns(digits, record)
    conclusions.check_lab()


def test_a_record_that_says_otherwise_stops_the_build(record, digits, monkeypatch):
    real = parts.ends
    monkeypatch.setattr(parts, "ends", lambda one: real(one).assign(accuracy=0.8))
    with pytest.raises(claims.Unsupported, match="decay 5 gains five points"):
        conclusions.check_turns(digits, record)


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


def test_the_explorables_predict_and_measure(record, digits):
    shown = explorables.norm_and_angle(record)
    point = shown.grid[shown.start]
    assert [curve.label for curve in point.curves["norm"]] == [
        "predicted", "real gradients", "measured",
    ]  # fmt: skip
    assert "; measured " in point.caption
    assert "At equilibrium the turn is 0.01 rad" in point.caption
    unrecorded = shown.grid[5, 2, 1, 0]
    assert [curve.label for curve in unrecorded.curves["norm"]] == ["predicted"]
    assert "decay alone takes 1.6 % of a weight" in explorables.adamw_decay().grid[0, 1].caption
    assert "of the test digits are right" in explorables.decay_and_rate(digits).grid[0,].caption


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
