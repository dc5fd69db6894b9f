"""One control of a lab: what may be typed into it or chosen, and what it says in a sentence.

>>> LabControl("width", "Layer width", 64, Range(1, 4096)).settled("-3")
Traceback (most recent call last):
...
companion.display.labs.control.Refusal: Layer width must be a whole number from 1 to 4,096,
got -3; the nearest that works is 1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Value = float | str


class Refusal(ValueError):
    """Why a choice cannot be trained, in one sentence.

    field: the control to change; nearest: the value of it that works.
    """

    def __init__(self, field: str, rule: str, got: object, nearest: object):
        self.field, self.rule, self.got, self.nearest = field, rule, got, nearest
        super().__init__(f"{rule}, got {said(got)}; the nearest that works is {said(nearest)}.")


@dataclass(frozen=True)
class Range:
    """What a number may be: from low to high, whole or not."""

    low: float
    high: float
    whole: bool = True

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {said(self.low)} to {said(self.high)}"

    def nearest(self, value: float) -> float:
        """The value in the range that is nearest to a number."""
        inside = min(max(value, self.low), self.high)
        return round(inside) if self.whole else inside


@dataclass(frozen=True)
class LabControl:
    """A control: its name, its label, where it starts, and what it may be.

    values: a `Range` for a number that is typed, else the names to choose from, or a function
    that returns them as ``(shown, name)``. shown: how names are shown, where not as they are.
    slider: the numbers of the slider beside it. unit: what follows the number. front: whether it
    stands in front, not folded away; its buttons then stand side by side. needs: another control
    and its value without which this one means nothing and is hidden. phrase: what it says in a
    choice's words, with {} for its value, "" for nothing, or a function of the whole choice.
    """

    name: str
    label: str
    start: Value
    values: Range | Sequence[str] | Callable[[], Sequence[tuple[str, str]]]
    shown: Mapping[str, str] = field(default_factory=dict)
    slider: tuple[float, ...] = ()
    unit: str = ""
    front: bool = False
    needs: tuple[str, str] | None = None
    phrase: str | Callable[[Mapping[str, Value]], str] = "{}"

    @property
    def typed(self) -> bool:
        """Whether it is a number."""
        return isinstance(self.values, Range)

    def told(self, choice: Mapping[str, Value]) -> str:
        """What it says of a choice."""
        if callable(self.phrase):
            return self.phrase(choice)
        return self.phrase.format(said(choice[self.name]))

    @property
    def options(self) -> list[tuple[str, str]]:
        """What it offers, as (shown, name); [] for a number."""
        if self.typed:
            return []
        if callable(self.values):
            return list(self.values())
        return [(self.shown.get(name, name), name) for name in self.values]

    def settled(self, value: Value) -> Value:
        """The value with a number as a number, however it was typed; `Refusal` if it is none.

        >>> control = LabControl("width", "Layer width", 64, Range(1, 4096))
        >>> control.settled(" 1,024 ")
        1024
        """
        if self.typed:
            return self._number(value)
        names = [name for _, name in self.options]
        if value not in names:
            raise Refusal(
                self.name, f"{self.label} must be one of {', '.join(names)}", value, self.start
            )
        return value

    def _number(self, typed: Value) -> float:
        limits, rule = self.values, f"{self.label} must be {self.values}"
        text = str(typed).strip()
        value = _float(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text)
        if math.isnan(value):
            meant = _float(text.replace(",", "."))  # a decimal comma
            near = limits.nearest(self.start if math.isnan(meant) else meant)
            raise Refusal(self.name, rule, repr(text[:30]), near)
        if not limits.low <= value <= limits.high or (limits.whole and value != round(value)):
            raise Refusal(self.name, rule, value, limits.nearest(value))
        return int(value) if limits.whole else value


_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def said(value: object) -> str:
    """A value as the reader writes it."""
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return f"{int(value):,}" if abs(value) < 1e15 else f"{value:g}"
    return f"{value:g}" if isinstance(value, float) else str(value)
