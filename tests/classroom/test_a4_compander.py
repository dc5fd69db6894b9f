"""Likely mistakes in assignment 4 get their hint and lose points; other right ways do not."""

import math

import numpy as np
import pytest
import torch

from companion.classroom.checks import a4_compander as check
from tests.classroom.solutions import costs, exercises, passes

EXERCISE = exercises(4)


def curve(factor=lambda slope, w, a, b: slope**2, sign=1.0):
    """`algebraic` with another step factor, or another sign of v."""

    def answer(w, a, b):
        v = b * w / math.sqrt(a * a - w * w)
        return sign * v, factor(a * b**2 / (b * b + v * v) ** 1.5, w, a, b)

    return answer


def step(move):
    """`companded_step` from what v is moved by, per learning rate."""

    def answer(v, gradient, a, b, rate, decay):
        w, slope = a * np.arctan(v / b), a / b / (1 + (v / b) ** 2)
        return v - rate * move(v, w, slope, gradient, decay)

    return answer


def twins(power=2, on_w=0, on_v=-2, up=1):
    def answer(a, b, rate, decay, acts_on):
        slope = (a / b) ** up
        return rate * slope**power, decay * slope ** {"w": on_w, "v": on_v}[acts_on]

    return answer


def start(bound=math.pi / 2, most=0.99):
    return lambda w, a, b: b * np.tan(np.clip(w, -most * a * bound, most * a * bound) / a)


def average(function):
    def answer(bound, a, b):
        w = np.linspace(0, bound, 20_001)
        return function(np.cos(w / a), a / b)

    return answer


def pair(a_times=1.0, b_times=-1.0, reduce=np.sum):
    def answer(v, gradient, a, b):
        along = gradient * v * a / b / (1 + (v / b) ** 2)
        by_a = reduce(gradient * np.arctan(v / b))
        return a_times * by_a, b_times * reduce(along) / b

    return answer


MISTAKES = [
    ("algebraic", curve(lambda slope, *_: slope), "the slope acts twice"),
    ("algebraic", curve(lambda slope, *_: 1 / slope), "slope of the inverse"),
    ("algebraic", curve(lambda slope, w, a, b: (a / b) ** 2), "the curve is flatter here"),
    ("algebraic", curve(lambda *_: 0.123), "move v a little"),
    ("algebraic", curve(sign=-1.0), "the sign of w"),
    ("algebraic", lambda w, a, b: (b * math.tan(w / a), 1.0), "gives the weight"),
    ("companded_step", step(lambda v, w, slope, g, d: g + d * w), "chain rule"),
    ("companded_step", step(lambda v, w, slope, g, d: slope * g + d * w), "passes the slope too"),
    ("companded_step", step(lambda v, w, slope, g, d: slope * g), "the decay is missing"),
    ("companded_step", step(lambda v, w, slope, g, d: slope**2 * (g + d * w)), "by one slope"),
    ("companded_step", step(lambda v, w, slope, g, d: slope * (g + d * v)), "yours at v"),
    ("companded_step", step(lambda v, w, slope, g, d: slope * g + d * v), "yours at v"),
    (
        "companded_step",
        step(lambda v, w, slope, g, d: -slope * (g + d * w)),
        "against the gradient",
    ),
    ("companded_step", step(lambda v, w, slope, g, d: g / slope), "b is only a learning rate"),
    ("twin", twins(power=1), "so does it on the learning rate"),
    ("twin", twins(up=-1), "a is above b"),
    ("twin", twins(on_v=0), "the twin has another rate"),
    ("twin", twins(on_v=2), "shrinks"),
    ("twin", twins(power=0), "times as far"),
    ("safe_start", lambda w, a, b: b * np.tan(w / a), "changed its sign"),
    ("safe_start", start(bound=1.0), "a pi/2, and yours is a"),
    ("safe_start", start(most=0.95), "comes back as"),
    ("safe_start", lambda w, a, b: b * np.tan(np.abs(start_of(w, a)) / a), "comes back as"),
    ("safe_start", start(most=0.9999), "come back as"),
    ("mean_step", average(lambda c, slope: np.mean(c**4)), "are not plain ones"),
    ("mean_step", average(lambda c, slope: slope * np.mean(c**2)), "mean of its square|steepest"),
    ("mean_step", average(lambda c, slope: (slope * np.mean(c**2)) ** 2), "the square of a mean"),
    ("mean_step", average(lambda c, slope: slope**2 * c[-1] ** 4), "largest weight alone"),
    ("mean_step", average(lambda c, slope: 1.5 * slope**2), "steepest at 0"),
    ("mean_step", lambda bound, a, b: (a / b) ** 2 * by_normal(bound / a / 3**0.5), "no tails"),
    ("mean_step", average(lambda c, slope: 0.1 * slope**2), "sample the weights"),
    ("pair_gradient", pair(a_times=2.0), "make a 1 % larger"),
    ("pair_gradient", lambda v, g, a, b: (a * pair()(v, g, a, b)[0], 1.0), "yours is this sum"),
    ("pair_gradient", pair(reduce=np.mean), "not a mean"),
    ("pair_gradient", pair(b_times=1.0), "mind the sign"),
    (
        "pair_gradient",
        lambda v, g, a, b: (pair()(v, g, a, b)[0], b * pair()(v, g, a, b)[1]),
        "yours is",
    ),
    ("pair_gradient", lambda v, g, a, b: (pair()(v, g, a, b)[0], 0.0), "twice all v"),
    (
        "pair_gradient",
        lambda v, g, a, b: (pair()(v, g, a, b)[0], pair(reduce=np.mean)(v, g, a, b)[1]),
        "not a mean",
    ),
]


def start_of(w, a):
    most = 0.99 * a * math.pi / 2
    return np.clip(w, -most, most)


def by_normal(s):
    return 3 / 8 + math.exp(-2 * s * s) / 2 + math.exp(-8 * s * s) / 8


@pytest.mark.parametrize(("name", "answer", "hint"), MISTAKES)
def test_a_likely_mistake_gets_a_hint_and_loses_points(name, answer, hint):
    costs(4, name, answer, hint, share=0.5)


def by_autograd(v, gradient, a, b):
    both = torch.tensor([a, b], dtype=torch.float64, requires_grad=True)
    w = both[0] * torch.arctan(torch.tensor(v) / both[1])
    (w * torch.tensor(gradient)).sum().backward()
    return both.grad


def step_by_autograd(v, gradient, a, b, rate, decay):
    trained = torch.tensor(v, requires_grad=True)
    w = a * torch.arctan(trained / b)
    ((w * torch.tensor(gradient)).sum() + decay / 2 * w.square().sum()).backward()
    return trained - rate * trained.grad


def by_bisection(w, a, b):
    low, high = -100 * b, 100 * b
    for _ in range(100):
        v = (low + high) / 2
        low, high = (v, high) if a * v / math.hypot(b, v) < w else (low, v)
    slope = (a * (v + 1e-5) / math.hypot(b, v + 1e-5) - w) / 1e-5
    return [v, slope**2]


def by_chance(bound, a, b):
    w = np.random.default_rng(0).uniform(-bound, bound, 1_000_000)
    return (a / b) ** 2 * np.mean(np.cos(w / a) ** 4)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("algebraic", by_bisection),
        ("companded_step", step_by_autograd),
        ("twin", lambda a, b, rate, decay, on: np.array(twins()(a, b, rate, decay, on))),
        ("safe_start", lambda w, a, b: torch.tensor(start()(w, a, b))),
        ("mean_step", by_chance),
        ("pair_gradient", by_autograd),
    ],
)
def test_another_right_way_passes(name, answer):
    passes(4, name, answer)


@pytest.mark.parametrize("seed", range(5))
def test_in_four_of_nine_layers_the_curve_matters(seed):
    (given,) = EXERCISE["bitten"].draw(np.random.default_rng(seed))
    reach = {
        layer["name"]: layer["gain"] / math.sqrt(layer["fan_in"]) / layer["a"]
        for layer in given["layers"]
    }
    right = [name for name, ratio in reach.items() if ratio > 0.16333]
    assert len(right) == 4
    assert EXERCISE["bitten"].mark([given], [right]).share == 1
    assert EXERCISE["bitten"].mark([given], [right[1:]]).share == 0.75
    assert check.bitten(right, given).text == "Right in form: 4 of 9 rows are named."
