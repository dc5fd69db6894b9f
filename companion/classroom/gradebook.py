"""A class graded: several submissions at once, each kept as soon as it is known, then the table.

What is kept belongs to the bytes of a submission, to the scoring and to the secret: a second call
grades only what is new or changed. It writes the table anew, and refuses where that would lose
something: another assignment's marks, a student, or what was changed in the table by hand.
"""

from __future__ import annotations

import csv
import io
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, replace
from pathlib import Path

from companion.classroom import plain, reports, secret, submissions
from companion.classroom.exercise import Assignment, Mark
from companion.classroom.grading import Graded, grade, nothing
from companion.classroom.running import Stopped
from companion.classroom.sandbox import Limits, Sandbox
from companion.evidence import files

HEAD = ("student", "points", "of")
"""The first columns of a table of marks."""
OTHER_NUMBERS = "its numbers are those of another class"


def grade_all(
    folder: Path,
    assignment: Assignment,
    key: bytes,
    sandbox: Sandbox,
    limits: Limits,
    out: Path,
    jobs: int = 1,
    roster: Sequence[str] = (),
    done: Callable[[Graded, int], None] = lambda graded, total: None,
) -> list[Graded]:
    """Grade all that lies in a folder, and write the table `out` and beside it, in a folder of
    reports, a page a student and the class's page.

    roster: students of whom some may have handed in nothing. done: called with each as it is
    known, and with how many there are. ValueError, with nothing graded, where the table would lose
    something.
    """
    kept = reports_of(out)
    found = {
        name: path
        for name, path in submissions.found(folder)
        if path.absolute() != kept.absolute()  # of an earlier call, where `out` lies there too
    }
    names = sorted({*found, *map(submissions.plain_name, roster)})
    _refuse_loss(out, assignment, names)
    shown = secret.named(secret.given(key, assignment))
    kept.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()

    def one(name: str) -> Graded:
        if name not in found:
            return nothing(name, assignment, "nothing was handed in")
        read = submissions.read(name, found[name])
        if read.problem:
            return nothing(name, assignment, read.problem)
        if read.assignment not in (None, assignment.number):
            why = f"the notebook is that of assignment {read.assignment}"
            return nothing(name, assignment, why)
        state = kept / f"{slug(name)}.json"
        mark = _mark(read, assignment, key, limits)
        if (before := _restored(state, mark, name, assignment)) is not None:
            return before
        graded = grade(name, list(read.cells), assignment, key, sandbox, limits, stop.is_set)
        if read.numbers not in (None, shown):
            notes = [OTHER_NUMBERS, *filter(None, [graded.note])]
            graded = replace(graded, note="; ".join(notes))
        _keep(state, mark, graded)
        return graded

    def guarded(name: str) -> Graded:
        try:
            return one(name)
        except Stopped:
            raise
        except Exception as error:  # a fault of ours takes no other student's marks with it
            why = f"grading itself failed ({type(error).__name__}: {plain.text(error, 200)})"
            return nothing(name, assignment, why)

    graded: dict[str, Graded] = {}
    with ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(guarded, name) for name in names]
        try:
            for future in as_completed(waiting):
                result = future.result()
                graded[result.student] = result
                page = reports.student(result, assignment)
                _write(kept / f"{slug(result.student)}.html", page)
                done(result, len(names))
        finally:
            stop.set()  # after Ctrl-C, what runs is ended and what waits is left
            pool.shutdown(cancel_futures=True)
    everyone = [graded[name] for name in names]
    _write(kept / "summary.html", reports.summary(everyone, assignment))
    text = table(everyone, assignment)
    _write(kept / "table.csv", text)
    _write(out, text)
    return everyone


def _refuse_loss(out: Path, assignment: Assignment, names: Sequence[str]) -> None:
    """Only a table of these marks may be replaced by one: whatever else is at `out` stays."""
    if not os.path.lexists(out):
        return
    rows = _rows(out)
    if not rows or tuple(rows[0][: len(HEAD)]) != HEAD:
        raise ValueError(
            f"--out must be a new file or a table of marks, and {out} is neither; choose another "
            "name"
        )
    written = _rows(reports_of(out) / "table.csv")
    if written and rows != written:
        raise ValueError(
            f"what was changed in a table of marks must not be lost, and {out} was since it was "
            "written; rename it, or choose another --out"
        )
    if rows[0] != _head(assignment):
        raise ValueError(
            f"--out must be a new file or a table of assignment {assignment.number}, and {out} has "
            "the marks of another; choose another name"
        )
    lost = sorted({row[0] for row in rows[1:] if row} - set(map(_tame, names)))
    if lost:
        raise ValueError(
            f"a table of marks keeps its students, and of {lost[0]} in {out} nothing lies in the "
            "folder; put all submissions into one folder, or choose another --out"
        )


def _rows(path: Path) -> list[list[str]]:
    """The rows of a CSV file, [] where it is none."""
    try:
        return list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    except (OSError, ValueError, csv.Error):
        return []


def _head(assignment: Assignment) -> list[str]:
    return [*HEAD, *(one.name for one in assignment.exercises), "note"]


def table(everyone: Sequence[Graded], assignment: Assignment) -> str:
    """The marks as CSV; a text that a spreadsheet would take for a formula gets a quote before
    it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_head(assignment))
    for one in everyone:
        each = [f"{part.points * one.marks[part.name].share:.4g}" for part in assignment.exercises]
        total = f"{one.points(assignment):.4g}"
        note = " ".join(one.note.split())
        writer.writerow([_tame(one.student), total, assignment.points, *each, _tame(note)])
    return text.getvalue()


def reports_of(out: Path) -> Path:
    """The folder of reports that belongs to a table."""
    return out.with_name(f"{out.stem}-reports")


def slug(student: str) -> str:
    """A file's name for a student: no two share one.

    >>> slug("Ada / ../L")
    'Ada-L-15302608'
    """
    safe = re.sub(r"[^A-Za-z0-9]+", "-", student).strip("-")[:60]
    return f"{safe}-{files.digest(student.encode('utf-8', 'surrogateescape'))[:8]}"


def _tame(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _write(path: Path, text: str) -> None:
    files.write_bytes(path, text.encode("utf-8", "backslashreplace"))


def _mark(read: submissions.Submission, assignment: Assignment, key: bytes, limits: Limits) -> str:
    modules = sorted({one.draw.__module__ for one in assignment.exercises})
    scoring = [files.digest(Path(sys.modules[name].__file__).read_bytes()) for name in modules]
    rests_on = [read.digest, assignment.stem, scoring, asdict(limits)]
    return secret.digest(key, files.canonical(rests_on))


def _keep(path: Path, mark: str, graded: Graded) -> None:
    marks = {name: [one.share, one.why] for name, one in graded.marks.items()}
    cells = {str(i): list(said) for i, said in graded.cells.items()}
    state = {"mark": mark, "marks": marks, "cells": cells, "note": graded.note}
    files.write_json(path, state)


def _restored(path: Path, mark: str, name: str, assignment: Assignment) -> Graded | None:
    try:
        state = files.read_json(path)
    except ValueError:  # none yet, or cut short: grade again
        return None
    if state.get("mark") != mark:
        return None
    marks = {one.name: Mark(*state["marks"][one.name]) for one in assignment.exercises}
    cells = {int(i): (text, error) for i, (text, error) in state["cells"].items()}
    return Graded(name, marks, cells, state["note"])
