"""Answers to chapter 1's exercises, tried."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from companion.display.exercises import Reply, number, numbers
from companion.theory import gains, meanfield


def gain_of_abs(answer: Any) -> Reply:
    """The gain of ``|z|``: a layer with it keeps a second moment of 1.

    >>> gain_of_abs(1.5)
    Not yet: a layer with this gain turns a second moment of 1 into 2.25.
    """
    return number(answer, lambda gain: _moved(gain, abs))


def gain_of_squared_relu(answer: Any) -> Reply:
    """The gain of ``max(z, 0)^2``."""
    return number(answer, lambda gain: _moved(gain, lambda z: max(z, 0.0) ** 2))


def depthwise_fans(answer: Any) -> Reply:
    """Fan-in and fan-out of ``nn.Conv2d(64, 64, 3, groups=64)``, counted by asking the layer."""

    def broken(fan_in: float, fan_out: float) -> str:
        layer = nn.Conv2d(64, 64, 3, groups=64, bias=False)
        nn.init.ones_(layer.weight)
        summed = layer(torch.ones(1, 64, 3, 3))[0, 0].item()
        if fan_in != summed:
            return f"set all weights and inputs to 1, and an output is {summed:g}, not {fan_in:g}"
        image = torch.zeros(1, 64, 5, 5)
        image[0, 0, 2, 2] = 1.0
        reached = int(layer(image).count_nonzero())
        if fan_out != reached:
            return f"light one pixel, and the outputs that change are not {fan_out:g}"
        return ""

    return numbers(answer, 2, broken)


def std_without_groups(answer: Any) -> Reply:
    """Xavier's standard deviation of that layer, by a program that does not know of groups."""

    def broken(std: float) -> str:
        outputs = 2 / std**2 - 9 if std else math.inf
        if abs(outputs / (64 * 9) - 1) < 0.02:
            return ""
        return f"with fan-in 9 and Xavier's rule this counts {outputs:.3g} outputs to an input"

    return number(answer, broken)


def deepest(answer: Any) -> Reply:
    """How many layers a tanh network of gain 1.5 may have at six depth scales."""

    def broken(layers: float) -> str:
        chi = meanfield.chi_1("tanh", meanfield.fixed_point("tanh", 1.5), 1.5)
        scales = layers * abs(math.log(chi))
        return "" if abs(scales - 6) < 0.4 else f"so many layers are {scales:.1f} depth scales"

    return number(answer, broken)


def default_gain(answer: Any) -> Reply:
    """The gain of torch's default weights, whose variance is a third of 1 / fan_in."""

    def broken(gain: float) -> str:
        torch.manual_seed(0)
        std = nn.Linear(512, 512).weight.std().item() * math.sqrt(512)
        if abs(gain / std - 1) < 0.01:
            return ""
        return (
            f"a layer of 512 inputs would have weights of {gain / math.sqrt(512):.4f}, and "
            "torch's have another standard deviation"
        )

    return number(answer, broken)


def edge_gain(answer: Any) -> Reply:
    """The gain at which a tanh network with biases of standard deviation 0.5 leaves order.

    >>> edge_gain(1.0)
    Not yet: at this gain chi_1 is 0.580.
    """

    def broken(gain: float) -> str:
        if gain <= 0:
            return f"a gain is a positive number, got {gain:g}"
        chi = meanfield.chi_1("tanh", meanfield.fixed_point("tanh", gain, 0.5), gain)
        return "" if abs(chi - 1) < 0.01 else f"at this gain chi_1 is {chi:.3f}"

    return number(answer, broken)


def _moved(gain: float, function: gains.Function) -> str:
    after = gain**2 * gains.normal_mean(lambda z: function(z) ** 2)
    if abs(after - 1) < 0.01 and gain > 0:
        return ""
    if gain <= 0:
        return f"a gain is a positive number, got {gain:g}"
    return f"a layer with this gain turns a second moment of 1 into {after:.3g}"
