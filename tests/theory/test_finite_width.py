"""The law of one layer: against simulation, its limits, and its refusals."""

import math

import numpy as np
import pytest

from companion.chapters.variance_propagation import random_networks
from companion.theory import finite_width


@pytest.mark.parametrize("activation", finite_width.ACTIVATIONS)
@pytest.mark.parametrize("width", [4, 32, 512])
def test_the_moments_are_those_of_chi_square_numbers(activation, width):
    """Layers drawn as the squares of normal numbers, without the formula."""
    random, draws = np.random.default_rng(width), 20_000
    z = random.standard_normal((draws, width))
    kept = 2 * np.maximum(z, 0) ** 2 if activation == "relu" else z**2
    logs = np.log(kept.mean(axis=1)[kept.any(axis=1)])
    mean, variance = finite_width.log_moments(activation, width)
    assert logs.mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / draws))
    fourth = ((logs - logs.mean()) ** 4).mean()
    error = math.sqrt((fourth - logs.var() ** 2) / draws)  # standard error of a variance
    assert logs.var() == pytest.approx(variance, abs=5 * error)


@pytest.mark.parametrize("activation", finite_width.ACTIVATIONS)
@pytest.mark.parametrize("width", [32, 128])
def test_networks_of_matrices_obey_it(activation, width):
    layers, draws = 4, 2000 if width == 32 else 500
    found = random_networks.log_lengths(activation, width, layers, draws)
    mean, variance = finite_width.log_moments(activation, width)
    assert found.mean() == pytest.approx(layers * mean, abs=5 * found.std() / math.sqrt(draws))
    # normal enough: four terms, of which each is a mean of `width` numbers
    assert found.var() == pytest.approx(layers * variance, rel=6 * math.sqrt(2 / draws))


def test_the_limits_of_wide_layers():
    for activation, mean, variance in (("linear", -1, 2), ("relu", -2.5, 5)):
        found = np.array(finite_width.log_moments(activation, 4096)) * 4096
        np.testing.assert_allclose(found, (mean, variance), rtol=0.002)


def test_the_widest_layers_take_no_longer_and_come_to_the_limits():
    """The next terms are of the order 1 / width; the mean is what logarithms of about 20, known to
    1e-13, leave of each other."""
    for width in (10**6, finite_width.WIDEST):
        found = np.array(finite_width.log_moments("relu", width)) * width
        np.testing.assert_allclose(found, (-2.5, 5), rtol=5 / width + 1e-13 * width)


def test_all_units_are_counted_where_they_are_few():
    """mpmath 1.3, 40 digits, n = 30: sums over K = 1, ..., 30."""
    mean, variance = finite_width.log_moments("relu", 30)
    assert mean == pytest.approx(-0.0883956677555, rel=1e-11)
    assert variance == pytest.approx(0.191148179738, rel=1e-11)


def test_a_typical_signal_lies_below_the_mean_and_nearer_in_wider_networks():
    middles = [finite_width.typical("relu", width, 50)[0] for width in (32, 128, 512)]
    assert middles == sorted(middles)
    assert middles[-1] < 1


def test_refusals_name_the_rule():
    with pytest.raises(ValueError, match="must be one of linear, relu, got 'tanh'"):
        finite_width.log_moments("tanh", 10)
    for width in (0, -3, 2 * finite_width.WIDEST):
        with pytest.raises(ValueError, match=rf"width must be >= 1 .* at most 1e\+09, got {width}"):
            finite_width.log_moments("relu", width)
    for width in (2.5, math.nan, "3", None, True):
        with pytest.raises(ValueError, match="width must be a whole number, got"):
            finite_width.log_moments("linear", width)
    with pytest.raises(ValueError, match="layers must be a whole number, got nan; round it"):
        finite_width.typical("relu", 10, math.nan)
    with pytest.raises(ValueError, match="layers must be >= 1"):
        finite_width.typical("relu", 10, 0)
