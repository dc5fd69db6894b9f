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


@dataclass(frozen=True)
class Measured:
    """A benchmark of one machine: its description, the code, rounds, the lines of every case,
    the points of growth, and what a curve adds at several batches (none in an older file)."""

    machine: dict[str, Any]
    code: dict[str, str]
    rounds: int
    lines: tuple[Line, ...]
    growth: tuple[Point, ...]
    overhead: tuple[Share, ...] = ()

    @property
    def name(self) -> str:
        """The hardware as a file name, for example ``2-core-amd-epyc-cpu``."""
        return re.sub(r"[^a-z0-9]+", "-", self.machine["hardware"].lower()).strip("-")


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
    shares = tuple(overhead.measure(device, rounds))
    return Measured(machine.describe(device), sources.code(), rounds, tuple(lines), points, shares)


def save(measured: Measured, folder: str | Path) -> Path:
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
        tuple(Share(**share) for share in stored.get("overhead", ())),
    )


def shipped() -> list[Measured]:
    """The benchmarks that ship with the package, by name."""
    return [load(path) for path in sorted(SHIPPED.glob("*.json"))]
