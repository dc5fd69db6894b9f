"""The frame of an explorable: controls, and the panels that its curves are drawn in.

A panel is a pair of axes for curves or for histograms (`Panel`), or a map of every setting of two
controls (`HeatMap`). Everything is checked when it is made.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

KINDS = ("curves", "histograms")


@dataclass(frozen=True)
class Control:
    """One slider or row of buttons: a name (for code and links), a label, the values it can take.

    values: numbers or strings, at least two, in the slider's order. start: the index at which the
    control stands first. format: a format spec for numbers, such as ".2f"; unit: said after the
    value. ordered: False shows every value as a button of its own, for values without an order,
    such as arms. text(i) is what the reader sees, key(i) what stands in a link.

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
    ordered: bool = True

    def __post_init__(self):
        object.__setattr__(self, "values", tuple(self.values))
        slug("control name", self.name)
        if len(self.values) < 2:
            raise ValueError(
                f"{self.name} must have at least two values, got {len(self.values)}; "
                "leave out a control that cannot move"
            )
        for value in self.values:
            if not isinstance(value, str) and not (is_number(value) and math.isfinite(value)):
                raise ValueError(
                    f"values of {self.name} must be finite numbers or strings, got {value!r}; "
                    "write it as a string"
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
class Panel:
    """One pair of axes: what x and y are, on which axis, and what a band means.

    kind: "curves" (takes `Curve`s) or "histograms" (takes `Histogram`s). y_limits: (low, high) of
    the y axis; without it, the range of all curves of all settings, so that the axis stands still
    while the reader moves a slider. equal: a unit is as long on the y axis as on the x axis, so
    that a circle is round and angles are true; the panel takes its height from that. y_follows:
    histograms, whose heights bear no numbers, fill the panel at each setting, where one setting far
    higher than the others would leave theirs flat.

    group: panels of one group are small multiples: they stand together under one heading, each
    with its title, and share their axes (`multiples` makes them).
    """

    key: str
    x_label: str
    y_label: str
    x_log: bool = False
    y_log: bool = False
    y_limits: tuple[float, float] | None = None
    band: str = ""
    kind: str = "curves"
    title: str = ""
    group: str = ""
    equal: bool = False
    y_follows: bool = False

    def __post_init__(self):
        slug("panel key", self.key)
        if self.kind not in KINDS:
            raise ValueError(
                f"kind of panel {self.key} must be one of {', '.join(KINDS)}, got {self.kind!r}; "
                "for two controls as axes use HeatMap"
            )
        if self.kind == "histograms" and (self.x_log or self.y_log):
            raise ValueError(
                f"axes of panel {self.key} must be linear, got a log axis; "
                "the area of a histogram is a share only there"
            )
        if self.equal and (self.kind != "curves" or self.x_log or self.y_log):
            raise ValueError(
                f"panel {self.key} must show curves on linear axes to have equal units, got "
                f"{self.kind}{' on a log axis' * (self.x_log or self.y_log)}; leave equal out"
            )
        if self.y_follows and (self.kind != "histograms" or self.y_limits is not None):
            raise ValueError(
                f"panel {self.key} must show histograms without y_limits to follow its setting, "
                f"got {self.kind} and y_limits {self.y_limits}; leave y_follows out"
            )
        if self.group and not self.title:
            raise ValueError(
                f"panel {self.key} of group {self.group} must have a title, got none; "
                "say which of the group it is"
            )
        _check_limits(f"y_limits of panel {self.key}", self.y_limits, self.y_log)


def multiples(group: str, titles: dict[str, str], x_label: str, y_label: str, **same) -> list:
    """Return small multiples: one `Panel` for each key and title, on shared axes.

    same: the other fields of `Panel`, equal for all.

    >>> [p.title for p in multiples("std", {"one": "layer 1", "two": "layer 2"}, "epoch", "std")]
    ['layer 1', 'layer 2']
    """
    return [
        Panel(key, x_label, y_label, title=title, group=group, **same)
        for key, title in titles.items()
    ]


@dataclass(frozen=True)
class HeatMap:
    """A map of one number over two controls, at the present setting of the others.

    x, y: names of the two controls that are its axes. label: what the number is. limits: the
    numbers at the ends of the colour scale; without it, the range over all settings. digits:
    decimals of the number in a cell. The cell of the present setting is framed.
    """

    key: str
    label: str
    x: str
    y: str
    limits: tuple[float, float] | None = None
    digits: int = 0

    kind = "heat map"

    def __post_init__(self):
        slug("panel key", self.key)
        if self.x == self.y:
            raise ValueError(
                f"axes of heat map {self.key} must be two controls, got {self.x!r} twice; "
                "name another one"
            )
        if not 0 <= self.digits <= 6:
            raise ValueError(
                f"digits of heat map {self.key} must be 0 to 6, got {self.digits}; a cell is narrow"
            )
        _check_limits(f"limits of heat map {self.key}", self.limits, log=False)


def slug(what: str, name: str) -> None:
    """Raise ValueError unless the name can stand in an id and in a link."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise ValueError(
            f"{what} must be letters, digits, - and _, beginning with a letter, got {name!r}"
        )


def is_number(value) -> bool:
    """Return whether a value is a plain or a NumPy number."""
    return hasattr(value, "__float__") and not isinstance(value, str | bool)


def _check_limits(what: str, limits, log: bool) -> None:
    if limits is None:
        return
    low, high = limits
    if not (0 if log else -math.inf) < low < high < math.inf:
        raise ValueError(
            f"{what} must be finite and increasing{' and positive (log axis)' if log else ''}, "
            f"got {limits}; give the lower end first"
        )
