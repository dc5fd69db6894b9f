"""What a step takes: seconds by a clock, operations by count, and the most that a device can do."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from companion.training.settings import Settings

CEILING = 2048
"""Side of the square float32 product whose rate is the ceiling."""
TURN = 0.15
"""Seconds that a contender's turn takes, about; a turn is at least one step."""


def turns(step: Callable[[], None], device: torch.device) -> int:
    """Steps of a turn, after two that warm up (on a GPU, until its graph is captured)."""
    for _ in range(6 if device.type == "cuda" else 2):
        step()
    return max(1, min(200, round(TURN / seconds(step, 1, device))))


def seconds(
    step: Callable[[], None],
    repeats: int,
    device: torch.device,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Seconds of one step by a clock, over ``repeats`` of them."""
    _wait(device)
    start = clock()
    for _ in range(repeats):
        step()
    _wait(device)
    return (clock() - start) / repeats


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def flops(settings: Settings, shape: tuple[int, int, int]) -> float:
    """Floating-point operations of the products and convolutions of one run-step, forward and
    backward, counted by torch. The first layer's input gradient is not computed and not
    counted."""
    with torch.device("meta"):
        model = settings.build()
        images = torch.empty(settings.batch_size, *shape)
    with FlopCounterMode(display=False) as counter:
        model(images).sum().backward()
    return float(counter.get_total_flops())


def ceiling(device: torch.device) -> float:
    """Operations per second of a 2048-cubed float32 matrix product on the device."""
    left, right = torch.randn(2, CEILING, CEILING, device=device).unbind()
    times = [seconds(lambda: left @ right, 1, device) for _ in range(15)]
    return 2 * CEILING**3 / statistics.median(times)
