"""Signals and gradients in untrained weight-normalized networks (A, figure 1), beside theory.

Directions are drawn once for a network; every start sets its lengths on the same directions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from companion import data, models, streams
from companion.methods.initialization import weight_norm_
from companion.methods.parametrizations import weight_norm
from companion.theory import weight_norm as theory

LAYERS, BLOCKS, INPUTS, SIDE = 20, 40, 64, 32
NARROW, WIDE = (150, 250), (950, 1050)
"""Between these numbers A draws the widths of its networks, uniformly."""
BOOK_WIDE = (450, 550)
"""In place of `WIDE` for residual networks, whose 80 layers would take a page too long."""
STARTS = ("forward", "backward", "one", "torch", "data")


@dataclass(frozen=True)
class Passed:
    """Lengths on the way through a network, the root of the mean square over inputs.

    signals: |h_l| / |x| after layers or blocks 0, 1, ..., [networks, layers + 1]; gradients: those
    of a random linear function of the outputs, at the same places, 1 at the last.
    """

    signals: np.ndarray
    gradients: np.ndarray


class Plain(nn.Module):
    """Linear layers under weight norm, each with a ReLU behind it."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            weight_norm(nn.Linear(a, b)) for a, b in itertools.pairwise(widths)
        )

    def signals(self, x: Tensor) -> list[Tensor]:
        """The input and the outputs of every layer."""
        found = [x]
        for layer in self.layers:
            found.append(layer(found[-1]).relu())
        return found

    def forward(self, x: Tensor) -> Tensor:
        """The last of the `signals`."""
        return self.signals(x)[-1]


class Residual(nn.Module):
    """Blocks h + W_2 relu(W_1 h) under weight norm; inner: the hidden width of each block."""

    def __init__(self, width: int, inner: Sequence[int]) -> None:
        super().__init__()
        self.first = nn.ModuleList(weight_norm(nn.Linear(width, n)) for n in inner)
        self.last = nn.ModuleList(weight_norm(nn.Linear(n, width)) for n in inner)

    def signals(self, x: Tensor) -> list[Tensor]:
        """The input and the signal behind every block."""
        found = [x]
        for first, last in zip(self.first, self.last, strict=True):
            found.append(found[-1] + last(first(found[-1]).relu()))
        return found

    def forward(self, x: Tensor) -> Tensor:
        """The last of the `signals`."""
        return self.signals(x)[-1]


def drawn_widths(bounds: tuple[int, int], count: int, seed: int) -> list[int]:
    """Widths drawn uniformly between two numbers, both included."""
    low, high = bounds
    return np.random.default_rng([seed, low]).integers(low, high + 1, count).tolist()


def lengths(
    model: Plain | Residual, start: str, inputs: Tensor, seed: int = 0, factor: float = 1.0
) -> Passed:
    """A start's lengths, times a factor, on the directions that ``model`` has, and what they do to
    the inputs."""
    weight_norm_(model, start, "keep", seed=seed, images=inputs)
    model.requires_grad_(False)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.parametrizations.weight.original0.mul_(factor)
    signals = model.signals(inputs.clone().requires_grad_(True))
    outward = streams.normal(seed, "gradient", 0, signals[-1].numel()).view(signals[-1].shape)
    slopes = torch.autograd.grad((signals[-1] * outward).sum(), signals)
    sizes = [_rms_length(signal.detach()) for signal in signals]
    back = [_rms_length(slope) for slope in slopes]
    return Passed(np.array(sizes) / sizes[0], np.array(back) / back[-1])


def _rms_length(vectors: Tensor) -> float:
    """The root mean square of the lengths of vectors [inputs, width]."""
    return float(vectors.double().square().sum(dim=1).mean().sqrt())


def white(seed: int, width: int) -> Tensor:
    """`INPUTS` random inputs of one width."""
    return streams.normal(seed, "inputs", 0, INPUTS * width).view(INPUTS, width)


@cache
def plain(
    bounds: tuple[int, int], networks: int, starts: tuple[str, ...] = STARTS
) -> dict[str, Passed]:
    """Start -> what `networks` plain networks of `LAYERS` layers do, orthogonal directions."""
    found: dict[str, list[Passed]] = {start: [] for start in starts}
    for seed in range(networks):
        widths = drawn_widths(bounds, LAYERS + 1, seed)
        model = weight_norm_(Plain(widths), "one", seed=seed)
        for start in starts:
            found[start].append(lengths(model, start, white(seed, widths[0]), seed))
    return {start: _together(each) for start, each in found.items()}


@cache
def residual(
    bounds: tuple[int, int], networks: int, starts: tuple[str, ...] = ("forward", "one"),
    blocks: int = BLOCKS,
) -> dict[str, Passed]:  # fmt: skip
    """Start -> what `networks` residual networks of so many blocks do."""
    found: dict[str, list[Passed]] = {start: [] for start in starts}
    for seed in range(networks):
        width, *inner = drawn_widths(bounds, blocks + 1, seed)
        model = weight_norm_(Residual(width, inner), "one", seed=seed)
        for start in starts:
            found[start].append(lengths(model, start, white(seed, width), seed))
    return {start: _together(each) for start, each in found.items()}


@cache
def convolutional(
    start: str, depth: int, channels: int, networks: int = 6
) -> tuple[float, float, float]:
    """What A's plain convolutional networks of so many layers do to digits, untrained: a signal's
    length at the last convolution over that at the second; the gradient's the other way; and how
    far the last signals of different images, averaged over places, lie from their mean, over its
    length; geometric means over networks. ``corrected``: the forward rule with fans counted at the
    images' size.

    The digits are enlarged to `SIDE` by `SIDE`, in three channels that are alike.
    """
    found = [_convolutional(start, depth, channels, seed) for seed in range(networks)]
    return tuple(np.exp(np.log(found).mean(axis=0)).tolist())


def _convolutional(start: str, depth: int, channels: int, seed: int) -> tuple[float, ...]:
    widths = (3, *[channels] * (depth - 1), 10)
    model = models.build("deepcnn", widths, parametrization="weight_norm")
    split = data.split(data.load("digits"))
    small = split.standardize(split.train_images[:INPUTS])
    x = nn.functional.interpolate(small, (SIDE, SIDE)).expand(-1, 3, -1, -1)
    corrected = start == "corrected"
    weight_norm_(model, "forward" if corrected else start, seed=seed, images=x, corrected=corrected)
    strided = 2 * len(model.features) // (depth - 1)  # modules of the two that have a stride
    first = model.features[:strided](x).detach().requires_grad_(True)
    last = model.features[strided:](first)
    outward = streams.normal(seed, "gradient", 0, last.numel()).view(last.shape)
    (slope,) = torch.autograd.grad((last * outward).sum(), first)
    ends, starts, back, out = (
        one.detach().double().norm() for one in (last, first, slope, outward)
    )
    flat = last.detach().double().mean(dim=(2, 3))
    apart = (flat - flat.mean(dim=0)).square().sum(dim=1).mean().sqrt() / flat.mean(dim=0).norm()
    return float(ends / starts), float(back / out), float(apart)


def _together(each: Sequence[Passed]) -> Passed:
    return Passed(np.stack([p.signals for p in each]), np.stack([p.gradients for p in each]))


def one_layer(directions: str, width: int, draws: int) -> np.ndarray:
    """``|h|^2 / |x|^2`` of one square layer under the forward rule, [draws]."""
    generator = torch.Generator().manual_seed(width)
    noise = torch.randn(draws, width, width, generator=generator)
    if directions == "orthogonal":
        # a column of a random rotation is a uniform direction, and that is all a fixed x sees
        t = noise[:, 0] / noise[:, 0].norm(dim=1, keepdim=True)
    else:
        t = noise[:, :, 0] / noise.norm(dim=2)
    return (math.sqrt(2) * t).relu().square().sum(dim=1).double().numpy()


def expected(start: str, widths: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """|h_l| / |x| and the gradient's lengths by theory for lengths that do not come from data."""
    if start == "torch":
        shrink = (1 / math.sqrt(3)) ** np.arange(len(widths))
        one = expected("one", widths)
        return one[0] * shrink, one[1] * shrink[::-1]
    return theory.signal_lengths(widths, start), theory.gradient_lengths(widths, start)
