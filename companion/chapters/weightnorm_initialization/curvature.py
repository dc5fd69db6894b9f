"""The curvature of the loss where a plain network starts, for figures that no record holds."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from companion import data
from companion.measure.curvature import extreme
from companion.training import one_run
from companion.training.settings import Settings


@cache
def at_start(settings: Settings, seed: int, images: int | None = None) -> float:
    """The Hessian's norm (`measure.curvature`) of a run of these settings on the digits before its
    first step, over the first so many training images, all if None."""
    split = data.split(data.load("digits"))
    model = one_run.build(settings, seed, torch.float32, torch.device("cpu"), split)
    parameters = list(model.parameters())

    def loss(some: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
        return nn.functional.cross_entropy(model(some), labels), parameters

    shown = split.standardize(split.train_images[:images], torch.float32)
    return extreme(loss, shown, split.train_labels[:images]).norm
