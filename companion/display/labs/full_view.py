"""The full experiment in a lab: its cost is told first, then it can be started."""

from __future__ import annotations

import html
from collections.abc import Callable

import ipywidgets

from companion.display.labs.full import Cost, FullRun
from companion.display.labs.jobs import DONE, FAILED, RUNNING, STOPPED, Job
from companion.display.labs.words import button, left, paragraph
from companion.experiments import header


class FullView(ipywidgets.VBox):
    """A box with the cost of a `FullRun` and two buttons; `ask`, which opens it, stands elsewhere.

    free(): whether nothing else is under way; say(text): where its sentences go, "" for none of
    its own.
    """

    def __init__(self, full: FullRun, free: Callable[[], bool], say: Callable[[str], None]):
        self.full, self.free, self.say = full, free, say
        self.cost = Cost(full, self._on_cost)
        full.watch = self._on_full
        self.ask = button("Full GPU experiment …", self._on_ask)
        self.confirm = button("Start the full experiment", self._on_confirm, "warning")
        self.leave = button("Not now", self._on_leave)
        self.offer = ipywidgets.HTML(layout={"width": "auto"})
        buttons = ipywidgets.HBox(
            [self.confirm, self.leave], layout={"flex_flow": "row wrap", "width": "auto"}
        )
        super().__init__([self.offer, buttons])
        self.layout.display = "none"

    def allow(self, free: bool) -> None:
        """Let the buttons be pressed, or not."""
        self.ask.disabled = not free
        self.confirm.disabled = not free or self.cost.state != DONE

    def _on_ask(self, _button=None) -> None:
        if self.free():
            self.layout.display = None
            self.cost.start()
            self._on_cost(self.cost)

    def _on_cost(self, cost: Job) -> None:
        said = {
            RUNNING: "Timing a few steps of it here …",
            FAILED: cost.note,
            STOPPED: "Stopped.",
        }.get(cost.state, self.cost.sentence)
        command = f"<br><code>{html.escape(self.full.command)}</code>"
        self.offer.value = paragraph(said, "status", "wis-lab-offer", last=command)
        self.say("Timing …" if cost.state == RUNNING else "")

    def _on_confirm(self, _button=None) -> None:
        if self.full.state == DONE:
            self._on_full(self.full)
        elif self.free():
            self.layout.display = "none"
            self.full.start()
            self.say("The full experiment begins.")

    def _on_leave(self, _button=None) -> None:
        self.cost.stop()
        self.layout.display = "none"

    def _on_full(self, full: Job) -> None:
        done = full.done / full.total if full.total else 0.0
        where = self.full.out / header.record_name(
            self.full.experiment, self.full.dataset, self.full.scale
        )
        self.say(
            {
                RUNNING: f"Full experiment: {100 * done:.0f} %{left(full)}",
                DONE: f"The full experiment is recorded in {where}; the grey bands are from it.",
                STOPPED: "Stopped; what is finished is kept, and a new start goes on there.",
            }.get(full.state, full.note)
        )
