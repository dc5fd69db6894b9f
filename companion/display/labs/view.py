"""A lab in a live notebook: controls, Run and Stop, curves that grow, results that stay."""

from __future__ import annotations

import html
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets

from companion.display import style
from companion.display.explorables import Explorable
from companion.display.explorables.page import fragment
from companion.display.labs import figure
from companion.display.labs.control import Refusal
from companion.display.labs.controls import Controls
from companion.display.labs.figure import Result
from companion.display.labs.full import FullRun
from companion.display.labs.full_view import FullView
from companion.display.labs.jobs import DONE, RUNNING, Job
from companion.display.labs.record import Recorded
from companion.display.labs.session import Training
from companion.display.labs.settings import Plan, plan
from companion.display.labs.setup import Setup, corrected
from companion.display.labs.words import CSS, button, ending, letters, paragraph, progress
from companion.evidence.records import Record

REDRAW = 0.25
"""Seconds between two drawings of growing curves."""


@dataclass(frozen=True)
class Laboratory:
    """What a lab is about: its title, its controls and what they mean, the record behind its
    curves, the full experiment, its figure in a page, and where a reader without a kernel can run
    it."""

    title: str
    setup: Setup
    record: Record
    full: FullRun
    page: Callable[[], Explorable]
    colab: str


class Lab(ipywidgets.VBox):
    """The lab as a widget; in a built page its HTML is shown instead.

    results: the list of `Result`, in the order of their runs; a setting that was run before is
    shown again at once. controls.choice: what the controls say.
    """

    def __init__(self, about: Laboratory):
        self.about, self.recorded = about, Recorded(about.record)
        self.results: list[Result] = []
        self._lock, self._drawn = threading.RLock(), 0.0
        self._seen: tuple[Training | None, int] = (None, -1)  # the last epoch that was drawn
        self._refusal: Refusal | None = None
        self._showing = False  # while the buttons are being set, they are no reader's hand
        self.full = about.full
        self.full_view = FullView(self.full, lambda: self.busy is None, self._on_full)
        self._make()
        super().__init__(self._arranged())
        self.add_class("wis-lab")
        self.refresh()

    # --- what there is --------------------------------------------------------------------------

    def _make(self) -> None:
        self.controls = Controls(self.about.setup, self.refresh)
        self.run = button("Run", self._on_run, "primary")
        self.stop = button("Stop", self._on_stop)
        self.fix = button("", self._on_fix)
        self.forget = button("Forget the results", self._on_forget)
        self.status, self.message, self.figure, self.verdict, self.table = (
            ipywidgets.HTML(layout={"width": "auto"}) for _ in range(5)
        )
        self.back = ipywidgets.ToggleButtons(
            options=[],
            description="Show",
            style={"button_width": "auto", "description_width": "auto"},
            layout={"width": "auto"},
        )
        self.back.observe(self._on_back, "value")

    def _arranged(self) -> list[ipywidgets.Widget]:
        wrap = {"flex_flow": "row wrap", "align_items": "center", "width": "auto"}
        self.warning = ipywidgets.HBox([self.message, self.fix], layout=wrap)
        self.history = ipywidgets.VBox(
            [self.table, ipywidgets.HBox([self.back, self.forget], layout=wrap)]
        )
        title = ipywidgets.HTML(
            f'<style>{style.css()}{CSS}</style><div class="wis"><strong class="wis-lab-title">'
            f"{html.escape(self.about.title)}</strong></div>"
        )
        buttons = [self.run, self.stop, self.controls.more, self.full_view.ask]
        return [
            title, self.controls, self.warning, ipywidgets.HBox(buttons, layout=wrap),
            self.full_view, self.status, self.figure, self.verdict, self.history,
        ]  # fmt: skip

    @property
    def busy(self) -> Job | None:
        """The work that is under way."""
        jobs = [self.full, self.full_view.cost, *(result.training for result in self.results)]
        return next((job for job in jobs if job.state == RUNNING), None)

    def find(self, wanted: Plan | None) -> Result | None:
        """The remembered result of a plan."""
        return next((r for r in self.results if r.training.plan == wanted), None)

    # --- what the reader does -------------------------------------------------------------------

    def _plan(self) -> Plan | None:
        """What the controls mean; None, with the reason on the page, where that is nothing."""
        self._refusal = None
        try:
            made, said = plan(self.about.setup, self.controls.choice), ""
        except Refusal as refusal:
            self._refusal, made, said = refusal, None, str(refusal)
        except ValueError as error:
            made, said = None, str(error)
        self.message.value = paragraph(said, "alert", "wis-lab-message") if said else ""
        near = self._refusal.nearest if self._refusal else None
        if near is not None:
            self.fix.description = f"Use {near:,}" if isinstance(near, int) else f"Use {near}"
        self.fix.layout.display = "none" if near is None else None
        self.warning.layout.display = None if said else "none"
        return made

    def refresh(self) -> None:
        """Show what the controls say: the band, the remembered results, or why there is none."""
        with self._lock:
            made = self._plan()
            self._draw(made)
            self._buttons(made)
            if self.busy is None:
                self._say(self._idle(made))

    def _on_run(self, _button=None) -> None:
        with self._lock:
            made = self._plan()
            if made is None or self.busy is not None:
                return
            found = self.find(made)
            if found is None:
                setup = self.about.setup
                found = Result(
                    letters(len(self.results)),
                    setup.settled(self.controls.choice),
                    Training(made, measures=setup.measures),
                )
                found.training.watch = self._on_training
                self.results.append(found)
            for result in self.results:
                if result is not found:
                    result.training.forget()
            found.training.start()
            self.refresh()

    def _on_stop(self, _button=None) -> None:
        job = self.busy
        if job is not None:
            job.stop()

    def _on_fix(self, _button=None) -> None:
        if self._refusal is not None:
            self.controls.set(corrected(self.controls.choice, self._refusal))

    def _on_back(self, change) -> None:
        with self._lock:
            result = next((r for r in self.results if r.name == change["new"]), None)
            if result is not None and not self._showing:
                self.controls.set(result.choice)

    def _on_forget(self, _button=None) -> None:
        with self._lock:
            self.results = [r for r in self.results if r.training.state == RUNNING]
            self.refresh()

    # --- what the work reports ------------------------------------------------------------------

    def _on_training(self, training: Training) -> None:
        with self._lock:
            running = training.state == RUNNING
            if running:
                self._say(progress(training))
                soon = time.monotonic() - self._drawn < REDRAW and training.epoch > 1
                if soon or self._seen == (training, training.epoch):
                    return
                self._seen = (training, training.epoch)
            self._draw(self._quiet_plan())
            if not running:
                self._buttons(self._quiet_plan())
                self._say(ending(training))

    def _quiet_plan(self) -> Plan | None:
        try:
            return plan(self.about.setup, self.controls.choice)
        except ValueError:
            return None

    # --- the full experiment --------------------------------------------------------------------

    def _on_full(self, text: str) -> None:
        with self._lock:
            if self.full.record is not None and self.recorded.record is not self.full.record:
                self.recorded = Recorded(self.full.record)
                self._draw(self._quiet_plan())
            self._buttons(self._quiet_plan())
            self._say(text or self._idle(self._quiet_plan()))

    # --- what is on the page --------------------------------------------------------------------

    def _draw(self, made: Plan | None) -> None:
        shown = self.find(made)
        running = next((r for r in self.results if r.training.state == RUNNING), None)
        front = shown or running
        drawing = figure.panels(self.about.setup, self.results, front, made, self.recorded)
        self.figure.value = f'<div class="wis">{drawing}</div>'
        said = ""
        if shown and made:
            said = self.recorded.verdict(made, shown.training.curve("test_accuracy"))
        ended = shown is not None and shown.training.state != RUNNING
        self.verdict.value = paragraph(said, "status" if ended else "", "wis-lab-verdict")
        listed = figure.table(self.about.setup, self.results, front)
        self.table.value = f'<div class="wis">{listed}</div>'
        self._drawn = time.monotonic()

    def _buttons(self, made: Plan | None) -> None:
        busy, shown = self.busy is not None, self.find(made)
        resumable = shown is not None and shown.training.resumable
        done = shown is not None and shown.training.state == DONE
        self.run.description = "Go on" if resumable else "Run"
        self.run.disabled, self.stop.disabled = busy or done, not busy
        self.full_view.allow(not busy)
        names = tuple(result.name for result in self.results)
        self._showing = True
        if self.back.options != names:
            self.back.options = names
        self.back.value = shown.name if shown else None
        self._showing = False
        self.history.layout.display = None if names else "none"

    def _idle(self, made: Plan | None) -> str:
        shown = self.find(made)
        if made is None:
            return "Nothing to run with this value."
        if shown is None:
            return "Not run yet with these values."
        return ending(shown.training)

    def _say(self, text: str) -> None:
        """The line below the buttons; a bar while something is under way, and then quietly."""
        job, bar = self.busy, ""
        if job is not None:
            done = min(1.0, job.done / job.total) if job.total else 0.0
            bar = f'<progress max="1" value="{done:.3f}" aria-label="Progress"></progress> '
        self.status.value = paragraph(text, "" if job else "status", "wis-lab-status", first=bar)

    def _repr_mimebundle_(self, include=None, exclude=None, **kwargs) -> dict:
        """Return the widget, and for a built page the recorded results, which JupyterLab ranks
        below it. Colab's ranking is not known: there the widget goes alone."""
        bundle = {
            "text/plain": f"Lab: {self.about.title}",
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.model_id,
            },
        }
        if "google.colab" not in sys.modules:
            bundle["text/html"] = self.html()
        return bundle

    def html(self) -> str:
        """Return the lab for a built page: the recorded results, and a link to run it."""
        label = html.escape(self.about.record.label())
        return (
            f"{fragment(self.about.page())}"
            f'<p class="wis-lab-link">Recorded: {label}. To train it yourself, with values of your '
            f'own, <a href="{html.escape(self.about.colab)}">open this chapter in Colab</a>.</p>'
        )
