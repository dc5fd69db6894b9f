"""An explorable in a live notebook: controls from ipywidgets, panels from matplotlib."""

import html
import math
import sys

import ipywidgets

from companion.display import style
from companion.display.explorables.definition import Definition
from companion.display.explorables.marks import Curve, Histogram
from companion.display.explorables.page import fragment
from companion.display.explorables.panels import Control, HeatMap, Panel
from companion.display.labels import canvas, head, log_axis, name_lines
from companion.display.svg import inline


class LiveExplorable(ipywidgets.VBox):
    """The definition as a widget; in a built page its HTML is shown instead.

    sliders: one `SelectionSlider` (or `ToggleButtons`, for values without an order) a control, by
    name, whose value is the *index* of the value.
    """

    def __init__(self, definition: Definition):
        self.definition = definition
        self.sliders = {control.name: _widget(control) for control in definition.controls}
        self.figure = ipywidgets.HTML(layout={"width": "auto"})
        self.caption = ipywidgets.HTML(layout={"width": "auto"})
        title = ipywidgets.HTML(f"<strong>{html.escape(definition.title)}</strong>")
        note = ipywidgets.HTML(f"<small>{html.escape(definition.note)}</small>")
        super().__init__([title, *self.sliders.values(), self.figure, self.caption, note])
        for slider in self.sliders.values():
            slider.observe(self._redraw, "value")
        self._redraw()

    def _redraw(self, _change=None) -> None:
        cell = tuple(slider.value for slider in self.sliders.values())
        point = self.definition.grid[cell]
        drawing = inline(draw(self.definition, cell), f"{self.definition.title}. {point.caption}")
        self.figure.value = f'<style>{style.css()}</style><div class="wis">{drawing}</div>'
        self.caption.value = (
            '<p role="status" aria-live="polite" style="max-width:42em;line-height:1.45">'
            f"{html.escape(point.caption)}</p>"
        )

    def _repr_mimebundle_(self, include=None, exclude=None, **kwargs) -> dict:
        """Return the widget, and for a built page the HTML, which JupyterLab ranks below it.

        Colab's ranking is not known: there the widget goes alone.
        """
        bundle = {
            "text/plain": f"Explorable: {self.definition.title}",
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.model_id,
            },
        }
        if "google.colab" not in sys.modules:
            bundle["text/html"] = fragment(self.definition)
        return bundle


def _widget(control: Control):
    options = {
        "options": [(control.text(i), i) for i in range(len(control.values))],
        "value": control.start,
        "description": control.label,
    }
    if not control.ordered:
        return ipywidgets.ToggleButtons(
            **options, style={"description_width": "9em", "button_width": "auto"}
        )
    return ipywidgets.SelectionSlider(
        **options, style={"description_width": "9em"}, layout={"width": "min(32em, 98%)"}
    )


def draw(definition: Definition, cell: tuple[int, ...]):
    """Return a matplotlib figure of one setting, three panels a row; pyplot is not touched."""
    count = len(definition.panels)
    columns, rows = min(count, 3), math.ceil(count / 3)
    width = 3.6 * max(columns, 1.6)
    figure, axes = canvas(columns, rows, width=width, height=2.9 * rows, text=1.0, squeeze=False)
    for unused in axes.flat[count:]:
        unused.set_visible(False)
    headed = set()
    for panel, panel_axes in zip(definition.panels, axes.flat, strict=False):
        if isinstance(panel, HeatMap):
            _draw_heat(definition, panel, cell, panel_axes)
            continue
        first = not panel.group or panel.group not in headed
        headed.add(panel.group)
        title = ", ".join(filter(None, (panel.y_label if first else "", panel.title)))
        note = panel.band if first else " " * bool(panel.band)  # keeps the panels level
        head(panel_axes, title, note, panel.x_label)
        _draw_panel(definition, panel, cell, panel_axes)
    return figure


def _draw_panel(definition: Definition, panel: Panel, cell, axes) -> None:
    marks = definition.grid[cell].curves[panel.key]
    x_limits, y_limits = definition.limits(panel, cell)
    axes.set_xlim(x_limits)
    axes.set_ylim(y_limits)
    if panel.equal:
        axes.set_aspect("equal", anchor="NW")
    if panel.x_log:
        log_axis(axes.xaxis)
    if panel.y_log:
        log_axis(axes.yaxis)
    ends = []
    for mark in marks:
        colour, name_colour, options = _look(mark)
        if isinstance(mark, Histogram):
            before = mark.role == "reference"
            axes.stairs(
                mark.density, mark.edges, fill=True, color=colour, alpha=0.08 if before else 0.4
            )
            axes.stairs(mark.density, mark.edges, color=colour, linewidth=1.2)
            axes.annotate(
                mark.label, (1, 1), xycoords="axes fraction", ha="right", va="top",
                xytext=(0, -13 * marks.index(mark)), textcoords="offset points",
                color=name_colour, size=9.5,
            )  # fmt: skip
            continue
        if mark.low is not None:
            axes.fill_between(mark.x, mark.low, mark.high, color=colour, alpha=0.16, linewidth=0)
        axes.plot(mark.x, mark.y, color=colour, **options)
        last = [y for y in mark.y if not math.isnan(y)]
        if last and mark.role != "context":
            ends.append((last[-1], mark.label, name_colour))
    if panel.kind == "histograms":
        axes.locator_params(axis="x", nbins=4)
        axes.set_yticks([])
    name_lines(axes, ends)


def _draw_heat(definition: Definition, panel: HeatMap, cell, axes) -> None:
    import matplotlib
    from matplotlib.patches import Rectangle

    across, up = definition.axes(panel)
    x, y = definition.controls[across], definition.controls[up]
    (low, high), _ = definition.limits(panel)
    scale = matplotlib.colormaps["viridis"]
    for j, row in enumerate(definition.heat(panel, cell)):
        for i, value in enumerate(row):
            if math.isnan(value):
                text, face = "–", style.RULE
                ink = style.INK
            else:
                text = f"{value:.{panel.digits}f}"
                face = scale((min(max(value, low), high) - low) / (high - low))
                ink = _ink_on(matplotlib.colors.to_hex(face))
            axes.add_patch(Rectangle((i, j), 1, 1, facecolor=face, edgecolor="none"))
            axes.text(i + 0.5, j + 0.5, text, color=ink, ha="center", va="center", size=9)
    i, j = cell[across], cell[up]
    for edge, width in ((style.INK, 4.5), ("#ffffff", 1.5)):
        axes.add_patch(
            Rectangle((i, j), 1, 1, fill=False, edgecolor=edge, linewidth=width, clip_on=False)
        )
    axes.set_xlim(0, len(x.values))
    axes.set_ylim(0, len(y.values))
    axes.set_xticks([i + 0.5 for i in range(len(x.values))], map(x.short, range(len(x.values))))
    axes.set_yticks([j + 0.5 for j in range(len(y.values))], map(y.short, range(len(y.values))))
    axes.grid(False)
    head(axes, panel.label, f"{y.label}, upwards", ", ".join(filter(None, (x.label, x.unit))))
    ramp = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(low, high), scale)
    bar = axes.figure.colorbar(ramp, ax=axes, fraction=0.05, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=style.RULE, labelcolor=style.MUTED, labelsize=9.5)


def _ink_on(face: str) -> str:
    """Return black or white, whichever reads on the colour."""
    return max(("#000000", "#ffffff"), key=lambda ink: style.contrast(ink, face))


def _look(mark: Curve | Histogram):
    """Return line colour, label colour and line options of a mark's role."""
    if mark.role == "theory":
        return style.INK, style.INK, {
            "linewidth": 1, "linestyle": (0, style.THEORY_DASHES), "zorder": 3,
        }  # fmt: skip
    if mark.role == "context":
        return style.MUTED, style.MUTED, {"linewidth": 0.8, "alpha": 0.4}
    colour = style.colour(mark.family)
    if isinstance(mark, Histogram):
        before = style.INK, style.INK, {}
        return before if mark.role == "reference" else (colour, style.text_colour(mark.family), {})
    if mark.role == "reference":
        return colour, style.MUTED, {"linewidth": 1.2, "alpha": 0.75}
    line = {"linestyle": style.linestyle(mark.dash)}
    if len(mark.x) <= 12:
        line |= {"marker": "o", "markersize": 3.5}
    return colour, style.text_colour(mark.family), line
