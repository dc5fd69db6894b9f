"""A pass through a model for what it tells, with nothing changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def evaluated(model: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode, and afterwards each in the mode that it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@torch.no_grad()
def input_sizes(
    model: nn.Module, images: Tensor, layers: Sequence[nn.Module]
) -> dict[nn.Module, tuple[int, ...]]:
    """The height, width, ... of what each of the layers is given first, () for vectors."""
    found: dict[nn.Module, tuple[int, ...]] = {}

    def keep(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        found.setdefault(layer, tuple(given[0].shape[2:]))

    hooks = [layer.register_forward_pre_hook(keep) for layer in layers]
    try:
        with evaluated(model):
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return found
