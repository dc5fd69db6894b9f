"""Assignment 2: signals through parts and widths, their spread, LSUV, the parts of a variance."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from companion.classroom.law import Given, close
from companion.classroom.marking import Unreadable, array, number


def draw_mean_squares(generator: np.random.Generator, count: int = 8) -> list[dict]:
    """Networks of linear layers, ReLUs, dropout and residual branches, and the mean square of
    their inputs."""
    inputs = []
    for index in range(count):
        parts: list[list] = []
        for kind in generator.permutation(["relu", "relu", "dropout", "branch"]):
            fan_in = int(generator.integers(20, 200))
            parts.append(["linear", fan_in, round(float(generator.uniform(0.05, 0.15)), 3)])
            drop = ["dropout", round(float(generator.choice([0.1, 0.2, 0.3, 0.4])), 2)]
            branch = ["branch", round(float(generator.uniform(0.2, 0.9)), 2)]
            parts.append({"relu": ["relu"], "dropout": drop, "branch": branch}[str(kind)])
        start = round(float(generator.uniform(0.5, 3)), 2) if index else 1.0
        inputs.append({"parts": parts[: 2 + 2 * (index % 4)], "start": start})
    return inputs


def mean_squares_law(given: Given, answer: Any) -> str:
    """Each part has its factor: fan_in std^2, 1/2, 1 / (1 - p), 1 + a^2."""
    parts = given["parts"]
    found = array(answer, (len(parts),))
    if np.any(found <= 0):
        return "a mean square is positive"
    for (kind, *numbers), before, after in zip(
        parts, [given["start"], *found], found, strict=False
    ):
        factor = after / before
        if kind == "linear":
            fan_in, std = numbers
            right, slips = fan_in * std**2, {fan_in * std: "a mean square takes std squared"}
        elif kind == "relu":
            right = 0.5
            slips = {
                0.5 - 1 / (2 * math.pi): "that is the variance: the mean square keeps the mean too",
                1 / math.sqrt(2): "ReLU keeps half of the mean square, not of the rms",
            }
        elif kind == "dropout":
            (p,) = numbers
            right = 1 / (1 - p)
            slips = {
                1.0: "dividing by 1 - p keeps the mean; what of the mean of the squares?",
                1 - p: "the share 1 - p is kept, and each kept number is divided by 1 - p",
                1
                / (1 - p) ** 2: "a kept number's square grows by 1 / (1 - p)^2; how many are kept?",
                1 / p: "p is the share that is dropped, not the share that is kept",
            }
        else:
            (a,) = numbers
            right = 1 + a**2
            slips = {
                (1 + a) ** 2: "signal and branch are uncorrelated: their mean squares add",
                1 + a: "a branch that is scaled by a has a squared share of the mean square",
                a**2: "the branch is added to the signal, which stays",
            }
        if not close(factor, right):
            hint = next((said for slip, said in slips.items() if close(factor, slip)), "")
            return f"at {kind}, {hint or f'this part does not multiply by {factor:.4g}'}"
    return ""


def draw_both_ways(generator: np.random.Generator, count: int = 9) -> list[dict]:
    """Widths of a network from its inputs on, and the fan that the standard deviation counts."""
    return [
        {
            "widths": generator.integers(20, 300, size=int(generator.integers(3, 8))).tolist(),
            "mode": ("fan_in", "fan_out", "mean")[index % 3],
        }
        for index in range(count)
    ]


def both_ways_law(given: Given, answer: Any) -> str:
    """Signal ``prod n_in s^2/2`` and gradient ``prod n_out s^2/2``; their quotient is n_L / n_0."""
    signal, gradient = array(answer, (2,))
    widths, mode = given["widths"], given["mode"]
    if signal <= 0 or gradient <= 0:
        return "a mean square changes by a positive factor"
    if mode == "fan_in" and not close(signal, 1):
        return f"with fan_in each layer keeps the signal's mean square, and yours ends {signal:.3g}"
    if mode == "fan_out" and not close(gradient, 1):
        return f"with fan_out each layer keeps the gradient, and yours ends {gradient:.3g}"
    if not close(gradient / signal, widths[-1] / widths[0]):
        return (
            "signal and gradient meet the same weights, so whatever these are, gradient / signal "
            "is a quotient of two widths; which two are left when all others cancel"
        )
    fans = {
        "fan_in": lambda n, m: n,
        "fan_out": lambda n, m: m,
        "mean": lambda n, m: (n + m) / 2,
        "root": lambda n, m: math.sqrt(n * m),
        "sum": lambda n, m: n + m,
    }

    def through(kind: str) -> float:
        return math.prod(n / fans[kind](n, m) for n, m in itertools.pairwise(widths))

    if close(signal, through(mode)):
        return ""
    if close(signal, through("sum")):
        return "ReLU keeps half, so a variance of 2 / (n_in + n_out) halves every layer's signal"
    if close(signal, through("root")):
        return "the mean of the fans is asked for, not the root of their product"
    return f"the quotient is right, and both are {signal / through(mode):.3g} times what they are"


def draw_relative_spread(generator: np.random.Generator, count: int = 8) -> list[dict]:
    """Widths of the layers, narrow enough that they matter, and the activation."""
    return [
        {
            "widths": generator.integers(6, 60, size=1 if index < 2 else 5).tolist(),
            "activation": ("linear", "relu")[index % 2],
        }
        for index in range(count)
    ]


def relative_spread_law(given: Given, answer: Any) -> str:
    """``1 + s^2 = prod (1 + c / n)`` with c = 2 without an activation and 5 with ReLU."""
    found, widths = number(answer), given["widths"]
    c = {"linear": 2.0, "relu": 5.0}[given["activation"]]
    right = math.sqrt(math.prod(1 + c / n for n in widths) - 1)
    if close(found, right, 5e-3):
        return ""
    if close(found, right**2, 5e-3):
        return "a standard deviation is asked for, and that is its square"
    if close(found, math.sqrt(sum(c / n for n in widths)), 5e-3):
        return "variances of factors do not add: the means of their squares multiply"
    if given["activation"] == "relu" and found < right:
        kurtosis = "E[z^4] = 3, and ReLU halves it as it halves E[z^2]; what is left of it"
        return f"ReLU layers stray further than linear ones: {kurtosis}"
    if len(widths) == 1:
        return (
            f"one layer averages n squares of normal numbers: n s^2 is {found**2 * widths[0]:.3g}"
        )
    return "layers multiply: 1 + s^2 of the whole is the product of 1 + s^2 of its layers"


def draw_scaled_to_one(generator: np.random.Generator, count: int = 4) -> list[dict]:
    """Weight matrices of a ReLU network, of any size, and a batch of inputs, an image a row."""
    stacks = []
    for _ in range(count):
        widths = generator.integers(8, 20, size=5).tolist()
        sizes = generator.uniform(0.2, 3, size=4)
        weights = [
            (size * generator.standard_normal((m, n))).round(4)
            for size, (n, m) in zip(sizes, itertools.pairwise(widths), strict=True)
        ]
        images = generator.normal(0.3, 1.5, (60, widths[0])).round(4)
        stacks.append({"weights": [one.tolist() for one in weights], "images": images.tolist()})
    return stacks


def scaled_to_one_law(given: Given, answer: Any) -> str:
    """Each matrix keeps its direction, and each pre-activation has variance 1."""
    before = [np.array(one) for one in given["weights"]]
    if not isinstance(answer, list) or len(answer) != len(before):
        raise Unreadable(f"a list of {len(before)} matrices was asked for")
    signal = np.array(given["images"])
    for layer, (old, one) in enumerate(zip(before, answer, strict=True), 1):
        weight = array(one, old.shape)
        factor = float((weight * old).sum() / (old * old).sum())
        if factor <= 0 or not close(weight, factor * old, 1e-4):
            return f"layer {layer} is to be multiplied by one positive number, and it turned"
        signal = signal @ weight.T
        variance = signal.var()
        if abs(variance - 1) > 0.01:
            if abs(np.square(signal).mean() - 1) < 0.01:
                return f"layer {layer} has mean square 1; the variance leaves the mean out"
            if layer > 1:
                return (
                    f"layer {layer} gives the variance {variance:.3g}: what reaches it changes "
                    "when the layers below are scaled, so when must it be measured"
                )
            if close(factor * (signal / factor).var(), 1):
                return "divide by the standard deviation, not by the variance"
            return f"layer 1 gives the variance {variance:.3g}, and 1 is asked"
        signal = signal.clip(0)
    return ""


def draw_four_parts(generator: np.random.Generator, count: int = 5) -> list[dict]:
    """A layer that has learned: weights that know their inputs, with a mean and biases."""
    layers = []
    for _ in range(count):
        units, fan_in, images = 12, int(generator.integers(15, 30)), 80
        common = generator.standard_normal((images, 1))
        inputs = generator.normal(0.4, 0.8, (images, fan_in)) + common
        weight = generator.normal(generator.uniform(0.05, 0.2), 0.3, (units, fan_in))
        weight += generator.normal(0, 0.2, (units, 1))
        bias = generator.normal(0, generator.uniform(1, 3), units)
        layers.append({"weight": weight.round(3), "bias": bias.round(3), "inputs": inputs.round(3)})
    return layers


def four_parts_law(given: Given, answer: Any) -> str:
    """The four add up to Var(z), and each is what its words say."""
    parts = array(answer, (4,))
    weight, bias, inputs = (np.array(given[name]) for name in ("weight", "bias", "inputs"))
    whole = (inputs @ weight.T + bias).var()
    if not close(parts.sum(), whole):
        return f"the four must add up to the variance of z, and are {parts.sum() / whole:.4g} of it"
    rest = weight - weight.mean()
    size = weight.shape[1] * rest.var() * np.square(inputs).mean()
    squares = np.square(inputs @ rest.T).mean()
    without_bias = (inputs @ weight.T).var()
    right = [size, squares - size, without_bias - squares, whole - without_bias]
    if close(parts, right):
        return ""
    if not close(parts[0], right[0]):
        if close(parts[0], weight.shape[1] * np.square(weight).mean() * np.square(inputs).mean()):
            return "the size is that of w - mean, without the mean of the weights"
        if close(parts[0], weight.shape[1] * rest.var() * inputs.var()):
            return "independent weights multiply the mean square of the inputs, not their variance"
        if close(parts[0] * weight.shape[1], right[0]):
            return "a unit sums fan_in products, and your size has one"
        return "they add up, but the first is not what independent weights of this size would give"
    if not close(parts[1], right[1]):
        return (
            "correlation is the mean square of (w - mean) x beyond the size, and not its variance"
        )
    return "the last two are in the wrong place: the mean first, and the bias is all that is left"


def gradient_ratio_law(given: Given, answer: Any) -> str:
    """Two numbers, of which one was measured."""
    predicted, measured = array(list(answer) if isinstance(answer, tuple) else answer, (2,))
    if predicted == measured:
        return "a measurement never agrees to the last digit; measure it"
    if abs(predicted - measured) > 0.5:
        return (
            f"prediction and measurement differ by {abs(predicted - measured):.2f} powers of ten; "
            "rms or mean square, ten or e, and from which layer to which"
        )
    return ""
