"""What a curve on every weight adds to a training step, against the size of the batch.

A curve works once a step on each weight, the products once a step on each weight *and image*: its
share of a step falls as the batch grows. Beside it stands the least that anything on every
weight costs, a factor: one pass over the weights forward and one over their gradients back.

A CPU's steps are timed on one thread, in the seconds of this process: a share of a twentieth would
drown in what other programs take.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from companion import machine
from companion.experiments import contenders, timing
from companion.methods.initialization import scalable_layers
from companion.training.many_runs import Stack
from companion.training.packing import stack_size
from companion.training.settings import Run, Settings

CURVED = {"parametrization": "arctan", "compander_b": 0.6, "compander_clamp": True}
MLP = Settings()
RESNET = Settings(model="resnet18", widths=(3, 64, 128, 256, 512, 10), normalization="batch")
BATCHES = {
    "N's MLP, one run": (32, 128, 512, 2048),
    "N's MLP, a stack": (32, 128, 512),
    "ResNet-18, one run": (32,),
}
"""Network and loop -> the batches timed; CIFAR's shapes."""
SHAPE = (3, 32, 32)


@dataclass(frozen=True)
class Share:
    """A network's plain step at a batch, in milliseconds of a run-step, and what arctan adds to it
    and, in a loop, a factor, as shares of it; on a CPU of one thread's own time."""

    network: str
    batch: int
    milliseconds: float
    added: float
    least: float | None


class Factor(nn.Module):
    """The parametrization ``w = 2 v``.

    >>> layer = parametrize.register_parametrization(nn.Linear(1, 1), "weight", Factor())
    >>> layer.weight = torch.tensor([[3.0]])
    >>> layer.parametrizations.weight.original.item(), layer.weight.item()
    (1.5, 3.0)
    """

    def forward(self, v: Tensor) -> Tensor:
        """The weight."""
        return 2 * v

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What gives ``weight``."""
        return weight / 2


def measure(device: torch.device, rounds: int) -> Iterator[Share]:
    """Time plain and curved steps in turn, so that a change in the machine's load meets both."""
    if device.type == "cpu":
        machine.keep_freed_memory()
    for network, batches in BATCHES.items():
        for batch in batches:
            with machine.cpu_threads(1):
                found = share(network, batch, device, rounds)
            yield found


def share(network: str, batch: int, device: torch.device, rounds: int) -> Share:
    """One network of `BATCHES` at one batch."""
    plain = replace(RESNET if network.startswith("ResNet") else MLP, batch_size=batch)
    bent = replace(plain, **CURVED)
    split = contenders.made_images(SHAPE, count=max(512, 4 * batch)).to(device)
    if network.endswith("stack"):
        runs = stack_size(Run(0, "overhead", 0, plain), device)
        steps = [
            contenders.stack_steps(Stack([Run(r, "overhead", r, one) for r in range(runs)], split))
            for one in (plain, bent)
        ]
    else:
        runs = 1
        steps = [
            contenders.memory_steps(plain, split, foreach=False, fused=False),
            contenders.memory_steps(bent, split, foreach=False, fused=False),
            contenders.memory_steps(plain, split, foreach=False, fused=False, change=_by_a_factor),
        ]
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    repeats = [timing.turns(step, device) for step in steps]
    if repeats[0] > 1:  # a short step is cheap to time, and more easily disturbed
        rounds *= 2
    times = [
        [1000 * timing.seconds(step, repeat, device, clock) / runs
         for step, repeat in zip(steps, repeats, strict=True)]
        for _ in range(rounds)
    ]  # fmt: skip
    plain = statistics.median(one[0] for one in times)
    more = [statistics.median(one[k] / one[0] for one in times) - 1 for k in range(1, len(steps))]
    return Share(network, batch, plain, more[0], more[1] if len(more) > 1 else None)


def _by_a_factor(model: nn.Module) -> None:
    for _, layer in list(scalable_layers(model)):
        parametrize.register_parametrization(layer, "weight", Factor())
