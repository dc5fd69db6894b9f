"""Work that goes on while the notebook stays free: a thread that can be stopped and watched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

NEW, RUNNING, STOPPED, DONE, FAILED = "new", "running", "stopped", "done", "failed"
SPEAK = 0.2
"""Seconds between two reports of progress."""


class Halted(Exception):
    """Raised inside the work, where it has to be left at once."""


class Job:
    """Something long in a thread of its own. Subclasses say what in `work`.

    ``watch(job)`` is called in that thread: a few times a second, and when the state changes.
    state: ``new``, ``running``, ``stopped``, ``done``, ``failed``; note: why it failed, in one
    sentence; done and total count the work.
    """

    def __init__(self, watch: Callable[[Job], None] | None = None):
        self.watch = watch or (lambda _: None)
        self.state, self.note = NEW, ""
        self.done, self.total = 0, 0
        self.lock = threading.RLock()
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        self._began, self._first, self._spoke = 0.0, 0, 0.0

    def work(self, halted: Callable[[], bool]) -> None:
        """Do it; leave when ``halted()`` says True, and go on from there when called again."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin, or go on after a stop; nothing happens while it runs or when it is done."""
        with self.lock:
            if self.state in (RUNNING, DONE):
                return
            before, self._halt = self._thread, threading.Event()
            self.state, self.note = RUNNING, ""
            self._began, self._first = 0.0, self.done
            self._thread = threading.Thread(
                target=self._run, args=(self._halt, before), name="lab", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Stop: from this moment on nothing is added, whatever the thread still has to leave."""
        with self.lock:
            if self.state != RUNNING:
                return
            self._halt.set()
            self.state = STOPPED
        self.watch(self)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the thread has ended; whether it has."""
        thread = self._thread
        if thread is None:
            return True
        thread.join(seconds)
        return not thread.is_alive()

    @property
    def seconds_left(self) -> float | None:
        """How long it will go on at the speed so far; None before that is known."""
        counted, passed = self.done - self._first, time.monotonic() - self._began
        if self.state != RUNNING or not self._began or counted < 1 or passed < SPEAK:
            return None
        return passed / counted * max(0, self.total - self.done)

    def advance(self, count: int = 1) -> None:
        """Count work, and let it be known now and then."""
        self.done += count
        now = time.monotonic()
        if now - self._spoke >= SPEAK:
            self._spoke = now
            self.watch(self)

    def begin(self) -> None:
        """Start the clock of `seconds_left`: what came before was preparation."""
        self._began = time.monotonic()

    def _run(self, halt: threading.Event, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        state, note = DONE, ""
        try:
            self.work(halt.is_set)
        except Halted:
            pass
        except Exception as error:
            state, note = FAILED, reason(error)
        with self.lock:
            if halt.is_set():
                return
            self.state, self.note = state, note
        self.watch(self)


def reason(error: Exception) -> str:
    """Why something failed, in one sentence.

    >>> reason(MemoryError())
    'The memory did not suffice; a smaller layer width or fewer runs need less.'
    """
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "memory" in text.lower():
        return "The memory did not suffice; a smaller layer width or fewer runs need less."
    if isinstance(error, ValueError) and text:
        return text if text.endswith(".") else f"{text}."
    said = f": {text[:200].rstrip('.')}" if text else ""
    return f"It ended with a {type(error).__name__}{said}; change a setting and run again."
