"""The whole path of a norm, step by step, by the recursion that `norms` gives the ends of.

With momentum one number is not enough: what a step does to ``a = |w|^2`` depends on
``b = <w, v>`` and ``c = |v|^2``. For a gradient that is orthogonal to w and independent of v, the
three are closed, in the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from companion import kinds


@dataclass(frozen=True)
class Path:
    """norm_square: ``|w|^2`` before each step and after the last, [steps + 1, ...]; angle: the turn
    of each step in radians, [steps, ...]."""

    norm_square: np.ndarray
    angle: np.ndarray


def path(
    steps: int,
    start: ArrayLike,
    unit_gradient_square: ArrayLike,
    learning_rate: ArrayLike,
    weight_decay: ArrayLike = 0.0,
    momentum: ArrayLike = 0.0,
    tau: ArrayLike = 0,
) -> Path:
    """``|w|^2`` and the angle of each step, from ``|w|^2 = start`` and ``v = 0``.

    ::

        s  = alpha b + lambda a                                         <w, v'>
        c' = alpha^2 c + 2 alpha lambda b + lambda^2 a + |g~|^2 / a     |v'|^2
        a' = a - 2 eta s + eta^2 c'
        b' = s - eta c'

    Exact at every step without momentum (`norms.after_step`), exact in the mean with it. tau: every
    so many steps w is put back to norm 1 and v is left (WRS), 0 for never. All arguments but
    `steps` broadcast; unit_gradient_square may have a leading axis [steps], for a gradient that
    changes, and learning_rate too where `unit_gradient_square` has it.

    Raises ValueError for steps < 1, a start or gradient that is not > 0, a rate, decay or tau that
    is not finite and >= 0, a momentum outside [0, 1), and a tau that is no whole number.

    >>> still = path(4000, 1.0, 0.04, learning_rate=0.5, weight_decay=5e-3)
    >>> still.norm_square[[0, -1]].round(3)
    array([1.   , 1.415])
    >>> path(40, 1.0, 0.04, learning_rate=0.5, tau=20).norm_square[[19, 20, 40]].round(3)
    array([1.175, 1.   , 1.   ])
    """
    square, rate = np.asarray(unit_gradient_square, float), _least(learning_rate, "learning_rate")
    a, decay = np.asarray(start), _least(weight_decay, "weight_decay")
    alpha, period = _least(momentum, "momentum", below=1), _least(tau, "tau")
    steps = kinds.whole("steps", steps)
    if steps < 1:
        raise ValueError(f"steps must be >= 1, got {steps}; a path has a step")
    if not (np.all(a > 0) and np.all(square > 0)):
        raise ValueError(
            "start and unit_gradient_square must be > 0, got "
            f"{a.min()} and {square.min()}; a unit of norm 0 has no direction to turn"
        )
    if np.any(period % 1):
        raise ValueError(f"tau must be whole numbers of steps, got {tau}; 0 never rescales")
    moving = square.ndim > 0 and len(square) == steps
    shape = np.broadcast_shapes(
        *(x.shape for x in (a, decay, alpha, period)),
        square.shape[1:] if moving else square.shape,
        rate.shape[1:] if moving and rate.ndim and len(rate) == steps else rate.shape,
    )
    a = np.broadcast_to(a, shape).astype(float)
    b, c = np.zeros(shape), np.zeros(shape)
    norms, angles = np.empty((steps + 1, *shape)), np.empty((steps, *shape))
    norms[0] = a
    for step in range(steps):
        gradient = (square[step] if moving else square) / a
        eta = rate[step] if moving and rate.ndim and len(rate) == steps else rate
        along = alpha * b + decay * a
        c = alpha**2 * c + 2 * alpha * decay * b + decay**2 * a + gradient
        new = a - 2 * eta * along + eta**2 * c
        aside = np.sqrt(np.maximum(c * a - along**2, 0))  # |w| times v' across w
        angles[step] = np.arctan2(eta * aside, a - eta * along)
        a, b = new, along - eta * c
        held = (period > 0) & ((step + 1) % np.maximum(period, 1) == 0)
        b, a = np.where(held, b / np.sqrt(a), b), np.where(held, 1.0, a)
        norms[step + 1] = a
    return Path(norms, angles)


def _least(values: ArrayLike, name: str, below: float = np.inf) -> np.ndarray:
    """The values as an array, where all lie in [0, below)."""
    try:
        found = np.asarray(values, float)
        fits = not isinstance(values, str | bytes | bool) and np.all((found >= 0) & (found < below))
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        rule = "in [0, 1)" if below == 1 else "finite and >= 0"
        raise ValueError(f"{name} must be {rule}, got {values!r:.80}; 0 switches it off")
    return found
