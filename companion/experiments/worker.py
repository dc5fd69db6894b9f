"""What runs in a worker of a Ray cluster, and the mailbox through which it reports.

A worker trains one stack. It sends finished epochs and checkpoints to the mailbox on the driver's
machine, and its tables when it ends.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import torch

from companion import data, machine
from companion.experiments import in_turn, packs, rows, sources, stack_training
from companion.measure.declare import Measure
from companion.training.settings import Run

SHARES = 8
"""A stack takes eighths of a GPU, unless told otherwise."""
TOO_LARGE = "too large"
"""What `train` returns where the stack did not fit."""


class Mailbox:
    """An actor that keeps what workers send until the driver takes it."""

    def __init__(self) -> None:
        self.epochs: dict[tuple[str, int], int] = {}
        self.states: dict[tuple[str, int], Any] = {}

    def count(self, letter: tuple[str, int], epochs: int) -> None:
        """Add finished run-epochs of an attempt (its stack's key, its number)."""
        self.epochs[letter] = self.epochs.get(letter, 0) + epochs

    def keep(self, letter: tuple[str, int], state: Any) -> None:
        """Keep the newest checkpoint of an attempt."""
        self.states[letter] = state

    def take(self) -> tuple[dict, dict]:
        """Hand out all that came since the last time: run-epochs and checkpoints."""
        taken = self.epochs, self.states
        self.epochs, self.states = {}, {}
        return taken


def packed(
    runs: Sequence[Run], device: str, kept: Sequence[str], most: int, share: float | None
) -> list[tuple[list[Run], float]]:
    """Stacks of at most ``most`` runs that fit a device, each with its share of a GPU, 0 on a CPU.

    share: of a GPU that each may take; None: as much as a stack needs, in eighths.
    """
    where = machine.pick_device(device)

    def fit(run: Run) -> int:
        return packs.stack_size(run, where)

    def size(run: Run) -> int:
        return max(1, min(most, int(fit(run) * (share or 1))))

    stacks = packs.pack(runs, where, kept=kept, most=size)
    if where.type == "cpu":
        return [(stack, 0.0) for stack in stacks]
    return [(stack, share or gpu_share(len(stack), fit(stack[0]))) for stack in stacks]


def gpu_share(runs: int, fit: int) -> float:
    """The share of a GPU for a stack, in eighths, where ``fit`` runs fill one.

    >>> gpu_share(100, 100), gpu_share(20, 100), gpu_share(1, 1000), gpu_share(120, 100)
    (1.0, 0.25, 0.125, 1.0)
    """
    return min(math.ceil(SHARES * runs / fit), SHARES) / SHARES


def train(
    runs: Sequence[Run],
    split: data.Split,
    checkpoint: dict[str, Any] | None,
    measures: Sequence[Measure],
    device: str,
    source: str,
    period: float,
    mailbox: Any,
    letter: tuple[str, int],
) -> tuple[rows.Tables, dict[str, Any]] | str:
    """Train one stack: its tables and origin, `TOO_LARGE`, or a sentence on what is wrong here."""
    code = _code()
    if code["source"] != source:
        return (
            "every machine of a cluster must have the driver's version of the code that trains, "
            f"and one has another (commit {code['commit']}); install the same there"
        )
    where = machine.pick_device(device)
    try:
        tables, seconds = stack_training.timed(
            runs,
            split.to(where),
            checkpoint,
            save=lambda state: mailbox.keep.remote(letter, on_cpu(state)),
            progress=lambda epochs: mailbox.count.remote(letter, epochs),
            measures=measures,
            period=period,
        )
    except (RuntimeError, MemoryError) as error:
        if not in_turn.out_of_memory(error):
            raise
        return TOO_LARGE
    here = {"machine": machine.describe(where), "code": code}
    return tables, sources.origin(here, seconds)


@functools.cache
def _code() -> dict[str, str]:
    return sources.code()


def on_cpu(state: Any) -> Any:
    """A checkpoint with its tensors copied into the memory of the CPU."""
    if isinstance(state, dict):
        return {key: on_cpu(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(on_cpu(value) for value in state)
    return state.detach().to("cpu", copy=True) if isinstance(state, torch.Tensor) else state
