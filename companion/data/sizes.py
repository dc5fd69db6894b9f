"""How large each image set is, and where it lies, without loading it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from companion.data.catalogue import load, names
from companion.data.files import cache_folder
from companion.data.image_sets import Split, image_set, kept_aside, split

SHAPES = {
    # name: (channels, height, width), training images, test images, classes
    "digits": ((1, 8, 8), 1437, 360, 10),
    "mnist": ((1, 28, 28), 60_000, 10_000, 10),
    "mnist-t10k": ((1, 28, 28), 8_000, 2_000, 10),
    "fashion-mnist": ((1, 28, 28), 60_000, 10_000, 10),
    "cifar10": ((3, 32, 32), 50_000, 10_000, 10),
    "cifar10-jpeg": ((3, 32, 32), 50_000, 10_000, 10),
    "cifar100": ((3, 32, 32), 50_000, 10_000, 100),
}
TORCHVISION = {
    "mnist": "MNIST/raw",
    "fashion-mnist": "FashionMNIST/raw",
    "cifar10": "cifar-10-batches-py",
    "cifar100": "cifar-100-python",
}
"""Where torchvision puts its sets."""


@dataclass(frozen=True)
class Sizes:
    """Shape of an image, images in each part of the split, and classes."""

    shape: tuple[int, int, int]
    train: int
    validation: int
    test: int
    classes: int

    @property
    def parts(self) -> dict[str, int]:
        """Images in each part, as `Split.sizes` has them."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def reduced(self, train: int, other: int) -> Sizes:
        """At most `train` training images and `other` of each other part."""
        few = {part: min(getattr(self, part), other) for part in ("validation", "test")}
        return replace(self, train=min(self.train, train), **few)

    def made(self, device: torch.device) -> Split:
        """A split of noise with these sizes."""
        source = torch.Generator().manual_seed(0)
        parts = []
        for count in (self.train + self.validation, self.test):
            parts += [
                torch.randint(256, (count, *self.shape), generator=source, dtype=torch.uint8),
                torch.randint(self.classes, (count,), generator=source),
            ]
        images = image_set("made", *parts, classes=self.classes)
        return split(images, seed=0, validation=self.validation).to(device)


def of(dataset: str, validation: int | None = None) -> Sizes:
    """The sizes of an image set, from the table or, where it is not in there, from its files;
    validation as in `split`."""
    if dataset in SHAPES:
        shape, train, test, classes = SHAPES[dataset]
        kept = kept_aside(dataset, train, validation)
        return Sizes(shape, train - kept, kept, test, classes)
    images = load(dataset)
    parts = split(images, validation=validation).sizes
    return Sizes(images.shape, *parts.values(), images.classes)


def known() -> list[str]:
    """The image sets of the table and those in ``COMPANION_DATA``."""
    return list(dict.fromkeys([*SHAPES, *names()]))


def place(dataset: str) -> str | None:
    """Where an image set is on this machine, or None where it is not; nothing is downloaded.

    >>> place("digits")
    'built in'
    """
    if dataset == "digits":
        return "built in"
    root = os.environ.get("COMPANION_DATA")
    local = [Path(root, dataset)] if root else []
    if any(any(path.glob("t*.parquet")) or any(path.glob("t10k-*.gz")) for path in local):
        return "in COMPANION_DATA"
    kept = TORCHVISION.get(dataset)
    if kept and root and Path(root, kept).is_dir():
        return "in COMPANION_DATA"
    if kept and (cache_folder() / "torchvision" / kept).is_dir():
        return "downloaded"
    return None
