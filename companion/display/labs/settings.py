"""The training that a lab's controls mean: or one sentence why there is none.

>>> from companion.display.labs import mlp
>>> plan(mlp.SETUP, mlp.SETUP.usual | {"width": "64"}).settings.widths
(64, 64, 64, 64, 64, 10)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from companion import machine
from companion.display.labs.control import Refusal
from companion.display.labs.setup import Choice, Setup, corrected
from companion.training.memory import free_bytes, needed_bytes, sizes
from companion.training.settings import Run, Settings

FIRST_SEED = 1_000_000
"""A lab's runs have the seeds from here on, which no recorded run has: they are new draws."""
SHARE = 0.5
"""Of the free memory, what a lab may take."""


@dataclass(frozen=True)
class Plan:
    """A training that can be run: equal plans give equal results."""

    settings: Settings
    dataset: str
    runs: int
    device: str

    def members(self) -> list[Run]:
        """The runs, with a lab's seeds."""
        return [Run(k, "lab", FIRST_SEED + k, self.settings) for k in range(self.runs)]


def plan(setup: Setup, choice: Choice) -> Plan:
    """The training that a choice means; `Refusal` with one sentence where there is none."""
    try:
        return _plan(setup, choice)
    except Refusal as refusal:
        first = refusal
    try:  # the end of a range can be too large for the memory
        _plan(setup, corrected(choice, first))
    except Refusal as second:
        if second.field == first.field:
            raise Refusal(first.field, first.rule, first.got, second.nearest) from None
    raise first


def _plan(setup: Setup, choice: Choice) -> Plan:
    settled = setup.settled(choice)
    dataset = settled["dataset"]
    settings = setup.meaning(settled, sizes(dataset))
    device = str(machine.pick_device(settled["device"]))
    made = Plan(settings, dataset, settled["runs"], device)
    _check_memory(made)
    return made


def _check_memory(made: Plan) -> None:
    """Refuse what does not fit, with the largest width, else number of runs, that does."""
    limit = SHARE * free_bytes(machine.pick_device(made.device))
    needed = needed_bytes(made.settings, made.dataset, made.runs)
    if needed <= limit:
        return

    def narrower(width: int) -> Plan:
        widths = made.settings.widths
        hidden = [width] * (len(widths) - 2)
        return replace(
            made, settings=replace(made.settings, widths=(widths[0], *hidden, widths[-1]))
        )

    def fits(one: Plan) -> bool:
        return needed_bytes(one.settings, one.dataset, one.runs) <= limit

    rule = f"This needs about {_gib(needed)} of memory and {_gib(limit)} may be used: "
    width = made.settings.widths[1]
    if narrow := _largest(width - 1, lambda w: fits(narrower(w))):
        raise Refusal("width", f"{rule}Layer width must be at most {narrow:,}", width, narrow)
    if few := _largest(made.runs - 1, lambda runs: fits(replace(made, runs=runs))):
        raise Refusal("runs", f"{rule}Runs must be at most {few:,}", made.runs, few)
    raise Refusal("dataset", f"{rule}Images must be a smaller set", made.dataset, "digits")


def _largest(high: int, fits) -> int:
    """The largest whole number from 1 to high that fits, by bisection; 0 where none does."""
    low = 0
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _gib(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"
