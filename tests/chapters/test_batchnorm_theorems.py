"""Chapter 5's theorems run: on one step, on whole trainings, and channel by channel."""

import math

import numpy as np
import pytest
import torch

from companion.chapters.batchnorm_norms import (
    by_hand,
    channels,
    explorables,
    live_conclusions,
    trainings,
)
from companion.evidence import claims, records
from companion.theory import norms


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


# --- channels --------------------------------------------------------------------------------


def test_each_channel_obeys_the_recursion_by_itself():
    for decay in (0.0, 0.02):
        found = channels.trained(6, decay, dtype=torch.float64, eps=by_hand.TINY)
        law = norms.after_step(
            found.norm_square[:-1], found.gradient_square, channels.LEARNING_RATE, decay
        )
        np.testing.assert_allclose(found.norm_square[1:], law, rtol=1e-10)


def test_the_output_ignores_where_channels_start():
    assert channels.noticed(torch.float64, by_hand.TINY) < 1e-12
    assert channels.noticed() > 1e-7  # what torch's eps leaves


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


# --- guards ----------------------------------------------------------------------------------


def test_what_is_said_of_networks_trained_here_stands_under_guard():
    live_conclusions.check_theorems()
    live_conclusions.check_channels()
    live_conclusions.check_returns(records.recorded(explorables.RECORD))
    live_conclusions.check_lab()


def test_channels_that_keep_their_start_stop_the_build(monkeypatch):
    free = channels.trained(40)
    monkeypatch.setattr(channels, "held", lambda _: free)
    with pytest.raises(claims.Unsupported, match="little to do with where they started"):
        live_conclusions.check_channels()
