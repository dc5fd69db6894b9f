"""Norms under a normalization: each closed form against vectors that random gradients move."""

import itertools

import numpy as np
import pytest

from companion.theory import decay, norm_paths, norms

FAN_IN, UNITS = 200, 300
"""An average over UNITS vectors; a gradient in FAN_IN dimensions has |g|^2 = 1 within
sqrt(2 / FAN_IN) = 10 % in one vector, .6 % in the mean of all."""


def walk(
    steps,
    rate,
    weight_decay=0.0,
    momentum=0.0,
    start=1.0,
    tau=0,
    correlation=0.0,
    adamw=False,
    units=UNITS,
    beta_2=0.999,
):
    """`units` vectors that are moved by random gradients of unit norm at |w| = 1, orthogonal to w.

    Returns |w|^2 before every step and after the last [steps + 1], and the angle of each step.
    """
    random = np.random.default_rng(0)
    w = random.standard_normal((units, FAN_IN))
    w *= start / np.linalg.norm(w, axis=1, keepdims=True)
    v, s, noise = np.zeros_like(w), np.zeros_like(w), random.standard_normal(w.shape)
    squares, angles = [np.mean(np.sum(w * w, axis=1))], []
    for step in range(steps):
        fresh = random.standard_normal(w.shape)
        noise = correlation * noise + np.sqrt(1 - correlation**2) * fresh
        unit = w / np.linalg.norm(w, axis=1, keepdims=True)
        g = noise - np.sum(noise * unit, axis=1, keepdims=True) * unit
        g /= np.sqrt(FAN_IN - 1) * np.linalg.norm(w, axis=1, keepdims=True)
        if adamw:
            v, s = 0.9 * v + 0.1 * g, beta_2 * s + (1 - beta_2) * g * g
            update = v / (1 - 0.9 ** (step + 1)) / np.sqrt(s / (1 - beta_2 ** (step + 1)))
            new = (1 - rate * weight_decay) * w - rate * update
        else:
            v = momentum * v + g + weight_decay * w
            new = w - rate * v
        cosine = np.sum(new * unit, axis=1) / np.linalg.norm(new, axis=1)
        angles.append(np.mean(np.arccos(np.clip(cosine, -1, 1))))
        w = new
        if tau and (step + 1) % tau == 0:
            w = w / np.linalg.norm(w, axis=1, keepdims=True)
        squares.append(np.mean(np.sum(w * w, axis=1)))
    return np.array(squares), np.array(angles)


def test_one_step_is_exact():
    random = np.random.default_rng(1)
    w, g = random.standard_normal((2, 50))
    g -= w * (w @ g) / (w @ w)
    for weight_decay in (0.0, 0.3):
        new = w - 0.2 * (g + weight_decay * w)
        assert norms.after_step(w @ w, g @ g, 0.2, weight_decay) == pytest.approx(new @ new)


def test_without_momentum_the_path_is_the_recursion():
    found = norm_paths.path(30, 2.0, 0.5, 0.3, 0.02).norm_square
    for before, after in itertools.pairwise(found):
        assert after == pytest.approx(norms.after_step(before, 0.5 / before, 0.3, 0.02))


@pytest.mark.parametrize("rate", [0.02, 0.1])
def test_without_decay_the_norm_grows_as_the_fourth_root(rate):
    squares, _ = walk(1500, rate, start=0.7)
    expected = norms.grown(np.arange(1501), 0.7, 1.0, rate)
    # a step adds rate^2 / |w|^4 of |w|^2, which the flow takes as small: 4 % at the first of 0.1
    np.testing.assert_allclose(np.sqrt(squares[200:]), expected[200:], rtol=0.01)


def test_decay_alone_is_the_exponential_in_steps():
    """L's corollary 3.2 for k steps: exp(-2 eta lambda k) of |w|^2."""
    found = norm_paths.path(500, 1.0, 1e-12, 0.1, 5e-3, tau=0).norm_square[-1]
    assert found == pytest.approx(np.exp(-2 * 0.1 * 5e-3 * 500), rel=1e-3)
    assert found == pytest.approx(decay.kept_by_decay(500, 0.1, 5e-3) ** 2, rel=1e-6)
    heavy = norm_paths.path(500, 1.0, 1e-12, 0.01, 5e-3, 0.9).norm_square[-1]
    assert heavy == pytest.approx(decay.kept_by_decay(500, 0.01, 5e-3, 0.9) ** 2, rel=1e-6)


@pytest.mark.parametrize(
    ("rate", "weight_decay", "momentum"), [(0.5, 0.01, 0.0), (0.05, 0.01, 0.9), (0.2, 0.01, 0.5)]
)
def test_the_equilibrium_of_sgd_within_a_hundredth(rate, weight_decay, momentum):
    start = float(norms.equilibrium(rate, weight_decay, 1.0, momentum))
    squares, angles = walk(1200, rate, weight_decay, momentum, start)
    assert np.sqrt(squares[400:].mean()) == pytest.approx(start, rel=0.01)
    expected = norms.equilibrium_angle(rate, weight_decay, momentum)
    assert angles[400:].mean() == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("correlation", [0.5, -0.3])
def test_correlated_gradients_move_the_norm_and_not_the_angle(correlation):
    rate, weight_decay, momentum = 0.02, 0.01, 0.9
    memory = norms.memory_factor(correlation ** np.arange(1, 80), momentum)
    there = momentum * correlation
    assert memory == pytest.approx((1 + there) / (1 - there))
    start = float(norms.equilibrium(rate, weight_decay, 1.0, momentum, memory))
    squares, angles = walk(2000, rate, weight_decay, momentum, start, correlation=correlation)
    assert np.sqrt(squares[500:].mean()) == pytest.approx(start, rel=0.01)
    expected = norms.equilibrium_angle(rate, weight_decay, momentum)
    assert angles[500:].mean() == pytest.approx(expected, rel=0.01)
    plain = float(norms.equilibrium(rate, weight_decay, 1.0, momentum))
    assert start / plain == pytest.approx({0.5: 1.27, -0.3: 0.87}[correlation], abs=0.01)


@pytest.mark.parametrize(
    ("rate", "weight_decay", "momentum", "tau"),
    [(0.1, 0.02, 0.0, 0), (0.03, 0.02, 0.9, 0), (0.1, 0.0, 0.0, 20), (0.02, 0.0, 0.9, 20)],
)
def test_a_path_is_that_of_random_vectors(rate, weight_decay, momentum, tau):
    squares, angles = walk(300, rate, weight_decay, momentum, 1.5, tau)
    found = norm_paths.path(300, 2.25, 1.0, rate, weight_decay, momentum, tau)
    np.testing.assert_allclose(np.sqrt(found.norm_square), np.sqrt(squares), rtol=0.01)
    np.testing.assert_allclose(found.angle[20:].mean(), angles[20:].mean(), rtol=0.01)


@pytest.mark.parametrize(
    ("rate", "weight_decay", "momentum"), [(0.5, 0.01, 0.0), (0.01, 0.01, 0.9)]
)
def test_a_norm_relaxes_in_the_stated_steps(rate, weight_decay, momentum):
    there = float(norms.equilibrium(rate, weight_decay, 1.0, momentum))
    wait = norms.relaxation_steps(rate, weight_decay, momentum)
    found = norm_paths.path(
        int(3 * wait), 1.05**2 * there**2, 1.0, rate, weight_decay, momentum
    ).norm_square
    end = norm_paths.path(int(40 * wait), there**2, 1.0, rate, weight_decay, momentum)
    distance = found**2 - end.norm_square[-1] ** 2
    first, last = int(wait), int(2 * wait)
    assert np.log(distance[first] / distance[last]) == pytest.approx(1, rel=0.05)


def test_the_equilibrium_of_adamw():
    """Random gradients have a second moment with an error of its own: 2 %."""
    law = norms.AdamW(learning_rate=0.01, weight_decay=0.2, fan_in=FAN_IN)
    squares, angles = walk(1500, 0.01, 0.2, start=law.norm, adamw=True)
    assert np.sqrt(squares[500:].mean()) == pytest.approx(law.norm, rel=0.02)
    assert angles[500:].mean() == pytest.approx(law.angle, rel=0.02)


def test_adamw_relaxes_slowly():
    """Where 1 / (2 eta lambda) is 2,500 steps, long beside the second moments' memory of 100."""
    law = norms.AdamW(learning_rate=0.01, weight_decay=0.02, fan_in=FAN_IN)
    assert law.relaxation_steps == pytest.approx(2500)
    squares, _ = walk(4000, 0.01, 0.02, start=1.2 * law.norm, adamw=True, units=40, beta_2=0.99)
    left = (squares[4000] - law.norm**2) / (squares[1500] - law.norm**2)
    assert left == pytest.approx(np.exp(-1), rel=0.15)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_turns_add_up_to_the_lasting_turn(momentum):
    """Sums of 2,000 velocities: five standard errors of the rms of 200 x 200 of them are 1.8 %,
    and the two ends, some 10 steps each, are .5 % of the sum."""
    random = np.random.default_rng(0)
    velocity, total, square, steps = np.zeros((200, 200)), 0.0, 0.0, 2000
    for step in range(200 + steps):
        velocity = momentum * velocity + random.standard_normal(velocity.shape)
        if step >= 200:
            total, square = total + velocity, square + np.mean(velocity**2) / steps
    lasting = norms.lasting_turn(np.sqrt(square), momentum)
    assert np.sqrt(np.mean(np.square(total)) / steps) == pytest.approx(float(lasting), rel=0.025)


def test_a_gradient_that_changes_and_several_settings_at_once():
    steps, gradient = 50, np.linspace(1, 3, 50)
    both = norm_paths.path(steps, 1.0, gradient[:, None], 0.1, np.array([0.0, 0.1]))
    assert both.norm_square.shape == (51, 2)
    alone = norm_paths.path(steps, 1.0, gradient, 0.1, 0.1)
    np.testing.assert_allclose(both.norm_square[:, 1], alone.norm_square)
    falling = norm_paths.path(steps, 1.0, gradient, np.linspace(0.2, 0.1, steps), 0.1)
    assert falling.norm_square[1] == pytest.approx(float(norms.after_step(1.0, 1.0, 0.2, 0.1)))


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"needs a learning rate and a decay > 0, got 0.1 and 0"):
        norms.equilibrium(0.1, 0.0, 1.0)
    with pytest.raises(ValueError, match=r"momentum must be in \[0, 1\), got 1"):
        norms.equilibrium_angle(0.1, 0.1, 1)
    with pytest.raises(
        ValueError, match="memory must be finite and > 0, got 0; 1 is that of independent"
    ):
        norms.equilibrium(0.1, 0.1, 1.0, 0.9, 0)
    with pytest.raises(ValueError, match=r"a decay > 0, got 0.1 and 0"):
        norms.AdamW(0.1, 0, 5)
    with pytest.raises(ValueError, match="steps must be >= 1, got 0"):
        norm_paths.path(0, 1.0, 1.0, 0.1)
    with pytest.raises(ValueError, match=r"must be > 0, got 0.0 and 1.0; a unit of norm 0"):
        norm_paths.path(3, 0.0, 1.0, 0.1)
    with pytest.raises(ValueError, match="tau must be finite and >= 0, got -1; 0"):
        norm_paths.path(3, 1.0, 1.0, 0.1, tau=-1)


def descended(rates, weight_decay, momentum, start):
    """The directions of a w that SGD moves along the gradients of a quadratic form of w / |w|."""
    matrix = np.random.default_rng(1).standard_normal((6, 6))
    matrix, w, v, found = matrix + matrix.T, start, 0.0, []
    for rate in rates:
        u = w / np.linalg.norm(w)
        slope = matrix @ u - (u @ matrix @ u) * u
        v = momentum * v + slope / np.linalg.norm(w) + weight_decay * w
        w = w - rate * v
        found.append(w / np.linalg.norm(w))
    return np.array(found)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("fall", [1.0, 0.1])
def test_a_rising_rate_turns_weights_as_decay_does(momentum, fall):
    """To rounding, while the rate is constant and after it falls."""
    rates, start = np.repeat([0.02, fall * 0.02], 100), np.arange(1.0, 7.0)
    risen = rates * norms.rising_factors(rates, 0.05, momentum)
    ours = descended(risen, 0.0, momentum, start)
    theirs, plain = (descended(rates, pull, momentum, start) for pull in (0.05, 0.0))
    assert np.abs(ours - theirs).max() < 1e-11
    assert np.abs(plain - theirs).max() > 0.001


def test_decay_alone_says_how_fast_a_rate_rises():
    """Without momentum by 1 - eta lambda twice a step; with it by near eta lambda / (1 - alpha)."""
    steps = np.arange(50)
    found = 0.02 * norms.rising_factors(np.full(50, 0.02), 0.5)
    np.testing.assert_allclose(found, norms.rate_without_decay(steps, 0.02, 0.5), rtol=1e-12)
    late = np.diff(np.log(norms.rising_factors(np.full(400, 0.1), 5e-4, 0.9)))[-1]
    assert late == pytest.approx(2 * 0.1 * 5e-4 / (1 - 0.9), rel=1e-2)


def test_decay_through_0_is_refused():
    with pytest.raises(ValueError, match=r"decay of 2 does at the learning rate 1, after 0 steps"):
        norms.rising_factors([1.0], 2.0)
    with pytest.raises(ValueError, match=r"momentum must be in \[0, 1\), got 1"):
        norms.rising_factors([0.1], 0.05, 1.0)
