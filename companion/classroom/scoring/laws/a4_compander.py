"""Assignment 4: another curve, a companded step, plain twins, weights out of range, learned a."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from companion.classroom.law import Given, close
from companion.classroom.marking import array, number


def draw_algebraic(generator: np.random.Generator, count: int = 8) -> list[dict]:
    """One weight in the range of a curve, and the curve's two numbers."""
    inputs = []
    for _ in range(count):
        a, b = (round(float(one), 3) for one in generator.uniform(0.4, 1.6, 2))
        share = generator.uniform(0.3, 0.9) * generator.choice([-1, 1])
        inputs.append({"w": round(float(a * share), 4), "a": a, "b": b})
    return inputs


def algebraic_law(given: Given, answer: Any) -> str:
    """``psi(v) = w``, and the step factor is the square of psi's slope at v."""
    v, factor = array(answer, (2,))
    w, a, b = given["w"], given["a"], given["b"]
    back = a * v / math.hypot(b, v)
    if not close(back, w):
        if close(-back, w):
            return "an odd curve has an odd inverse: v has the sign of w"
        return f"this v gives the weight {back:.4g}, not {w:.4g}"
    slope = a * b**2 / math.hypot(b, v) ** 3
    if close(factor, slope**2):
        return ""
    if close(factor, slope):
        return "the slope acts twice, on the gradient and on the way from v to w"
    if close(factor * slope, 1) or close(factor * slope**2, 1):
        return "that is the slope of the inverse, dv/dw; a step in v is multiplied by dw/dv"
    if close(factor, (a / b) ** 2):
        return "that is the factor at w = 0, and the curve is flatter here"
    return f"move v a little: w moves {slope:.3g} times as far, and the gradient changes as well"


def draw_companded_step(generator: np.random.Generator, count: int = 6) -> list[dict]:
    """Trained numbers v, the gradient by w, the curve, a learning rate and a decay."""
    inputs = []
    for _ in range(count):
        a, b = (round(float(one), 2) for one in generator.uniform(0.4, 1.6, 2))
        inputs.append(
            {
                "v": generator.normal(0, b, 6).round(3),
                "gradient": generator.normal(0, 1, 6).round(3),
                "a": a,
                "b": b,
                "rate": round(float(generator.uniform(0.05, 0.5)), 3),
                "decay": round(float(generator.uniform(0.2, 0.8)), 3),
            }
        )
    return inputs


def companded_step_law(given: Given, answer: Any) -> str:
    """``v - rate psi'(v) (gradient + decay psi(v))``."""
    v, gradient, a, b, rate, decay = given.values()
    v, gradient = np.array(v), np.array(gradient)
    found = (v - array(answer, v.shape)) / rate
    slope = a * b / (b**2 + v**2)
    w = np.arctan(v / b) * a
    if close(found, slope * (gradient + decay * w)):
        return ""
    if close(found, -slope * (gradient + decay * w)):
        return "a step goes against the gradient"
    if close(found, gradient + decay * w):
        return "v takes the gradient by v, and the chain rule has a slope in it"
    if close(found, slope * gradient + decay * w):
        return "decay on w is a part of the loss, lambda w^2 / 2: its gradient passes the slope too"
    if close(found, slope * gradient):
        return "the decay is missing"
    if close(found, slope**2 * (gradient + decay * w)):
        return "v moves by one slope; the second comes when w follows"
    if close(found, slope * (gradient + decay * v)) or close(found, slope * gradient + decay * v):
        return "the decay pulls at w, and yours at v"
    return "b is only a learning rate: is your v / b the same for (b, rate) as for (1, rate / b^2)"


def draw_twin(generator: np.random.Generator, count: int = 8) -> list[dict]:
    """A companded training, and what its decay acts on."""
    return [
        {
            "a": round(float(generator.uniform(0.5, 0.9)), 2),
            "b": round(float(generator.uniform(1.1, 1.9)), 2),
            "rate": round(float(generator.uniform(0.02, 0.2)), 3),
            "decay": round(float(generator.uniform(1e-3, 1e-2)), 4),
            "acts_on": "wv"[index % 2],
        }
        for index in range(count)
    ]


def twin_law(given: Given, answer: Any) -> str:
    """One step of each from a small weight, without and with a gradient."""
    rate, decay = array(answer, (2,))
    slope = given["a"] / given["b"]

    def companded(w: float, gradient: float) -> float:
        v = w / slope
        pull = {"w": slope * given["decay"] * w, "v": given["decay"] * v}[given["acts_on"]]
        return slope * (v - given["rate"] * (slope * gradient + pull)) - w

    moved = -rate * 1.0
    if not close(moved, companded(0.0, 1.0)):
        if close(moved, companded(0.0, 1.0) / slope):
            return "near zero the slope acts twice, and so does it on the learning rate"
        if close(moved * slope**4, companded(0.0, 1.0)):
            return "a is above b in the slope"
        return f"with no decay the twin moves {moved / companded(0.0, 1.0):.3g} times as far"
    if close(-rate * decay * 1.0, companded(1.0, 0.0)):
        return ""
    shrunk = rate * decay / -companded(1.0, 0.0)
    if given["acts_on"] == "v" and close(decay, given["decay"]):
        return "decay on v shrinks w by rate * decay a step, and the twin has another rate"
    return f"with no gradient the twin shrinks {shrunk:.3g} times as fast"


def draw_safe_start(generator: np.random.Generator, count: int = 6) -> list[dict]:
    """Weights of which some lie beyond the bound, on both sides, and the curve."""
    inputs = []
    for _ in range(count):
        a, b = (round(float(one), 2) for one in generator.uniform(0.3, 0.8, 2))
        shares = [-2.6, -1.2, -0.995, -0.8, -0.5, 0.0, 0.3, 0.7, 0.97, 1.3, 2.2]
        spread = generator.uniform(0.95, 1.0, len(shares))
        w = a * math.pi / 2 * np.array(shares) * np.where(np.abs(shares) < 0.99, spread, 1)
        inputs.append({"w": w.round(4), "a": a, "b": b})
    return inputs


def safe_start_law(given: Given, answer: Any) -> str:
    """Within 0.99 of the bound each weight is itself; beyond, it is 0.99 of the bound."""
    w, a, b = np.array(given["w"]), given["a"], given["b"]
    v = array(answer, w.shape)
    back, bound = a * np.arctan(v / b), a * math.pi / 2
    inside = np.abs(w) <= 0.99 * bound
    if not close(back[inside], w[inside]):
        worst = int(np.argmax(np.where(inside, np.abs(back - w), 0)))
        if np.all(np.abs(back) <= a * 1.01) and abs(w[worst]) > a * 0.99:
            return f"the bound is a pi/2, and yours is a: {w[worst]:.4g} has a v of its own"
        return f"the weight {w[worst]:.4g} lies in the range and comes back as {back[worst]:.4g}"
    beyond = ~inside
    if np.any(back[beyond] * w[beyond] < 0):
        return "a weight beyond the bound has changed its sign: the tangent has the period pi"
    if close(back[beyond], np.sign(w[beyond]) * 0.99 * bound, 1e-3):
        return ""
    short = np.abs(back[beyond]) / bound
    return f"weights beyond the bound come back as {short.min():.3g} to {short.max():.4g} of it"


def draw_mean_step(generator: np.random.Generator, count: int = 8) -> list[dict]:
    """Where uniform weights end, within the range, and the curve."""
    inputs = []
    for _ in range(count):
        a, b = (round(float(one), 2) for one in generator.uniform(0.4, 1.5, 2))
        bound = round(float(a * generator.uniform(0.5, 1.5)), 3)
        inputs.append({"bound": bound, "a": a, "b": b})
    return inputs


def mean_step_law(given: Given, answer: Any) -> str:
    """``(a/b)^2 E[cos^4(w/a)]``, by quadrature."""
    found = number(answer)
    bound, a, b = given["bound"], given["a"], given["b"]
    w = (np.arange(2000) + 0.5) / 2000 * bound
    powers = {k: float(np.mean(np.cos(w / a) ** k)) for k in (1, 2, 4)}
    first = (a / b) ** 2
    if close(found, first * powers[4], 5e-3):
        return ""
    if close(found, powers[4], 5e-3):
        return "that is what the curve leaves; the steps at 0 are not plain ones"
    if found > first * 1.001:
        return "the curve is steepest at 0, so no mean exceeds the factor there"
    if close(found, a / b * powers[2], 5e-3):
        return "the slope acts twice: the mean of its square is asked for"
    if close(found, (a / b * powers[2]) ** 2, 5e-3):
        return "the mean of a square is not the square of a mean"
    if close(found, first * math.cos(bound / a) ** 4, 5e-3):
        return "that is the factor of the largest weight alone"
    spread = bound / math.sqrt(3) / a
    normal = 3 / 8 + math.exp(-2 * spread**2) / 2 + math.exp(-8 * spread**2) / 8
    if close(found, first * normal, 5e-3):
        return "that is the mean over normal weights; uniform ones have no tails"
    return f"it is {found / first:.3g} of the factor at 0; sample the weights and average to see"


def draw_pair_gradient(generator: np.random.Generator, count: int = 6) -> list[dict]:
    """Trained numbers, the gradient by w, and the curve."""
    return [
        {
            "v": generator.normal(0, 1, 8).round(3),
            "gradient": generator.normal(0.3, 1, 8).round(3),
            "a": round(float(generator.uniform(0.4, 0.8)), 2),
            "b": round(float(generator.uniform(1.2, 1.8)), 2),
        }
        for _ in range(count)
    ]


def pair_gradient_law(given: Given, answer: Any) -> str:
    """``a dL/da = sum g w`` and ``b dL/db = -sum v dL/dv``."""
    by_a, by_b = array(answer, (2,))
    v, gradient = np.array(given["v"]), np.array(given["gradient"])
    a, b = given["a"], given["b"]
    w = a * np.arctan(v / b)
    along = gradient * v * (a / b) / (1 + (v / b) ** 2)  # v dL/dv
    if not close(a * by_a, (gradient * w).sum(), 5e-3):
        if close(by_a, (gradient * w).sum(), 5e-3):
            return "w is proportional to a, so a dL/da = sum of gradient times w; yours is this sum"
        if close(a * by_a, (gradient * w).mean(), 5e-3):
            return "a is shared: its gradient is a sum over the weights, not a mean"
        return "make a 1 % larger: every w grows by 1 %, and the loss by 0.01 a dL/da"
    if close(b * by_b, -along.sum(), 5e-3):
        return ""
    if close(b * by_b, along.sum(), 5e-3):
        return "a larger b makes weights smaller: mind the sign"
    if close(b * by_b, -along.mean(), 5e-3):
        return "b is shared: its gradient is a sum over the weights, not a mean"
    if close(by_b, -along.sum(), 5e-3):
        return "b dL/db = - sum of v dL/dv; yours is this sum"
    return "twice all v and twice b leave every w as it is; what does that say of dL/db and dL/dv"
