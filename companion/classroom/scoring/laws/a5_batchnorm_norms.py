"""Assignment 5: the path of a norm, where it settles, matched learning rates, batch norm's
gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from companion.classroom.law import Given, close
from companion.classroom.marking import array


def draw_norm_path(generator: np.random.Generator, count: int = 6) -> list[dict]:
    """A start, the gradient at unit norm, and settings that move the norm visibly."""
    return [
        {
            "start": round(float(generator.uniform(0.5, 3)), 2),
            "unit_gradient": round(float(generator.uniform(0.3, 2)), 2),
            "rate": round(float(generator.uniform(0.3, 0.6)), 2),
            "decay": round(float(generator.uniform(0.1, 0.4)), 2) if index else 0.0,
            "steps": int(generator.integers(4, 12)),
        }
        for index in range(count)
    ]


def norm_path_law(given: Given, answer: Any) -> str:
    """``|w'|^2 = (1 - eta lambda)^2 |w|^2 + eta^2 (|g~| / |w|)^2``."""
    start, unit, rate, decay, steps = given.values()
    found = array(answer, (steps + 1,))
    if not close(found[0], start):
        if close(found[0], start**2):
            return "norms are asked for, and these seem to be their squares"
        return "the path begins before the first step, at the start"
    if np.any(found <= 0):
        return "a norm is positive"
    before, after = found[:-1], found[1:]
    gained = after**2 - ((1 - rate * decay) * before) ** 2
    if close(gained, (rate * unit / before) ** 2, 5e-3):
        return ""
    if close(gained, np.full(steps, (rate * unit) ** 2), 5e-3):
        return "unit_gradient is the gradient's norm at |w| = 1: what is it at another norm"
    if close(gained, (rate * unit * before) ** 2, 5e-3):
        return "longer weights have a smaller gradient, not a larger one"
    if close(after, (1 - rate * decay) * before + rate * unit / before, 5e-3):
        return "the gradient is at a right angle to w: lengths add by Pythagoras"
    if close(after**2, (1 - rate * decay) * before**2 + (rate * unit / before) ** 2, 5e-3):
        return "decay takes eta lambda of the norm, so it takes about twice that of the square"
    if decay and close(after**2, before**2 + (rate * unit / before) ** 2, 5e-3):
        return "the decay is missing"
    return f"the first step goes from {before[0]:.4g} to {after[0]:.4g}: draw w, decay and gradient"


def draw_settled(generator: np.random.Generator, count: int = 6) -> list[dict]:
    """Settings for which the approximation of the chapter is visibly off."""
    return [
        {
            "rate": round(float(generator.uniform(0.4, 0.9)), 3),
            "decay": round(float(generator.uniform(0.35, 0.6)), 3),
            "unit_gradient": round(float(generator.uniform(0.5, 2)), 3),
        }
        for _ in range(count)
    ]


def settled_law(given: Given, answer: Any) -> str:
    """A step from the settled norm leads back to it; its angle is that of the triangle."""
    norm, angle = array(answer, (2,))
    rate, decay, unit = given.values()
    if norm <= 0 or not 0 < angle < math.pi / 2:
        return "a norm is positive, and a step turns by an angle between 0 and a right one"
    along, across = (1 - rate * decay) * norm, rate * unit / norm
    after = math.hypot(along, across)
    if not close(after, norm):
        small = (rate * unit**2 / (2 * decay)) ** 0.25
        if close(norm, small):
            return "that is the chapter's formula, for small eta lambda; here it is not small"
        if close(math.hypot((1 - rate * decay) * norm**0.5, rate * unit / norm**0.5), norm**0.5):
            return "that is the square of the norm"
        return f"a step from this norm leads to {after / norm:.4g} times it"
    right = math.atan2(across, along)
    if close(angle, right):
        return ""
    if close(angle, math.sqrt(2 * rate * decay)):
        return "the norm is exact, and the angle is that for a small eta lambda"
    if close(angle, math.degrees(right)):
        return "an angle is in radians"
    if close(angle, across / norm) or close(angle, math.atan(across / norm)):
        return "the gradient starts at the end of the decayed vector: which triangle has the angle"
    return "draw w before and after: both have the same length, and decay gives a side"


def draw_matched_rates(generator: np.random.Generator, count: int = 6) -> list[dict]:
    """The learning rates and norms of a run, and its kind of step."""
    return [
        {
            "rates": (0.1 * 0.5 ** np.arange(5)).round(5).tolist(),
            "norms": generator.uniform(1.3, 4, 5).round(3).tolist(),
            "optimizer": ("SGD", "Adam")[index % 2],
        }
        for index in range(count)
    ]


def matched_rates_law(given: Given, answer: Any) -> str:
    """The turn: eta |g~| / |w|^2 under SGD, eta / |w| where a step ignores the gradient's size."""
    rates, norms = np.array(given["rates"]), np.array(given["norms"])
    found = array(answer, rates.shape)
    power = {"SGD": 2, "Adam": 1}[given["optimizer"]]
    if close(found, rates / norms**power):
        return ""
    if close(found, rates * norms**power):
        return "longer weights turn less: at norm 1 the learning rate must be smaller, not larger"
    if power == 2 and close(found, rates / norms):
        return "under SGD the gradient shrinks as well when weights are long"
    if power == 1 and close(found, rates / norms**2):
        return "Adam's step ignores the size of the gradient, so the norm acts once"
    angle = found / (rates / norms**power)
    return f"with these rates the turns are {angle.min():.3g} to {angle.max():.3g} times the run's"


def draw_normalized_gradient(generator: np.random.Generator, count: int = 5) -> list[dict]:
    """A unit, a batch, the gradient by its normalized outputs, and batch norm's epsilon."""
    return [
        {
            "weight": generator.normal(0, 0.3, 6).round(3),
            "inputs": generator.normal(0.5, 1, (20, 6)).round(3),
            "gradient": generator.normal(0.3, 1, 20).round(3),
            "epsilon": round(float(generator.choice([1e-5, 0.05, 0.3])), 5),
        }
        for _ in range(count)
    ]


def normalized_gradient_law(given: Given, answer: Any) -> str:
    """``<w, dL/dw> = eps / (var + eps) sum_i y_i dL/dy_i``, and finite differences."""
    weight, inputs, upper = (np.array(given[name]) for name in ("weight", "inputs", "gradient"))
    epsilon = given["epsilon"]
    found = array(answer, weight.shape)

    def loss(w: np.ndarray) -> float:
        z = inputs @ w
        return float(upper @ ((z - z.mean()) / math.sqrt(z.var() + epsilon)))

    small = 1e-6
    right = np.array(
        [
            (loss(weight + small * one) - loss(weight - small * one)) / (2 * small)
            for one in np.eye(len(weight))
        ]
    )
    if close(found, right, 1e-3):
        return ""
    z = inputs @ weight
    std = math.sqrt(z.var() + epsilon)
    y = (z - z.mean()) / std
    if close(found, inputs.T @ (upper - upper.mean()) / std, 1e-3):
        return "the standard deviation depends on the weights too: make w longer, and y stays"
    if close(found, inputs.T @ upper / std, 1e-3):
        return "mean and standard deviation of the batch depend on the weights, and yours are fixed"
    if close(found, inputs.T @ (upper - y * np.mean(upper * y)) / std, 1e-3):
        return "the mean depends on the weights too: the same number added to all z changes no y"
    if close(found * len(inputs), right, 1e-3):
        return "the loss is a sum over the batch, not a mean"
    along, asked = float(weight @ found), epsilon / std**2 * float(upper @ y)
    return f"<w, dL/dw> is {along:.3g}, and batch norm with this epsilon leaves {asked:.3g}"


def steps_to_settle_law(given: Given, answer: Any) -> str:
    """Two numbers of steps, of which the second is counted."""
    predicted, counted = array(answer, (2,))
    if predicted <= 0 or counted < 1:
        return "both are numbers of steps"
    if counted != round(counted):
        return "steps are counted: the second is a whole number"
    if abs(predicted / counted - 1) > 0.1:
        return (
            f"prediction and count differ ({predicted:.4g} and {counted:.4g}); is it the norm, "
            "its square or its fourth power that relaxes as an exponential"
        )
    return ""
