"""The controls that every lab has: which images, how many runs and epochs, where."""

from __future__ import annotations

import torch

from companion import data
from companion.data import sizes
from companion.data.downloads import DOWNLOADS
from companion.display.labs.control import LabControl, Range


def _image_sets() -> list[tuple[str, str]]:
    def shown(name: str) -> str:
        missing = name in DOWNLOADS and sizes.place(name) is None
        return f"{name} (is downloaded first)" if missing else name

    return [(shown(name), name) for name in data.names()]


def _devices() -> list[tuple[str, str]]:
    gpus = [f"cuda:{k}" for k in range(torch.cuda.device_count())]
    return [("GPU, if any", "auto"), ("CPU", "cpu"), *((gpu, gpu) for gpu in gpus)]


CONTROLS = (
    LabControl("dataset", "Images", "digits", _image_sets),
    LabControl("runs", "Runs", 10, Range(1, 1000), phrase="{} runs"),
    LabControl("epochs", "Epochs", 20, Range(1, 10_000), phrase="{} epochs"),
    LabControl("device", "Device", "auto", _devices, phrase="on {}"),
)
