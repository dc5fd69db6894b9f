"""Closed forms against torch's table, an independent float64 loop, and Monte Carlo."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from companion.theory import decay, depth, scale


@pytest.mark.parametrize("name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "selu"])
def test_gains_are_torchs(name):
    ours = "conv" if name == "conv2d" else name
    assert scale.gain(ours) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-15)


@pytest.mark.parametrize("slope", [None, 0.0, 0.2, 1.0, -0.5])
def test_leaky_relu_gain_is_torchs(slope):
    expected = torch.nn.init.calculate_gain("leaky_relu", slope)
    assert scale.gain("leaky_relu", slope) == pytest.approx(expected, rel=1e-15)


def test_leaky_relu_ends_are_relu_and_linear():
    assert scale.gain("leaky_relu", 0.0) == scale.gain("relu")
    assert scale.gain("leaky_relu", 1.0) == scale.gain("linear") == scale.gain("identity")


@pytest.mark.parametrize(("fan_in", "fan_out"), [(3072, 64), (64, 32), (32, 10), (1, 1)])
@pytest.mark.parametrize("gain", [1.0, 5 / 3, math.sqrt(2)])
def test_stds_are_what_torch_fills_with(fan_in, fan_out, gain):
    """torch draws the uniform variants from [-std sqrt 3, std sqrt 3]: the bound is exact."""
    weight = torch.empty(fan_out, fan_in, dtype=torch.float64)
    for std, fill, arguments in (
        (scale.xavier_std(fan_in, fan_out, gain), torch.nn.init.xavier_uniform_, {"gain": gain}),
        (scale.kaiming_std(fan_in), torch.nn.init.kaiming_uniform_, {"nonlinearity": "relu"}),
    ):
        torch.manual_seed(0)
        fill(weight, **arguments)
        bound = scale.uniform_bound(std)
        expected = torch.empty_like(weight)
        torch.manual_seed(0)
        expected.uniform_(-bound, bound)
        torch.testing.assert_close(weight, expected, rtol=1e-12, atol=1e-12)


def test_xavier_is_the_harmonic_mean_of_the_two_rules():
    forward, backward = 1 / 300, 1 / 100
    harmonic = 2 / (1 / forward + 1 / backward)
    assert scale.xavier_std(300, 100) ** 2 == pytest.approx(harmonic, rel=1e-14)


def test_niehaus_first_layer():
    """The std to which WR returns layer 1 of the 3072-64-32-10 network."""
    assert scale.kaiming_std(3072) == pytest.approx(0.0255155, abs=1e-7)


@pytest.mark.parametrize("cut", [0.1, 1.0, 2.0, 3.5])
def test_a_truncated_normal_keeps_the_std_that_is_asked(cut):
    parent = scale.truncated_parent(0.3, cut)
    assert stats.truncnorm(-cut, cut, scale=parent).std() == pytest.approx(0.3, rel=1e-9)


@pytest.mark.parametrize("cut", [1e-300, 1e-9, 1e-4, 0.01, 1.0, 2.0, 8.0, 1e9])
def test_a_cut_of_any_size_has_its_parent(cut):
    """Var = integral of z^2 over that of 1 under the bell: cut^2 / 3 (1 - 2 cut^2 / 15) for a small
    cut; beyond 8 standard deviations nothing is lost."""
    parent = scale.truncated_parent(0.5, cut)
    if cut <= 0.01:
        assert parent * cut == pytest.approx(0.5 * math.sqrt(3) * (1 + cut**2 / 15), rel=1e-8)
    elif cut < 8:
        assert 0.5 / parent == pytest.approx(stats.truncnorm(-cut, cut).std(), rel=1e-9)
    else:
        assert parent == pytest.approx(0.5, rel=1e-12)


def test_a_steep_leak_has_a_gain():
    assert scale.gain("leaky_relu", 1e200) == pytest.approx(math.sqrt(2) * 1e-200)


def test_uniform_bound_has_the_variance():
    bound = scale.uniform_bound(0.3)
    grid = np.linspace(-bound, bound, 2_000_001)
    assert np.mean(grid**2) == pytest.approx(0.3**2, rel=1e-5)


@pytest.mark.parametrize(
    ("nonlinearity", "param", "slope"),
    [("linear", None, 1.0), ("identity", None, 1.0), ("relu", None, 0.0), ("leaky_relu", 0.3, 0.3)],
)
def test_kept_share_by_quadrature(nonlinearity, param, slope):
    points, weights = np.polynomial.hermite_e.hermegauss(200)
    activation = np.where(points > 0, points, slope * points)
    expected = np.sum(weights * activation**2) / np.sum(weights * points**2)
    assert depth.kept_share(nonlinearity, param) == pytest.approx(expected, rel=1e-12)
    gain = scale.gain(nonlinearity, param)
    assert gain == pytest.approx(1 / math.sqrt(depth.kept_share(nonlinearity, param)), rel=1e-15)


def test_variance_through_depth_by_a_loop():
    fan_ins, stds = [50, 40, 30, 20], [0.1, 0.3, 0.2, 0.05]
    moment, expected_variance, expected_moment = 0.7, [], []
    for fan_in, std in zip(fan_ins, stds, strict=True):
        variance = fan_in * std**2 * moment
        moment = (1 + 0.2**2) / 2 * variance
        expected_variance.append(variance)
        expected_moment.append(moment)
    arguments = (fan_ins, stds, "leaky_relu", 0.7, 0.2)
    np.testing.assert_allclose(
        depth.preactivation_variance(*arguments), expected_variance, rtol=1e-14
    )
    np.testing.assert_allclose(
        depth.activation_second_moment(*arguments), expected_moment, rtol=1e-14
    )


def test_relu_variance_is_the_plain_network():
    variance = depth.relu_variance(depth=20, width=100, std=0.15, input_second_moment=2.0)
    expected = 100 * 0.15**2 * 2.0 * (100 * 0.15**2 / 2) ** np.arange(20)
    np.testing.assert_allclose(variance, expected, rtol=1e-13)
    kaiming = depth.relu_variance(50, 64, scale.kaiming_std(64))
    np.testing.assert_allclose(kaiming, 2.0, rtol=1e-13)
    linear = depth.preactivation_variance([64] * 50, [scale.kaiming_std(64, 1.0)] * 50, "linear")
    np.testing.assert_allclose(linear, 1.0, rtol=1e-13)


@pytest.mark.parametrize(("nonlinearity", "slope"), [("linear", 1.0), ("relu", 0.0)])
def test_variance_through_depth_by_monte_carlo(nonlinearity, slope):
    """The mean of z^2 over random networks lies within five standard errors, from the sample."""
    trials, widths = 4000, [12, 16, 9, 14]
    stds = [scale.kaiming_std(n, scale.gain(nonlinearity)) for n in widths]
    rng = np.random.default_rng(2)
    x = rng.normal(size=widths[0])
    expected = depth.preactivation_variance(widths, stds, nonlinearity, float(np.mean(x**2)))
    moments = depth.activation_second_moment(widths, stds, nonlinearity, float(np.mean(x**2)))
    signal = np.broadcast_to(x, (trials, widths[0]))
    for layer, (fan_in, std) in enumerate(zip(widths, stds, strict=True)):
        fan_out = [*widths, 10][layer + 1]
        weight = rng.normal(scale=std, size=(trials, fan_out, fan_in))
        z = np.einsum("toi,ti->to", weight, signal)
        signal = np.where(z > 0, z, slope * z)
        for values, prediction in ((z, expected[layer]), (signal, moments[layer])):
            a_network = np.mean(values**2, axis=1)  # networks are independent, units are not
            error = a_network.std(ddof=1) / math.sqrt(trials)
            assert abs(a_network.mean() - prediction) < 5 * error
            assert error < 0.06 * prediction


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scale.gain("gelu"), r"nonlinearity must be one of linear, .*got 'gelu'"),
        (lambda: scale.gain("relu", 0.1), r"only leaky_relu takes a param, got 0.1 for relu"),
        (lambda: scale.gain("leaky_relu", math.nan), r"slope of leaky_relu .* got nan"),
        (lambda: scale.xavier_std(0, 5), r"fan_in must be finite and >= 1, got 0"),
        (lambda: scale.xavier_std(5, -1), r"fan_out must be finite and >= 1, got -1"),
        (lambda: scale.xavier_std(5, 5, 0.0), r"gain must be finite and > 0, got 0.0"),
        (lambda: scale.kaiming_std(math.inf), r"fan_in must be finite and >= 1, got inf"),
        (lambda: scale.kaiming_std(5, -2.0), r"gain must be finite and > 0, got -2.0"),
        (lambda: scale.uniform_bound(-0.1), r"std must be finite and >= 0, got -0.1"),
        (lambda: scale.truncated_parent(math.nan), r"std must be finite and >= 0, got nan"),
        (lambda: scale.truncated_parent(1.0, 0), r"cut must be finite and > 0, got 0; 2 is"),
        (lambda: depth.kept_share("tanh"), r"does not depend on scale .*got 'tanh'"),
        (lambda: depth.kept_share("gelu"), r"nonlinearity must be one of"),
        (lambda: depth.preactivation_variance([1, 2], [0.1]), r"same layers.*got 2 and 1"),
        (lambda: depth.preactivation_variance([], []), r"at least one, got 0 and 0"),
        (lambda: depth.preactivation_variance([4, 0], [1, 1]), r"layer 2: fan_in .*got 0 and 1"),
        (lambda: depth.preactivation_variance([4], [-1]), r"layer 1: .*got 4 and -1"),
        (
            lambda: depth.preactivation_variance([4], [1], input_second_moment=-1.0),
            r"input_second_moment must be finite and >= 0, got -1.0",
        ),
        (lambda: depth.relu_variance(0, 10, 0.1), r"depth must be >= 1 layer, got 0"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_kept_by_decay_is_what_torch_does_without_a_gradient(momentum):
    weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.002, momentum=momentum, weight_decay=0.05)
    for _ in range(1000):
        weight.grad = torch.zeros_like(weight)
        optimizer.step()
    kept = decay.kept_by_decay(1000, 0.002, 0.05, momentum)
    assert weight.item() == pytest.approx(kept, rel=1e-12)
    assert kept == pytest.approx(math.exp(-0.002 * 0.05 * 1000 / (1 - momentum)), rel=0.02)


def test_kept_by_decay_counts_steps_from_zero():
    assert decay.kept_by_decay(0, 0.1, 0.1) == 1.0
    with pytest.raises(ValueError, match="steps must be >= 0, got -1; count optimizer steps"):
        decay.kept_by_decay(-1, 0.1, 0.1)
