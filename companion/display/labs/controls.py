"""A lab's controls as widgets: some in front, the rarer ones folded away, every number free to be
typed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import ipywidgets

from companion.display.labs.control import LabControl, Value
from companion.display.labs.setup import Choice, Setup

_NAME_WIDTH = "8.5em"


class Controls(ipywidgets.VBox):
    """The controls of a `Setup`. ``changed()`` is called once after every change.

    fields: one widget for each control, by its name; sliders: those of the front that have one,
    which follow the typed number and set it.
    """

    def __init__(self, setup: Setup, changed: Callable[[], None]):
        self.setup, self._changed, self._quiet = setup, changed, False
        self.fields = {control.name: _widget(control) for control in setup.controls}
        self.sliders = {
            control.name: ipywidgets.SelectionSlider(
                options=[(f"{value:g}", value) for value in control.slider],
                value=_nearest(control.start, control.slider),
                readout=False,
                layout={"width": "min(17em, 60%)"},
            )
            for control in setup.controls
            if control.front and control.slider
        }
        self.more = ipywidgets.ToggleButton(
            value=False, description="More settings", layout={"width": "auto"}
        )
        self.rows = {control.name: self._row(control) for control in setup.controls}
        self.folded = ipywidgets.GridBox(
            [self.rows[control.name] for control in setup.controls if not control.front],
            layout={
                "grid_template_columns": "repeat(auto-fill, minmax(21em, 1fr))",
                "display": "none",
                "width": "auto",
            },
        )
        front = [self.rows[control.name] for control in setup.controls if control.front]
        super().__init__([*front, self.folded])
        self.add_class("wis-lab-controls")
        for name, widget in self.fields.items():
            widget.observe(lambda _, name=name: self._on_field(name), "value")
        for name, slider in self.sliders.items():
            slider.observe(lambda change, name=name: self._on_slider(name, change), "value")
        self.more.observe(self._fold, "value")
        self._show_needed()

    @property
    def choice(self) -> dict[str, Value]:
        """What the controls say."""
        return {name: widget.value for name, widget in self.fields.items()}

    def set(self, choice: Choice) -> None:
        """Put all controls to a choice, which counts as one change."""
        with self._one_change():
            for name, widget in self.fields.items():
                value = choice[name]
                if isinstance(widget, ipywidgets.Text):
                    widget.value = _plain(value)
                elif value in [option[1] for option in widget.options]:
                    widget.value = value
                self._follow(name)
        self._changed()

    @contextlib.contextmanager
    def _one_change(self):
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False
            self._show_needed()

    def _on_field(self, name: str) -> None:
        if self._quiet:
            return
        with self._one_change():
            self._follow(name)
        self._changed()

    def _on_slider(self, name: str, change) -> None:
        if not self._quiet:
            self.set({**self.choice, name: change["new"]})

    def _follow(self, name: str) -> None:
        """Move a slider to the value of its field that is nearest."""
        if name in self.sliders:
            with contextlib.suppress(ValueError):
                value = float(self.fields[name].value)
                self.sliders[name].value = _nearest(value, self.setup[name].slider)

    def _show_needed(self) -> None:
        """Hide what means nothing beside the others."""
        choice = self.choice
        for control in self.setup.controls:
            if control.needs:
                shown = self.setup.means(control, choice)
                self.rows[control.name].layout.display = None if shown else "none"

    def _fold(self, change) -> None:
        self.folded.layout.display = "grid" if change["new"] else "none"

    def _row(self, control: LabControl) -> ipywidgets.Widget:
        """A field, with its unit and slider where it stands in front."""
        parts = [self.fields[control.name]]
        if control.unit:
            unit = f'<span class="wis-lab-unit">{control.unit}</span>'
            parts.append(ipywidgets.HTML(unit, layout={"width": "auto"}))
        if control.name in self.sliders:
            parts.append(self.sliders[control.name])
        if len(parts) == 1:
            return parts[0]
        return ipywidgets.HBox(parts, layout={"flex_flow": "row wrap", "align_items": "center"})


def _widget(control: LabControl) -> ipywidgets.Widget:
    look = {"description": control.label, "style": {"description_width": _NAME_WIDTH}}
    value, options = control.start, control.options
    if control.typed:
        width = "14em" if control.front else "20em"
        return ipywidgets.Text(
            value=_plain(value),
            continuous_update=False,
            layout={"width": f"min({width}, 98%)"},
            **look,
        )
    if control.front:
        look["style"]["button_width"] = "auto"
        return ipywidgets.ToggleButtons(
            options=options, value=value, layout={"width": "auto"}, **look
        )
    return ipywidgets.Dropdown(
        options=options, value=value, layout={"width": "min(20em, 98%)"}, **look
    )


def _nearest(value: Value, values: tuple[float, ...]) -> float:
    try:
        number = float(value)
        return min(values, key=lambda known: abs(known - number))
    except ValueError:
        return values[0]


def _plain(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"
