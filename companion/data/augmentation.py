"""Augmentation on the device: a random shift and mirror image, drawn from streams."""

from __future__ import annotations

import torch
from torch import Tensor

from companion import streams

AUGMENTATIONS = ("none", "crop_flip")


def crop_flip(images: Tensor, seeds: Tensor, step: streams.Step) -> Tensor:
    """Shift each image by up to an eighth of its side, fill with 0, mirror every second one.

    images: [runs, batch, C, H, W], any dtype; seeds [runs]. Row and column shifts are whole
    pixels, uniform over -p .. p with p = max(1, side // 8), so 4 for CIFAR's 32 pixels: the same
    as padding by p, cutting out a window at random, and flipping it left to right with
    probability 1/2. Run r's draw depends on its seed and the step alone.

    >>> image = torch.arange(1, 17, dtype=torch.uint8).view(1, 1, 1, 4, 4)
    >>> crop_flip(image, torch.tensor([3]), 0).shape
    torch.Size([1, 1, 1, 4, 4])
    """
    runs, batch, _, height, width = images.shape
    drawn = streams.uniform(seeds, "crop_flip", step, 3 * batch, images.device, torch.float64)
    down, right, mirror = drawn.view(runs, batch, 3).unbind(-1)
    rows = _shifted(down, height)
    columns = _shifted(right, width)
    columns = torch.where(mirror[..., None] < 0.5, columns.flip(-1), columns)
    inside = _inside(rows, height)[..., :, None] & _inside(columns, width)[..., None, :]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    picked = images.gather(3, rows[:, :, None, :, None].expand(images.shape))
    picked = picked.gather(4, columns[:, :, None, None, :].expand(images.shape))
    return picked * inside[:, :, None]


def _shifted(uniform: Tensor, side: int) -> Tensor:
    """The row (or column) numbers that a window shifted at random shows, [runs, batch, side]."""
    reach = max(1, side // 8)
    shift = (uniform * (2 * reach + 1)).long() - reach
    return torch.arange(side, device=uniform.device) + shift[..., None]


def _inside(index: Tensor, side: int) -> Tensor:
    return (index >= 0) & (index < side)
