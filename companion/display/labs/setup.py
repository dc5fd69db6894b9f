"""What a lab is made of: its controls, the training they mean, and the curves it draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from companion.data.sizes import Sizes
from companion.display.labs.control import LabControl, Refusal, Value
from companion.measure import catalogue
from companion.measure.declare import Measure
from companion.training.settings import Settings

Choice = Mapping[str, Value]
"""What the controls say, as typed: control's name -> value; numbers may be text."""


@dataclass(frozen=True)
class Panel:
    """A curve over the epochs: a column of the measures, of a layer where it is one of a layer's
    (negative: counted from the last).

    percent: shown times 100. limits: of the axis, in what is shown; log: its kind. theory: what
    is expected, drawn as a dashed line of that name, and the value to which the table sets what
    was measured.
    """

    title: str
    column: str
    layer: int | None = None
    percent: bool = False
    limits: tuple[float, float] | None = None
    log: bool = False
    theory: tuple[str, Callable[[Settings], float]] | None = None


@dataclass(frozen=True)
class Setup:
    """Controls, meaning, panels and measures of a lab.

    controls must have those of `labs.common`. meaning: settled values and the sizes of the image
    set -> `Settings`; it may raise `Refusal`.
    """

    controls: tuple[LabControl, ...]
    meaning: Callable[[Choice, Sizes], Settings]
    panels: tuple[Panel, ...]
    measures: tuple[Measure, ...] = catalogue.EACH_EPOCH

    def __getitem__(self, name: str) -> LabControl:
        return next(control for control in self.controls if control.name == name)

    def __contains__(self, name: str) -> bool:
        return any(control.name == name for control in self.controls)

    @property
    def usual(self) -> dict[str, Value]:
        """Every control at its start."""
        return {control.name: control.start for control in self.controls}

    def starting(self, front: tuple[str, ...] = (), **start: Value) -> Setup:
        """The same with other starts; front: the names of the controls in front, in their order,
        with those that they are needed by."""
        wanted = front or tuple(control.name for control in self.controls if control.front)
        made = [
            replace(
                control,
                start=start.get(control.name, control.start),
                front=(control.needs[0] if control.needs else control.name) in wanted,
            )
            for control in self.controls
        ]

        def place(control: LabControl) -> int:
            name = control.needs[0] if control.needs else control.name
            return wanted.index(name) if control.front else len(wanted)

        return replace(self, controls=tuple(sorted(made, key=place)))

    def means(self, control: LabControl, choice: Choice) -> bool:
        """Whether a control means something beside the others."""
        return control.needs is None or choice[control.needs[0]] == control.needs[1]

    def settled(self, choice: Choice) -> dict[str, Value]:
        """The choice with its numbers as numbers, and what means nothing at its start."""
        return {
            control.name: control.settled(choice[control.name])
            if self.means(control, choice)
            else control.start
            for control in self.controls
        }

    def words(self, choice: Choice) -> str:
        """A choice in words: the controls in front, and what else is not at its start."""
        told, usual = [], self.usual
        for control in self.controls:
            phrase = control.told(choice) if self.means(control, choice) else ""
            if phrase and (control.front or phrase != control.told(usual)):
                told.append(phrase)
        return ", ".join(told)


def corrected(choice: Choice, refusal: Refusal) -> dict[str, Value]:
    """The choice with the refused value replaced by the nearest that works."""
    return {**choice, refusal.field: refusal.nearest}


def shown(panel: Panel, values: np.ndarray) -> np.ndarray:
    """Values in the units of a panel."""
    return 100 * values if panel.percent else values
