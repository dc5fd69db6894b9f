"""Every formula with every argument: what is no number is refused in one sentence, and what is one
gives numbers or is refused; nothing becomes NaN in silence."""

import math
from functools import partial

import numpy as np
import pytest

from companion.theory import (
    decay,
    depth,
    finite_width,
    gains,
    meanfield,
    norm_paths,
    norms,
    overlap,
    scale,
    weight_norm,
)

RATES = {"learning_rate": 0.1, "weight_decay": 5e-3}
HEAVY = {**RATES, "momentum": 0.9}
FANS = {"fan_in": 10, "fan_out": 20}
FIELD = {"activation": "tanh", "q": 1.0, "sigma_w": 1.5}
FORMULAS = {
    decay.kept_by_decay: {"steps": 10, **HEAVY},
    depth.kept_share: {"nonlinearity": "leaky_relu", "param": 0.1},
    depth.relu_variance: {"depth": 3, "width": 10, "std": 0.1, "input_second_moment": 1.0},
    finite_width.log_moments: {"activation": "relu", "width": 10},
    finite_width.typical: {"activation": "linear", "width": 10, "layers": 5},
    gains.exact_gain: {"activation": "relu", "std": 1.0},
    meanfield.variance_map: {**FIELD, "sigma_b": 0.1},
    meanfield.fixed_point: {"activation": "relu", "sigma_w": 0.5, "sigma_b": 0.1},
    meanfield.chi_1: FIELD,
    meanfield.depth_scale: {"factor": 0.9},
    norms.after_step: {"norm_square": 4.0, "gradient_square": 9.0, **RATES},
    partial(norms.grown, 9): {"start": 1.0, "unit_gradient_square": 1.0, "learning_rate": 0.1},
    norms.equilibrium: {**HEAVY, "unit_gradient_square": 0.04, "memory": 1.0},
    norms.memory_factor: {"correlations": [-0.4, 0.1], "momentum": 0.9},
    norms.equilibrium_angle: HEAVY,
    norms.lasting_turn: {"turn": 0.01, "momentum": 0.9},
    norms.relaxation_steps: HEAVY,
    norms.effective_rate: {"learning_rate": 0.1, "norm_square": 4.0},
    norms.rate_without_decay: {"step": 3, **RATES},
    norms.rising_factors: {"rates": [0.5] * 5, "weight_decay": 0.01, "momentum": 0.5},
    norms.AdamW: {**RATES, "fan_in": 576, "beta_1": 0.9},
    norm_paths.path: {"steps": 5, "start": 1.0, "unit_gradient_square": 0.04, **HEAVY, "tau": 2},
    overlap.deviation: {"width": 10},
    overlap.length: {"blocks": 4, "overlap": 0.1},
    scale.gain: {"nonlinearity": "leaky_relu", "param": 0.1},
    scale.xavier_std: {**FANS, "gain": 1.0},
    scale.kaiming_std: {"fan_in": 10, "gain": 1.0},
    scale.uniform_bound: {"std": 1.0},
    scale.truncated_parent: {"std": 1.0, "cut": 2.0},
    weight_norm.length: {"rule": "forward", **FANS, "gain": 1.0},
    weight_norm.k_n: {"n": 7},
    weight_norm.factor: {"length": 1.0, **FANS, "share": 0.5},
    weight_norm.signal_lengths: {"widths": [9, 20], "rule": "one", "gain": 1.0, "share": 0.5},
    weight_norm.gradient_lengths: {"widths": [9, 20], "rule": "one", "gain": 1.0, "share": 0.5},
    weight_norm.factor_variance: {"directions": "orthogonal", "fan_in": 20, "fan_out": 10},
    weight_norm.residual_length: {"stages": [1, 2]},
    weight_norm.stage_bounds: {"stages": 2},
    weight_norm.reads: {
        "size": 32, "kernel": 3, "stride": 1, "padding": 1, "dilation": 1, "right": 1,
    },
}  # fmt: skip
SERIES = {
    "norm_square", "gradient_square", "correlations", "turn", "step", "rates", "widths", "stages",
    "start", "unit_gradient_square",
}  # fmt: skip
"""What may be many numbers, NaN among them, or has a form of its own."""
NO_NUMBERS = (
    math.nan,
    "3",
    b"x",
    1j,
    {},
    [1, 2],
    np.array([1.0, 2.0]),
    np.array([]),
    10**400,
    True,
)
NUMBERS = (0, -1, 1, 0.5, 2.5, 1e-30, 1e30, math.inf, -math.inf, np.float32(2), np.int64(3))
EITHER = {(norm_paths.path, name) for name in ("learning_rate", "weight_decay", "momentum", "tau")}
"""A number or many."""
CASES = [(formula, name) for formula, usual in FORMULAS.items() for name in usual]


def called(formula, name, value):
    with np.errstate(all="ignore"):
        found = formula(**{**FORMULAS[formula], name: value})
    if isinstance(found, norms.AdamW):
        found = (found.norm, found.angle, found.relaxation_steps)
    if isinstance(found, norm_paths.Path):
        found = (found.norm_square, found.angle)
    return found if isinstance(found, tuple) else (found,)


def refused(formula, name, value):
    try:
        called(formula, name, value)
    except ValueError as error:
        said = str(error)
    else:
        return False
    assert "\n" not in said
    assert " must " in said or " needs " in said, said
    return True


@pytest.mark.parametrize(
    ("formula", "name"),
    [(f, n) for f, n in CASES if n not in SERIES and not isinstance(FORMULAS[f][n], str)],
)
def test_what_is_no_number_is_refused_in_one_sentence(formula, name):
    spared = (None,) if name in ("param", "right") else ()  # which is the default
    for value in (*NO_NUMBERS, None):
        many = isinstance(value, list | np.ndarray) and (formula, name) in EITHER
        if not many and (value is not None or value not in spared):
            assert refused(formula, name, value), value


@pytest.mark.parametrize(
    ("formula", "name"), [(f, n) for f, n in CASES if isinstance(FORMULAS[f][n], str)]
)
def test_what_is_no_name_is_refused_in_one_sentence(formula, name):
    for value in (None, 3, "", "Relu", [], {}, ("relu",)):
        assert refused(formula, name, value), value


@pytest.mark.parametrize(("formula", "name"), CASES)
def test_a_number_gives_numbers_or_is_refused(formula, name):
    if name in SERIES or isinstance(FORMULAS[formula][name], str):
        return
    for value in NUMBERS:
        if not refused(formula, name, value):
            for part in called(formula, name, value):
                assert not np.isnan(np.asarray(part, dtype=np.float64)).any(), value
