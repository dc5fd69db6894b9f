"""Assignment 1: fans, orthogonal weights, a gain, the border of chaos, a truncated normal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import special

from companion.classroom.law import Given, close
from companion.classroom.marking import array, number

TRUNCATED = 0.8796256610342398
"""The standard deviation of a standard normal number that lies within 2 of 0."""


def draw_fans(generator: np.random.Generator, count: int = 12) -> list[dict]:
    """Convolutions: the channels, the side of the kernel, groups and stride."""
    inputs = []
    for index in range(count):
        groups = int(generator.choice([1, 2, 3, 5])) if index else 1
        stride = int(generator.choice([1, 2, 3])) if index else 1
        inputs.append(
            {
                "outputs": groups * int(generator.integers(2, 9)),
                "inputs": groups * int(generator.integers(9, 20)),
                "kernel": int(generator.choice([3, 5, 7])),
                "groups": groups,
                "stride": stride,
            }
        )
    return inputs


def fans_law(given: Given, answer: Any) -> str:
    """Every connection has two ends: ``outputs fan_in / stride^2 = inputs fan_out``."""
    fan_in, fan_out = array(answer, (2,))
    outputs, inputs, kernel, groups, stride = (
        given[name] for name in ("outputs", "inputs", "kernel", "groups", "stride")
    )
    summed = inputs // groups * kernel**2
    if not close(fan_in, summed):
        if close(fan_in, summed * groups):
            return "an output of a grouped convolution sees the channels of its own group only"
        if close(fan_in, inputs // groups * kernel):
            return "a kernel has an area: fan_in counts a side of it only"
        return f"fan_in is {fan_in / summed:.3g} times the count of numbers that one output sums"
    from_outputs, from_inputs = outputs * fan_in / stride**2, inputs * fan_out
    if close(from_inputs, from_outputs):
        return ""
    if stride > 1 and close(from_inputs, from_outputs * stride**2):
        return "with a stride there are fewer outputs than inputs, so an input feeds fewer of them"
    if groups > 1 and close(from_inputs, from_outputs * groups):
        return "an input of a grouped convolution feeds the outputs of its own group only"
    return (
        f"a large image has {from_outputs:.6g} connections a pixel when counted from the outputs, "
        f"and {from_inputs:.6g} when counted from the inputs; each connection has both ends"
    )


def draw_orthogonal(generator: np.random.Generator, count: int = 30) -> list[dict]:
    """Sizes of matrices, wide and tall, a gain and a seed."""
    return [
        {
            "rows": int(generator.integers(2, 9)) if index else 3,
            "columns": int(generator.integers(2, 9)) if index else 7,
            "gain": round(float(generator.uniform(1.2, 2.5)), 3),
            "seed": int(generator.integers(2**31)),
        }
        for index in range(count)
    ]


def orthogonal_law(given: Given, answer: Any) -> str:
    """``W W^T = g^2 I`` for a wide matrix, ``W^T W = g^2 I`` for a tall one."""
    rows, columns, gain = given["rows"], given["columns"], given["gain"]
    weight = array(answer, (rows, columns))
    wide = rows <= columns
    gram = weight @ weight.T if wide else weight.T @ weight
    one = np.eye(len(gram))
    side = "rows" if wide else "columns"
    if close(gram, gain**2 * one, 1e-5):
        return ""
    if close(gram, one, 1e-5):
        return f"the {side} are orthogonal and have length 1; where is the gain?"
    if close(gram, np.diag(np.diag(gram)), 1e-5):
        lengths = np.sqrt(np.diag(gram))
        reach = f"{lengths.min():.3g} to {lengths.max():.3g}"
        return f"the {side} are orthogonal, and their lengths are {reach}, not {gain:g}"
    return f"two {side} must be at a right angle, and two of yours are not"


def fair_law(drawn: Sequence[Any]) -> str:
    """No direction is preferred: a corner weight is positive in half of the draws."""
    corners = {bool(weight[0][0] > 0) for weight in drawn}
    return (
        f"the first weight has the same sign in all of {len(drawn)} draws; a direction that is as "
        "likely as its opposite has not. What does a QR routine do with the signs of R?"
        if len(corners) == 1
        else ""
    )


def draw_capped_gain(generator: np.random.Generator, count: int = 10) -> list[dict]:
    """Where the ReLU is cut, and the standard deviation of the signal before it."""
    return [
        {
            "cap": round(float(generator.uniform(0.6, 2.5)), 3),
            "std": round(float(generator.choice([0.5, 0.7, 1.5, 2.0, 3.0])), 3),
        }
        for _ in range(count)
    ]


def capped_gain_law(given: Given, answer: Any) -> str:
    """``g^2 E[phi(s z)^2] = s^2``."""
    found, cap, std = number(answer), given["cap"], given["std"]

    def kept(t: float) -> tuple[float, float]:  # E[min(max(z, 0), t)^2]: below the cap, and at it
        density = math.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)
        return special.ndtr(t) - 0.5 - t * density, t**2 * special.ndtr(-t)

    below, at = kept(cap / std)
    right = 1 / math.sqrt(below + at)
    if close(found, right, 5e-3):
        return ""
    if found <= 0:
        return f"a gain is positive, got {found:g}"
    if found < math.sqrt(2) * 0.99:
        return "a cap takes away from what a ReLU lets through, so the gain cannot be below ReLU's"
    if close(found, 1 / math.sqrt(below), 5e-3):
        return "signals above the cap do not vanish: each of them passes as the cap itself"
    if close(found, 1 / math.sqrt(sum(kept(cap))), 5e-3):
        return "the signal's standard deviation is not 1: which share of it lies above the cap?"
    if close(found, right**2, 5e-3):
        return (
            "a gain multiplies the signal; yours makes up for the mean square, which is its square"
        )
    ratio = found**2 * (below + at)
    return f"the mean square behind the layer is {ratio:.3g} times the one before, and 1 is asked"


def draw_settled(generator: np.random.Generator, count: int = 10) -> list[dict]:
    """The sizes of weights and biases, on both sides of the border."""
    return [
        {
            "sigma_w": round(float(generator.uniform(0.7, 2.5)), 3),
            "sigma_b": round(float(generator.uniform(0.15, 0.8)), 3),
        }
        for _ in range(count)
    ]


def settled_law(given: Given, answer: Any) -> str:
    """q is what the map gives back; chi is ``sigma_w^2 (4/pi) / sqrt(1 + 4q)`` there."""
    q, chi = array(answer, (2,))
    sigma_w, sigma_b = given["sigma_w"], given["sigma_b"]
    if q <= 0:
        return f"q is a variance, and biases keep it above 0; got {q:.3g}"

    def onward(q: float) -> float:
        return sigma_w**2 * 2 / math.pi * math.asin(2 * q / (1 + 2 * q)) + sigma_b**2

    following = onward(q)
    if abs(following - q) > 2e-3 * q:
        if close(onward(q * q), q * q, 2e-3):
            return "q is a variance: yours has settled, but as its square root"
        if close(q, following - sigma_b**2, 2e-3):
            return "the biases add their variance in every layer, and yours seem to be missing"
        if close(q, following - sigma_b**2 + sigma_b, 2e-3):
            return "variances add, not standard deviations: what do biases contribute?"
        return f"a layer that is given the variance {q:.4g} gives {following:.4g}: not settled yet"
    right = sigma_w**2 * 4 / math.pi / math.sqrt(1 + 4 * q)
    if close(chi, right, 2e-3):
        return ""
    if close(chi * sigma_w**2, right, 2e-3):
        return "chi holds the size of the weights as well as the slope of the activation"
    if close(chi, sigma_w**2 * 4 / math.pi / math.sqrt(5), 2e-3):
        return "chi belongs to the variance that the layers settle at, not to the variance 1"
    if close(chi, sigma_w**2 * 4 / math.pi / (1 + 4 * q), 2e-3) or close(chi**2, right, 2e-3):
        return "chi multiplies a mean square: take the mean of the squared slope, and only once"
    return f"q is right; a small difference grows {chi / right:.3g} times too fast with your chi"


def draw_truncated_normal(generator: np.random.Generator, count: int = 6) -> list[dict]:
    """Layers whose two sides differ, a gain and a seed."""
    return [
        {
            "units": int(generator.integers(30, 50)),
            "fan_in": int(generator.integers(120, 160)),
            "gain": round(float(generator.uniform(0.8, 1.8)), 3),
            "seed": int(generator.integers(2**31)),
        }
        for _ in range(count)
    ]


def truncated_normal_law(given: Given, answer: Any) -> str:
    """Standard deviation ``g / sqrt(fan_in)``, all within two of a normal's, none heaped there."""
    units, fan_in = given["units"], given["fan_in"]
    weight = array(answer, (units, fan_in))
    std = given["gain"] / math.sqrt(fan_in)
    error = 1 / math.sqrt(2 * weight.size)  # of a normal's standard deviation, relative
    largest, found = float(np.abs(weight).max()), float(weight.std())
    if np.count_nonzero(np.isclose(np.abs(weight), largest, rtol=1e-9)) > 2:
        return (
            "many weights lie at the very bound: cutting moves them there; draw them again instead"
        )
    if abs(weight.mean()) > 5 * std / math.sqrt(weight.size):
        return "the mean of the weights is further from 0 than chance would take it"
    if abs(found / std - 1) > 5 * error:
        if abs(found / (std * TRUNCATED) - 1) <= 5 * error:
            return (
                "without its tails a distribution is narrower than before: make up for what is lost"
            )
        if abs(found / std - math.sqrt(fan_in / units)) <= 5 * error * 2:
            return "the standard deviation follows from the inputs of a unit; what did you count?"
        return f"the standard deviation is {found / std:.3g} times what was asked"
    if largest > 2 / TRUNCATED * std * (1 + 1e-6):
        return (
            f"a weight lies {largest / std * TRUNCATED:.3g} standard deviations of the normal out"
        )
    if largest < 2.1 * std:
        reach = f"{largest / std:.3g} standard deviations"
        return (
            f"no weight lies further out than {reach}; cut at two of the normal's, which are more"
        )
    return ""
