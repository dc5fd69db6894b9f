"""The norm of a weight vector whose scale the output ignores, while SGD or AdamW trains it.

A unit's weights w stand before a normalization, so the loss depends on w / |w| alone. Its gradient
g is then orthogonal to w, and shrinks as w grows: ``|g| = |g~| / |w|`` with g~ the gradient at unit
norm. With learning rate eta, decay lambda and momentum alpha, ``v <- alpha v + g + lambda w`` and
``w <- w - eta v`` (torch.optim.SGD).

Sources: L: Liu et al., theorem 3.1 and corollaries 3.2 and 3.3 (one step, flow). Equilibrium and
angle: T. van Laarhoven, arXiv 1706.05350; R. Wan et al., *Spherical Motion Dynamics*, NeurIPS 2021;
A. Kosson, B. Messmer and M. Jaggi, *Rotational Equilibrium*, ICML 2024.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from companion import kinds


def after_step(
    norm_square: ArrayLike,
    gradient_square: ArrayLike,
    learning_rate: float,
    weight_decay: float = 0.0,
) -> np.ndarray:
    """``|w|^2`` after one step of SGD without momentum, exact: ``(1 - eta lambda)^2 |w|^2 +
    eta^2 |g|^2``.

    gradient_square: ``|g|^2`` of the loss alone, at w. Without decay this is L's corollary 3.3:
    a step can only lengthen w. ValueError unless rate and decay are finite and >= 0.

    >>> float(after_step(4.0, 9.0, learning_rate=0.1))
    4.09
    """
    kinds.least("0 changes nothing", 0, learning_rate=learning_rate, weight_decay=weight_decay)
    kept = (1 - learning_rate * weight_decay) ** 2
    return kept * np.asarray(norm_square) + learning_rate**2 * np.asarray(gradient_square)


def grown(
    steps: ArrayLike, start: float, unit_gradient_square: float, learning_rate: float
) -> np.ndarray:
    """The norm after so many steps without decay and momentum: ``(|w_0|^4 + 2 eta^2 |g~|^2
    k)^(1/4)``.

    From ``d|w|^2 / dk = eta^2 |g~|^2 / |w|^2``, for steps that are small beside w and |g~|
    constant: the norm grows as the fourth root of time, and never stops. ValueError unless the
    start is > 0 and rate and gradient are >= 0, all finite.

    >>> grown(np.array([0, 40_000]), 1.0, 1.0, learning_rate=0.1).round(2)
    array([1.  , 5.32])
    """
    kinds.above("a unit of norm 0 has no direction", 0, start=start)
    kinds.least(
        "0 does not grow", 0, unit_gradient_square=unit_gradient_square, learning_rate=learning_rate
    )
    count = np.asarray(steps, dtype=np.float64)
    if not np.all(count >= 0):
        raise ValueError(f"steps must be >= 0, got {steps!r:.80}; count them from the start on")
    growth = 2 * learning_rate**2 * unit_gradient_square * count
    return (start**4 + growth) ** 0.25


def equilibrium(
    learning_rate: float,
    weight_decay: float,
    unit_gradient_square: ArrayLike,
    momentum: float = 0.0,
    memory: float = 1.0,
) -> np.ndarray:
    """The norm at which what a step adds and what decay takes away are equal::

        |w|^4 = eta |g~|^2 F / (2 lambda (1 - alpha))

    memory: F, `memory_factor` of the gradients' correlations, 1 where those of different steps are
    independent. For small ``eta lambda / (1 - alpha)``: within 1 % up to .05. ValueError unless eta
    and lambda are > 0, 0 <= alpha < 1 and F > 0.

    >>> round(float(equilibrium(0.1, 5e-4, 0.04, momentum=0.9)), 3)
    2.515
    """
    _check(learning_rate, weight_decay, momentum)
    kinds.above("1 is that of independent gradients", 0, memory=memory)
    rate = learning_rate / (1 - momentum)
    return (rate * np.asarray(unit_gradient_square) * memory / (2 * weight_decay)) ** 0.25


def memory_factor(correlations: ArrayLike, momentum: float) -> float:
    """What correlated gradients make of ``|v|^2``, and so of ``|w|^4`` at equilibrium: ``F = 1 + 2
    sum_k alpha^k rho_k``.

    correlations: rho_k of gradients k steps apart, ``E<g_t, g_(t+k)> / E|g|^2``, k = 1, 2, ...
    Without momentum it is 1 whatever they are: the velocity remembers nothing. ValueError unless
    correlations are a list [k] and 0 <= alpha < 1.

    >>> round(memory_factor([-0.4, 0.16, -0.064], momentum=0.9), 2)
    0.45
    """
    rho = np.asarray(correlations, dtype=np.float64)
    if rho.ndim != 1:
        raise ValueError(
            f"correlations must be a list, for k = 1, 2, ..., got the shape {rho.shape}; flatten it"
        )
    _check_momentum(momentum)
    return float(1 + 2 * np.sum(momentum ** np.arange(1, len(rho) + 1) * rho))


def equilibrium_angle(learning_rate: float, weight_decay: float, momentum: float = 0.0) -> float:
    """By how much a step turns w at its equilibrium, radians: ``sqrt(2 eta lambda / (1 + alpha))``.

    Neither the gradient's size nor the correlation of successive gradients matters. Errors as
    `equilibrium`.

    >>> round(equilibrium_angle(0.1, 5e-4, momentum=0.9), 5)
    0.00725
    """
    _check(learning_rate, weight_decay, momentum)
    return float(np.sqrt(2 * learning_rate * weight_decay / (1 + momentum)))


def lasting_turn(turn: ArrayLike, momentum: float) -> np.ndarray:
    """What the turns of many steps add up to, per root of their number: ``turn sqrt((1 + alpha) /
    (1 - alpha))``.

    Steps under momentum resemble each other: k of them add up to ``sqrt(k)`` times this, for
    gradients that are independent of each other, and not to ``sqrt(k)`` times the turn of one. At
    equilibrium it is ``sqrt(2 eta lambda / (1 - alpha))``, and under AdamW, with beta_1 for alpha,
    ``sqrt(2 eta lambda)``. ValueError unless 0 <= alpha < 1.

    >>> float(lasting_turn(0.01, 0.0)), round(float(lasting_turn(0.01, 0.9)), 4)
    (0.01, 0.0436)
    """
    _check_momentum(momentum)
    return np.asarray(turn) * np.sqrt((1 + momentum) / (1 - momentum))


def relaxation_steps(learning_rate: float, weight_decay: float, momentum: float = 0.0) -> float:
    """Steps after which a small distance of ``|w|^4`` from its equilibrium is e times smaller:
    ``(1 - alpha) / (4 eta lambda)``. Errors as `equilibrium`.

    >>> round(relaxation_steps(0.1, 5e-4, momentum=0.9))
    500
    """
    _check(learning_rate, weight_decay, momentum)
    return (1 - momentum) / (4 * learning_rate * weight_decay)


def effective_rate(learning_rate: float, norm_square: ArrayLike) -> np.ndarray:
    """The learning rate that a unit of norm 1 would need for the same turn: ``eta / |w|^2``.

    ValueError unless the rate is finite and >= 0.

    >>> float(effective_rate(0.1, 4.0))
    0.025
    """
    kinds.least("0 turns nothing", 0, learning_rate=learning_rate)
    return learning_rate / np.asarray(norm_square)


def rate_without_decay(step: ArrayLike, learning_rate: float, weight_decay: float) -> np.ndarray:
    """The learning rate that does what decay does, for step number `step`, counted from 0:
    ``eta (1 - eta lambda)^-(2 step + 1)``.

    SGD without momentum at this rate and without decay goes through the same directions w / |w| as
    with it, exactly: put ``w = (1 - eta lambda)^step u`` into the step, with ``g(w) = g(u) |u| /
    |w|`` (Z. Li and S. Arora, *An Exponential Learning Rate Schedule for Deep Learning*, ICLR 2020,
    where momentum is treated too). ValueError unless eta and lambda are >= 0 and eta lambda < 1, so
    that decay takes no weight through 0.

    >>> rate_without_decay(np.array([0, 100]), 0.5, 1e-2).round(3)
    array([0.503, 1.369])
    """
    kinds.least("0 switches it off", 0, learning_rate=learning_rate, weight_decay=weight_decay)
    kinds.below_1("lower one of them", **{"rate times decay": learning_rate * weight_decay})
    kept = 1 - learning_rate * weight_decay
    return learning_rate * kept ** -(2 * np.asarray(step, dtype=np.float64) + 1)


def rising_factors(rates: ArrayLike, weight_decay: float, momentum: float = 0.0) -> np.ndarray:
    """What multiplies the learning rates of SGD's steps, [steps], so that without decay directions
    move exactly as with it: ``1 / (p_k p_(k+1))``.

    p is where decay alone would take a weight that starts at 1, at these rates and this momentum.
    Put ``w_k = p_k u_k`` into the steps, with ``g(w) = g(u) |u| / |w|``: u takes steps without
    decay, at the rate ``eta_k / (p_k p_(k+1))`` and with the same momentum. At a constant rate and
    without momentum it is `rate_without_decay` (Li and Arora 2020).

    ValueError where decay would take a weight through 0, and for a momentum outside [0, 1).

    >>> (0.5 * rising_factors([0.5] * 101, 1e-2))[[0, 100]].round(3)
    array([0.503, 1.369])
    """
    _check_momentum(momentum)
    kinds.least("0 switches it off", 0, weight_decay=weight_decay)
    place, velocity, found = 1.0, 0.0, []
    for rate in np.asarray(rates, dtype=np.float64):
        velocity = momentum * velocity + weight_decay * place
        after = place - rate * velocity
        if after <= 0:
            raise ValueError(
                f"decay must not take a weight through 0 as a decay of {weight_decay:g} does at "
                f"the learning rate {rate:g}, after {len(found)} steps; lower one of them"
            )
        found.append(1 / (place * after))
        place = after
    return np.array(found)


@dataclass(frozen=True)
class AdamW:
    """Where AdamW takes a unit with ``fan_in`` weights, for gradients of which each weight's are
    independent of those of earlier steps.

    The step of a weight has size eta whatever the gradient's, so no gradient stands here::

        norm                sqrt(eta fan_in / (2 lambda))
        angle               sqrt(2 eta lambda (1 - beta_1) / (1 + beta_1)) radians a step
        relaxation_steps    1 / (2 eta lambda), of |w|^2

    The last holds where it is long beside 1 / (1 - beta_2), the memory of the second moments,
    which otherwise lag behind the gradient as w changes. ValueError unless eta and lambda are > 0,
    fan_in is >= 1 and 0 <= beta_1 < 1.

    >>> usual = AdamW(learning_rate=1e-3, weight_decay=5e-4, fan_in=576)
    >>> round(usual.norm), round(usual.relaxation_steps)
    (24, 1000000)
    """

    learning_rate: float
    weight_decay: float
    fan_in: int
    beta_1: float = 0.9

    def __post_init__(self) -> None:
        _check(self.learning_rate, self.weight_decay, 0.0)
        kinds.least("count a unit's weights", 1, fan_in=self.fan_in)
        kinds.below_1("0.9 is usual", beta_1=self.beta_1)

    @property
    def norm(self) -> float:
        """The norm at equilibrium."""
        return float(np.sqrt(self.learning_rate * self.fan_in / (2 * self.weight_decay)))

    @property
    def angle(self) -> float:
        """The turn of a step at equilibrium, radians."""
        forgetting = (1 - self.beta_1) / (1 + self.beta_1)
        return float(np.sqrt(2 * self.learning_rate * self.weight_decay * forgetting))

    @property
    def relaxation_steps(self) -> float:
        """Steps after which a distance of ``|w|^2`` is e times smaller."""
        return 1 / (2 * self.learning_rate * self.weight_decay)


def _check(learning_rate: float, weight_decay: float, momentum: float) -> None:
    rate, decay = kinds.finite(learning_rate), kinds.finite(weight_decay)
    if rate is None or rate <= 0 or decay is None or decay <= 0:
        raise ValueError(
            f"an equilibrium needs a learning rate and a decay > 0, got {learning_rate} and "
            f"{weight_decay}; without decay the norm only grows (`grown`)"
        )
    _check_momentum(momentum)


def _check_momentum(momentum: float) -> None:
    kinds.below_1("0 switches it off", momentum=momentum)
