"""Small networks with batch norm on the digits, one step at a time: the theorems, run.

A network is an MLP of `WIDTHS`, or three convolutions of `CHANNELS`, with batch norm before each
ReLU; gradients are those of a batch of training images in training mode.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from companion import data, streams
from companion.methods.initialization import initialize_
from companion.models import MLP
from companion.models.convnet import ConvNet

WIDTHS = (64, 32, 24, 10)
CHANNELS = (1, 16, 24, 24, 10)
TINY = 1e-30
"""An eps that is 0 beside any variance here; torch refuses 0 itself."""


@cache
def training_set() -> tuple[Tensor, Tensor]:
    """Standardized training images [n, 1, 8, 8], float64, and their labels [n]."""
    split = data.split(data.load("digits"))
    return split.standardize(split.train_images, torch.float64), split.train_labels


def network(
    eps: float = 1e-5, size: float = 1.0, dtype: torch.dtype = torch.float64, seed: int = 0
) -> MLP:
    """An untrained network; eps: that of batch norm; size: a factor of its first weights."""
    model = initialize_(MLP(WIDTHS, normalization="batch").to(dtype), seed=seed)
    for layer in model.normalizations:
        layer.eps = eps
    with torch.no_grad():
        model.layers[0].weight.mul_(size)
        for layer in model.normalizations:  # gains and shifts that are not 1 and 0
            layer.weight.copy_(streams.uniform(seed, "gain", 0, len(layer.weight)) + 0.5)
            layer.bias.copy_(streams.uniform(seed, "shift", 0, len(layer.bias)) - 0.5)
    return model


def batch(
    step: int, size: int, dtype: torch.dtype = torch.float64, random_labels: bool = False
) -> tuple[Tensor, Tensor]:
    """Images and labels of a step's batch; random_labels: each image has another image's."""
    images, labels = training_set()
    if random_labels:
        labels = labels[streams.permutation(0, "labels", 0, len(labels))]
    chosen = streams.permutation(0, "order", step, len(labels))[:size]
    return images[chosen].to(dtype), labels[chosen]


def gradients(model: MLP, images: Tensor, labels: Tensor) -> list[Tensor]:
    """The gradients of the mean cross entropy by each layer's weights, [out, fan_in]."""
    loss = nn.functional.cross_entropy(model(images), labels)
    return list(torch.autograd.grad(loss, [layer.weight for layer in model.layers]))


def cosines(eps: float, size: float = 1.0) -> Tensor:
    """``<w, g> / (|w| |g|)`` of each unit of the first layer, [units]."""
    model = network(eps, size)
    w, g = model.layers[0].weight.detach(), gradients(model, *batch(1, 64))[0]
    return (w * g).sum(dim=1) / (w.norm(dim=1) * g.norm(dim=1))


def remainder(eps: float, size: float = 1.0) -> tuple[Tensor, Tensor]:
    """``<w, g>`` of the first layer's units, and what eps makes of it by theory, [units] each.

    Scaling w by s turns ``y = gamma (z - mean) / sqrt(var + eps) + beta`` into another y, and the
    derivative by s at 1 is ``<w, g> = eps / (var + eps) sum_i dL/dy_i (y_i - beta)``.
    """
    model = network(eps, size)
    images, labels = batch(1, 64)
    kept: dict[str, Tensor] = {}

    def keep(_module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        output.retain_grad()
        kept["z"], kept["y"] = inputs[0], output

    norm = model.normalizations[0]
    with torch.enable_grad():
        handle = norm.register_forward_hook(keep)
        nn.functional.cross_entropy(model(images), labels).backward()
        handle.remove()
    w = model.layers[0].weight
    variance = kept["z"].var(dim=0, correction=0)
    share = eps / (variance + eps)
    expected = share * (kept["y"].grad * (kept["y"] - norm.bias)).sum(dim=0)
    return (w * w.grad).sum(dim=1).detach(), expected.detach()


def plain_steps(
    steps: int,
    learning_rate: float,
    weight_decay: float = 0.0,
    dtype: torch.dtype = torch.float32,
    eps: float = TINY,
) -> tuple[np.ndarray, np.ndarray]:
    """The first layer's ``|w|^2`` before each step of plain SGD and after the last, [steps + 1,
    units], and ``|g|^2`` at each step, [steps, units], in float64; decay on hidden weights."""
    model = network(eps, dtype=dtype)
    squares, found = [], []
    for step in range(1, steps + 1):
        slopes = gradients(model, *batch(step, 64, dtype))
        squares.append(_square(model.layers[0].weight))
        found.append(_square(slopes[0]))
        with torch.no_grad():
            for layer, slope in zip(model.layers, slopes, strict=True):
                decay = weight_decay if layer is not model.layers[-1] else 0.0
                layer.weight.sub_(learning_rate * (slope + decay * layer.weight))
    squares.append(_square(model.layers[0].weight))
    return torch.stack(squares).numpy(), torch.stack(found).numpy()


def _square(weight: Tensor) -> Tensor:
    return weight.detach().double().square().sum(dim=1)


@cache
def flow_growth(learning_rate: float, time: float = 8.0) -> float:
    """By what share the mean ``|w|^2`` of the first layer grows in so much flow time, the number of
    steps times the learning rate."""
    squares, _ = plain_steps(round(time / learning_rate), learning_rate, dtype=torch.float64)
    means = squares.mean(axis=1)
    return float(means[-1] / means[0] - 1)


def update_rank(size: int, layer: int = 0) -> int:
    """The rank of the gradient of a layer's weights, of a batch of so many images."""
    slope = gradients(network(TINY), *batch(1, size))[layer]
    return int(torch.linalg.matrix_rank(slope))


def kernel_rank(size: int, layer: int = 1) -> tuple[int, int]:
    """The rank of the gradient of a convolution's kernels, of a batch of so many images, and the
    most that it can be, ``min(N - 1, fan_in, channels)``; layers are counted from 0.

    A kernel meets a patch p of its input at each place of its output: N patches in a batch, and its
    gradient is ``sum_p d_p p`` with ``d_p = dL/dz_p``. Batch norm takes the mean over the same
    patches from z, so the ``d_p`` of a channel add up to 0, and each kernel's gradient is a sum of
    ``p - mean(p)``, of which N - 1 can be independent. N is images times places: L's bound for a
    linear layer with B images (section 4.2), with N for B.
    """
    slope, signals, patches = convolution(size, layer)
    bound = min(len(signals) - 1, patches.shape[1], signals.shape[1])
    return int(torch.linalg.matrix_rank(slope)), bound


def convolution(size: int, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """A convolution of an untrained network and a batch of so many images: the gradient of its
    kernels [channels, fan_in], the gradient ``dL/dz`` of what they compute [N, channels], and the
    patches that they meet [N, fan_in]."""
    model = initialize_(ConvNet(CHANNELS, normalization="batch").double(), seed=0)
    images, labels = batch(1, size)
    kernels = [one for one in model.features if isinstance(one, nn.Conv2d)]
    norms = [one for one in model.features if isinstance(one, nn.BatchNorm2d)]
    for one in norms:
        one.eps = TINY
    kept: dict[str, Tensor] = {}

    def keep(_module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        output.retain_grad()
        kept["x"], kept["z"] = inputs[0].detach(), output

    kernel = kernels[layer]
    with torch.enable_grad():
        handle = kernel.register_forward_hook(keep)
        nn.functional.cross_entropy(model(images), labels).backward()
        handle.remove()
    patches = nn.functional.unfold(kept["x"], kernel.kernel_size, 1, kernel.padding, kernel.stride)
    signals = kept["z"].grad.transpose(0, 1).flatten(1).T
    return kernel.weight.grad.flatten(1), signals, patches.transpose(1, 2).flatten(0, 1)


def rms(values: np.ndarray) -> float:
    """The root of the mean square.

    >>> rms(np.array([1.0, 7.0]))
    5.0
    """
    return float(np.sqrt(np.mean(np.square(values))))
