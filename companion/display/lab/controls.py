"""A lab's controls: three in front, the rarer ones folded away, every number free to be typed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import fields, replace

import ipywidgets
import torch

from companion import data
from companion.data.downloads import DOWNLOADS
from companion.display.lab.choice import FREQUENCIES, LABELS, NAMES, STEPS, Choice
from companion.evidence.arms import LABELS as ARM_LABELS
from companion.experiments import estimate

SLIDERS = {
    "width": (8, 16, 32, 64, 128, 256),
    "gain": (0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0),
}
UNITS = {"width": "units", "gain": "× √2", "period": "steps"}
FOLDED = (
    "depth", "activation", "scheme", "rule", "optimizer", "learning_rate", "weight_decay",
    "dataset", "runs", "epochs", "device",
)  # fmt: skip
_NAME_WIDTH = "8.5em"


class Controls(ipywidgets.VBox):
    """The controls of a `Choice`. ``changed()`` is called once after every change.

    fields: one widget for each field of `Choice`, by its name; sliders: those of width and gain,
    which follow the typed number and set it.
    """

    def __init__(self, start: Choice, changed: Callable[[], None]):
        self._changed, self._quiet = changed, False
        self.fields = {field.name: _widget(field.name, start) for field in fields(Choice)}
        self.sliders = {
            name: ipywidgets.SelectionSlider(
                options=[(f"{value:g}", value) for value in values],
                value=_nearest(getattr(start, name), values),
                readout=False,
                layout={"width": "min(17em, 60%)"},
            )
            for name, values in SLIDERS.items()
        }
        self.more = ipywidgets.ToggleButton(
            value=False, description="More settings", layout={"width": "auto"}
        )
        front = [
            self._row(name, self.sliders[name]) for name in ("width", "gain")
        ] + [self._row("frequency"), self._row("period")]  # fmt: skip
        self.period_row = front[-1]
        self.folded = ipywidgets.GridBox(
            [self.fields[name] for name in FOLDED],
            layout={
                "grid_template_columns": "repeat(auto-fill, minmax(21em, 1fr))",
                "display": "none",
                "width": "auto",
            },
        )
        super().__init__([*front, self.folded])
        self.add_class("wis-lab-controls")
        for name, widget in self.fields.items():
            widget.observe(lambda _, name=name: self._on_field(name), "value")
        for name, slider in self.sliders.items():
            slider.observe(lambda change, name=name: self._on_slider(name, change), "value")
        self.more.observe(self._fold, "value")
        self._show_period()

    @property
    def choice(self) -> Choice:
        """What the controls say."""
        return Choice(**{name: widget.value for name, widget in self.fields.items()})

    def set(self, choice: Choice) -> None:
        """Put all controls to a choice, which counts as one change."""
        with self._one_change():
            for name, widget in self.fields.items():
                value = getattr(choice, name)
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
            self._show_period()

    def _on_field(self, name: str) -> None:
        if self._quiet:
            return
        with self._one_change():
            self._follow(name)
        self._changed()

    def _on_slider(self, name: str, change) -> None:
        if not self._quiet:
            self.set(replace(self.choice, **{name: change["new"]}))

    def _follow(self, name: str) -> None:
        """Move a slider to the value of its field that is nearest."""
        if name in self.sliders:
            with contextlib.suppress(ValueError):
                value = float(self.fields[name].value)
                self.sliders[name].value = _nearest(value, SLIDERS[name])

    def _show_period(self) -> None:
        shown = self.fields["frequency"].value == STEPS
        self.period_row.layout.display = None if shown else "none"

    def _fold(self, change) -> None:
        self.folded.layout.display = "grid" if change["new"] else "none"

    def _row(self, name: str, *more: ipywidgets.Widget) -> ipywidgets.Widget:
        unit = ipywidgets.HTML(
            f'<span class="wis-lab-unit">{UNITS.get(name, "")}</span>', layout={"width": "auto"}
        )
        parts = [self.fields[name], *([unit] if name in UNITS else []), *more]
        return ipywidgets.HBox(parts, layout={"flex_flow": "row wrap", "align_items": "center"})


def _widget(name: str, start: Choice) -> ipywidgets.Widget:
    label = "every k steps: k" if name == "period" else LABELS[name]
    value = getattr(start, name)
    look = {"description": label, "style": {"description_width": _NAME_WIDTH}}
    if name == "frequency":
        return ipywidgets.ToggleButtons(
            options=[(text, text) for text in FREQUENCIES],
            value=value,
            description="Rescale",
            style={"description_width": _NAME_WIDTH, "button_width": "auto"},
            layout={"width": "auto"},
        )
    if options := _options(name):
        if value not in [option[1] for option in options]:
            options.append((str(value), value))
        return ipywidgets.Dropdown(
            options=options, value=value, layout={"width": "min(20em, 98%)"}, **look
        )
    width = "20em" if name in FOLDED else "14em"
    return ipywidgets.Text(
        value=_plain(value),
        continuous_update=False,
        layout={"width": f"min({width}, 98%)"},
        **look,
    )


_WORDS = {
    "relu": "ReLU", "sgd": "SGD", "sgdw": "SGDW", "adam": "Adam", "adamw": "AdamW",
    "kaiming": "Kaiming", "xavier": "Xavier", "wr": f"{ARM_LABELS['wr']}: initial std",
    "wrs": f"{ARM_LABELS['wrs']}: norm 1",
}  # fmt: skip


def _options(name: str) -> list[tuple[str, str]]:
    """What a dropdown offers; [] for a field that is typed."""
    if name in NAMES:
        return [(_WORDS.get(value, value), value) for value in NAMES[name][1]]
    if name == "dataset":
        return [(_image_set(known), known) for known in data.names()]
    if name == "device":
        gpus = [f"cuda:{k}" for k in range(torch.cuda.device_count())]
        return [("GPU, if any", "auto"), ("CPU", "cpu"), *((gpu, gpu) for gpu in gpus)]
    return []


def _image_set(name: str) -> str:
    missing = name in DOWNLOADS and estimate.place(name) is None
    return f"{name} (is downloaded first)" if missing else name


def _nearest(value: float | str, values: tuple[float, ...]) -> float:
    try:
        number = float(value)
        return min(values, key=lambda known: abs(known - number))
    except ValueError:
        return values[0]


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"
