"""The norm of every channel of a convolution before batch norm, step by step, while the digits are
learned: under decay, under WRS, and under nothing (L, figure 3).

The network is `by_hand.CHANNELS`, trained by plain SGD. The channels of its second convolution
start at norms from a third to three, all with the same output: batch norm ignores them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from companion.chapters.batchnorm_norms.by_hand import CHANNELS, batch, training_set
from companion.methods.initialization import initialize_
from companion.methods.rescaling import rescaled_to_unit_norm
from companion.models.convnet import ConvNet
from companion.theory import norms

LEARNING_RATE, WEIGHT_DECAY, TAU = 0.5, 1e-2, 20
BATCH, EPOCHS = 32, 15
SPREAD = 3.0
"""The largest norm that a channel starts with; the smallest is 1 / SPREAD."""
HOLDS = {"none": {}, "wd": {"weight_decay": WEIGHT_DECAY}, "wrs": {"tau": TAU}}


@dataclass(frozen=True)
class Paths:
    """norm_square: ``|w|^2`` of each channel before each step and after the last, [steps + 1,
    channels]; gradient_square: ``|g|^2`` of the batch's loss at each step, [steps, channels]; both
    float64."""

    norm_square: np.ndarray
    gradient_square: np.ndarray

    @property
    def norm(self) -> np.ndarray:
        """|w|, [steps + 1, channels]."""
        return np.sqrt(self.norm_square)

    def settled(self) -> np.ndarray:
        """The rms of |w| over the last quarter of the steps, [channels]."""
        return np.sqrt(self._late(self.norm_square[:-1]))

    def predicted(self) -> np.ndarray:
        """Each channel's equilibrium from its own gradients, [channels]: `norms.equilibrium` of the
        mean of ``|w|^2 |g|^2`` over the last quarter of the steps."""
        own = self._late(self.norm_square[:-1] * self.gradient_square)
        return norms.equilibrium(LEARNING_RATE, WEIGHT_DECAY, own)

    def _late(self, values: np.ndarray) -> np.ndarray:
        return values[3 * len(values) // 4 :].mean(axis=0)


def epoch_steps() -> int:
    """Steps in which a network sees as many images as there are."""
    return len(training_set()[1]) // BATCH


@cache
def held(hold: str) -> Paths:
    """The second convolution's channels under one of `HOLDS`, trained here: float32, the same start
    and batches for all. Decay and WRS act on the convolutions alone."""
    return trained(EPOCHS * epoch_steps(), **HOLDS[hold])


def trained(
    steps: int,
    weight_decay: float = 0.0,
    tau: int = 0,
    dtype: torch.dtype = torch.float32,
    eps: float = 1e-5,
) -> Paths:
    """The same for any decay, rescale period (0: never) and eps of batch norm."""
    model = start(SPREAD, dtype, eps)
    kernels = _kernels(model)
    watched = kernels[1]
    known = {id(kernel) for kernel in kernels}
    others = [value for value in model.parameters() if id(value) not in known]
    optimizer = torch.optim.SGD(
        [{"params": kernels, "weight_decay": weight_decay}, {"params": others}], lr=LEARNING_RATE
    )
    squares, slopes = [], []
    for step in range(1, steps + 1):
        images, labels = batch(step, BATCH, dtype)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        squares.append(_square(watched))
        slopes.append(_square(watched.grad))
        optimizer.step()
        if tau and step % tau == 0:
            for kernel in kernels:
                rescaled_to_unit_norm(kernel.detach(), axes=(1, 2, 3), out=kernel.detach())
    squares.append(_square(watched))
    return Paths(torch.stack(squares).numpy(), torch.stack(slopes).numpy())


def start(spread: float, dtype: torch.dtype = torch.float32, eps: float = 1e-5) -> ConvNet:
    """The untrained network, its second convolution's channels at norms from 1 / spread to spread,
    evenly on a log scale."""
    model = initialize_(ConvNet(CHANNELS, normalization="batch").to(dtype), seed=0)
    for layer in model.features:
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = eps
    kernel = _kernels(model)[1].detach()
    sizes = spread ** torch.linspace(-1, 1, len(kernel), dtype=dtype)
    rescaled_to_unit_norm(kernel, axes=(1, 2, 3), out=kernel)
    kernel.mul_(sizes[:, None, None, None])
    return model


@torch.no_grad()
def noticed(dtype: torch.dtype = torch.float32, eps: float = 1e-5) -> float:
    """The largest difference that `SPREAD` makes to an output of a batch, over the largest
    output."""
    images, _ = batch(1, BATCH, dtype)
    spread, alike = (start(size, dtype, eps)(images) for size in (SPREAD, 1.0))
    return float((spread - alike).abs().max() / alike.abs().max())


def _kernels(model: ConvNet) -> list[nn.Parameter]:
    return [layer.weight for layer in model.features if isinstance(layer, nn.Conv2d)]


def _square(kernels: Tensor) -> Tensor:
    return kernels.detach().double().flatten(1).square().sum(dim=1)
