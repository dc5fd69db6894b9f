"""Which runs of a plan train together: consecutive ones that share an architecture."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch

from companion.evidence import partial
from companion.training.packing import stack_size
from companion.training.settings import Run

Limits = Mapping[tuple, int]
"""`Settings.shape` -> how many runs of it fit at most, known since more did not."""


def pack(
    runs: Iterable[Run],
    device: torch.device,
    limits: Limits | None = None,
    kept: Iterable[str] = (),
    most: Callable[[Run], int] | None = None,
) -> Iterator[list[Run]]:
    """Stacks of consecutive runs that share an architecture, in the order of the plan.

    most: how many runs like this one to take at most; default: `stack_size` on the device. kept:
    keys of stacks that have a checkpoint. Where all of its runs are here such a stack is
    formed again, whatever `most` says now, as its checkpoint fits no other.
    """
    ends: dict[int, list[int]] = {}
    for key in kept:
        numbers = partial.runs(key)
        ends.setdefault(numbers[0], []).append(numbers[-1])
    for waiting in _alike(runs):
        while waiting:
            head = waiting[0]
            fit = min((limits or {}).get(head.settings.shape, len(waiting)), len(waiting))
            again = [last - head.number + 1 for last in ends.get(head.number, ())]
            size = max((one for one in again if one <= fit), default=0)
            if not size:
                size = min(fit, most(head) if most else stack_size(head, device))
                size = next((i for i in range(1, size) if waiting[i].number in ends), size)
            yield waiting[:size]
            waiting = waiting[size:]


def _alike(runs: Iterable[Run]) -> Iterator[list[Run]]:
    """The plan in parts: runs that are consecutive and share an architecture."""

    def kind(at: tuple[int, Run]) -> tuple:
        return at[1].number - at[0], at[1].settings.shape

    for _, part in itertools.groupby(enumerate(runs), kind):
        yield [run for _, run in part]


def stack_key(stack: Sequence[Run]) -> str:
    """The runs of a stack, which are consecutive, as a file name: ``00000-00005``."""
    return partial.key([run.number for run in stack])


def finished_runs(keys: Iterable[str]) -> set[int]:
    """The numbers of the runs in stacks of these keys."""
    return {number for key in keys for number in partial.runs(key)}
