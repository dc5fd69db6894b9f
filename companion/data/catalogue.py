"""Which image sets there are, and how each is loaded.

Three kinds: scikit-learn's digits, which need no file; the sets that torchvision downloads and
checks; and local folders under ``COMPANION_DATA``, so that a room without a network works.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from companion.data.downloads import DOWNLOADS, download
from companion.data.files import cache_folder, read_idx, read_parquet, shards
from companion.data.image_sets import ImageSet, image_set
from companion.machine import pick_device

DIGITS_TEST = 360  # of 1,797
LOCAL = ("cifar10-jpeg", "mnist-t10k")  # known by name, never downloaded
T10K_FILES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")


def names(root: str | Path | None = None) -> list[str]:
    """The sets that `load` can give here: built in, downloadable, and those in the data folder.

    >>> "digits" in names()
    True
    """
    folder = _data_folder(root)
    entries = sorted(folder.iterdir()) if folder is not None and folder.is_dir() else []
    local = [entry.name for entry in entries if _has_parquet(entry) or _has_t10k(entry)]
    known = ["digits", *DOWNLOADS]
    return known + [name for name in local if name not in known]


def load(name: str, root: str | Path | None = None, device: str | torch.device = "cpu") -> ImageSet:
    """The image set called `name`, on `device`.

    * ``digits``: scikit-learn's 1,797 handwritten digits, [1, 8, 8]; 360 are test.
    * ``mnist``, ``fashion-mnist``, ``cifar10``, ``cifar100``: torchvision's, downloaded once into
      the cache folder with progress and checksum, or found under `root`.
    * ``<root>/<name>/train.parquet`` and ``test.parquet`` in the dataset-hub layout, each whole or
      in shards (``train-00000-of-00002.parquet``), whatever the name; such a folder goes before a
      download.
    * ``mnist-t10k``: MNIST's 10,000 test images as IDX files in ``<root>/mnist-t10k``; the last
      fifth (2,000) is test here. The order is not random: the halves come from different writers.

    ``root=None`` means the folder in ``COMPANION_DATA``.
    Raises ValueError for an unknown name, a missing or corrupt file and a failed download.

    >>> digits = load("digits")
    >>> digits.shape, len(digits.train_labels), len(digits.test_labels)
    ((1, 8, 8), 1437, 360)
    """
    device = pick_device(device)
    if name not in ("digits", *DOWNLOADS, *LOCAL, *names(root)):
        raise ValueError(
            f"image set must be one of {', '.join(names(root))}, got {name!r}; for your own, put "
            "<name>/train.parquet and <name>/test.parquet into the folder COMPANION_DATA"
        )
    folder = _data_folder(root)
    here = None if folder is None else folder / name
    if name == "digits":
        loaded = _digits()
    elif here is not None and _has_parquet(here):
        loaded = image_set(name, *_read_part(here, "train"), *_read_part(here, "test"))
    elif name in DOWNLOADS:
        own = Path(root) if root else cache_folder() / "torchvision"
        loaded = image_set(name, *download(name, own, also=folder), classes=DOWNLOADS[name][1])
    elif here is not None and _has_t10k(here):
        loaded = _mnist_t10k(name, here)
    else:
        raise ValueError(
            f"image set {name} is read from files, and there are none in "
            f"{here or 'COMPANION_DATA, which is not set'}; point COMPANION_DATA at the folder "
            f"that holds {name}"
        )
    return loaded.to(device)


def _data_folder(root: str | Path | None) -> Path | None:
    chosen = root or os.environ.get("COMPANION_DATA")
    if not root and chosen and not Path(chosen).is_dir():
        raise ValueError(
            f"COMPANION_DATA must name a folder that is there, got {chosen}; correct or unset it"
        )
    return Path(chosen) if chosen else None


def _has_parquet(folder: Path) -> bool:
    return any(path.is_file() for part in ("train", "test") for path in shards(folder, part))


def _read_part(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    images, labels = zip(*map(read_parquet, shards(folder, part)), strict=True)
    shapes = {tuple(some.shape[1:]) for some in images}
    if len(shapes) > 1:
        raise ValueError(
            f"the shards of {folder / part} must have images of one shape, got "
            f"{', '.join(map(str, sorted(shapes)))}; download them again"
        )
    return torch.cat(images), torch.cat(labels)


def _has_t10k(folder: Path) -> bool:
    return any((folder / file).is_file() for file in T10K_FILES)


def _digits() -> ImageSet:
    """Counts 0 .. 16 of set pixels become 0 .. 255; which 360 are test is fixed for good."""
    from sklearn.datasets import load_digits

    pixels, targets = load_digits(return_X_y=True)
    images = torch.from_numpy(np.rint(pixels * 255 / 16)).to(torch.uint8).reshape(-1, 1, 8, 8)
    labels = torch.from_numpy(targets).to(torch.int64)
    # RandomState's stream is frozen by NumPy's compatibility policy, the newer Generator's is not
    order = torch.from_numpy(np.random.RandomState(0).permutation(len(labels)))
    train, test = order[:-DIGITS_TEST], order[-DIGITS_TEST:]
    return image_set("digits", images[train], labels[train], images[test], labels[test], 10)


def _mnist_t10k(name: str, folder: Path) -> ImageSet:
    images = read_idx(folder / T10K_FILES[0], dimensions=3)
    labels = read_idx(folder / T10K_FILES[1], dimensions=1)
    if len(images) != len(labels):
        raise ValueError(
            f"{folder} must hold one label an image, got {len(images):,} images and "
            f"{len(labels):,} labels; download both files again"
        )
    images, labels = images[:, None], labels.to(torch.int64)
    cut = len(labels) - len(labels) // 5
    return image_set(name, images[:cut], labels[:cut], images[cut:], labels[cut:], 10)
