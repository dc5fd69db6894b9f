"""One figure, two lives: controls and curves defined once, live in a notebook and in the page.

In a notebook with a kernel an explorable is ipywidgets sliders over matplotlib panels. In a built
page it is the custom element `<weights-explorable>`, which needs no kernel and no network.

A point gives each panel what its kind takes:

* `Panel(...)`: a list of `Curve`s over layer, epoch or step, with bands and a theory line;
* `multiples(...)`: the same, a panel a layer, on shared axes;
* `Panel(..., kind="histograms")`: a list of `Histogram`s, before and after;
* `HeatMap(...)`: one number; two controls are the axes of the map.

>>> width = Control("width", "Layer width", (16, 64), unit="units")
>>> std = Panel("std", "epoch", "weight std", y_log=True)
>>> def point(width):
...     y = [0.1, 0.2 * 16 / width]
...     return Point({"std": [Curve("WR", [0, 1], y, family="wr")]}, f"The std ends at {y[1]:g}.")
>>> shown = Explorable.compute("std-by-width", "Weight std by width", [width], [std], point)
>>> shown.grid[1,].caption
'The std ends at 0.05.'
"""

import itertools
from collections.abc import Callable, Sequence

from companion.display.explorables.definition import Definition, Point
from companion.display.explorables.marks import Curve, Histogram
from companion.display.explorables.page import fragment
from companion.display.explorables.panels import Control, HeatMap, Panel, multiples

__all__ = [
    "Control", "Curve", "Explorable", "HeatMap", "Histogram", "Panel", "Point", "multiples",
]  # fmt: skip


class Explorable(Definition):
    """A figure with controls. The last expression of a cell displays it.

    name: its id in the page and in links (`#name?width=64&gain=2`): unique in the page, and no
    section's anchor. title: one line. grid: {control indices: Point}; `compute` builds it from a
    function. note: what stays true at every setting, such as a record's label. A bad definition
    raises ValueError.
    """

    @classmethod
    def compute(
        cls,
        name: str,
        title: str,
        controls: Sequence[Control],
        panels: Sequence[Panel | HeatMap],
        point: Callable[..., Point],
        note: str = "",
    ) -> "Explorable":
        """Return the explorable whose setting (width=64, ...) shows point(width=64, ...)."""
        grid = {}
        for cell in itertools.product(*(range(len(control.values)) for control in controls)):
            values = {c.name: c.values[i] for c, i in zip(controls, cell, strict=True)}
            grid[cell] = point(**values)
        return cls(name, title, controls, panels, grid, note)

    def html(self) -> str:
        """Return the figure for a built page."""
        return fragment(self)

    def live(self):
        """Return the figure as a widget, `companion.display.explorables.live.LiveExplorable`."""
        from companion.display.explorables.live import LiveExplorable

        return LiveExplorable(self)

    def _repr_mimebundle_(self, **kwargs) -> dict:
        return self.live()._repr_mimebundle_(**kwargs)
