"""Signals and gradients in untrained networks: drawn and measured, beside what theory says."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from companion.models.mlp import ACTIVATIONS
from companion.theory import gains, meanfield

LAYERS, WIDTH, NETWORKS = 10, 256, 40
KINDS = ("linear", "relu", "leaky_relu", "tanh", "gelu", "silu", "selu")


def chain(weight: float, layers: int) -> tuple[float, float]:
    """Output and slope of the smallest deep network at input 1: one unit a layer, all weights S.

    The output is ``S^m``; the slope, of any one weight, ``S^(m - 1)``; here by autograd.

    >>> [round(value, 9) for value in chain(0.5, 3)]
    [0.125, 0.25]
    """
    weights = torch.full((layers,), weight, dtype=torch.float64, requires_grad=True)
    output = torch.ones((), dtype=torch.float64)
    for each in weights:
        output = each * output
    (slopes,) = torch.autograd.grad(output, weights)
    return output.item(), slopes[0].item()


@cache
def activation_sizes(kind: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Mean squares of the last pre-activations and of the first layer's gradient, [networks] each.

    `NETWORKS` networks of `LAYERS` layers, `WIDTH` wide, at the activation's own gain. Inputs have
    mean square 1 and so has the gradient that enters at the last pre-activations.
    """
    generator = torch.Generator().manual_seed(seed)
    gain, phi = gains.exact_gain(kind), ACTIVATIONS[kind]()
    forward, backward = [], []
    for _ in range(NETWORKS):
        weights = _weights(LAYERS, WIDTH, gain, generator)
        z = weights[0] @ _unit(WIDTH, generator)
        slopes = []
        for weight in weights[1:]:
            z.requires_grad_(True)
            signal = phi(z)
            (slope,) = torch.autograd.grad(signal.sum(), z)
            slopes.append(slope)
            z = weight @ signal.detach()
        gradient = _unit(WIDTH, generator)
        for weight, slope in zip(reversed(weights[1:]), reversed(slopes), strict=True):
            gradient = slope * (weight.T @ gradient)
        forward.append(float(z.square().mean()))
        backward.append(float(gradient.square().mean()))
    return np.array(forward), np.array(backward)


def expected_sizes(kind: str) -> tuple[float, float]:
    """What infinitely wide layers give for `activation_sizes`."""
    gain = gains.exact_gain(kind)
    q, gradient = gain**2, 1.0
    for _ in range(LAYERS - 1):
        gradient *= meanfield.chi_1(kind, q, gain)
        q = meanfield.variance_map(kind, q, gain)
    return q, gradient


def log_lengths(activation: str, width: int, layers: int, draws: int, seed: int = 0) -> np.ndarray:
    """``log(|h_L|^2 / |x|^2)`` of so many networks with gain 1 (linear) or sqrt 2 (relu), [draws];
    -inf where a ReLU layer lets nothing through."""
    generator = torch.Generator().manual_seed(seed)
    gain, phi = gains.exact_gain(activation), ACTIVATIONS[activation]()
    found = []
    for _ in range(draws):
        signal = torch.ones(width)
        total = 0.0
        for weight in _weights(layers, width, gain, generator, torch.float32):
            signal = phi(weight @ signal)
            size = float(signal.square().mean())
            if size == 0:
                total = -math.inf
                break
            total += math.log(size)
            signal = signal / math.sqrt(size)
        found.append(total)
    return np.array(found)


DROPPED = 0.2
ARCHITECTURES = {
    "plain": "plain",
    "residual": "residual",
    "scaled": "residual, 1/√L",
    "layer norm": "layer norm",
    "batch norm": "batch norm",
    "weight norm": "weight norm",
    "dropout": "dropout 0.2",
}
BLOCKS = 20
IMAGES = 128


@cache
def architecture_sizes(name: str, networks: int = 8, seed: int = 0) -> np.ndarray:
    """Mean square of the signal after blocks 0 .. BLOCKS, [networks, BLOCKS + 1]; 1 at the input.

    A block multiplies by weights of gain sqrt 2 and applies a ReLU, before it in residual blocks.
    """
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(networks):
        signal = _unit(WIDTH, generator)[:, None] * torch.ones(1, 16, dtype=torch.float64)
        signal = signal * torch.randn(signal.shape, generator=generator, dtype=torch.float64).sign()
        sizes = [1.0]
        for weight in _weights(BLOCKS, WIDTH, math.sqrt(2), generator):
            signal = _BLOCKS[name](weight, signal, generator)
            sizes.append(float(signal.square().mean()))
        found.append(sizes)
    return np.array(found)


def architecture_factor(name: str) -> float:
    """What a block multiplies the mean square by, by theory.

    plain: 1. residual: 2, since the branch adds as much as it gets. scaled: 1 + 1/L. layer
    and batch norm: 1. weight norm: 1/2, the ReLU's share, since rows of norm 1 have gain 1.
    dropout: 1/(1 - p), since E[mask^2] / (1 - p)^2 = 1/(1 - p).
    """
    return {
        "plain": 1.0,
        "residual": 2.0,
        "scaled": 1 + 1 / BLOCKS,
        "layer norm": 1.0,
        "batch norm": 1.0,
        "weight norm": 0.5,
        "dropout": 1 / (1 - DROPPED),
    }[name]


@cache
def gradient_factor(name: str, blocks: int = 12, networks: int = 4, seed: int = 0) -> np.ndarray:
    """What a block multiplies the gradient's mean square by, [networks]; the geometric mean over
    the middle half of the blocks, for `IMAGES` independent inputs and a random gradient at the top.

    Infinitely wide ReLU blocks give 1 when they are plain, and pi / (pi - 1) = 1.47 behind batch
    norm with large batches (G. Yang et al., *A Mean Field Theory of Batch Normalization*, ICLR
    2019, section 4.2).
    """
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(networks):
        signal = torch.randn(WIDTH, IMAGES, generator=generator, dtype=torch.float64)
        outputs = [signal.requires_grad_()]
        for weight in _weights(blocks, WIDTH, math.sqrt(2), generator):
            outputs.append(_BLOCKS[name](weight, outputs[-1], generator))
        above = torch.randn(signal.shape, generator=generator, dtype=torch.float64)
        slopes = torch.autograd.grad(outputs[-1], outputs[:-1], above)
        sizes = [float(slope.square().mean()) for slope in slopes]
        low, high = blocks // 4, blocks - blocks // 4
        found.append((sizes[low] / sizes[high]) ** (1 / (high - low)))
    return np.array(found)


def _plain(weight: Tensor, signal: Tensor, generator: torch.Generator) -> Tensor:
    return (weight @ signal).relu()


def _residual(weight: Tensor, signal: Tensor, generator: torch.Generator) -> Tensor:
    return signal + weight @ signal.relu()


def _scaled(weight: Tensor, signal: Tensor, generator: torch.Generator) -> Tensor:
    return signal + weight @ signal.relu() / math.sqrt(BLOCKS)


def _layer_norm(weight: Tensor, signal: Tensor, generator: torch.Generator) -> Tensor:
    normed = torch.nn.functional.layer_norm((weight @ signal).T, (WIDTH,)).T
    return math.sqrt(2) * normed.relu()


def _batch_norm(weight: Tensor, signal: Tensor, generator: torch.Generator) -> Tensor:
    normed = torch.nn.functional.batch_norm((weight @ signal).T, None, None, training=True).T
    return math.sqrt(2) * normed.relu()


def _weight_norm(weight: Tensor, signal: Tensor, generator: torch.Generator) -> Tensor:
    return (weight / weight.norm(dim=1, keepdim=True) @ signal).relu()


def _dropout(weight: Tensor, signal: Tensor, generator: torch.Generator) -> Tensor:
    kept = torch.rand(signal.shape, generator=generator, dtype=signal.dtype) >= DROPPED
    return (weight @ signal).relu() * kept / (1 - DROPPED)


_BLOCKS: dict[str, Callable[..., Tensor]] = {
    "plain": _plain,
    "residual": _residual,
    "scaled": _scaled,
    "layer norm": _layer_norm,
    "batch norm": _batch_norm,
    "weight norm": _weight_norm,
    "dropout": _dropout,
}


def _weights(layers, width, gain, generator, dtype=torch.float64) -> list[Tensor]:
    scale = gain / math.sqrt(width)
    return [
        scale * torch.randn(width, width, generator=generator, dtype=dtype) for _ in range(layers)
    ]


def _unit(width: int, generator: torch.Generator) -> Tensor:
    """A random vector of mean square exactly 1."""
    vector = torch.randn(width, generator=generator, dtype=torch.float64)
    return vector / vector.square().mean().sqrt()
