"""Likely mistakes in assignment 6 get their hint and lose points; other right ways do not."""

import math

import numpy as np
import pytest
import torch

from companion.classroom.checks import a6_weightnorm_initialization as check
from tests.classroom.solutions import costs, exercises, passes

EXERCISE = exercises(6)


def split(by_r=lambda along, norm: along, by_v=lambda across, r, norm: r / norm * across, cut=True):
    def answer(v, r, gradient):
        norm = np.linalg.norm(v)
        along = gradient @ v / norm
        across = gradient - along * v / norm if cut else gradient
        return by_r(along, norm), by_v(across, r, norm)

    return answer


def length(fans=None, needed=None):
    """`layer_length` from other fans, or another factor of what stands behind."""

    def answer(inputs, outputs, kernel, groups, stride, behind, blocks):
        fan_in = inputs / groups * kernel**2
        fan_out = outputs / groups * kernel**2 / stride**2
        if fans:
            fan_in, fan_out = fans(fan_in, fan_out, kernel, groups, stride)
        factors = {"ReLU": 2.0, "nothing": 1.0, "addition": 1 / blocks}
        factors |= needed(blocks) if needed else {}
        return math.sqrt(factors[behind] * fan_in / fan_out)

    return answer


def spread(fourth=lambda n: 3 / (n * (n + 2)), sides=lambda a: (1 + a**2, 1 + a**4), end=None):
    def answer(fan_in, fan_out, slope):
        two, four = sides(slope)
        ratio = 2 * four / two**2 * fourth(fan_in) * fan_in**2
        variance = max(ratio - 1, 0.0) / fan_out
        return end(variance, fan_out) if end else math.sqrt(variance)

    return answer


def wrapped(fan_in, units, std, seed):
    torch.manual_seed(seed)
    linear = torch.nn.Linear(fan_in, units, bias=False)
    layer = torch.nn.utils.parametrizations.weight_norm(linear)
    torch.nn.init.normal_(layer.weight, std=std)
    return layer(torch.eye(fan_in)).T


def drawn(fan_in, units, std, seed):
    return np.random.default_rng(seed).normal(0, std, (units, fan_in))


def one_length(fan_in, units, std, seed):
    weight = drawn(fan_in, units, std, seed)
    return weight / np.linalg.norm(weight, axis=1, keepdims=True) * std * math.sqrt(fan_in)


def data(axis=0, unit=True, by=np.std, bias=lambda t, s: -t.mean(axis=0) / s):
    def answer(vectors, images):
        norms = np.linalg.norm(vectors, axis=1, keepdims=True) if unit else 1.0
        t = images @ (vectors / norms).T
        size = by(t, axis=axis) * np.ones(len(vectors))
        return 1 / size, bias(t, size)

    return answer


MISTAKES = [
    ("split_gradient", split(by_r=lambda along, norm: along * norm), "not along v"),
    ("split_gradient", split(by_r=lambda along, norm: 0.0), "the loss by"),
    ("split_gradient", split(cut=False), "change the length of w"),
    ("split_gradient", split(cut=False, by_v=lambda a, r, n: a), "at a right angle to v"),
    ("split_gradient", split(by_v=lambda a, r, n: a), r"where are r and \|v\|"),
    ("split_gradient", split(by_v=lambda a, r, n: r * a), r"where is \|v\|"),
    ("split_gradient", split(by_v=lambda a, r, n: r / n**2 * a), "another length"),
    ("split_gradient", lambda v, r, g: split()(v, r, g)[0], "two things"),
    ("layer_length", length(lambda i, o, k, g, s: (i, o * s * s)), "with a stride"),
    ("layer_length", length(lambda i, o, k, g, s: (i, o / k**2 * g)), "stand in both fans"),
    ("layer_length", length(lambda i, o, k, g, s: (1.0, 1.0)), "backward rule"),
    ("layer_length", length(lambda i, o, k, g, s: (o, i)), "turn the quotient"),
    ("layer_length", length(needed=lambda b: {"ReLU": 1.0}), "the ReLU behind"),
    ("layer_length", length(needed=lambda b: {"addition": 1 / b**2}), "the root of B"),
    ("layer_length", length(needed=lambda b: {"addition": 1.0}), "doubles its squared length"),
    ("layer_length", length(needed=lambda b: {"addition": 2 / b}), "is asked"),
    ("layer_spread", spread(end=lambda variance, m: variance), "that is its square"),
    ("layer_spread", spread(fourth=lambda n: 3 / n**2), "normal weights"),
    ("layer_spread", spread(sides=lambda a: (1.0, 1.0)), "slope.2 of the square"),
    ("layer_spread", spread(end=lambda variance, m: math.sqrt(variance * m)), "are independent"),
    ("layer_spread", spread(end=lambda variance, m: math.sqrt(variance) * 1.1), "would be"),
    ("filled", wrapped, "has been thrown away"),
    ("filled", one_length, "have one length"),
    ("filled", lambda n, m, std, seed: drawn(n, m, std**2, seed), "times the standard deviation"),
    ("from_data", data(bias=lambda t, s: -t.mean(axis=0)), "multiplied by the length"),
    ("from_data", data(bias=lambda t, s: 0 * s), "bias take away"),
    ("from_data", data(unit=False), "divide each vector"),
    ("from_data", data(by=np.var), "not by the variance"),
    ("from_data", data(axis=None), "each unit has its own"),
    ("from_data", lambda v, x: (np.arange(1, 1 + len(v)), np.zeros(len(v))), "have variances from"),
]


@pytest.mark.parametrize(("name", "answer", "hint"), MISTAKES)
def test_a_likely_mistake_gets_a_hint_and_loses_points(name, answer, hint):
    costs(6, name, answer, hint, share=0.7)


def by_autograd(v, r, gradient):
    vector, size = torch.tensor(v, requires_grad=True), torch.tensor(r, requires_grad=True)
    (size * vector / vector.norm() @ torch.tensor(gradient)).backward()
    return size.grad, vector.grad


def assigned(fan_in, units, std, seed):
    linear = torch.nn.Linear(fan_in, units, bias=False)
    layer = torch.nn.utils.parametrizations.weight_norm(linear)
    layer.weight = torch.tensor(drawn(fan_in, units, std, seed), dtype=torch.float32)
    return layer(torch.eye(fan_in)).T


def short_length(inputs, outputs, kernel, groups, stride, behind, blocks):
    return (
        {"ReLU": 2**0.5, "addition": blocks**-0.5}.get(behind, 1)
        * stride
        * (inputs / outputs) ** 0.5
    )


def sample_std(vectors, images):
    t = torch.tensor(images) @ torch.nn.functional.normalize(torch.tensor(vectors)).T
    return torch.stack([1 / t.std(dim=0), -t.mean(dim=0) / t.std(dim=0)])


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("split_gradient", by_autograd),
        ("layer_length", short_length),
        ("filled", assigned),
        ("from_data", sample_std),
    ],
)
def test_another_right_way_passes(name, answer):
    passes(6, name, answer)


@pytest.mark.parametrize(("n", "m", "slope"), [(1, 3, 0.3), (2, 4, 0.0), (5, 7, 1.0), (4, 3, 0.5)])
def test_the_spread_is_that_of_drawn_layers(n, m, slope):
    u = np.random.default_rng(0).standard_normal((200_000, m, n))
    z = u[..., 0] / np.linalg.norm(u, axis=2)
    squares = np.square(np.where(z > 0, z, slope * z)).sum(axis=1)
    derived = spread()(n, m, slope)
    assert squares.std() / squares.mean() == pytest.approx(derived, rel=0.02)


def test_prediction_and_measurement_are_judged_apart():
    exercise, given = EXERCISE["grown"], {"width": 200, "shares": [0.2, 0.3, 0.1, 0.2]}
    right = 1.2 * 1.3 * 1.1 * 1.2
    assert exercise.mark([given], [[right, 1.05 * right]]).share == 1
    length = exercise.mark([given], [[math.sqrt(right), 1.1 * math.sqrt(right)]])
    assert (length.share, "its square was asked" in length.why) == (0, True)
    added = exercise.mark([given], [[1.8, 1.9]])
    assert (added.share, "not the product" in added.why) == (0, True)
    assert exercise.mark([given], [[right, 1.25 * right]]).share == 0
    assert "never agrees" in check.grown((right, right), given).text
    assert "lengthen a signal" in check.grown((0.5, 0.6), given).text
    assert "factors multiply" in check.grown((right, 3 * right), given).text
    assert check.grown((right, 1.1 * right), given).text == "Right in form: two numbers."


@pytest.mark.parametrize("seed", range(5))
def test_curves_are_named_all_or_nothing(seed):
    exercise = EXERCISE["starts"]
    (given,) = exercise.draw(np.random.default_rng(seed))
    ends = {letter: curve["gradient"][-1] for letter, curve in given["curves"].items()}
    order = sorted(ends, key=ends.get)
    right = dict(zip(order, ("pytorch", "one", "forward", "data"), strict=True))
    assert exercise.mark([given], [right]).share == 1
    swapped = right | {order[0]: "one", order[1]: "pytorch"}
    assert exercise.mark([given], [swapped]).share == 0
    assert check.starts(swapped, given).right  # form alone
    assert "each name belongs to one" in check.starts(dict.fromkeys("ABCD", "one"), given).text
    assert "in a dict" in check.starts({"A": "one"}, given).text
