"""An explorable in a live notebook: sliders from ipywidgets, panels from matplotlib."""

import html
import math
import sys

import ipywidgets

from companion.display import style
from companion.display.definition import Curve, Definition, Panel, Point
from companion.display.labels import canvas, head, log_axis, name_lines
from companion.display.page import fragment
from companion.display.svg import inline


class LiveExplorable(ipywidgets.VBox):
    """The definition as a widget; in a built page its HTML is shown instead.

    sliders: one `SelectionSlider` a control, by name, whose value is the *index* of the value.
    """

    def __init__(self, definition: Definition):
        self.definition = definition
        self.sliders = {
            control.name: ipywidgets.SelectionSlider(
                options=[(control.text(i), i) for i in range(len(control.values))],
                value=control.start,
                description=control.label,
                style={"description_width": "9em"},
                layout={"width": "min(32em, 98%)"},
            )
            for control in definition.controls
        }
        self.figure = ipywidgets.HTML(layout={"width": "auto"})
        self.caption = ipywidgets.HTML(layout={"width": "auto"})
        title = ipywidgets.HTML(f"<strong>{html.escape(definition.title)}</strong>")
        super().__init__([title, *self.sliders.values(), self.figure, self.caption])
        for slider in self.sliders.values():
            slider.observe(self._redraw, "value")
        self._redraw()

    def _redraw(self, _change=None) -> None:
        cell = tuple(slider.value for slider in self.sliders.values())
        point = self.definition.grid[cell]
        drawing = inline(draw(self.definition, point), f"{self.definition.title}. {point.caption}")
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


def draw(definition: Definition, point: Point):
    """Return a matplotlib figure of one point, its panels side by side (pyplot is not touched)."""
    count = len(definition.panels)
    figure, axes = canvas(count, width=3.6 * max(count, 1.6), height=2.9, squeeze=False)
    for panel, panel_axes in zip(definition.panels, axes[0], strict=True):
        _draw_panel(definition, panel, point.curves[panel.key], panel_axes)
    return figure


def _draw_panel(definition: Definition, panel: Panel, curves: list[Curve], axes) -> None:
    x_limits, y_limits = definition.limits(panel)
    axes.set_xlim(x_limits)
    axes.set_ylim(y_limits)
    if panel.x_log:
        log_axis(axes.xaxis)
    if panel.y_log:
        log_axis(axes.yaxis)
    head(axes, panel.y_label, panel.band, panel.x_label)
    ends = []
    for curve in curves:
        colour, name_colour, options = _look(curve)
        if curve.low is not None:
            axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.16, linewidth=0)
        axes.plot(curve.x, curve.y, color=colour, **options)
        last = [y for y in curve.y if not math.isnan(y)]
        if last:
            ends.append((last[-1], curve.label, name_colour))
    name_lines(axes, ends)


def _look(curve: Curve):
    """Return line colour, label colour and line options of a curve's role."""
    if curve.role == "theory":
        return style.INK, style.INK, {
            "linewidth": 1, "linestyle": (0, style.THEORY_DASHES), "zorder": 3,
        }  # fmt: skip
    colour = style.colour(curve.arm)
    if curve.role == "reference":
        return colour, style.MUTED, {"linewidth": 1.2, "alpha": 0.7}
    line = {"linestyle": style.linestyle(curve.arm)}
    if len(curve.x) <= 12:
        line |= {"marker": "o", "markersize": 3.5}
    return colour, style.text_colour(curve.arm), line
