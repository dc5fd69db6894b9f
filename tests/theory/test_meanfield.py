"""Mean-field maps: against closed forms, and against wide random networks."""

import math

import numpy as np
import pytest
import torch

from companion.theory import gains, meanfield
from tests.theory.test_gains import TORCH


@pytest.mark.parametrize("name", gains.SLOPES)
def test_the_slopes_are_autograds(name):
    z = torch.linspace(-5, 5, 100, dtype=torch.float64, requires_grad=True)  # without 0
    (slope,) = torch.autograd.grad(TORCH[name](z).sum(), z)
    ours = [gains.SLOPES[name](float(value)) for value in z.detach()]
    np.testing.assert_allclose(ours, slope, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "selu"])
@pytest.mark.parametrize("sigma_b", [0.0, 0.3])
def test_the_variance_map_is_that_of_a_wide_layer(name, sigma_b):
    random = np.random.default_rng(0)
    q, sigma_w, width, layers = 1.7, 1.4, 400, 200
    z = math.sqrt(q) * random.standard_normal((layers, width))
    signal = TORCH[name](torch.tensor(z)).numpy()
    weights = sigma_w / math.sqrt(width) * random.standard_normal((layers, width))
    following = (weights * signal).sum(axis=1) + sigma_b * random.standard_normal(layers)
    expected = meanfield.variance_map(name, q, sigma_w, sigma_b)
    # a variance of 200 normal numbers has a relative standard error of sqrt(2 / 200)
    assert following.var() == pytest.approx(expected, rel=5 * math.sqrt(2 / layers))


def test_the_relu_keeps_every_variance_at_sqrt_2_and_loses_or_explodes_beside_it():
    assert meanfield.fixed_point("relu", math.sqrt(2)) == pytest.approx(1)
    assert meanfield.fixed_point("relu", 1.3) == 0
    assert meanfield.fixed_point("relu", 1.5) == math.inf
    for sigma_w in (1.3, math.sqrt(2), 1.5):
        assert meanfield.chi_1("relu", 2.0, sigma_w) == pytest.approx(sigma_w**2 / 2, rel=1e-9)


def test_tanh_leaves_order_for_chaos_at_sigma_w_1():
    for sigma_w, beyond in ((0.9, False), (1.1, True), (2.0, True)):
        q = meanfield.fixed_point("tanh", sigma_w)
        assert (q > 0) == beyond
        assert (meanfield.chi_1("tanh", q, sigma_w) > 1) == beyond
    q = meanfield.fixed_point("tanh", 1.5)
    assert meanfield.variance_map("tanh", q, 1.5) == pytest.approx(q, rel=1e-8)


@pytest.mark.parametrize("c", [-1.0, -0.5, 0.0, 0.3, 0.9, 1.0])
def test_the_relus_correlation_map_is_the_arc_cosine_kernel(c):
    """Y. Cho and L. Saul, Kernel Methods for Deep Learning, NeurIPS 2009, degree 1."""
    expected = (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / math.pi
    found = meanfield.correlation_map("relu", 0.7, c, math.sqrt(2))
    assert found == pytest.approx(expected, abs=1e-4)


def test_chi_1_is_the_slope_of_the_correlation_map_at_1():
    q = meanfield.fixed_point("tanh", 1.5, 0.2)
    step = 1e-3
    near = [meanfield.correlation_map("tanh", q, c, 1.5, 0.2) for c in (1 - 2 * step, 1 - step, 1)]
    slope = (3 * near[2] - 4 * near[1] + near[0]) / (2 * step)  # second order, one-sided
    assert near[2] == pytest.approx(1, abs=1e-8)
    assert slope == pytest.approx(meanfield.chi_1("tanh", q, 1.5), rel=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: meanfield.variance_map("relu", -1.0, 1.0), "q must be finite and >= 0, got -1.0"),
        (lambda: meanfield.chi_1("rely", 1.0, 1.0), "activation must be one of linear, .*'rely'"),
        (
            lambda: meanfield.correlation_map("relu", 1.0, 1.5, 1.0),
            r"c in \[-1, 1\], got 1.0 and 1",
        ),
        (lambda: meanfield.correlation_map("relu", 0.0, 0.5, 1.0), "q must be > 0 and c in"),
        (lambda: meanfield.depth_scale(0.0), "factor must be finite and > 0, got 0.0"),
    ],
)
def test_bad_input_says_rule_value_and_remedy(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("sigma_b", [0.05, 0.3, 1.0])
def test_the_edge_of_chaos_is_where_chi_1_is_1(sigma_b):
    sigma_w = meanfield.edge_of_chaos("tanh", sigma_b)
    q = meanfield.fixed_point("tanh", sigma_w, sigma_b)
    assert meanfield.chi_1("tanh", q, sigma_w) == pytest.approx(1, abs=1e-5)


def test_an_edge_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="sigma_b must be > 0, got 0; without biases"):
        meanfield.edge_of_chaos("tanh", 0)
    with pytest.raises(ValueError, match="and relu has none there; take one that saturates"):
        meanfield.edge_of_chaos("relu", 0.3)
