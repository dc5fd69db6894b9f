"""One stack after the other; where memory ends, two halves in place of a whole."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch

from companion.experiments.packs import pack
from companion.experiments.stack_training import Progress
from companion.training.settings import Run

Notice = Callable[[str], Any]
"""Called with one sentence that the one who waits should read."""


def train_all(
    waiting: Sequence[Run],
    device: torch.device,
    train: Callable[[Sequence[Run], Progress], Any],
    report: Progress | None = None,
    notice: Notice | None = None,
    kept: Callable[[], Iterable[str]] = tuple,
) -> Iterator[tuple[list[Run], Any]]:
    """Pack the runs, and yield each stack with what ``train(stack, progress)`` returns for it.

    A stack that does not fit in memory is trained as two halves, and from then on no larger stack
    of its architecture is formed. kept: called for the keys that `pack` takes.

    Raises ValueError when one run alone does not fit; all stacks before it have been yielded.
    """
    limits: dict[tuple, int] = {}
    while waiting:
        stack = next(pack(waiting, device, limits, kept()))
        counted = Counted(report)
        result = _unless_too_large(train, stack, counted)
        if device.type == "cuda" or result is None:  # else the next stack is packed for less memory
            gc.collect()
            torch.cuda.empty_cache()
        if result is None:
            counted.take_back()
            limits[stack[0].settings.shape] = halved(stack, str(device), notice)
            continue
        yield stack, result
        waiting = waiting[len(stack) :]


def halved(stack: Sequence[Run], where: str, notice: Notice | None) -> int:
    """Half the runs of a stack that does not fit, rounded up, after saying so.

    Raises ValueError when it is a single run.
    """
    if len(stack) == 1:
        raise ValueError(
            f"a run must fit in the free memory of its device, and run {stack[0].number} "
            f"({stack[0].arm}) alone does not fit in that of {where}; free memory there or choose "
            "another --device, then give the same command again: what is stored stays"
        )
    half = math.ceil(len(stack) / 2)
    if notice:
        notice(
            f"{len(stack)} runs at once do not fit in the memory of {where}: from here on it "
            f"trains at most {half} of this kind at once, and nothing stored is lost."
        )
    return half


def _unless_too_large(train: Callable[..., Any], *arguments: Any) -> Any:
    """The result, or None where memory ends. The stack is free once the error is: its traceback
    holds the frames that hold the stack."""
    try:
        return train(*arguments)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
    return None


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device has no memory left."""
    said = ("DefaultCPUAllocator: can't allocate memory", "_STATUS_ALLOC_FAILED")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        text in str(error) for text in said
    )


class Counted:
    """A progress that knows what it has reported."""

    def __init__(self, report: Progress | None) -> None:
        self.report, self.total = report or (lambda _: None), 0

    def __call__(self, epochs: int) -> None:
        """Report finished run-epochs."""
        self.total += epochs
        self.report(epochs)

    def take_back(self) -> None:
        """Report that what was reported must be trained anew."""
        if self.total:
            self.report(-self.total)
