"""How a stack's time and memory grow with the number of runs, the width and the depth."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from companion.experiments import contenders, timing
from companion.training.many_runs import Stack
from companion.training.settings import Run, Settings

RUNS = (1, 3, 10, 30, 100, 300, 1000)
WIDTHS = (16, 32, 64, 128, 256, 512)
DEPTHS = (1, 2, 4, 8, 16)
"""Hidden layers."""
AT_RUNS, AT_WIDTH, AT_DEPTH = 30, 64, 2
"""What stays fixed while the other grows."""
PIXELS, CLASSES, BATCH = 64, 10, 32


@dataclass(frozen=True)
class Point:
    """One stack: what grows (``runs``, ``width`` or ``depth``), its value, milliseconds of a step
    of the whole stack, and MiB of the tensors that it keeps from step to step (parameters and the
    optimizer's); on a GPU also the most that was allocated."""

    along: str
    value: int
    milliseconds: float
    kept_mib: float
    peak_mib: float | None


def measure(device: torch.device, rounds: int = 5) -> Iterator[Point]:
    """Time stacks of digits-sized MLPs, one quantity at a time."""
    for runs in RUNS:
        yield _point("runs", runs, runs, AT_WIDTH, AT_DEPTH, device, rounds)
    for width in WIDTHS:
        yield _point("width", width, AT_RUNS, width, AT_DEPTH, device, rounds)
    for depth in DEPTHS:
        yield _point("depth", depth, AT_RUNS, AT_WIDTH, depth, device, rounds)


def _point(
    along: str, value: int, runs: int, width: int, depth: int, device: torch.device, rounds: int
) -> Point:
    settings = Settings(widths=(PIXELS, *[width] * depth, CLASSES), batch_size=BATCH)
    split = contenders.made_images((1, 8, 8), classes=CLASSES).to(device)
    stack = Stack([Run(r, "growth", r, settings) for r in range(runs)], split)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    step = contenders.stack_steps(stack)
    repeats = timing.turns(step, device)
    times = [timing.seconds(step, repeats, device) for _ in range(rounds)]
    kept = sum(t.numel() * t.element_size() for t in (*stack.network.state, *stack.optimizer.state))
    peak = torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else None
    return Point(along, value, 1000 * statistics.median(times), kept / 2**20, peak)
