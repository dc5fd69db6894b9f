"""Assignment 6: gradients of length and direction, lengths of any layer, spread, a lost start."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from companion.classroom.law import Given, close
from companion.classroom.marking import array, number


def draw_split_gradient(generator: np.random.Generator, count: int = 6) -> list[dict]:
    """A unit's vector and length, and the gradient by its weights."""
    return [
        {
            "v": generator.normal(0, generator.uniform(0.3, 2), 5).round(3),
            "r": round(float(generator.uniform(0.5, 3)), 3),
            "gradient": generator.normal(0, 1, 5).round(3),
        }
        for _ in range(count)
    ]


def split_gradient_law(given: Given, answer: Any) -> str:
    """``dL/dr = <gradient, u>``; ``dL/dv`` is r / |v| times what of it is across u."""
    v, r, gradient = np.array(given["v"]), given["r"], np.array(given["gradient"])
    if not isinstance(answer, list) or len(answer) != 2:
        return "two things are asked for: a number dL/dr and an array dL/dv"
    by_r, by_v = number(answer[0]), array(answer[1], v.shape)
    norm = float(np.linalg.norm(v))
    along = float(gradient @ v) / norm
    if not close(by_r, along):
        if close(by_r, along * norm):
            return "w = r v / |v|: a longer r moves w along a vector of length 1, not along v"
        return "make r a little larger: w moves along its direction, and the loss by <gradient, u>"
    across = gradient - along * v / norm
    if close(by_v, r / norm * across):
        return ""
    if abs(by_v @ v) > 1e-6 * norm * np.linalg.norm(by_v) + 1e-9:
        if close(by_v, r / norm * gradient):
            return "|v| depends on v as well; as yours is, dL/dv would change the length of w"
        return "twice v is the same w, so dL/dv must be at a right angle to v"
    if close(by_v, across):
        return "a longer v turns less for the same step: where are r and |v|"
    if close(by_v, r * across):
        return "a longer v turns less for the same step: where is |v|"
    return "dL/dv has the right direction and another length"


def draw_layer_length(generator: np.random.Generator, count: int = 10) -> list[dict]:
    """Convolutions with groups and strides, and what stands behind them."""
    layers = []
    for index in range(count):
        groups = int(generator.choice([1, 3, 5]))
        layers.append(
            {
                "inputs": groups * int(generator.integers(8, 30)),
                "outputs": groups * int(generator.integers(31, 60)),
                "kernel": int(generator.choice([3, 5])),
                "groups": groups,
                "stride": (2, 1, 3)[index % 3],
                "behind": ("ReLU", "nothing", "addition")[(index + index // 3) % 3],
                "blocks": int(generator.integers(3, 20)),
            }
        )
    return layers


def layer_length_law(given: Given, answer: Any) -> str:
    """``kept share * r^2 * fan_out / fan_in`` is 1, or 1 / B where a branch ends."""
    found = number(answer)
    inputs, outputs, kernel, groups, stride, behind, blocks = given.values()
    if found <= 0:
        return "a length is positive"
    each = kernel**2 / groups
    fan_in, fan_out = inputs * each, outputs * each / stride**2
    share = {"ReLU": 0.5, "nothing": 1.0, "addition": 1.0}[behind]
    asked = {"ReLU": 1.0, "nothing": 1.0, "addition": 1 / blocks}[behind]
    kept = share * found**2 * fan_out / fan_in
    if close(kept, asked, 4e-3):
        return ""
    if stride > 1 and close(kept * stride**2, asked, 4e-3):
        return "with a stride there are fewer outputs, so less of the signal's length is left"
    if close(kept / kernel**2 * groups, asked, 4e-3) or close(kept * groups, asked, 4e-3):
        return "kernel and groups stand in both fans"
    if close(kept * fan_in / fan_out, asked, 4e-3):
        return "that is the backward rule, which keeps the length of the gradient"
    if close(kept * (fan_in / fan_out) ** 2, asked, 4e-3):
        return "more outputs need shorter vectors: turn the quotient of the fans round"
    if behind == "ReLU" and close(kept, 0.5, 4e-3):
        return "the ReLU behind the layer lets half of the squared length through"
    if behind == "addition" and close(kept, 1 / blocks**2, 4e-3):
        return "B branches add their squared lengths: the length has the root of B"
    if behind == "addition" and close(kept, 1.0, 4e-3):
        return "a branch that adds as much as the signal doubles its squared length in every block"
    return f"the squared length is multiplied by {kept:.3g}, and {asked:.3g} is asked"


def draw_layer_spread(generator: np.random.Generator, count: int = 9) -> list[dict]:
    """Narrow layers, and the slope of the activation's negative side."""
    return [
        {
            "fan_in": 1 if index == 1 else int(generator.integers(2, 12)),
            "fan_out": int(generator.integers(7, 30)),
            "slope": (0.0, 0.3, 1.0)[index % 3] if index < 6 else round(generator.random(), 2),
        }
        for index in range(count)
    ]


def layer_spread_law(given: Given, answer: Any) -> str:
    """``s^2 m + 1 = E[X^4] / E[X^2]^2`` of one unit, with ``E[u_1^4] = 3 / (n (n + 2))``."""
    found = number(answer)
    n, m, slope = given.values()
    sides = 2 * (1 + slope**4) / (1 + slope**2) ** 2
    right = math.sqrt((3 * n / (n + 2) * sides - 1) / m)
    if close(found, right, 5e-3):
        return ""
    if close(found, right**2, 5e-3):
        return "a standard deviation is asked for, and that is its square"
    if close(found, math.sqrt((3 * sides - 1) / m), 5e-3):
        return (
            "that is the spread of normal weights; coordinates of a vector of length 1 are not "
            "independent, and E[u_1^4] = 3 / (n (n + 2))"
        )
    if close(found, math.sqrt((6 * n / (n + 2) - 1) / m), 5e-3):
        return "the negative side passes slope^2 of the square and slope^4 of the fourth power"
    if close(found * math.sqrt(m), right, 5e-3) or close(found / math.sqrt(m), right, 5e-3):
        return "fan_out units are independent: what does that do to the variance of their sum"
    if n == 1:
        return f"with one input u is +1 or -1: calculate it for slope {slope:g} by hand"
    return f"one unit's E[X^4] / E[X^2]^2 would be {found**2 * m + 1:.3g}"


def draw_filled(generator: np.random.Generator, count: int = 4) -> list[dict]:
    """The sizes of a layer, the standard deviation that is wanted, and a seed."""
    return [
        {
            "fan_in": int(generator.integers(50, 70)),
            "units": int(generator.integers(25, 35)),
            "std": round(float(generator.choice([0.02, 0.25, 0.5])), 3),
            "seed": int(generator.integers(2**31)),
        }
        for _ in range(count)
    ]


def filled_law(given: Given, answer: Any) -> str:
    """The weights that act have the standard deviation that was asked for."""
    fan_in, units, std, _ = given.values()
    weight = array(answer, (units, fan_in))
    found, error = float(weight.std()), 5 / math.sqrt(2 * weight.size)
    norms = np.linalg.norm(weight, axis=1)
    if close(norms, np.full(units, norms.mean()), 1e-4):
        return "all units have one length, and independent normal weights do not"
    if abs(found / std - 1) <= error and abs(weight.mean()) <= 5 * std / math.sqrt(weight.size):
        return ""
    if abs(found * math.sqrt(3 * fan_in) - 1) <= error:
        return "the layer acts with PyTorch's own start: what was filled in has been thrown away"
    return f"the weights that act have {found / std:.3g} times the standard deviation asked for"


def draw_from_data(generator: np.random.Generator, count: int = 5) -> list[dict]:
    """A layer's vectors, a unit a row, and a batch of inputs that are not centred."""
    batches = []
    for _ in range(count):
        sizes = generator.uniform(0.4, 2.5, (6, 1))
        vectors = sizes * generator.standard_normal((6, 8))
        images = generator.normal(0.6, 1.2, (80, 8))
        batches.append({"vectors": vectors.round(3), "images": images.round(3)})
    return batches


def from_data_law(given: Given, answer: Any) -> str:
    """Each unit's ``r <u, x> + b`` has mean 0 and variance 1 over the batch."""
    vectors, images = np.array(given["vectors"]), np.array(given["images"])
    lengths, biases = array(answer, (2, len(vectors)))
    if np.any(lengths <= 0):
        return "a length is positive"
    t = images @ (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).T
    z = lengths * t + biases
    means, variances = z.mean(axis=0), z.var(axis=0)
    if np.all(np.abs(variances - 1) < 0.03):
        if np.all(np.abs(means) < 0.02):
            return ""
        if close(biases, -t.mean(axis=0), 1e-3):
            return "the mean is multiplied by the length before the bias is added"
        return "the units have variance 1, and not mean 0: what must each bias take away"
    if close(lengths, 1 / (images @ vectors.T).std(axis=0), 2e-2):
        return "the length multiplies a direction: divide each vector by its own length first"
    if close(lengths, 1 / t.var(axis=0), 2e-2):
        return "divide by the standard deviation, not by the variance"
    if np.ptp(lengths) < 1e-6:
        return "each unit has its own length: statistics are over images, not over units"
    reach = f"{variances.min():.3g} to {variances.max():.3g}"
    return f"over the batch the units have variances from {reach}"


def grown_law(given: Given, answer: Any) -> str:
    """Two factors of the squared length, of which one was measured."""
    predicted, measured = array(answer, (2,))
    if min(predicted, measured) <= 1:
        return "branches that are added in random directions lengthen a signal"
    if predicted == measured:
        return "a measurement never agrees to the last digit; measure it"
    if abs(measured / predicted - 1) > 0.3:
        return (
            f"you predict {predicted:.3g} and measure {measured:.3g}; is it the length or its "
            "square, and do the blocks' factors multiply"
        )
    return ""
