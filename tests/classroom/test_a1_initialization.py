"""Likely mistakes in assignment 1 get their hint and lose points; other right ways do not."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, special

from companion.classroom.checks import a1_initialization as check
from tests.classroom.solutions import costs, exercises, passes

EXERCISE = exercises(1)


def normal(rows, columns, gain, seed):
    return np.random.default_rng(seed).normal(0, gain / math.sqrt(columns), (rows, columns))


def unsigned(rows, columns, gain, seed):
    long, short = max(rows, columns), min(rows, columns)
    q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((long, short)))
    return gain * (q.T if rows < columns else q)


def kept(t):
    below = integrate.quad(lambda z: z * z * math.exp(-z * z / 2), 0, t)[0]
    return below / math.sqrt(2 * math.pi), t * t * special.ndtr(-t)


def settle(sigma_w, bias, q=1.0):
    for _ in range(5000):
        q = sigma_w**2 * 2 / math.pi * math.asin(2 * q / (1 + 2 * q)) + bias
    return q


def chi(sigma_w, q):
    return sigma_w**2 * 4 / math.pi / math.sqrt(1 + 4 * q)


def clipped(units, fan_in, gain, seed):
    std = gain / math.sqrt(fan_in)
    weights = np.random.default_rng(seed).normal(0, std, (units, fan_in))
    return weights.clip(-2 * std, 2 * std)


def cut(units, fan_in, gain, seed, std):
    low = special.ndtr(-2.0)
    shares = np.random.default_rng(seed).uniform(low, 1 - low, (units, fan_in))
    return std * special.ndtri(shares)


MISTAKES = [
    ("fans", lambda o, i, k, g, s: (i // g * k * k, o * k * k / s**2), "its own group only"),
    ("fans", lambda o, i, k, g, s: (i * k * k, o // g * k * k / s**2), "sees the channels"),
    ("fans", lambda o, i, k, g, s: (i // g * k * k, o // g * k * k), "with a stride"),
    ("fans", lambda o, i, k, g, s: (i // g * k, o // g * k / s), "a kernel has an area"),
    (
        "fans",
        lambda o, i, k, g, s: (i // g * k * k, 3 * o // g * k * k / s**2),
        "connections a pixel",
    ),
    ("fans", lambda o, i, k, g, s: 2 * (i // g * k * k,), "connections|stride|group"),
    ("orthogonal", normal, "at a right angle"),
    ("orthogonal", unsigned, "same sign in all of 30 draws"),
    ("orthogonal", lambda r, c, g, s: unsigned(r, c, 1.0, s), "where is the gain"),
    ("orthogonal", lambda r, c, g, s: unsigned(r, c, g * g, s), "their lengths are"),
    (
        "capped_gain",
        lambda cap, std: math.sqrt(2),
        "cannot be|signals above|standard deviation|mean",
    ),
    ("capped_gain", lambda cap, std: 1 / math.sqrt(kept(cap / std)[0]), "do not vanish"),
    ("capped_gain", lambda cap, std: 1 / math.sqrt(sum(kept(cap))), "is not 1"),
    ("capped_gain", lambda cap, std: 1 / sum(kept(cap / std)), "its square"),
    ("capped_gain", lambda cap, std: 0.5, "cannot be below"),
    ("settled", lambda w, b: (settle(w, 0.0) or 1.0, 1.0), "missing|not settled|above 0"),
    ("settled", lambda w, b: (settle(w, b), 1.0), "not standard deviations|not settled"),
    ("settled", lambda w, b: (math.sqrt(settle(w, b * b)), 1.0), "as its square root"),
    ("settled", lambda w, b: (settle(w, b * b), chi(w, 1.0)), "not to the variance 1"),
    ("settled", lambda w, b: (settle(w, b * b), chi(1, settle(w, b * b))), "size of the weights"),
    ("truncated_normal", clipped, "lie at the very bound"),
    ("truncated_normal", lambda u, f, g, s: cut(u, f, g, s, g / math.sqrt(f)), "narrower"),
    (
        "truncated_normal",
        lambda u, f, g, s: cut(u, f, g, s, g / math.sqrt(u)),
        "standard deviation",
    ),
    ("truncated_normal", lambda u, f, g, s: normal(u, f, g, s), "of the normal out"),
    (
        "truncated_normal",
        lambda u, f, g, s: np.random.default_rng(s).uniform(-1, 1, (u, f)) * g * (3 / f) ** 0.5,
        "no weight lies further out",
    ),
]


@pytest.mark.parametrize(("name", "answer", "hint"), MISTAKES)
def test_a_likely_mistake_gets_a_hint_and_loses_points(name, answer, hint):
    costs(1, name, answer, hint, share=0.6)


def by_torch(rows, columns, gain, seed):
    torch.manual_seed(seed)
    return torch.nn.init.orthogonal_(torch.empty(rows, columns, dtype=torch.float64), gain)


def by_singular_vectors(rows, columns, gain, seed):
    u, _, v = np.linalg.svd(np.random.default_rng(seed).standard_normal((rows, columns)), False)
    return gain * (u @ v)


def by_chance(cap, std):
    signal = np.random.default_rng(0).normal(0, std, 1_000_000)
    return std / math.sqrt(np.mean(signal.clip(0, cap) ** 2))


def by_root(sigma_w, sigma_b):
    q = optimize.brentq(lambda q: settle_once(sigma_w, sigma_b, q) - q, 1e-9, 100)
    slope = integrate.quad(lambda z: math.exp(-(2 * q + 0.5) * z * z), -9, 9)[0]
    return torch.tensor([q, sigma_w**2 * 4 / math.pi * slope / math.sqrt(2 * math.pi)])


def settle_once(sigma_w, sigma_b, q):
    return sigma_w**2 * 2 / math.pi * math.asin(2 * q / (1 + 2 * q)) + sigma_b**2


def by_drawing_again(units, fan_in, gain, seed):
    random = np.random.default_rng(seed)
    weights = random.standard_normal((units, fan_in))
    while (far := np.abs(weights) > 2).any():
        weights[far] = random.standard_normal(far.sum())
    return weights * gain / math.sqrt(fan_in) / 0.8796256610342398


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("fans", lambda o, i, k, g, s: np.array([i * k * k / g, o * k * k / g / s / s])),
        ("orthogonal", by_torch),
        ("orthogonal", by_singular_vectors),
        ("capped_gain", by_chance),
        ("settled", by_root),
        ("truncated_normal", by_drawing_again),
    ],
)
def test_another_right_way_passes(name, answer):
    passes(1, name, answer)


def test_a_seed_gives_the_same_weights():
    def forgetful(rows, columns, gain, seed):
        return by_singular_vectors(rows, columns, gain, None)

    assert "the same seed" in check.orthogonal(forgetful).text


def test_an_audit_loses_for_each_row_and_its_check_tells_form_alone():
    exercise = EXERCISE["audit"]
    (given,) = exercise.draw(np.random.default_rng(5))
    rules = {"ReLU": 2.0, "nothing": 1.0}
    right = [
        layer["name"]
        for layer in given["layers"]
        if not math.isclose(
            layer["std"] ** 2 * math.prod(layer["weight"][1:]), rules[layer["behind"]], rel_tol=0.05
        )
    ]
    assert len(right) == 4
    assert exercise.mark([given], [right]).share == 1
    assert exercise.mark([given], [right[:3]]).share == 3 / 4
    assert exercise.mark([given], [[layer["name"] for layer in given["layers"]]]).share == 0.4
    assert "1 row is named wrongly, and 4 are not" in exercise.mark([given], [["layer9"]]).why
    assert "no row 'layer77'" in check.audit(["layer77"], given).text
    assert "some rows are to be named" in check.audit([], given).text
    assert check.audit(["layer9"], given).text == "Right in form: 1 of 10 rows are named."


@pytest.mark.parametrize("seed", range(8))
def test_each_activation_has_a_curve_of_its_own(seed):
    exercise = EXERCISE["activations"]
    (given,) = exercise.draw(np.random.default_rng(seed))
    curves = given["curves"]
    order = sorted(curves, key=lambda letter: curves[letter][-1])  # ends, lowest first
    right = dict(zip(order, ("gelu", "tanh", "relu", "linear"), strict=True))
    assert exercise.mark([given], [right]).share == 1
    swapped = right | {order[1]: "relu", order[2]: "tanh"}
    assert exercise.mark([given], [swapped]).share == 0
    assert check.activations(swapped, given).text == "Right in form: each letter has a name."
    assert (
        "each name belongs to one" in check.activations(dict.fromkeys("ABCD", "relu"), given).text
    )
