"""The benchmark as a file: measured on one machine and kept with its description."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from companion import machine
from companion.evidence import files
from companion.experiments import benchmark, growth, overhead, sources
from companion.experiments.benchmark import Line
from companion.experiments.growth import Point
from companion.experiments.overhead import Share

SHIPPED = Path(__file__).parents[1] / "evidence" / "performance"
OVERHEAD = SHIPPED / "overhead"


@dataclass(frozen=True)
class OnMachine:
    """What was measured on one machine: its description, the code, and rounds."""

    machine: dict[str, Any]
    code: dict[str, str]
    rounds: int

    @property
    def name(self) -> str:
        """The hardware as a file name, for example ``2-core-amd-epyc-cpu``."""
        return re.sub(r"[^a-z0-9]+", "-", self.machine["hardware"].lower()).strip("-")


@dataclass(frozen=True)
class Measured(OnMachine):
    """The benchmark: the lines of every case and the points of growth."""

    lines: tuple[Line, ...]
    growth: tuple[Point, ...]


@dataclass(frozen=True)
class Overhead(OnMachine):
    """What a curve adds to a step, by network and batch."""

    shares: tuple[Share, ...]


def measure(
    device: torch.device, rounds: int, show: Callable[[list[Line]], object] = lambda _: None
) -> Measured:
    """Run all cases of a device, giving each case's lines to ``show`` as they come."""
    lines: list[Line] = []
    for case in benchmark.cases(device):
        found = benchmark.compare(case, rounds, device)
        show(found)
        lines += found
    points = tuple(growth.measure(device, rounds))
    return Measured(machine.describe(device), sources.code(), rounds, tuple(lines), points)


def measure_overhead(
    device: torch.device, rounds: int, show: Callable[[Share], object] = lambda _: None
) -> Overhead:
    """Time what a curve adds, giving each network and batch to ``show`` as it comes."""
    shares = []
    for share in overhead.measure(device, rounds):
        show(share)
        shares.append(share)
    return Overhead(machine.describe(device), sources.code(), rounds, tuple(shares))


def save(measured: OnMachine, folder: str | Path) -> Path:
    """Write ``folder/<hardware>.json`` and return its path; an older one is replaced at once."""
    path = Path(folder) / f"{measured.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(path, asdict(measured))
    return path


def load(path: str | Path) -> Measured:
    """Read a file of `save`."""
    stored = json.loads(Path(path).read_text(encoding="utf-8"))
    return Measured(
        stored["machine"],
        stored["code"],
        stored["rounds"],
        tuple(Line(**line) for line in stored["lines"]),
        tuple(Point(**point) for point in stored["growth"]),
    )


def load_overhead(path: str | Path) -> Overhead:
    """Read a file of `save` that holds an `Overhead`."""
    stored = json.loads(Path(path).read_text(encoding="utf-8"))
    shares = tuple(Share(**share) for share in stored.pop("shares"))
    return Overhead(**stored, shares=shares)


def shipped_overheads() -> list[Overhead]:
    """What a curve adds, on the machines whose measurements ship with the package."""
    return [load_overhead(path) for path in sorted(OVERHEAD.glob("*.json"))]


def shipped() -> list[Measured]:
    """The benchmarks that ship with the package, by name."""
    return [load(path) for path in sorted(SHIPPED.glob("*.json"))]
