"""Gains by quadrature: against torch's functions, closed forms, and torch's own table."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.theory import gains, scale

TORCH = {
    "linear": lambda z: z,
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": torch.nn.functional.softplus,
    "elu": torch.nn.functional.elu,
    "selu": torch.selu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
}


@pytest.mark.parametrize("name", gains.ACTIVATIONS)
def test_the_activations_are_torchs(name):
    z = torch.linspace(-6, 6, 101, dtype=torch.float64)
    ours = [gains.ACTIVATIONS[name](float(value)) for value in z]
    np.testing.assert_allclose(ours, TORCH[name](z), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", gains.ACTIVATIONS)
def test_a_gain_keeps_the_second_moment_of_normal_signals(name):
    z = torch.randn(2_000_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    kept = TORCH[name](z).square()
    moment = gains.exact_gain(name) ** 2 * kept
    error = 5 * moment.std().item() / math.sqrt(len(z))
    assert moment.mean().item() == pytest.approx(1, abs=error)


def test_which_of_torchs_gains_are_exact():
    exact = {name: gains.exact_gain(name) for name in ("linear", "relu", "tanh", "selu", "sigmoid")}
    for name in ("linear", "relu"):
        assert exact[name] == pytest.approx(scale.gain(name), rel=1e-10)
    assert exact["selu"] == pytest.approx(1, rel=1e-6)  # torch: 3/4
    assert exact["tanh"] == pytest.approx(1.592537, abs=1e-6)  # torch: 5/3
    assert exact["sigmoid"] == pytest.approx(1.8462, abs=1e-4)  # torch: 1


@settings(deadline=None, max_examples=20)
@given(std=st.floats(0.05, 20), slope=st.floats(-2, 2))
def test_the_relu_family_has_one_gain_at_every_size(std, slope):
    found = gains.exact_gain(lambda z: z if z > 0 else slope * z, std)
    assert found == pytest.approx(math.sqrt(2 / (1 + slope**2)), rel=1e-8)


@settings(deadline=None, max_examples=20)
@given(std=st.floats(0, 10))
def test_means_of_powers_are_the_normal_moments(std):
    for power, moment in ((0, 1), (1, 0), (2, 1), (4, 3), (6, 15)):
        expected = moment * std**power
        assert gains.normal_mean(lambda z, p=power: z**p, std) == pytest.approx(
            expected, rel=1e-8, abs=1e-8
        )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gains.exact_gain("gellu"), "activation must be one of linear, .*got 'gellu'"),
        (lambda: gains.exact_gain("relu", 0.0), "std must be finite and > 0, got 0.0; 1 is a st"),
        (lambda: gains.exact_gain(lambda z: 0.0), "must let something through, and its second"),
        (lambda: gains.normal_mean(math.tanh, -1.0), "std must be finite and >= 0, got -1.0"),
        (lambda: gains.normal_mean(lambda z: math.inf), "must have a finite mean under a normal"),
    ],
)
def test_bad_input_says_rule_value_and_remedy(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("std", [1e-30, 1e-6, 0.01, 1.0, 30.0, 1e4, 1e15])
def test_a_gain_is_as_exact_for_small_and_large_signals(std):
    """Straight at 0 and saturated far away: tanh z -> z, and E[tanh^2] -> 1."""
    assert gains.exact_gain("relu", std) == pytest.approx(math.sqrt(2), rel=1e-10)
    small = gains.exact_gain("tanh", std)
    if std < 1e-5:
        assert small == pytest.approx(1 + std**2, rel=1e-10)  # E[tanh^2] = s^2 - 2 s^4 + ...
    if std > 1e3:
        # E[1 - tanh^2(s z)] = 2 / (s sqrt(2 pi)), to the order of 1 / s^3
        kept = 1 - 2 / (std * math.sqrt(2 * math.pi))
        assert small == pytest.approx(std / math.sqrt(kept), rel=1e-9)


@pytest.mark.parametrize("std", [30.0, 1e2, 1e4, 1e8])
def test_a_peak_near_0_is_not_missed(std):
    """E[sech^4(s z)] = 4 / (3 s sqrt(2 pi)) to the order of 1 / s^3: the slopes of tanh."""
    found = gains.normal_mean(lambda z: gains.SLOPES["tanh"](z) ** 2, std)
    wanted = 4 / (3 * std * math.sqrt(2 * math.pi))
    assert found == pytest.approx(wanted, rel=1 / std**2 + 1e-10)


def test_other_functions_of_a_number():
    assert gains.exact_gain(math.tanh) == gains.exact_gain("tanh")
    for wrong in (5, None, [], "mish"):
        with pytest.raises(
            ValueError, match=r"activation must be one of linear, .*, or a function"
        ):
            gains.exact_gain(wrong)
    with pytest.raises(ValueError, match=r"must have a finite mean .* grows slower"):
        gains.exact_gain(lambda z: math.exp(z * z))
