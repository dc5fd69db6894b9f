"""Marks for a submission: run in a sandbox, scored here from its plain answers alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from companion.classroom import secret
from companion.classroom.exercise import Assignment, Mark
from companion.classroom.running import run
from companion.classroom.sandbox import Limits, Sandbox


@dataclass(frozen=True)
class Graded:
    """A student's marks by exercise, what the cells said, and a line on what went wrong."""

    student: str
    marks: dict[str, Mark]
    cells: dict[int, tuple[str, str]]
    note: str = ""

    def points(self, assignment: Assignment) -> float:
        """The points earned."""
        return sum(one.points * self.marks[one.name].share for one in assignment.exercises)


def nothing(student: str, assignment: Assignment, note: str) -> Graded:
    """What a student gets who handed in nothing that can run, and why."""
    return Graded(student, {one.name: Mark(0, note) for one in assignment.exercises}, {}, note)


def grade(
    student: str,
    cells: list[str],
    assignment: Assignment,
    key: bytes,
    sandbox: Sandbox,
    limits: Limits,
    stopped: Callable[[], bool] = lambda: False,
) -> Graded:
    """Run a submission and score what came out; `running.Stopped` once `stopped` says so."""
    outcome = run(cells, assignment, key, sandbox, limits, stopped)
    drawn: dict[str, list[Any]] = secret.inputs(key, assignment)
    missing = f"no answer came: {outcome.ended or 'it is not defined'}"
    marks = {
        one.name: one.mark(drawn[one.name], outcome.answers[one.name])
        if one.name in outcome.answers
        else Mark(0, missing)
        for one in assignment.exercises
    }
    raised = [i for i, (_, error) in outcome.cells.items() if error]
    note = outcome.ended
    if not note and raised:
        first = min(raised)
        note = f"code cell {first + 1} fails ({outcome.cells[first][1][:200]})"
    return Graded(student, marks, outcome.cells, note)
