"""Chapter 5's page on bounded weight norm: its laws, parts, guards, figures and experiments."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from companion.chapters.batchnorm_norms import (
    bounded,
    bounded_conclusions,
    bounded_figures,
    inside,
    repeated,
)
from companion.chapters.batchnorm_norms.experiments import bounded as experiments
from companion.chapters.batchnorm_norms.experiments import convnet, small
from companion.evidence import claims, records
from companion.theory import norms
from tests.chapters.test_inside_the_span import swapped

CIFAR = "batchnorm-bounded-cifar10-jpeg-book"
DIGITS = "batchnorm-bounded-rates-digits-book"


# --- laws ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stretch", [1.0, 5.0])
def test_the_gradient_by_v_is_that_by_w_across_v(stretch):
    v, found, expected = bounded.gradients(stretch)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-15)
    cosine = (v * found).sum(dim=1) / (v.norm(dim=1) * found.norm(dim=1))
    assert cosine.abs().max() < 1e-14
    torch.testing.assert_close(stretch * found, bounded.gradients()[1])


def test_before_batch_norm_it_is_the_same_network():
    found = bounded.beside_batch_norm(steps=40)
    assert found["loss"] < 1e-12
    assert found["apart"] < 1e-12
    assert found["grown"] > 1.5


def test_a_deep_network_learns_at_a_smaller_rate():
    """What each run of it reaches is chaotic; that a rate of 0.1 is too large for some is not."""
    fast, slow = bounded.deep(0.1), bounded.deep(0.01)
    assert fast.shape == slow.shape == (2,)
    assert slow.min() > 50 > fast.min()


# --- parts -----------------------------------------------------------------------------------


class Made:
    """A record of one arm and two runs, of 100 steps at the first rate."""

    provenance = {  # noqa: RUF012
        "arms": {"a": {"batch_size": 10, "milestones": [1], "learning_rate": 0.2,
                       "rate_factors": [["weight", 0.5]], "weight_decay": 1e-3, "momentum": 0.9}},
        "split": {"train": 1000},
        "epochs": 2,
    }  # fmt: skip
    steps = pd.DataFrame(
        [
            {"run": run, "arm": "a", "step": step, "layer": 2,
             "turn_square": (run + 1) ** 2 * (9.0 if step > 100 else 1.0),
             "source_square": float(step)}
            for run in (0, 1)
            for step in (50, 70, 90, 110)
        ]
    )  # fmt: skip


def test_parts_by_hand():
    found = bounded.series(Made(), "a", 2)
    assert found["turn"].tolist() == pytest.approx([math.sqrt(2.5)] * 3 + [3 * math.sqrt(2.5)])
    assert found["source"].tolist() == pytest.approx(np.sqrt([50, 70, 90, 110]))
    assert bounded.late_turn(Made(), "a", 2) == pytest.approx(math.sqrt(2.5))
    expected = norms.equilibrium_angle(0.1, 1e-3, 0.9)
    assert bounded.predicted_turn(Made(), "a") == pytest.approx(expected)


# --- guards, figures, claims -----------------------------------------------------------------


def test_the_pages_words_stand_under_guard():
    bounded_conclusions.check_laws()
    bounded_conclusions.check_cifar(records.recorded(CIFAR))
    bounded_conclusions.check_rates(records.recorded(DIGITS))


@pytest.mark.parametrize(
    ("guard", "name", "arms"),
    [
        (bounded_conclusions.check_cifar, CIFAR, ("bwn", "bwn, wd")),
        (bounded_conclusions.check_rates, DIGITS, ("bwn, 0.1", "wd, 0.1")),
    ],
    ids=["cifar", "digits"],
)
def test_a_record_with_two_arms_exchanged_stops_the_build(guard, name, arms):
    with pytest.raises(claims.Unsupported):
        guard(swapped(records.recorded(name), *arms))


def test_figures_say_their_numbers():
    cifar, digits = records.recorded(CIFAR), records.recorded(DIGITS)
    shown, steps = bounded_figures.curves(digits, cifar), bounded_figures.steps(cifar)
    assert "CIFAR-10, BWN and WD: " in shown.alt
    assert "Length of what is trained, BWN" in steps.alt
    rates = bounded_figures.rates(digits)
    assert "BWN and WD at rates 0.03, 0.1, 0.3" in rates.alt
    for one in (shown, steps, rates):
        assert one.caption.endswith(".")
        assert "book scale" in one.ran


def test_figure_8_is_among_the_claims():
    said = [one for one in repeated.repeated() if one.sentence.startswith("Figure 8")]
    assert len(said) == 1
    assert said[0].verdict in ("holds", "does not hold")


# --- experiments -----------------------------------------------------------------------------


def test_arms_differ_in_what_they_are_named_for():
    plain = experiments.CIFAR.arms["none"].settings
    assert experiments.CIFAR.arms["wd"].settings == replace(plain, decayed=convnet.KERNELS)
    for experiment, place in ((experiments.CIFAR, "{}"), (experiments.DIGITS, "{}, 0.1")):
        arms = {kind: experiment.arms[place.format(kind)].settings for kind in experiments.KINDS}
        for wrapped, bare in (("bwn", "none"), ("bwn, wd", "wd")):
            assert arms[wrapped] == experiments.bounded(arms[bare])
            assert arms[wrapped].normalization == "batch_mean"
    wrapped = experiments.DIGITS.arms[experiments.WRAPPED].settings
    assert wrapped == replace(small.PLAIN, parametrization="bounded_weight_norm")
    for rate in experiments.RATES:
        for kind in experiments.KINDS:
            settings = experiments.DIGITS.arms[experiments.arm(kind, rate)].settings
            assert settings.learning_rate == rate


def test_records_are_paired_and_of_the_declared_arms():
    for name, experiment in ((CIFAR, experiments.CIFAR), (DIGITS, experiments.DIGITS)):
        record = records.recorded(name)
        assert set(record.provenance["arms"]) == set(
            experiment.scales["book"].arms or experiment.arms
        )
        values = inside.final(record)
        assert len({tuple(one.index) for one in values.values()}) == 1
        assert all(np.isfinite(one).all() for one in values.values())


def test_lengths_only_grow_where_nothing_holds_them():
    """|v| under bounded weight norm, and |w| before batch norm; to a rounding of float32."""
    record = records.recorded(CIFAR)
    for arm in ("none", "bwn"):
        for layer in (1, 2, 3):
            source = bounded.series(record, arm, layer)["source"].to_numpy()
            assert source[-1] > 1.2 * source[0]
            assert source[-1] > 0.995 * source.max()
