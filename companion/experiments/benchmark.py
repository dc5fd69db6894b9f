"""How fast a stack is: ratios to the loops that people write, measured side by side.

All times are milliseconds per run-step, the time of one optimizer step of one run; medians over
rounds in which every contender takes its turn, so that a change in the machine's load meets all
of them. The contenders compute the same thing in the same precision: network, batch, optimizer;
those named after a compander train behind one, and those named ``forward`` only answer a batch.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace

import torch

from companion import machine
from companion.experiments import timing
from companion.experiments.contenders import (
    Step,
    forward_steps,
    loader_steps,
    made_images,
    memory_steps,
    stack_steps,
)
from companion.training.many_runs import Stack
from companion.training.packing import stack_size
from companion.training.settings import Run, Settings

EPOCH_STEPS = 1250
"""Steps of an epoch of N's MLP: 40,000 images in batches of 32."""


@dataclass(frozen=True)
class Case:
    """A network and batch to time, on images of a shape: runs in the stack on a CPU and on a GPU,
    and whether the loop with a DataLoader is timed too."""

    settings: Settings
    shape: tuple[int, int, int]
    runs: int
    gpu_runs: int
    loader: bool = True

    @property
    def title(self) -> str:
        """Network, widths, batch and precision in words."""
        widths = "-".join(map(str, self.settings.widths))
        half = ", half precision" if self.settings.precision == "half" else ""
        return f"{self.settings.model} {widths}, batch {self.settings.batch_size}{half}"


_LENET = Settings(model="lenet5", widths=(3, 6, 16, 120, 84, 10), activation="tanh")
_RESNET = Settings(model="resnet18", widths=(3, 64, 128, 256, 512, 10), normalization="batch")
CASES = (
    Case(Settings(), (3, 32, 32), 30, 500),
    Case(Settings(batch_size=128), (3, 32, 32), 30, 500),
    Case(Settings(widths=(64, 64, 32, 10)), (1, 8, 8), 100, 1000),
    Case(_LENET, (3, 32, 32), 1, 200),
)
CPU_CASES = (*CASES, Case(_RESNET, (3, 32, 32), 1, 1, loader=False))
GPU_CASES = (
    *CASES,
    *(
        Case(replace(_RESNET, precision="half", batch_size=batch), (3, 32, 32), 1, 1, loader=False)
        for batch in (128, 1024)
    ),
)
"""The paper's MLP at two batch sizes, one for the digits, LeNet-5, and ResNet-18; on a GPU the
last at several batch sizes, for its best one is the question."""


@dataclass(frozen=True)
class Line:
    """One row of the table: the case, its runs, the contender, milliseconds per run-step, that
    time over the stack's; of a stack the operations per second of its arithmetic and their share
    of the ceiling."""

    case: str
    runs: int
    contender: str
    milliseconds: float
    ratio: float
    teraflops: float | None = None
    share: float | None = None


def cases(device: torch.device) -> tuple[Case, ...]:
    """What is timed on a device."""
    return GPU_CASES if device.type == "cuda" else CPU_CASES


def compare(case: Case, rounds: int, device: torch.device) -> list[Line]:
    """The stack against the loops, for one network on images of one shape."""
    if device.type == "cpu":
        machine.keep_freed_memory()
    wanted = case.gpu_runs if device.type == "cuda" else case.runs
    stacked = min(wanted, stack_size(Run(0, "bench", 0, case.settings), device))
    together = _contenders(case, stacked, device)
    times: dict[str, list[float]] = {name: [] for name in together}
    repeats = {name: timing.turns(step, device) for name, (step, _) in together.items()}
    for _ in range(rounds):
        for name, (step, runs) in together.items():
            times[name].append(timing.seconds(step, repeats[name], device) / runs)
    medians = {name: statistics.median(values) for name, values in times.items()}
    medians["stack, WR once an epoch"] = (
        medians["stack"] + (medians["stack, WR every step"] - medians["stack"]) / EPOCH_STEPS
    )
    rate = timing.flops(case.settings, case.shape) / medians["stack"]
    top = timing.ceiling(device)
    return [
        Line(
            case.title,
            stacked if name.startswith("stack") else 1,
            name,
            1000 * median,
            median / medians["stack"],
            rate / 1e12 if name == "stack" else None,
            rate / top if name == "stack" else None,
        )
        for name, median in medians.items()
    ]


def _contenders(case: Case, stacked: int, device: torch.device) -> dict[str, tuple[Step, int]]:
    """Each contender's step, and how many runs take it together."""
    plain = case.settings
    bent = replace(plain, parametrization="arctan", compander_b=0.6, compander_clamp=True)
    split = made_images(case.shape, classes=plain.widths[-1]).to(device)
    stack, bent_stack = (
        Stack([Run(r, "bench", r, one) for r in range(stacked)], split) for one in (plain, bent)
    )
    found = {
        "stack": (stack_steps(stack), stacked),
        "stack, WR every step": (stack_steps(stack, "wr"), stacked),
        "stack, WRS every step": (stack_steps(stack, "wrs"), stacked),
        "stack, compander": (stack_steps(bent_stack), stacked),
        "in memory, one run": (memory_steps(plain, split, foreach=False, fused=False), 1),
        "in memory, foreach": (memory_steps(plain, split, foreach=True, fused=False), 1),
        "in memory, fused": (memory_steps(plain, split, foreach=False, fused=True), 1),
        "in memory, one run, compander": (
            memory_steps(bent, split, foreach=False, fused=False), 1
        ),
        **{name: (step, 1) for name, step in forward_steps(plain, bent, split).items()},
    }  # fmt: skip
    if case.loader:
        found["DataLoader, transforms"] = (loader_steps(plain, split), 1)
    return found
