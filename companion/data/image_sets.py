"""Image sets as uint8 tensors, and their seeded splits.

An `ImageSet` is what a source gives: training and test images. A `Split` is what a training
uses: part of the training images kept aside for validation, and the pixel mean and standard
deviation of what is left. Images stay uint8 on the device; a batch becomes float when it is used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from companion import streams

LARGE_TRAIN, LARGE_VALIDATION = 50_000, 10_000  # N's split of CIFAR-10


INPUTS: dict[str, tuple[float, float] | None] = {
    "standardised": None,
    "symmetric": (0.5, 0.5),
    "unit": (0.0, 1.0),
}
"""Input scalings, as (mean, std) that replace the training part's own: ``symmetric`` maps pixels
to [-1, 1], ``unit`` to [0, 1]."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images uint8 [N, C, H, W] and labels int64 [N] in 0 .. classes - 1; `digest` names them.

    `digest` is the sha256 over the bytes of the four tensors in the order of their fields.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: int
    digest: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return tuple(self.train_images.shape[1:])

    @property
    def inputs(self) -> int:
        """C * H * W: the fan_in of a first linear layer."""
        return self.train_images[0].numel()

    def to(self, device: torch.device | str) -> ImageSet:
        """The same set with its tensors on `device`."""
        return _to(self, device)


@dataclass(frozen=True, eq=False)
class Split:
    """A seeded division of an `ImageSet`, with the statistics of its training part.

    Images uint8 [N, C, H, W], labels int64 [N]. `mean` and `std` [C], float32, are per channel
    over all pixels of `train_images` scaled to [0, 1]; `std` is the population value (divide
    by n).
    """

    name: str
    digest: str
    classes: int
    shape: tuple[int, int, int]
    train_images: Tensor
    train_labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    mean: Tensor
    std: Tensor

    @property
    def inputs(self) -> int:
        """C * H * W: the fan_in of a first linear layer."""
        return self.train_images[0].numel()

    @property
    def sizes(self) -> dict[str, int]:
        """Images in each part."""
        parts = ("train", "validation", "test")
        return {part: len(getattr(self, f"{part}_labels")) for part in parts}

    def standardize(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """``(images / 255 - mean) / std`` per channel, uint8 [..., C, H, W] to float.

        A channel whose std is 0 is only centred.
        """
        mean, std = self.mean.to(dtype), self.std.to(dtype)
        std = torch.where(std > 0, std, torch.ones_like(std))
        scale, shift = (1 / (255 * std))[:, None, None], (mean / std)[:, None, None]
        return images.to(dtype).mul_(scale).sub_(shift)

    def scaled(self, inputs: str) -> Split:
        """The same split with another input scaling in `standardize` (see `INPUTS`)."""
        if inputs not in INPUTS:
            raise ValueError(f"inputs must be one of {', '.join(INPUTS)}, got {inputs!r}; pick one")
        if INPUTS[inputs] is None:
            return self
        mean, std = (torch.full_like(self.mean, value) for value in INPUTS[inputs])
        return replace(self, mean=mean, std=std)

    def to(self, device: torch.device | str) -> Split:
        """The same split with its tensors on `device`."""
        return _to(self, device)


def image_set(
    name: str,
    train_images: Tensor,
    train_labels: Tensor,
    test_images: Tensor,
    test_labels: Tensor,
    classes: int | None = None,
) -> ImageSet:
    """An `ImageSet` from its tensors, checked and with its digest.

    ``classes=None`` counts them: the largest label plus 1, at most the number of training images.
    Raises ValueError for wrong types, shapes, lengths or labels.

    >>> images, labels = torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 2, 1])
    >>> image_set("blank", images, labels, images, labels).classes
    3
    """
    tensors = [t.contiguous() for t in (train_images, train_labels, test_images, test_labels)]
    for part, images, labels in (("train", *tensors[:2]), ("test", *tensors[2:])):
        if images.dtype != torch.uint8 or images.ndim != 4 or images.numel() == 0:
            raise ValueError(
                f"{part} images of {name} must be uint8 [N, C, H, W] with N >= 1, "
                f"got {str(images.dtype)[6:]} {list(images.shape)}"
            )
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{part} labels of {name} must be int64 [{len(images)}], one an image, "
                f"got {str(labels.dtype)[6:]} {list(labels.shape)}"
            )
    if tensors[0].shape[1:] != tensors[2].shape[1:]:
        raise ValueError(
            f"train and test images of {name} must share one shape, "
            f"got {list(tensors[0].shape[1:])} and {list(tensors[2].shape[1:])}"
        )
    low = min(int(tensors[1].min()), int(tensors[3].min()))
    high = max(int(tensors[1].max()), int(tensors[3].max()))
    if classes is None and high >= len(tensors[1]):
        raise ValueError(
            f"{name} must have at most as many classes as training images, "
            f"{len(tensors[1]):,}, got the label {high}; number the classes from 0 on"
        )
    classes = high + 1 if classes is None else classes
    if low < 0 or high >= classes:
        raise ValueError(f"labels of {name} must lie in 0 .. {classes - 1}, got {low} .. {high}")
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.cpu().numpy())
    return ImageSet(name, *tensors, classes=classes, digest=digest.hexdigest())


def split(images: ImageSet, seed: int = 0, validation: int | None = None) -> Split:
    """Keep `validation` training images aside, chosen and ordered by `seed`.

    By default 10,000 where there are at least 50,000 training images (CIFAR-10 becomes
    40,000 / 10,000 / 10,000) and 20 % elsewhere. The test part is never touched.

    Raises ValueError unless 1 <= validation < training images.

    >>> blank = torch.zeros(10, 1, 2, 2, dtype=torch.uint8), torch.arange(10)
    >>> split(image_set("blank", *blank, *blank)).sizes
    {'train': 8, 'validation': 2, 'test': 10}
    """
    n = len(images.train_labels)
    validation = kept_aside(images.name, n, validation)
    order = streams.permutation(seed, "split", 0, n).to(images.train_images.device)
    train, held = order[: n - validation], order[n - validation :]
    train_images = images.train_images[train]
    mean, std = _mean_std(train_images)
    return Split(
        name=images.name,
        digest=images.digest,
        classes=images.classes,
        shape=images.shape,
        train_images=train_images,
        train_labels=images.train_labels[train],
        validation_images=images.train_images[held],
        validation_labels=images.train_labels[held],
        test_images=images.test_images,
        test_labels=images.test_labels,
        mean=mean,
        std=std,
    )


def kept_aside(name: str, images: int, validation: int | None = None) -> int:
    """How many of the training images of a set are kept aside for validation (`split`)."""
    if validation is None:
        return LARGE_VALIDATION if images >= LARGE_TRAIN else images // 5
    whole = isinstance(validation, int) and not isinstance(validation, bool)
    if not whole or not 0 < validation < images:
        raise ValueError(
            f"validation must be a whole number from 1 to {images - 1} for the {images:,} training "
            f"images of {name}, got {validation}"
        )
    return validation


def _mean_std(images: Tensor) -> tuple[Tensor, Tensor]:
    """Per channel, in [0, 1] scale.

    The float64 sums are whole numbers below 2^53, so they are exact in any order: every device
    and every chunk size gives the same.
    """
    total, squares = 0, 0
    for chunk in images.split(2048):
        pixels = chunk.double()
        total += pixels.sum((0, 2, 3))
        squares += pixels.square_().sum((0, 2, 3))
    n = images.numel() // images.shape[1]
    mean = total / n
    std = (squares / n - mean.square()).clamp_min(0).sqrt()
    return (mean / 255).float(), (std / 255).float()


def _to(data, device: torch.device | str):
    moved = {
        field.name: value.to(device)
        for field in fields(data)
        if isinstance(value := getattr(data, field.name), Tensor)
    }
    return replace(data, **moved)
