"""How many runs a device trains at once."""

from __future__ import annotations

import functools

import torch
from torch import nn

from companion import models
from companion.models import mlp
from companion.training.settings import Run

CPU_BYTES = 12 * 2**20
"""Weights of a stack on a CPU. On two cores with a cache of 32 MiB, a smaller stack pays more for
launching its operations and a larger one more for memory."""
GPU_BYTES = 192 * 2**20
"""Weights of a stack on a GPU, where its memory holds more: from some hundred small networks on a
stack's time grows as it does, and a smaller one is finished, and stored, sooner."""
FULL = 60_000
"""Images of a full batch, for which memory is reckoned: as many as the largest set has."""
SIDE = 32
"""Side of the images for which a convolutional network's memory is reckoned."""


def stack_size(run: Run, device: torch.device) -> int:
    """How many runs of this shape to train at once.

    On a CPU MLPs up to `CPU_BYTES`; one convolutional network, for there a stack of them
    is no faster. On a GPU up to `GPU_BYTES`, and as many as a quarter of the free memory holds:
    weights, gradients and the optimizer's tensors, and the signals of a batch twice.
    """
    settings = run.settings
    if device.type == "cpu":
        if settings.model != "mlp":
            return 1
        return max(1, CPU_BYTES // (4 * mlp.parameter_count(settings.widths)))
    weights, signals = _footprint(
        settings.model, settings.widths, settings.normalization, settings.dropout
    )
    copies = 5 if settings.optimizer.startswith("adam") else 3
    free, _ = torch.cuda.mem_get_info(device)
    fit = free // 4 // (4 * (copies * weights + 2 * settings.batch(FULL) * signals))
    return max(1, min(fit, GPU_BYTES // (4 * weights)))


@functools.cache
def _footprint(
    model: str, widths: tuple[int, ...], normalization: str, dropout: float
) -> tuple[int, int]:
    """Parameters of a network, and the numbers that all its modules put out for one image."""
    with torch.device("meta"):
        network = models.build(model, widths, "relu", normalization, dropout)
        side = 1 if models.model(model).vectors else SIDE
        image = torch.empty(2, widths[0], side, side)
    counted = 0

    def count(_module: nn.Module, _inputs: tuple, output: torch.Tensor) -> None:
        nonlocal counted
        counted += output[0].numel()

    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(count)
    network(image)
    return sum(value.numel() for value in network.parameters()), counted
