"""What this computer is: device, memory, precision, versions.

A record carries `describe`'s answer, so that a reader knows where its numbers come from.
It names hardware and versions only: no host name, no user, no path.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

_CPU_INFO = Path("/proc/cpuinfo")


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """The torch device that `name` asks for.

    ``"auto"`` is the first CUDA GPU where there is one and the CPU elsewhere; ``"cpu"``,
    ``"cuda"`` and ``"cuda:1"`` are taken as they stand.

    Raises ValueError for an unknown name and for a GPU that is not there.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    text = str(name)
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", text):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:<number>, got {text!r}")
    if text == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    device = torch.device(text)
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise ValueError(
                f"device {text} needs a CUDA GPU of that number, torch sees {count}; "
                "use auto or cpu, or install torch's CUDA build and a driver"
            )
        return torch.device("cuda", device.index or 0)
    return device


def describe(device: str | torch.device | None = None) -> dict:
    """The facts about this computer that belong beside a result.

    Keys: ``device`` ("cpu", "cuda:0"), ``hardware`` ("2-core AMD EPYC CPU", "NVIDIA H200"),
    ``memory_gib`` (of that device, None if unknown), ``precision`` (formats it computes in its
    own hardware), ``threads`` (torch's CPU threads) and ``versions``. All values go into JSON.
    ``device=None`` means ``"auto"``. Errors as in `pick_device`.

    >>> sorted(describe("cpu"))
    ['device', 'hardware', 'memory_gib', 'precision', 'threads', 'versions']
    """
    chosen = pick_device("auto" if device is None else device)
    facts = _gpu(chosen) if chosen.type == "cuda" else _cpu()
    return {
        "device": str(chosen),
        **facts,
        "threads": torch.get_num_threads(),
        "versions": _versions(),
    }


def half_precision(device: torch.device) -> torch.dtype:
    """The 16-bit format for matrix products on a device: bfloat16, or float16 on GPUs before
    Ampere, whose hardware does not have it."""
    if device.type == "cuda" and torch.cuda.get_device_properties(device).major < 8:
        return torch.float16
    return torch.bfloat16


def _gpu(device: torch.device) -> dict:
    properties = torch.cuda.get_device_properties(device)
    precision = ["float64", "float32", "float16"]
    if properties.major >= 8:  # Ampere and later; before it torch only emulates bfloat16
        precision += ["tfloat32", "bfloat16"]
    return {
        "hardware": properties.name,
        "memory_gib": round(properties.total_memory / 2**30, 1),
        "precision": precision,
    }


def _cpu() -> dict:
    info = _CPU_INFO.read_text(encoding="utf-8", errors="replace") if _CPU_INFO.is_file() else ""
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", info, re.MULTILINE)
    native = set(flags.group(1).split()) if flags else set()
    has_bfloat16 = bool(native & {"avx512_bf16", "amx_bf16", "bf16"})
    return {
        "hardware": f"{_cores()}-core {_cpu_model(info)} CPU",
        "memory_gib": _cpu_memory_gib(),
        "precision": ["float64", "float32"] + ["bfloat16"] * has_bfloat16,
    }


def _cores() -> int:
    """Cores this process may use, which a container can set below what the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_model(info: str) -> str:
    """The maker's name for the CPU, without trademark signs, clock and core count."""
    found = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    name = found.group(1) if found else platform.processor() or platform.machine() or "unknown"
    name = re.sub(r"\((?:R|TM|C)\)|@.*|\b\d+-Core\b|\b(?:CPU|Processor)\b", " ", name, flags=re.I)
    return " ".join(name.split()) or "unknown"


def _cpu_memory_gib() -> float | None:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        size, _ = windows_memory()
    return round(size / 2**30, 1) if size else None


class _MemoryStatus(ctypes.Structure):
    """Windows' MEMORYSTATUSEX."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        *(
            (name, ctypes.c_uint64)
            for name in ("total", "free", "pages", "free_pages", "space", "free_space", "extended")
        ),
    )


def windows_memory() -> tuple[int, int]:
    """Bytes of memory that Windows has and that it has free; (0, 0) where nobody says."""
    status = _MemoryStatus(ctypes.sizeof(_MemoryStatus))
    try:
        said = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    except (AttributeError, OSError):
        return 0, 0
    return (status.total, status.free) if said else (0, 0)


def _versions() -> dict[str, str]:
    import numpy

    import companion

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "companion": companion.__version__,
    }


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Compute with `count` of torch's CPU threads inside the block.

    Small tensors gain nothing from a second thread, and where cores are shared its waiting costs
    many times the arithmetic.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory for the next allocation; True if it was told.

    glibc hands large blocks back to the system as soon as they are freed, so that every training
    step pays for fresh pages. Process-wide, harmless, and only on Linux with glibc.
    """
    mmap_threshold, trim_threshold, top_pad = -3, -1, -2  # names and numbers of mallopt(3)
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(
        mallopt(mmap_threshold, 32 * 2**20)
        and mallopt(trim_threshold, 2**30)
        and mallopt(top_pad, 64 * 2**20)
    )
