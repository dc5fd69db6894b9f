"""What a curve on every weight adds to a training step, against the size of the batch.

A curve works once a step on each weight, the products once a step on each weight *and image*: its
share of a step falls as one over the batch. Beside it stands the least that anything on every
weight costs, a factor: one pass over the weights forward and one over their gradients back.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from companion.experiments import benchmark
from companion.methods.initialization import scalable_layers
from companion.training.many_runs import Stack
from companion.training.packing import stack_size
from companion.training.settings import Run, Settings

CURVED = {"parametrization": "arctan", "compander_b": 0.6, "compander_clamp": True}
MLP = Settings()
RESNET = Settings(model="resnet18", widths=(3, 64, 128, 256, 512, 10), normalization="batch")
BATCHES = {
    "N's MLP, one run": (32, 128, 512, 2048),
    "N's MLP, a stack": (32, 128, 512, 2048),
    "ResNet-18, one run": (32, 128),
}
"""Network and loop -> the batches timed; CIFAR's shapes."""
SHAPE = (3, 32, 32)


@dataclass(frozen=True)
class Share:
    """A network's step at a batch: milliseconds of a run-step when plain, behind arctan, and, in a
    loop, behind a factor."""

    network: str
    batch: int
    plain: float
    curve: float
    factor: float | None

    @property
    def added(self) -> float:
        """What the curve adds, as a share of the plain step."""
        return self.curve / self.plain - 1

    @property
    def least(self) -> float | None:
        """The same of the factor."""
        return None if self.factor is None else self.factor / self.plain - 1


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
    for network, batches in BATCHES.items():
        for batch in batches:
            yield share(network, batch, device, rounds)


def share(network: str, batch: int, device: torch.device, rounds: int) -> Share:
    """One network of `BATCHES` at one batch."""
    plain = replace(RESNET if network.startswith("ResNet") else MLP, batch_size=batch)
    bent = replace(plain, **CURVED)
    split = benchmark.made_images(SHAPE, count=max(512, 4 * batch)).to(device)
    if network.endswith("stack"):
        runs = stack_size(Run(0, "overhead", 0, plain), device)
        steps = [
            benchmark.stack_steps(Stack([Run(r, "overhead", r, one) for r in range(runs)], split))
            for one in (plain, bent)
        ]
    else:
        runs = 1
        steps = [
            benchmark.memory_steps(plain, split, foreach=False, fused=False),
            benchmark.memory_steps(bent, split, foreach=False, fused=False),
            benchmark.memory_steps(plain, split, foreach=False, fused=False, change=_by_a_factor),
        ]
    repeats = [benchmark.turns(step, device) for step in steps]
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds):
        for step, repeat, mine in zip(steps, repeats, times, strict=True):
            mine.append(1000 * benchmark.seconds(step, repeat, device) / runs)
    plain_ms, curve_ms, *rest = (statistics.median(mine) for mine in times)
    return Share(network, batch, plain_ms, curve_ms, rest[0] if rest else None)


def _by_a_factor(model: nn.Module) -> None:
    for _, layer in list(scalable_layers(model)):
        parametrize.register_parametrization(layer, "weight", Factor())
