"""What an explorable is made of: controls, panels, and one point for each setting.

Everything is checked when it is made, so that a figure that can be built is a figure that every
reader can operate.
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from companion.display import style

ROLES = ("data", "theory", "reference")


@dataclass(frozen=True)
class Control:
    """One slider: a name (for code and links), a label, and the values it can take.

    values: numbers or strings, at least two, in the slider's order. start: the index at which the
    slider stands first. format: a format spec for numbers, such as ".2f"; unit: said after the
    value. text(i) is what the reader sees, key(i) what stands in a link.

    >>> width = Control("width", "Layer width", (16, 64, 256), unit="units", start=1)
    >>> width.text(1), width.key(1)
    ('64 units', '64')
    """

    name: str
    label: str
    values: Sequence[float | str]
    unit: str = ""
    start: int = 0
    format: str = ""

    def __post_init__(self):
        object.__setattr__(self, "values", tuple(self.values))
        _slug("control name", self.name)
        if len(self.values) < 2:
            raise ValueError(
                f"{self.name} must have at least two values, got {len(self.values)}; "
                "leave out a control that cannot move"
            )
        if not 0 <= self.start < len(self.values):
            raise ValueError(
                f"start of {self.name} must be an index from 0 to {len(self.values) - 1}, "
                f"got {self.start}; it counts values, it is not a value"
            )
        keys = [self.key(i) for i in range(len(self.values))]
        if len(set(keys)) < len(keys):
            raise ValueError(
                f"values of {self.name} must differ, got {keys}; drop the repeated one"
            )

    def short(self, index: int) -> str:
        """Return a value as text without its unit."""
        value = self.values[index]
        return value if isinstance(value, str) else format(value, self.format or "g")

    def text(self, index: int) -> str:
        """Return a value as the reader sees it; the unit follows numbers only."""
        unit = "" if isinstance(self.values[index], str) else self.unit
        return f"{self.short(index)} {unit}".strip()

    def key(self, index: int) -> str:
        """Return a value as it stands in a link."""
        value = self.values[index]
        return value if isinstance(value, str) else f"{value:g}"


@dataclass(frozen=True)
class Curve:
    """One line of a panel, with its band where low and high are given.

    A gap is a NaN in y (and in low and high at the same place). role: "data", "theory" (thin
    dashed, in the text colour) or "reference" (faint: what happens without the method). arm gives
    the colour (`style.PALETTE`).
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    arm: str = "none"
    role: str = "data"

    def __post_init__(self):
        style.family(self.arm)
        if self.role not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}, got {self.role!r}")
        if (self.low is None) != (self.high is None):
            raise ValueError(
                f"curve {self.label!r} must have low and high, or neither; add the other"
            )
        for field in ("x", "y", "low", "high"):
            values = getattr(self, field)
            if values is None:
                continue
            values = tuple(float(v) for v in values)
            object.__setattr__(self, field, values)
            if len(values) != len(self.x) or not values:
                raise ValueError(
                    f"{field} of curve {self.label!r} must have one value for each x "
                    f"(at least one), got {len(values)} for {len(self.x)}"
                )
            bad = [v for v in values if math.isinf(v) or (field == "x" and math.isnan(v))]
            if bad:
                raise ValueError(
                    f"{field} of curve {self.label!r} must be finite, got {bad[0]}; "
                    "use NaN in y for a gap, or cut the curve where it leaves the axis"
                )


@dataclass(frozen=True)
class Panel:
    """One pair of axes: what x and y are, on which axis, and what a band means.

    y_limits: (low, high) of the y axis; without it, the range of all curves of all settings, so
    that the axis stands still while the reader moves a slider.
    """

    key: str
    x_label: str
    y_label: str
    x_log: bool = False
    y_log: bool = False
    y_limits: tuple[float, float] | None = None
    band: str = ""

    def __post_init__(self):
        _slug("panel key", self.key)
        if self.y_limits is not None:
            low, high = self.y_limits
            floor = 0 if self.y_log else -math.inf
            if not floor < low < high < math.inf:
                raise ValueError(
                    f"y_limits of panel {self.key} must be finite and increasing"
                    f"{' and positive (log axis)' if self.y_log else ''}, got {self.y_limits}"
                )


@dataclass(frozen=True)
class Point:
    """What one setting shows: the curves of each panel, and the sentence that says the result."""

    curves: Mapping[str, Sequence[Curve]]
    caption: str


def _slug(what: str, name: str) -> None:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise ValueError(
            f"{what} must be letters, digits, - and _, beginning with a letter, got {name!r}"
        )


@dataclass(frozen=True)
class Definition:
    """A whole explorable. grid: one `Point` for each tuple of control indices."""

    name: str
    title: str
    controls: Sequence[Control]
    panels: Sequence[Panel]
    grid: Mapping[tuple[int, ...], Point]

    def __post_init__(self):
        object.__setattr__(self, "controls", tuple(self.controls))
        object.__setattr__(self, "panels", tuple(self.panels))
        _slug("explorable name", self.name)
        for what, keys in (
            ("control name", [control.name for control in self.controls]),
            ("panel key", [panel.key for panel in self.panels]),
        ):
            if not keys:
                raise ValueError(f"an explorable must have a {what}, got none; add one")
            if twice := [key for key in keys if keys.count(key) > 1]:
                raise ValueError(f"each {what} must be unique, got {twice[0]!r} twice; rename one")
        cells = set(itertools.product(*(range(len(c.values)) for c in self.controls)))
        if missing := sorted(cells - set(self.grid)):
            raise ValueError(
                f"grid must hold every setting, {len(missing)} of {len(cells)} missing, first "
                f"{self.describe(missing[0])} at index {missing[0]}; compute it or drop the value"
            )
        if extra := sorted(set(self.grid) - cells, key=str):
            raise ValueError(
                f"grid must hold only settings of the controls, got index {extra[0]}; drop it"
            )
        for cell in sorted(cells):
            self._check_point(cell)

    def _check_point(self, cell) -> None:
        point, keys = self.grid[cell], {panel.key for panel in self.panels}
        where = self.describe(cell)
        if set(point.curves) != keys:
            raise ValueError(
                f"the point at {where} must have curves for the panels {', '.join(sorted(keys))}, "
                f"got {', '.join(sorted(point.curves)) or 'none'}; an empty list is allowed"
            )
        if not point.caption.strip():
            raise ValueError(
                f"the point at {where} must have a caption, got none; write a sentence"
            )
        for panel in self.panels:
            for curve in point.curves[panel.key]:
                for log, fields in ((panel.x_log, "x"), (panel.y_log, "y low high")):
                    values = [v for f in fields.split() for v in getattr(curve, f) or ()]
                    if log and any(v <= 0 for v in values):
                        raise ValueError(
                            f"curve {curve.label!r} at {where} must be positive on the log axis "
                            f"of panel {panel.key}, got {min(values):g}; "
                            "make it NaN, or the axis linear"
                        )

    @property
    def start(self) -> tuple[int, ...]:
        """The setting at which the controls stand first."""
        return tuple(control.start for control in self.controls)

    def describe(self, cell: Sequence[int]) -> str:
        """Return a setting in words, such as "width 64, gain 1"."""
        pairs = zip(self.controls, cell, strict=True)
        return ", ".join(f"{control.name} {control.key(index)}" for control, index in pairs)

    def limits(self, panel: Panel) -> tuple[list[float], list[float]]:
        """Return the x and the y limits of a panel, the same for every setting."""
        curves = [c for point in self.grid.values() for c in point.curves[panel.key]]
        x = _span([v for c in curves for v in c.x], panel.x_log, 0.0)
        if panel.y_limits is not None:
            return x, list(panel.y_limits)
        y = [v for c in curves for values in (c.y, c.low, c.high) for v in values or ()]
        return x, _span(y, panel.y_log, 0.04)


def _span(values, log: bool, padding: float) -> list[float]:
    """Return the range of the values, widened by a share of itself, never empty."""
    values = [v for v in values if not math.isnan(v)] or [1.0, 10.0]
    low, high = min(values), max(values)
    if log:
        low, high = math.log10(low), math.log10(high)
    if low == high:
        low, high = low - 0.5, high + 0.5
    low, high = low - padding * (high - low), high + padding * (high - low)
    return [10**low, 10**high] if log else [low, high]
