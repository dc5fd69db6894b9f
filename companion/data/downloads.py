"""Image sets that torchvision downloads, with its progress bar and checksums."""

from __future__ import annotations

import contextlib
import http.client
import pickle
import socket
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

DOWNLOADS = {  # name here: torchvision's class, number of classes
    "mnist": ("MNIST", 10),
    "fashion-mnist": ("FashionMNIST", 10),
    "cifar10": ("CIFAR10", 10),
    "cifar100": ("CIFAR100", 100),
}
PATIENCE = 30  # seconds without an answer before a download counts as failed

Parts = tuple[Tensor, Tensor, Tensor, Tensor]


def download(name: str, folder: Path, also: Path | None = None) -> Parts:
    """Train images, train labels, test images and test labels of one of `DOWNLOADS`.

    Files in torchvision's own layout under `also` or `folder` are used as they are; otherwise
    they are downloaded into `folder`. Images uint8 [N, C, H, W], labels int64 [N].
    Raises ValueError where files are damaged or the download fails.
    """
    for place in dict.fromkeys(place for place in (also, folder) if place is not None):
        with contextlib.suppress(RuntimeError, OSError):  # torchvision's "not here", or no access
            return _read(name, place, fetch=False)
    try:
        with _patience(PATIENCE):
            return _read(name, folder, fetch=True)
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__  # its lines name the cause
        raise ValueError(
            f"{name} could not be downloaded into {folder} ({reason.rstrip(':. ')}); without a "
            f"network, put {name}/train.parquet and {name}/test.parquet (dataset-hub layout) into "
            "a folder and set COMPANION_DATA to it"
        ) from error


def _read(name: str, folder: Path, fetch: bool) -> Parts:
    from torchvision import datasets

    class_name, _ = DOWNLOADS[name]
    parts: list[Tensor] = []
    try:
        for train in (True, False):
            part = getattr(datasets, class_name)(folder, train=train, download=fetch)
            images = torch.as_tensor(part.data)  # [N, H, W], or [N, H, W, C] for colour
            images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)
            parts += [images.contiguous(), torch.as_tensor(part.targets, dtype=torch.int64)]
    except (
        ValueError, AssertionError, EOFError, KeyError, pickle.UnpicklingError, RuntimeError,
    ) as error:  # fmt: skip
        # torchvision's "not here" and "no answer" are RuntimeErrors, and so is torch's "too short"
        if isinstance(error, RuntimeError) and not str(error).startswith("shape "):
            raise
        raise ValueError(
            f"files of {name} under {folder} are damaged; delete what {class_name} put there and "
            "load again"
        ) from error
    return tuple(parts)


@contextlib.contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """torchvision opens its connections without a time limit: give them one for a while."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
