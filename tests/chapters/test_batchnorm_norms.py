"""Chapter 5: its records' parts, guards, figures and explorables."""

import math

import numpy as np
import pandas as pd
import pytest

from companion.chapters.batchnorm_norms import (
    adamw_explorables,
    conclusions,
    errata,
    explorables,
    figures,
    norm_figures,
    parts,
)
from companion.chapters.batchnorm_norms.experiments import adamw, convnet
from companion.evidence import claims, records
from companion.theory import norms


@pytest.fixture(scope="module")
def record():
    return records.recorded(explorables.RECORD)


@pytest.fixture(scope="module")
def digits():
    return records.recorded(adamw_explorables.RECORD)


# --- the paper's decay -----------------------------------------------------------------------


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
