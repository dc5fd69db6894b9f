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


def test_a_typical_signal_lies_below_the_mean_and_nearer_in_wider_networks():
    middles = [finite_width.typical("relu", width, 50)[0] for width in (32, 128, 512)]
    assert middles == sorted(middles)
    assert middles[-1] < 1


def test_refusals_name_the_rule():
    with pytest.raises(ValueError, match="must be one of linear, relu, got 'tanh'"):
        finite_width.log_moments("tanh", 10)
    with pytest.raises(ValueError, match="width must be >= 1"):
        finite_width.log_moments("relu", 0)
    with pytest.raises(ValueError, match="layers must be >= 1"):
        finite_width.typical("relu", 10, 0)
