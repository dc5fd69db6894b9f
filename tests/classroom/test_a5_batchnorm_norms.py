"""Likely mistakes in assignment 5 get their hint and lose points; other right ways do not."""

import math

import numpy as np
import pytest
import torch

from companion.classroom.checks import a5_batchnorm_norms as check
from tests.classroom.solutions import costs, exercises, passes

EXERCISE = exercises(5)


def path(after, before_first=None, power=1):
    """`norm_path` by another step, and what it reports of each norm."""

    def answer(start, unit_gradient, rate, decay, steps):
        norms = [start]
        for _ in range(steps):
            norms.append(after(norms[-1], rate * unit_gradient, rate * decay))
        return [norm**power for norm in (norms if before_first is None else [1.0, *norms[1:]])]

    return answer


def settle(norm=None, angle=None):
    """`settled` with another norm or angle, made from the right ones and the settings."""

    def answer(rate, decay, unit_gradient):
        left = 1 - rate * decay
        right = (rate**2 * unit_gradient**2 / (1 - left**2)) ** 0.25
        turn = math.acos(left)
        return (
            norm(right, rate, decay, unit_gradient) if norm else right,
            angle(turn, rate * decay) if angle else turn,
        )

    return answer


def match(sgd, adam):
    return lambda rates, norms, optimizer: (
        np.array(rates) / np.array(norms) ** {"SGD": sgd, "Adam": adam}[optimizer]
    )


def through(by_z):
    """`normalized_gradient` from another gradient by z."""

    def answer(weight, inputs, gradient, epsilon):
        z = inputs @ weight
        spread = np.sqrt(z.var() + epsilon)
        y = (z - z.mean()) / spread
        return inputs.T @ by_z(gradient, y) / spread

    return answer


def hypot(norm, pull, decay):
    return math.hypot((1 - decay) * norm, pull / norm)


def share(upper, y):
    return y * np.mean(upper * y)


MISTAKES = [
    ("norm_path", path(hypot, power=2), "their squares|begins before"),
    ("norm_path", path(hypot, before_first=1), "begins before the first step"),
    ("norm_path", path(lambda n, p, d: math.hypot((1 - d) * n, p)), "what is it at another norm"),
    ("norm_path", path(lambda n, p, d: math.hypot((1 - d) * n, p * n)), "a smaller gradient"),
    ("norm_path", path(lambda n, p, d: (1 - d) * n + p / n), "Pythagoras"),
    ("norm_path", path(lambda n, p, d: math.sqrt((1 - d) * n * n + (p / n) ** 2)), "twice that"),
    ("norm_path", path(lambda n, p, d: math.hypot(n, p / n)), "the decay is missing"),
    ("norm_path", path(lambda n, p, d: n), "the first step goes"),
    (
        "settled",
        settle(norm=lambda n, r, d, u: (r * u * u / 2 / d) ** 0.25),
        "the chapter's formula",
    ),
    ("settled", settle(norm=lambda n, r, d, u: n * n), "the square of the norm"),
    ("settled", settle(norm=lambda n, r, d, u: 1.5 * n), "leads to"),
    ("settled", settle(angle=lambda t, d: math.sqrt(2 * d)), "for a small eta lambda"),
    ("settled", settle(angle=lambda t, d: math.degrees(t)), "in radians|by an angle between"),
    ("settled", settle(angle=lambda t, d: math.sin(t)), "which triangle"),
    ("settled", settle(angle=lambda t, d: 0.5 * t), "decay gives a side"),
    ("matched_rates", match(1, 1), "under SGD the gradient shrinks"),
    ("matched_rates", match(2, 2), "the norm acts once"),
    ("matched_rates", match(-2, -1), "not larger"),
    ("matched_rates", match(0, 0), "times the run's"),
    ("normalized_gradient", through(lambda upper, y: upper), "yours are fixed"),
    ("normalized_gradient", through(lambda upper, y: upper - upper.mean()), "make w longer"),
    ("normalized_gradient", through(lambda upper, y: upper - share(upper, y)), "changes no y"),
    (
        "normalized_gradient",
        through(lambda upper, y: (upper - upper.mean() - share(upper, y)) / 20),
        "not a mean",
    ),
    (
        "normalized_gradient",
        through(lambda upper, y: upper - upper.mean() - 20 * share(upper, y)),
        "batch norm with this epsilon leaves",
    ),
]


@pytest.mark.parametrize(("name", "answer", "hint"), MISTAKES)
def test_a_likely_mistake_gets_a_hint_and_loses_points(name, answer, hint):
    costs(5, name, answer, hint, share=0.5)


def path_by_vectors(start, unit_gradient, rate, decay, steps):
    w, norms = np.array([start, 0.0]), [start]
    for _ in range(steps):
        length = np.linalg.norm(w)
        across = np.array([-w[1], w[0]]) / length * unit_gradient / length
        w = w - rate * (across + decay * w)
        norms.append(np.linalg.norm(w))
    return np.array(norms)


def settled_by_steps(rate, decay, unit_gradient):
    norm = 1.0
    for _ in range(2000):
        before, norm = norm, math.hypot((1 - rate * decay) * norm, rate * unit_gradient / norm)
    return norm, math.asin(rate * unit_gradient / before / norm)


def by_autograd(weight, inputs, gradient, epsilon):
    w = torch.tensor(weight, requires_grad=True)
    z = torch.tensor(inputs) @ w
    y = torch.nn.functional.batch_norm(z[:, None], None, None, training=True, eps=epsilon)
    (y[:, 0] * torch.tensor(gradient)).sum().backward()
    return w.grad


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("norm_path", path_by_vectors),
        ("settled", settled_by_steps),
        ("matched_rates", lambda *given: match(2, 1)(*given).tolist()),
        ("normalized_gradient", by_autograd),
    ],
)
def test_another_right_way_passes(name, answer):
    passes(5, name, answer)


def test_prediction_and_count_are_judged_apart():
    exercise = EXERCISE["steps_to_settle"]
    given = {"rate": 0.1, "decay": 0.02, "unit_gradient": 0.5, "times_too_long": 3.0}
    relaxed = math.log((3.0**4 - 1) / (1.1**4 - 1)) / 0.008
    goal = (0.1 * 0.25 / 0.04) ** 0.25
    norm, steps = 3 * goal, 0
    while norm > 1.1 * goal:
        norm, steps = math.hypot(0.998 * norm, 0.05 / norm), steps + 1
    assert abs(steps / relaxed - 1) < 0.01  # the flow is the recursion, for small steps
    assert exercise.mark([given], [[relaxed, steps]]).share == 1
    slow = exercise.mark([given], [[1.05 * relaxed, steps]])
    assert (slow.share, "not that of a fourth power" in slow.why) == (0, True)
    off = exercise.mark([given], [[relaxed, round(1.02 * steps)]])
    assert (off.share, off.why) == (0, "the count is not that of the recursion")
    assert "a whole number" in check.steps_to_settle((relaxed, relaxed), given).text
    assert "fourth power" in check.steps_to_settle((2 * relaxed, steps), given).text
    assert check.steps_to_settle((relaxed, steps), given).text == "Right in form: two numbers."


@pytest.mark.parametrize("seed", range(5))
def test_half_of_the_runs_hardly_decay(seed):
    (given,) = EXERCISE["hardly_decayed"].draw(np.random.default_rng(seed))

    def kept(run):
        """SGD on a weight of 1 with no gradient but the decay's, in flow time per stage."""
        slow = run["decay"] / (1 - run["momentum"])
        return math.prod((1 - rate * slow) ** steps for rate, steps in run["schedule"])

    right = [run["name"] for run in given["runs"] if kept(run) > 0.9]
    assert len(right) == 4
    assert EXERCISE["hardly_decayed"].mark([given], [right]).share == 1
    everything = [run["name"] for run in given["runs"]]
    assert EXERCISE["hardly_decayed"].mark([given], [everything]).share == 0.5
    assert "some rows are to be named" in check.hardly_decayed(everything, given).text
