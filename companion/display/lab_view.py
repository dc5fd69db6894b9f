"""A lab in a live notebook: controls, Run and Stop, curves that grow, results that stay."""

from __future__ import annotations

import html
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets

from companion.display import lab_figure, style
from companion.display.explorables import Explorable
from companion.display.lab_controls import Controls
from companion.display.lab_figure import Result
from companion.display.lab_full import Cost, FullRun, duration
from companion.display.lab_jobs import DONE, FAILED, RUNNING, STOPPED, Job
from companion.display.lab_record import Recorded
from companion.display.lab_session import Training
from companion.display.lab_settings import Choice, Plan, Refusal, corrected, plan, settled
from companion.display.page import fragment
from companion.evidence.records import Record

REDRAW = 0.25
"""Seconds between two drawings of growing curves."""


@dataclass(frozen=True)
class Laboratory:
    """What a lab is about: its title, the setting it starts from, the record behind its curves,
    the full experiment, its figure in a page, and where a reader without a kernel can run it."""

    title: str
    start: Choice
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
        self._refusal: Refusal | None = None
        self.full, self.cost = about.full, Cost(about.full, self._on_cost)
        self.full.watch = self._on_full
        self._make()
        super().__init__(self._arranged())
        self.add_class("wis-lab")
        self.refresh()

    # --- what there is --------------------------------------------------------------------------

    def _make(self) -> None:
        self.controls = Controls(self.about.start, self.refresh)
        self.run = _button("Run", self._on_run, "primary")
        self.stop = _button("Stop", self._on_stop)
        self.fix = _button("", self._on_fix)
        self.tell_cost = _button("Full GPU experiment …", self._on_tell_cost)
        self.confirm = _button("Start the full experiment", self._on_confirm, "warning")
        self.leave = _button("Not now", self._on_leave)
        self.forget = _button("Forget the results", self._on_forget)
        self.bar = ipywidgets.FloatProgress(
            min=0, max=1, layout={"width": "100%", "height": "8px", "margin": "4px 0"}
        )
        self.status, self.message, self.figure, self.verdict, self.table, self.offer = (
            ipywidgets.HTML(layout={"width": "auto"}) for _ in range(6)
        )
        self.back = ipywidgets.ToggleButtons(
            options=[], description="Show", style={"button_width": "auto"}
        )
        self.back.observe(self._on_back, "value")

    def _arranged(self) -> list[ipywidgets.Widget]:
        wrap = {"flex_flow": "row wrap", "align_items": "center", "width": "auto"}
        self.warning = ipywidgets.HBox([self.message, self.fix], layout=wrap)
        self.costs = ipywidgets.VBox(
            [self.offer, ipywidgets.HBox([self.confirm, self.leave], layout=wrap)]
        )
        self.history = ipywidgets.VBox(
            [self.table, ipywidgets.HBox([self.back, self.forget], layout=wrap)]
        )
        self.costs.layout.display = "none"
        title = ipywidgets.HTML(
            f'<style>{style.css()}{_CSS}</style><div class="wis"><strong class="wis-lab-title">'
            f"{html.escape(self.about.title)}</strong></div>"
        )
        buttons = [self.run, self.stop, self.controls.more, self.tell_cost]
        return [
            title, self.controls, self.warning, ipywidgets.HBox(buttons, layout=wrap), self.costs,
            self.bar, self.status, self.figure, self.verdict, self.history,
        ]  # fmt: skip

    @property
    def busy(self) -> Job | None:
        """The work that is under way."""
        jobs = [self.full, self.cost, *(result.training for result in self.results)]
        return next((job for job in jobs if job.state == RUNNING), None)

    def find(self, wanted: Plan | None) -> Result | None:
        """The remembered result of a plan."""
        return next((r for r in self.results if r.training.plan == wanted), None)

    # --- what the reader does -------------------------------------------------------------------

    def _plan(self) -> Plan | None:
        """What the controls mean; None, with the reason on the page, where that is nothing."""
        self._refusal = None
        try:
            made, said = plan(self.controls.choice), ""
        except Refusal as refusal:
            self._refusal, made, said = refusal, None, str(refusal)
        except ValueError as error:
            made, said = None, str(error)
        self.message.value = _said(said, "alert", "wis-lab-message") if said else ""
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
                found = Result(
                    _letters(len(self.results)), settled(self.controls.choice), Training(made)
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
        result = next((r for r in self.results if r.name == change["new"]), None)
        if result is not None and self.find(self._quiet_plan()) is not result:
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
                self._say(_progress(training))
                if time.monotonic() - self._drawn < REDRAW and training.epoch > 0:
                    return
            self._draw(self._quiet_plan())
            if not running:
                self._buttons(self._quiet_plan())
                self._say(_ending(training))

    def _quiet_plan(self) -> Plan | None:
        try:
            return plan(self.controls.choice)
        except ValueError:
            return None

    # --- the full experiment --------------------------------------------------------------------

    def _on_tell_cost(self, _button=None) -> None:
        with self._lock:
            if self.busy is not None:
                return
            self.costs.layout.display = None
            if self.cost.state != DONE:
                self.cost.start()
            self._on_cost(self.cost)

    def _on_cost(self, cost: Job) -> None:
        with self._lock:
            said = {
                RUNNING: "Timing a few steps of it here …",
                FAILED: cost.note,
                STOPPED: "Stopped.",
            }.get(cost.state, self.cost.sentence)
            command = f"<br><code>{html.escape(self.full.command)}</code>"
            self.offer.value = _said(said, "status", "wis-lab-offer", command)
            self.confirm.disabled = cost.state != DONE
            self._buttons(self._quiet_plan())

    def _on_confirm(self, _button=None) -> None:
        with self._lock:
            if self.busy is None:
                self.costs.layout.display = "none"
                self.full.start()
                self._say("The full experiment begins.")
                self._buttons(self._quiet_plan())

    def _on_leave(self, _button=None) -> None:
        self.cost.stop()
        self.costs.layout.display = "none"

    def _on_full(self, full: FullRun) -> None:
        with self._lock:
            if full.state == RUNNING:
                done = full.done / full.total if full.total else 0.0
                self._say(f"Full experiment: {done:.0%}{_left(full)}", done)
                return
            where = f"{full.out}/{self.full.experiment.name}-{full.dataset}-{full.scale}"
            if full.state == DONE and full.record is not None:
                self.recorded = Recorded(full.record)
                self._draw(self._quiet_plan())
            self._say(
                {
                    DONE: f"The full experiment is recorded in {where}; the grey bands are its.",
                    STOPPED: "Stopped; what is finished is kept, and a new start goes on there.",
                }.get(full.state, full.note)
            )
            self._buttons(self._quiet_plan())

    # --- what is on the page --------------------------------------------------------------------

    def _draw(self, made: Plan | None) -> None:
        shown = self.find(made)
        running = next((r for r in self.results if r.training.state == RUNNING), None)
        front = shown or running
        drawing = lab_figure.panels(self.results, front, made, self.recorded)
        self.figure.value = f'<div class="wis">{drawing}</div>'
        said = ""
        if shown and made:
            said = self.recorded.verdict(made, shown.training.curve("test_accuracy"))
        ended = shown is not None and shown.training.state != RUNNING
        self.verdict.value = _said(said, "status" if ended else "", "wis-lab-verdict")
        listed = lab_figure.table(self.results, front)
        self.table.value = f'<div class="wis">{listed}</div>'
        self._drawn = time.monotonic()

    def _buttons(self, made: Plan | None) -> None:
        busy, shown = self.busy is not None, self.find(made)
        resumable = shown is not None and shown.training.resumable
        done = shown is not None and shown.training.state == DONE
        self.run.description = "Go on" if resumable else "Run"
        self.run.disabled, self.stop.disabled = busy or done, not busy
        self.tell_cost.disabled = busy
        self.confirm.disabled = busy or self.cost.state != DONE
        names = tuple(result.name for result in self.results)
        if self.back.options != names:
            self.back.options = names
        self.back.value = shown.name if shown else None
        self.history.layout.display = None if names else "none"

    def _idle(self, made: Plan | None) -> str:
        shown = self.find(made)
        self.bar.value = 0.0
        if made is None:
            return "Nothing to run with this value."
        if shown is None:
            return "Not run yet with these values."
        return _ending(shown.training)

    def _say(self, text: str, done: float | None = None) -> None:
        job = self.busy
        if done is None:
            done = job.done / job.total if job and job.total else 0.0
        self.bar.value = min(1.0, done)
        self.bar.layout.visibility = "visible" if job else "hidden"
        self.status.value = _said(text, "status", "wis-lab-status")

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


def _button(text: str, does, kind: str = "") -> ipywidgets.Button:
    made = ipywidgets.Button(description=text, button_style=kind, layout={"width": "auto"})
    made.on_click(does)
    return made


def _said(text: str, role: str, kind: str, more: str = "") -> str:
    said = f' role="{role}"' if role else ""
    return f'<div class="wis"><p{said} class="{kind}">{html.escape(text)}{more}</p></div>'


def _left(job: Job) -> str:
    left = job.seconds_left
    return "" if left is None else f", about {duration(left)} left"


def _progress(training: Training) -> str:
    epochs = training.plan.settings.epochs
    if training.epoch < 0:
        return "Getting ready …"
    return f"Epoch {min(training.epoch + 1, epochs)} of {epochs}{_left(training)}"


def _ending(training: Training) -> str:
    epochs = training.plan.settings.epochs
    if training.state == FAILED:
        return training.note
    if training.state == STOPPED:
        kept = f"Stopped after epoch {training.epoch} of {epochs}; its curves are kept"
        kept = kept if training.epoch >= 0 else "Stopped before the first measuring"
        then = "Go on continues there" if training.resumable else "Run begins anew"
        return f"{kept}. {then}."
    return f"Finished: {epochs} epoch{'s' * (epochs > 1)}, {lab_figure.summary(training)}."


def _letters(number: int) -> str:
    """A, B, ..., Z, AA, AB, ...

    >>> _letters(0), _letters(25), _letters(26)
    ('A', 'Z', 'AA')
    """
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


_CSS = (
    ".wis-lab{overflow:hidden;gap:4px}"
    ".wis-lab-title{font-size:1.1em}"
    ".wis-lab p{margin:.2em 0;line-height:1.45;max-width:44em}"
    ".wis-lab .wis-lab-message{border-left:3px solid var(--wis-compander);padding:.1em 0 .1em .7em}"
    ".wis-lab .wis-lab-status{color:var(--wis-muted);min-height:1.5em}"
    ".wis-lab .wis-lab-unit{color:var(--jp-ui-font-color2,inherit);margin:0 .6em 0 .3em}"
    ".wis-lab-table{overflow-x:auto;contain:inline-size}"
    ".wis-lab-table table{border-collapse:collapse;font-size:.93em;font-variant-numeric:tabular-nums}"
    ".wis-lab-table th,.wis-lab-table td{text-align:left;padding:.25em 1.1em .25em 0;"
    "border-bottom:1px solid var(--wis-rule);background:none;font-weight:normal;vertical-align:top}"
    ".wis-lab-table thead th{color:var(--wis-muted)}"
    ".wis-lab-table tbody th,.wis-lab-table tr.wis-lab-front td{font-weight:600}"
)
