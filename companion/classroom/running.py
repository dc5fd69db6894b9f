"""One submission in a sandbox, watched from outside: its time, its memory, and what leaves it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.classroom import plain, secret
from companion.classroom.exercise import Assignment, Failed
from companion.classroom.sandbox import Limits, Sandbox

LOOK = 0.2
"""Seconds between two looks at memory and processes."""
WALLS = 4
"""Processes of the sandbox itself, at most."""


@dataclass
class Outcome:
    """What came out: answers by exercise, (text, error) by cell, and why it was ended, if it
    was."""

    answers: dict[str, list[Any]] = field(default_factory=dict)
    cells: dict[int, tuple[str, str]] = field(default_factory=dict)
    ended: str = ""


class Stopped(Exception):
    """Grading was stopped while a submission ran."""


def run(
    cells: list[str],
    assignment: Assignment,
    key: bytes,
    sandbox: Sandbox,
    limits: Limits,
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Run a submission's cells on the inputs of a class, and read what comes out; `Stopped` once
    `stopped` says so."""
    drawn = secret.inputs(key, assignment)
    started = sandbox(limits)
    request = {
        "cells": cells,
        "limits": started.limits,
        "cell_seconds": limits.cell_seconds,
        "call_seconds": limits.call_seconds,
        "exercises": [
            {
                "name": one.name,
                "kind": one.kind,
                "tensors": one.tensors,
                "inputs": plain.packed(drawn[one.name]),
            }
            for one in assignment.exercises
        ],
    }
    outcome = Outcome()
    with tempfile.TemporaryFile() as asked:
        asked.write(json.dumps(request).encode())
        asked.seek(0)
        process = subprocess.Popen(
            started.command,
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=started.environment,
            pass_fds=started.files,
            start_new_session=True,
        )
        for file in started.files:
            os.close(file)
        try:
            came, outcome.ended = _watched(process, limits, stopped)
        finally:
            process.kill()
            started.end()
            process.stdout.close()
            process.wait()
    ended, asked = False, {one.name for one in assignment.exercises}
    for line in came.split(b"\n"):
        ended |= _take(line, outcome, len(cells), asked)
    if not ended and not outcome.ended:
        outcome.ended = "its process ended before the notebook did"
    return outcome


def _watched(
    process: subprocess.Popen, limits: Limits, stopped: Callable[[], bool]
) -> tuple[bytes, str]:
    """What a process writes until it ends, or is to be ended for the reason given."""
    came, until, look = bytearray(), time.monotonic() + limits.seconds, 0.0
    os.set_blocking(process.stdout.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if stopped():
                raise Stopped
            now = time.monotonic()
            if now > until:
                return bytes(came), f"it took more than {limits.seconds} seconds"
            if now > look:
                look = now + LOOK
                running = processes(process.pid)
                if len(running) > limits.processes + WALLS:
                    return bytes(came), f"it started more than {limits.processes} processes"
                if sum(map(_held, running)) > limits.memory:
                    return bytes(came), f"it took more than {limits.memory >> 20} MB of memory"
            if not selector.select(LOOK):
                continue
            part = process.stdout.read(1 << 16)
            if not part:
                return bytes(came), ""
            came += part
            if len(came) > limits.output:
                return bytes(came), f"it wrote more than {limits.output >> 20} MB"


def processes(pid: int) -> list[int]:
    """A process and all below it; itself alone where the system has no /proc."""
    below: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            below.setdefault(parent, []).append(int(folder.name))
    found = [pid]
    for one in found:  # it grows while it is gone through
        found += below.get(one, ())
    return found


def _held(pid: int) -> int:
    """Bytes of memory that a process holds, without the files that it maps."""
    with contextlib.suppress(OSError, ValueError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        parts = (line.split()[1] for line in lines if line.startswith(("RssAnon:", "RssShmem:")))
        return 1024 * sum(map(int, parts))
    return 0


def _take(line: bytes, outcome: Outcome, cells: int, asked: set[str]) -> bool:
    """Take in a line that came out; whether it is the last. What is no line of ours is left."""
    with contextlib.suppress(
        ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError
    ):
        said = plain.parsed(line)
        if said.get("exercise") in asked:
            outcome.answers[said["exercise"]] = [_answer(one) for one in said["answers"]]
        elif said.get("cell") in range(cells):
            texts = (plain.text(said[part], plain.TEXT) for part in ("text", "error"))
            outcome.cells[int(said["cell"])] = tuple(texts)
        return said.get("end") is True
    return False


def _answer(said: dict[str, Any]) -> Any:
    return Failed(plain.text(said["failed"], 400)) if "failed" in said else said["answer"]
