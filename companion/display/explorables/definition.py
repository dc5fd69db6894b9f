"""What an explorable is made of: controls, panels, and one point for each setting.

Everything is checked when it is made, so that a figure that can be built is a figure that every
reader can operate.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from companion.display.explorables.marks import Curve, Histogram
from companion.display.explorables.panels import Control, HeatMap, Panel, is_number, slug

_MARKS = {"curves": Curve, "histograms": Histogram}


@dataclass(frozen=True)
class Point:
    """What one setting shows, and the sentence that says the result.

    curves: for each panel its `Curve`s or `Histogram`s, for a `HeatMap` the number of this
    setting (NaN where there is none).
    """

    curves: Mapping[str, Sequence[Curve] | Sequence[Histogram] | float]
    caption: str


@dataclass(frozen=True)
class Definition:
    """A whole explorable. grid: one `Point` for each tuple of control indices.

    note: a quiet line below the caption, the same at every setting: what was run, at which scale.
    """

    name: str
    title: str
    controls: Sequence[Control]
    panels: Sequence[Panel | HeatMap]
    grid: Mapping[tuple[int, ...], Point]
    note: str = ""

    def __post_init__(self):
        object.__setattr__(self, "controls", tuple(self.controls))
        object.__setattr__(self, "panels", tuple(self.panels))
        slug("explorable name", self.name)
        if not self.title.strip():
            raise ValueError(f"{self.name} must have a title, got {self.title!r}; write one line")
        for what, keys in (
            ("control name", [control.name for control in self.controls]),
            ("panel key", [panel.key for panel in self.panels]),
        ):
            if not keys:
                raise ValueError(f"an explorable must have a {what}, got none; add one")
            if twice := [key for key in keys if keys.count(key) > 1]:
                raise ValueError(f"each {what} must be unique, got {twice[0]!r} twice; rename one")
        self._check_panels()
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

    def _check_panels(self) -> None:
        names = [control.name for control in self.controls]
        groups: dict[str, Panel] = {}
        for panel in self.panels:
            if isinstance(panel, HeatMap):
                if unknown := [axis for axis in (panel.x, panel.y) if axis not in names]:
                    raise ValueError(
                        f"axes of heat map {panel.key} must be controls ({', '.join(names)}), "
                        f"got {unknown[0]!r}; add that control or name another"
                    )
            elif panel.group:
                first = groups.setdefault(panel.group, panel)
                for field in (
                    "kind", "x_label", "y_label", "x_log", "y_log", "y_limits", "band", "equal",
                    "y_follows",
                ):  # fmt: skip
                    if getattr(panel, field) != getattr(first, field):
                        raise ValueError(
                            f"panels of group {panel.group} must have the same {field}, got "
                            f"{getattr(first, field)!r} and {getattr(panel, field)!r}; "
                            "small multiples share their axes"
                        )

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
            if isinstance(panel, HeatMap):
                _check_number(point.curves[panel.key], panel, where)
            else:
                _check_marks(point.curves[panel.key], panel, where)

    @property
    def start(self) -> tuple[int, ...]:
        """The setting at which the controls stand first."""
        return tuple(control.start for control in self.controls)

    def describe(self, cell: Sequence[int]) -> str:
        """Return a setting in words, such as "width 64, gain 1"."""
        pairs = zip(self.controls, cell, strict=True)
        return ", ".join(f"{control.name} {control.key(index)}" for control, index in pairs)

    def limits(
        self, panel: Panel | HeatMap, cell: Sequence[int] | None = None
    ) -> tuple[list[float], list[float]]:
        """Return the x and the y limits of a panel, the same for every setting and in a group.

        A heat map's x limits are the ends of its colour scale. cell: a setting, whose own heights
        limit the y axis of a panel that follows it.
        """
        x, y = self._limits[panel.key]
        if cell is None or isinstance(panel, HeatMap) or not panel.y_follows:
            return x, y
        return x, self._heights(panel, [self.grid[tuple(cell)]])

    @cached_property
    def _limits(self) -> dict[str, tuple[list[float], list[float]]]:
        return {panel.key: self._limits_of(panel) for panel in self.panels}

    def _limits_of(self, panel):
        if isinstance(panel, HeatMap):
            numbers = [float(point.curves[panel.key]) for point in self.grid.values()]
            return [float(v) for v in panel.limits or _span(numbers, False, 0.0)], []
        marks = self._marks(panel, self.grid.values())
        x = _span([v for m in marks for v in m.xs], panel.x_log, 0.0)
        return x, self._heights(panel, self.grid.values())

    def _heights(self, panel: Panel, points: Iterable[Point]) -> list[float]:
        if panel.y_limits is not None:
            return [float(v) for v in panel.y_limits]
        y = _span([v for m in self._marks(panel, points) for v in m.ys], panel.y_log, 0.04)
        return [0.0, y[1]] if panel.kind == "histograms" else y

    def _marks(self, panel: Panel, points: Iterable[Point]) -> list[Curve | Histogram]:
        """Return what the panel and those of its group show at some settings."""
        keys = [
            p.key for p in self.panels if p is panel or (panel.group and _group(p) == panel.group)
        ]
        return [mark for point in points for key in keys for mark in point.curves[key]]

    def axes(self, heat: HeatMap) -> tuple[int, int]:
        """Return the numbers of the two controls that are the heat map's axes, x first."""
        names = [control.name for control in self.controls]
        return names.index(heat.x), names.index(heat.y)

    def heat(self, heat: HeatMap, cell: Sequence[int]) -> list[list[float]]:
        """Return the numbers of a heat map at a setting: one row for each value of y."""
        across, up = self.axes(heat)
        rows = []
        for j in range(len(self.controls[up].values)):
            rows.append([])
            for i in range(len(self.controls[across].values)):
                there = list(cell)
                there[across], there[up] = i, j
                rows[-1].append(float(self.grid[tuple(there)].curves[heat.key]))
        return rows


def _group(panel) -> str:
    return "" if isinstance(panel, HeatMap) else panel.group


def _check_number(value, panel: HeatMap, where: str) -> None:
    if not is_number(value) or math.isinf(float(value)):
        raise ValueError(
            f"heat map {panel.key} must have one finite number at {where}, got {value!r}; "
            "use NaN where there is none"
        )


def _check_marks(marks, panel: Panel, where: str) -> None:
    wanted = _MARKS[panel.kind]
    for mark in marks:
        if not isinstance(mark, wanted):
            raise ValueError(
                f"panel {panel.key} shows {panel.kind}, so each of its curves at {where} must be "
                f"a {wanted.__name__}, got {type(mark).__name__}; change it or the panel's kind"
            )
        for log, values in ((panel.x_log, mark.xs), (panel.y_log, mark.ys)):
            if log and any(v <= 0 for v in values):
                raise ValueError(
                    f"curve {mark.label!r} at {where} must be positive on the log axis "
                    f"of panel {panel.key}, got {min(values):g}; "
                    "make it NaN, or the axis linear"
                )


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
