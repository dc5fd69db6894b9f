"""Likely mistakes in assignment 2 get their hint and lose points; other right ways do not."""

import itertools
import math

import numpy as np
import pytest
import torch

from companion.classroom.checks import a2_variance_propagation as check
from tests.classroom.solutions import costs, exercises, passes

EXERCISE = exercises(2)


def through(linear=lambda n, std: n * std**2, relu=0.5, dropout=None, branch=None):
    """`mean_squares` with another factor for one of the parts."""
    factors = {
        "linear": linear,
        "relu": lambda: relu,
        "dropout": dropout or (lambda p: 1 / (1 - p)),
        "branch": branch or (lambda a: 1 + a * a),
    }

    def answer(parts, start):
        made = [factors[kind](*numbers) for kind, *numbers in parts]
        return list(itertools.accumulate(made, lambda one, two: one * two, initial=start))[1:]

    return answer


def widths_by(fan):
    def answer(widths, mode):
        pairs = list(itertools.pairwise(widths))
        fans = [fan(n, m, mode) for n, m in pairs]
        signal = math.prod(n / one for (n, _), one in zip(pairs, fans, strict=True))
        return signal, math.prod(m / one for (_, m), one in zip(pairs, fans, strict=True))

    return answer


def mean_of(both):
    return lambda n, m, mode: {"fan_in": n, "fan_out": m}.get(mode, both(n, m))


def spread_by(relu=5.0, whole=lambda terms: math.sqrt(math.prod(1 + t for t in terms) - 1)):
    constants = {"linear": 2.0, "relu": relu}
    return lambda widths, activation: whole([constants[activation] / n for n in widths])


def friends(weights, images):
    signal, scaled = np.array(images), []
    for weight in weights:
        signal = signal @ np.array(weight).T
        scaled.append(np.array(weight) / signal.std())
        signal = signal.clip(0)
    return scaled


def scaled_by(divisor, rows=False):
    def answer(weights, images):
        signal, scaled = np.array(images), []
        for weight in map(np.array, weights):
            z = signal @ weight.T
            by = z.std(axis=0)[:, None] if rows else divisor(z)
            scaled.append(weight / by)
            signal = (signal @ scaled[-1].T).clip(0)
        return scaled

    return answer


def parts_by(size=None, second=np.mean, order=(0, 1, 2, 3), keep=0.0):
    def answer(weight, bias, inputs):
        v = weight - (1 - keep) * weight.mean()
        own = (size or (lambda w, x: w.shape[1] * np.mean(w**2) * np.mean(x**2)))(v, inputs)
        square = second((inputs @ v.T) ** 2)
        without = np.var(inputs @ weight.T)
        whole = np.var(inputs @ weight.T + bias)
        four = (own, square - own, without - square, whole - without)
        return [four[i] for i in order]

    return answer


MISTAKES = [
    ("mean_squares", through(linear=lambda n, std: n * std), "std squared"),
    ("mean_squares", through(relu=0.5 - 1 / (2 * math.pi)), "keeps the mean too"),
    ("mean_squares", through(relu=math.sqrt(0.5)), "not of the rms"),
    ("mean_squares", through(dropout=lambda p: 1.0), "mean of the squares"),
    ("mean_squares", through(dropout=lambda p: 1 / (1 - p) ** 2), "how many are kept"),
    ("mean_squares", through(dropout=lambda p: 1 - p), "each kept number"),
    ("mean_squares", through(dropout=lambda p: 1 / p), "that is dropped"),
    ("mean_squares", through(branch=lambda a: (1 + a) ** 2), "mean squares add"),
    ("mean_squares", through(branch=lambda a: a * a), "which stays"),
    ("mean_squares", through(branch=lambda a: 1 + a), "squared share"),
    ("mean_squares", through(relu=1.0), "does not multiply by 1"),
    ("both_ways", widths_by(lambda n, m, mode: 1.0), "each layer keeps"),
    ("both_ways", widths_by(lambda n, m, mode: n), "with fan_out each layer keeps"),
    ("both_ways", widths_by(mean_of(lambda n, m: n + m)), "halves every layer"),
    (
        "both_ways",
        widths_by(mean_of(lambda n, m: math.sqrt(n * m))),
        "not the root of their product",
    ),
    ("both_ways", lambda widths, mode: (1.0, 1.0), "which two are left"),
    (
        "both_ways",
        lambda widths, mode: (1.0, widths[0] / widths[-1]),
        "keeps the gradient|which two",
    ),
    (
        "relative_spread",
        spread_by(whole=lambda terms: math.prod(1 + t for t in terms) - 1),
        "its square",
    ),
    ("relative_spread", spread_by(whole=lambda terms: math.sqrt(sum(terms))), "do not add"),
    ("relative_spread", spread_by(relu=2.0), "stray further"),
    ("scaled_to_one", friends, "when must it be measured"),
    ("scaled_to_one", scaled_by(np.var), "not by the variance"),
    ("scaled_to_one", scaled_by(lambda z: math.sqrt(np.mean(z**2))), "leaves the mean out"),
    ("scaled_to_one", scaled_by(None, rows=True), "one positive number"),
    ("scaled_to_one", lambda weights, images: weights, "gives the variance"),
    ("scaled_to_one", lambda weights, images: weights[:1], "a list of 4 matrices"),
    ("four_parts", parts_by(keep=1.0), "without the mean of the weights"),
    (
        "four_parts",
        parts_by(size=lambda v, x: v.shape[1] * np.mean(v**2) * np.var(x)),
        "not their variance",
    ),
    (
        "four_parts",
        parts_by(size=lambda v, x: np.mean(v**2) * np.mean(x**2)),
        "fan_in products",
    ),
    ("four_parts", parts_by(second=lambda z2: np.var(np.sqrt(z2))), "not its variance"),
    ("four_parts", parts_by(order=(0, 1, 3, 2)), "in the wrong place"),
    ("four_parts", lambda weight, bias, inputs: [1.0, 1.0, 1.0, 1.0], "must add up"),
]


@pytest.mark.parametrize(("name", "answer", "hint"), MISTAKES)
def test_a_likely_mistake_gets_a_hint_and_loses_points(name, answer, hint):
    costs(2, name, answer, hint, share=0.67)


def lsuv_in_torch(weights, images):
    signal, scaled = torch.tensor(images, dtype=torch.float64), []
    for weight in weights:
        one = torch.tensor(weight, dtype=torch.float64)
        for _ in range(3):
            one = one / (signal @ one.T).std()
        scaled.append(one)
        signal = (signal @ one.T).relu()
    return tuple(scaled)


def spread_by_chance(widths, activation):
    """Each layer's chi-square numbers, drawn."""
    random, products = np.random.default_rng(0), np.ones(4_000_000 // sum(widths))
    for units in widths:
        z = random.standard_normal((len(products), units))
        squares = 2 * z.clip(0) ** 2 if activation == "relu" else z**2
        products *= squares.mean(axis=1)
    return products.std() / products.mean()


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("mean_squares", lambda parts, start: np.array(through()(parts, start))),
        (
            "both_ways",
            lambda widths, mode: list(widths_by(mean_of(lambda n, m: (n + m) / 2))(widths, mode)),
        ),
        ("scaled_to_one", lsuv_in_torch),
        ("four_parts", lambda weight, bias, inputs: np.array(parts_by()(weight, bias, inputs))),
    ],
)
def test_another_right_way_passes(name, answer):
    passes(2, name, answer)


@pytest.mark.parametrize(
    ("widths", "activation"), [([9], "linear"), ([9], "relu"), ([12, 8], "relu")]
)
def test_the_spread_is_that_of_drawn_networks(widths, activation):
    drawn, derived = spread_by_chance(widths, activation), spread_by()(widths, activation)
    networks = 4_000_000 // sum(widths)
    assert drawn == pytest.approx(derived, rel=5 * 4 / math.sqrt(networks))


def test_a_prediction_and_a_measurement_are_judged_apart():
    exercise = EXERCISE["gradient_ratio"]
    given = {"gain": 1.5, "layers": 20, "width": 300}
    right = 20 * math.log10(1.1424) / 2
    marks = {
        "right": exercise.mark([given], [[right, right - 0.05]]),
        "copied": exercise.mark([given], [[right, right]]),
        "mean square": exercise.mark([given], [[2 * right, 2 * right - 0.1]]),
        "one layer": exercise.mark([given], [[right / 20, 0.0]]),
        "not measured": exercise.mark([given], [[right, right - 0.4]]),
    }
    assert {name: mark.share for name, mark in marks.items() if mark.share} == {"right": 1}
    assert "never agrees" in marks["copied"].why
    assert "the rms was asked for" in marks["mean square"].why
    assert "not layers times half" in marks["one layer"].why
    assert "far from the networks" in marks["not measured"].why
    assert "rms or mean square" in check.gradient_ratio((0.1, 2.0), given).text
    assert check.gradient_ratio((0.1, 0.2), given).text == "Right in form: two numbers."


@pytest.mark.parametrize("seed", range(8))
def test_each_network_has_a_curve_of_its_own(seed):
    exercise = EXERCISE["networks"]
    (given,) = exercise.draw(np.random.default_rng(seed))
    curves = given["curves"]
    blocks = len(curves["A"])
    ends = {"residual": 2.0**blocks, "scaled residual": (1 + 1 / blocks) ** blocks}
    ends |= {"dropout": (1 - given["p_drop"]) ** -blocks, "length 1": 0.5**blocks}
    right = {
        letter: min(ends, key=lambda name: abs(math.log(ends[name] / curve[-1])))
        for letter, curve in curves.items()
    }
    assert sorted(right.values()) == sorted(ends)
    assert exercise.mark([given], [right]).share == 1
    one, two = (next(k for k, v in right.items() if v == name) for name in ("dropout", "residual"))
    swapped = right | {one: "residual", two: "dropout"}
    assert exercise.mark([given], [swapped]).share == 0
    assert check.networks(swapped, given).right  # form alone
    assert "in a dict" in check.networks({"A": "dropout"}, given).text
