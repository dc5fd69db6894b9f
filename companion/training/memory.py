"""What a training needs of memory, and what is free."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

import torch

from companion import machine
from companion.data import sizes as image_sets
from companion.models import mlp
from companion.training.settings import Settings

_MEMORY = Path("/proc/meminfo")
_LIMITS = Path("/sys/fs/cgroup")
MEASURED_AT_ONCE = 1000
"""Images that a stack of runs looks at together when it is measured (`evaluation.evaluate`)."""

sizes = functools.cache(image_sets.of)


def needed_bytes(settings: Settings, dataset: str, runs: int) -> int:
    """An upper estimate: images; weights, gradients, optimizer and one spare copy of every run;
    the signals of a batch forwards and backwards; those of a measuring, with float64 copies.

    >>> needed_bytes(Settings(widths=(64, 64, 10)), "digits", 10) < 2**26
    True
    """
    size = sizes(dataset)
    images = size.train + size.validation + size.test
    copies = 6 if settings.optimizer.startswith("adam") else 5
    weights = copies * 4 * mlp.parameter_count(settings.widths)
    signals = 2 * 4 * settings.batch(size.train) * sum(settings.widths)
    measuring = MEASURED_AT_ONCE * (4 * sum(settings.widths) + 16 * max(settings.widths))
    # float32 images are made in batches; order and labels take 16 bytes an image and run
    each = weights + signals + measuring + 16 * images
    return runs * each + images * settings.widths[0]


def free_bytes(device: torch.device) -> int:
    """Free memory of a device: of the GPU, or of this machine and the container it is in."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    bounds = []
    if _MEMORY.is_file():
        found = re.search(r"^MemAvailable:\s+(\d+) kB", _MEMORY.read_text(), re.MULTILINE)
        bounds += [int(found.group(1)) * 1024] if found else []
    bounds += _container()
    return min(bounds) if bounds else machine.windows_memory()[1] or _physical()


def _container() -> list[int]:
    """What a container's limit leaves, where there is one."""
    try:
        limit = (_LIMITS / "memory.max").read_text().strip()
        used = int((_LIMITS / "memory.current").read_text())
        return [max(0, int(limit) - used)] if limit.isdigit() else []
    except (OSError, ValueError):
        return []


def _physical() -> int:
    """All memory there is, where nobody says how much is free: 4 GiB where that is unknown too."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, OSError, ValueError):
        return 4 * 2**30
