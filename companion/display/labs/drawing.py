"""A lab's panels as SVG, written directly: matplotlib's state is one for all threads, and a
drawing that is made anew several times a second beside a training should take milliseconds.

The look is that of `svg.inline`: names at the ends of lines, quiet grid, the page's own colours.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from companion.display.labels import log_ticks, plain, spread

WIDTH, HEIGHT = 430, 290
LEFT, RIGHT, TOP, BOTTOM = 40, 70, 52, 38
POINTS = 300
"""A longer curve is thinned to about so many points."""
ROLES = ("data", "past", "theory", "record")


@dataclass(frozen=True)
class Line:
    """A curve over epochs 0, 1, ...; NaN is a gap. role: ``data`` (the setting that is shown),
    ``past`` (another result), ``theory``, ``record`` (the band behind). family: palette key."""

    label: str
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    family: str = "none"
    role: str = "data"


@dataclass(frozen=True)
class Axes:
    """A panel: title, what its band means, the last epoch, and the y axis (None: what fits)."""

    title: str
    note: str
    epochs: int
    y_limits: tuple[float, float] | None = None
    y_log: bool = False


def figure(panels: Sequence[tuple[Axes, Sequence[Line]]], alt: str) -> str:
    """All panels as HTML, side by side where there is room; alt says what they show."""
    drawn = "".join(panel(axes, lines) for axes, lines in panels)
    return (
        f'<div class="wis-lab-figure" role="img" aria-label="{html.escape(alt)}" '
        f'style="display:flex;flex-wrap:wrap;gap:12px">{drawn}</div>'
    )


def panel(axes: Axes, lines: Sequence[Line]) -> str:
    """One panel as SVG."""
    low, high = axes.y_limits or _fitting(lines, axes.y_log)
    place = _Place(axes, low, high)
    parts = [_text(0, 15, axes.title, "ink", 14, bold=True), _text(0, 33, axes.note, "muted", 12)]
    parts += _grid(axes, place, low, high)
    ordered = sorted(lines, key=lambda line: ROLES[::-1].index(line.role))
    parts += [_band(line, place) for line in ordered]
    parts += [_path(line, place) for line in ordered]
    parts += _names(ordered, place)
    return (
        f'<svg aria-hidden="true" viewBox="0 0 {WIDTH} {HEIGHT}" xmlns="http://www.w3.org/2000/svg"'
        f' style="display:block;flex:1 1 {0.8 * WIDTH:.0f}px;min-width:min(320px,100%);'
        f'max-width:{1.2 * WIDTH:.0f}px;height:auto;overflow:visible">{"".join(parts)}</svg>'
    )


class _Place:
    """Epochs and values to coordinates."""

    def __init__(self, axes: Axes, low: float, high: float):
        self.last, self.log = max(axes.epochs, 1), axes.y_log
        self.low, self.high = (math.log10(v) if self.log else v for v in (low, high))

    def x(self, epoch: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * epoch / self.last

    def y(self, values: np.ndarray) -> np.ndarray:
        """Coordinates, cut a little outside the axes; NaN where there is nothing to draw."""
        values = np.asarray(values, dtype=float)
        if self.log:
            values = np.log10(np.where(values > 0, values, np.nan))
        share = (np.where(np.isfinite(values), values, np.nan) - self.low) / (self.high - self.low)
        share = np.clip(share, -0.02, 1.02)
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)


def _fitting(lines: Sequence[Line], log: bool) -> tuple[float, float]:
    """Limits that hold all means, with some room; at least a factor of four on a log axis."""
    values = np.concatenate([np.asarray(line.y, dtype=float) for line in lines] or [np.ones(1)])
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    values = values if len(values) else np.ones(1)
    if not log:
        room = 0.05 * (values.max() - values.min()) or 0.5
        return float(values.min() - room), float(values.max() + room)
    logs = np.log10(np.clip(values, 1e-12, 1e12))
    middle, half = (logs.max() + logs.min()) / 2, max((logs.max() - logs.min()) * 0.55, 0.3)
    return float(10 ** (middle - half)), float(10 ** (middle + half))


def _grid(axes: Axes, place: _Place, low: float, high: float) -> list[str]:
    parts, end = [], WIDTH - RIGHT
    ticks = log_ticks(low, high) if axes.y_log else _even(low, high)
    for tick, y in zip(ticks, place.y(np.array(ticks)), strict=True):
        parts.append(f'<path d="M{LEFT} {y:.1f}H{end}" stroke="var(--wis-rule)" fill="none"/>')
        parts.append(_text(LEFT - 7, y + 4, plain(tick), "muted", 12, "end"))
    base = HEIGHT - BOTTOM
    for tick in _even(0, max(axes.epochs, 1), whole=True):
        x = place.x(tick)
        parts.append(f'<path d="M{x:.1f} {base}v4" stroke="var(--wis-rule)" fill="none"/>')
        parts.append(_text(x, base + 18, f"{tick:,.0f}", "muted", 12, "middle"))
    parts.append(_text((LEFT + end) / 2, HEIGHT - 3, "epoch", "muted", 12, "middle"))
    return parts


def _even(low: float, high: float, whole: bool = False) -> list[float]:
    """Four to six round numbers from low to high."""
    raw = (high - low) / 5
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    step = max(step, 1) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _band(line: Line, place: _Place) -> str:
    if line.low is None or line.high is None:
        return ""
    low, high = place.y(line.low), place.y(line.high)
    chosen = [i for i in _thin(len(line.y)) if np.isfinite(low[i]) and np.isfinite(high[i])]
    if len(chosen) < 2:
        return ""
    edge = [f"{place.x(i):.1f} {high[i]:.1f}" for i in chosen]
    edge += [f"{place.x(i):.1f} {low[i]:.1f}" for i in reversed(chosen)]
    look = {"record": ("ink", 0.11), "past": (line.family, 0.07)}
    colour, opacity = look.get(line.role, (line.family, 0.18))
    return f'<path d="M{"L".join(edge)}Z" fill="var(--wis-{colour})" fill-opacity="{opacity}"/>'


def _path(line: Line, place: _Place) -> str:
    if line.role == "record":
        return ""
    y, parts, begun = place.y(line.y), [], False
    for i in _thin(len(y)):
        if np.isfinite(y[i]):
            parts.append(f"{'L' if begun else 'M'}{place.x(i):.1f} {y[i]:.1f}")
        begun = bool(np.isfinite(y[i]))
    if not parts:
        return ""
    if len(parts) == 1:  # a lone point is drawn as a dot
        parts.append("h0.01")
    width, opacity, dashes = {
        "data": (2.2, 1, ""), "past": (1.4, 0.75, ""), "theory": (1.1, 1, "4 3"),
    }[line.role]  # fmt: skip
    dot = 5 if len(parts) == 2 and line.role != "theory" and len(y) == 1 else width
    colour = "ink" if line.role == "theory" else line.family
    return (
        f'<path d="{"".join(parts)}" fill="none" stroke="var(--wis-{colour})" '
        f'stroke-width="{dot}" stroke-opacity="{opacity}" stroke-linejoin="round" '
        f'stroke-linecap="{"butt" if dashes else "round"}" stroke-dasharray="{dashes or "none"}"/>'
    )


def _names(lines: Sequence[Line], place: _Place) -> list[str]:
    """The names at the right, moved apart, each at the height of its line's end."""
    ends = []
    for line in lines:
        middle = line.y
        y = place.y(middle)
        known = y[np.isfinite(y)]
        if line.label and len(known):
            ends.append((float(known[-1]), line))
    places = spread([y for y, _ in ends], 15)
    below = max([*places, 0.0]) - (HEIGHT - BOTTOM)
    places = [place - max(below, 0.0) for place in places]  # the epochs' numbers stay free
    parts = []
    for at, (_, line) in zip(places, ends, strict=True):
        quiet = line.role == "record"
        colour = {"theory": "ink"}.get(line.role, "muted" if quiet else f"{line.family}-text")
        x = WIDTH - RIGHT + 7
        parts.append(_text(x, at + 4, line.label, colour, 12.5, bold=line.role == "data"))
    return parts


def _thin(count: int) -> list[int]:
    """At most about `POINTS` indices, the last among them."""
    step = max(1, math.ceil(count / POINTS))
    return sorted({*range(0, count, step), *([count - 1] if count else [])})


def _text(
    x: float, y: float, text: str, colour: str, size: float, anchor: str = "start", bold=False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="var(--wis-{colour})" font-size="{size}" '
        f'text-anchor="{anchor}"{weight}>{html.escape(text)}</text>'
    )
