"""Augmentation on the device, drawn from streams: a random shift and mirror image; a hole."""

from __future__ import annotations

import torch
from torch import Tensor

from companion import streams

AUGMENTATIONS = ("none", "crop_flip", "crop_flip_cutout")


def augment(name: str, images: Tensor, seeds: Tensor, step: streams.Step) -> Tensor:
    """Images [runs, batch, C, H, W] as the augmentation of this name changes them at a step:
    ``crop_flip``, and then ``cutout`` where the name says so."""
    if name != "none":
        images = crop_flip(images, seeds, step)
    return cutout(images, seeds, step) if name == "crop_flip_cutout" else images


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


def cutout(images: Tensor, seeds: Tensor, step: streams.Step) -> Tensor:
    """Fill a square of half the image's side with 0, around a pixel drawn at random; what of it
    lies beyond the border is not filled (DeVries and Taylor 2017, arXiv 1708.04552, who take 16
    pixels for CIFAR-10's 32).

    images: [runs, batch, C, H, W], any dtype; seeds [runs]. 0 is black before standardization,
    where the paper's is the mean of a channel. Run r's draw depends on its seed and the step alone.

    >>> image = torch.ones(1, 1, 1, 4, 4, dtype=torch.uint8)
    >>> int(cutout(image, torch.tensor([3]), 0).sum()) >= 16 - 4
    True
    """
    runs, batch, _, height, width = images.shape
    drawn = streams.uniform(seeds, "cutout", step, 2 * batch, images.device, torch.float64)
    down, right = drawn.view(runs, batch, 2).unbind(-1)
    hole = _hole(down, height)[..., :, None] & _hole(right, width)[..., None, :]
    return images * ~hole[:, :, None]


def _hole(uniform: Tensor, side: int) -> Tensor:
    """Which rows (or columns) a hole around a random one covers, [runs, batch, side]."""
    middle = (uniform * side).long()[..., None]
    row, half = torch.arange(side, device=uniform.device), max(1, side // 4)
    return (row >= middle - half) & (row < middle + half)


def _shifted(uniform: Tensor, side: int) -> Tensor:
    """The row (or column) numbers that a window shifted at random shows, [runs, batch, side]."""
    reach = max(1, side // 8)
    shift = (uniform * (2 * reach + 1)).long() - reach
    return torch.arange(side, device=uniform.device) + shift[..., None]


def _inside(index: Tensor, side: int) -> Tensor:
    return (index >= 0) & (index < side)
