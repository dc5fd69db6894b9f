"""An explorable in a built page: a compact payload, and the HTML that carries it.

The payload (JSON) has
    id, title, note
    controls: [{name, label, unit, start, ordered, keys, texts, shorts}]; the last three
              hold one string a value
    panels:   [{kind, key, title, group, x, y, xlog, ylog, xlim, ylim, equal, band}], ylim of a
              panel that follows its setting {"0,2,1": [low, high], ...}; a heat map
              {kind, key, y, across, up, lim, digits} with the numbers of its two controls
    arrays:   each different sequence of numbers once: an x axis is shared by every curve on it
    styles:   each different [label, role, colour, dashes] once
    curves:   each different [style, x, y] or [style, x, y, low, high] once: `style` an index into
              styles, the others indices into arrays; the line "never rescaled" is stored once.
              A histogram is a curve whose x are the edges, one more than its y
    points:   {"0,2,1": [caption, [curve, ...] of panel 0, number of heat map 1, ...]}
Points are keyed by control *index*, because JavaScript prints 2.0 as "2". Numbers have four
significant digits, whole ones all of theirs; a gap is null.
"""

import html
import json
import math

from companion.display import style
from companion.display.explorables.definition import Definition
from companion.display.explorables.marks import Curve, Histogram
from companion.display.explorables.panels import HeatMap

DIGITS = 4


def payload(definition: Definition) -> dict:
    """Return the definition as plain data in the format above."""
    arrays, styles, curves = _Table(), _Table(), _Table()

    def number_of(mark: Curve | Histogram) -> int:
        if isinstance(mark, Histogram):
            dashes, columns = "", (mark.edges, mark.density)
        else:
            dashes = " ".join(f"{2 * d:g}" for d in _dashes(mark))
            columns = (mark.x, mark.y, mark.low, mark.high)
        colour = "ink" if mark.role == "theory" else mark.family
        parts = [styles.add([mark.label, mark.role, colour, dashes])]
        parts += [arrays.add([rounded(v) for v in values]) for values in columns if values]
        return curves.add(parts)

    def shown(panel, point):
        if isinstance(panel, HeatMap):
            return rounded(float(point.curves[panel.key]))
        return [number_of(mark) for mark in point.curves[panel.key]]

    points = {
        ",".join(map(str, cell)): [
            point.caption,
            *(shown(panel, point) for panel in definition.panels),
        ]
        for cell, point in sorted(definition.grid.items())
    }
    return {
        "id": definition.name,
        "title": definition.title,
        "note": definition.note,
        "controls": [
            {
                "name": control.name,
                "label": control.label,
                "unit": control.unit,
                "start": control.start,
                "ordered": control.ordered,
                "keys": [control.key(i) for i in range(len(control.values))],
                "texts": [control.text(i) for i in range(len(control.values))],
                "shorts": [control.short(i) for i in range(len(control.values))],
            }
            for control in definition.controls
        ],
        "panels": [_panel(definition, panel) for panel in definition.panels],
        "arrays": arrays.rows,
        "styles": styles.rows,
        "curves": curves.rows,
        "points": points,
    }


def _panel(definition, panel) -> dict:
    x, y = definition.limits(panel)
    if isinstance(panel, HeatMap):
        across, up = definition.axes(panel)
        return {
            "kind": panel.kind,
            "key": panel.key,
            "y": panel.label,
            "across": across,
            "up": up,
            "lim": _ends(x),
            "digits": panel.digits,
        }
    return {
        "kind": panel.kind,
        "key": panel.key,
        "title": panel.title,
        "group": panel.group,
        "x": panel.x_label,
        "y": panel.y_label,
        "xlog": panel.x_log,
        "ylog": panel.y_log,
        "xlim": _ends(x),
        "ylim": {
            ",".join(map(str, cell)): _ends(definition.limits(panel, cell)[1])
            for cell in sorted(definition.grid)
        }
        if panel.y_follows
        else _ends(y),
        "equal": panel.equal,
        "band": panel.band,
    }


def _ends(limits: list[float]) -> list[float | int | None]:
    return [rounded(v, 6) for v in limits]


def _dashes(curve: Curve) -> tuple[float, ...]:
    return style.THEORY_DASHES if curve.role == "theory" else style.DASHES[curve.dash]


def rounded(value: float, digits: int = DIGITS) -> float | int | None:
    """Return a number with so many significant digits, NaN as None; whole numbers stay exact.

    >>> rounded(0.123456), rounded(12345.0), rounded(float("nan"))
    (0.1235, 12345, None)
    """
    if math.isnan(value):
        return None
    if value.is_integer() and abs(value) < 1e9:
        return int(value)
    short = float(f"{value:.{digits - 1}e}")
    return int(short) if short.is_integer() and abs(short) < 1e9 else short


class _Table:
    """Rows without repetition, and the number under which each one is found."""

    def __init__(self):
        self.rows, self._numbers = [], {}

    def add(self, row: list) -> int:
        number = self._numbers.setdefault(tuple(row), len(self.rows))
        if number == len(self.rows):
            self.rows.append(row)
        return number


def script_safe(data) -> str:
    """Return compact JSON that is safe inside `<script>`: no `<`, `>` or `&` is left in it.

    >>> script_safe({"a": "</script>"})
    '{"a":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def fragment(definition: Definition) -> str:
    """Return the HTML of the explorable: the custom element, its data, and a loader.

    Until the script has come, and where there is none, the sentence of the start setting stands
    in the place of the figure.
    """
    start = definition.grid[definition.start]
    return (
        f"<style>{style.css()}</style>"
        f'<weights-explorable id="{definition.name}" class="wis" role="group" '
        f'aria-label="{html.escape(definition.title)}">'
        f'<script type="application/json">{script_safe(payload(definition))}</script>'
        f"<p><strong>{html.escape(definition.title)}</strong><br>"
        f"With {html.escape(definition.describe(definition.start))}: "
        f"{html.escape(start.caption)} {html.escape(definition.note)}</p>"
        "<noscript><p>The controls of this figure need JavaScript.</p></noscript>"
        f"</weights-explorable><script>{_LOADER}</script>"
    )


# Adds style sheet and script once a page. Outside a built page there is no content root, and the
# sentence stays.
_LOADER = (
    "(function(d){var r=d.documentElement.dataset.content_root,e;"
    'if(r===undefined||d.getElementById("wis-explorable-script"))return;'
    'r+="explorable/explorable.";'
    'e=d.createElement("link");e.rel="stylesheet";e.href=r+"css";d.head.appendChild(e);'
    'e=d.createElement("script");e.id="wis-explorable-script";e.src=r+"js";'
    "d.head.appendChild(e)})(document)"
)
