"""From sources to what is handed out: the students' notebook, the teacher's, and a bundle to grade.

Each build tries what it made: the teacher's notebook must earn full marks, the students' what a
stub earns, and no solution may stand in what students see.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.classroom import assignments, checks, leaks, secret, sources
from companion.classroom.exercise import Assignment
from companion.classroom.grading import Graded, grade
from companion.classroom.sandbox import Limits, bare
from companion.evidence import files


@dataclass(frozen=True)
class Made:
    """The two notebooks of an assignment for the holder of a key."""

    assignment: Assignment
    student: dict[str, Any]
    solved: dict[str, Any]
    solutions: list[str]


def make(assignment: Assignment, key: bytes, folder: Path = assignments.SOURCES) -> Made:
    """Make both notebooks; ValueError where the students' gives a solution away."""
    cells = sources.read(assignments.source(assignment, folder))
    given = secret.given(key, assignment)
    made = Made(
        assignment,
        sources.student(cells, assignment, given),
        sources.solved(cells, assignment, given),
        sources.solutions(cells),
    )
    seen = "\n".join(cell["source"] for cell in made.student["cells"])
    for place, text in [("the students' notebook", seen), *_public()]:
        for solution in made.solutions:
            if line := leaks.found(solution, text):
                raise ValueError(
                    f"no solution may stand where students look, and {place} of {assignment.stem} "
                    f"has {line.strip()!r}; reword it there, or frame it as a solution"
                )
    return made


def tried(made: Made, key: bytes, limits: Limits | None = None) -> tuple[Graded, Graded]:
    """The marks of the students' and of the teacher's notebook; ValueError where they are not
    those of a stub, and all."""
    assignment, graded = made.assignment, []
    for name, expected in (("student", assignment.stub), ("solved", assignment.points)):
        cells = code(getattr(made, name))
        result = grade(name, cells, assignment, key, bare, limits or Limits(seconds=300))
        points = result.points(assignment)
        if abs(points - expected) > 1e-9 or result.note:
            whys = [f"{what}: {mark.why}" for what, mark in result.marks.items() if mark.why]
            raise ValueError(
                f"the {name} notebook of {assignment.stem} must earn {expected:g} points and fail "
                f"in no cell, got {points:g} ({'; '.join([result.note, *whys]).strip('; ')}); "
                "mend its source or its scoring"
            )
        graded.append(result)
    return graded[0], graded[1]


def write(made: Made, out: Path) -> list[Path]:
    """Write ``student/``, ``solved/`` and ``bundle/`` of an assignment."""
    stem = made.assignment.stem
    paths = [out / "student" / f"{stem}.ipynb", out / "solved" / f"{stem}.ipynb"]
    sources.write(paths[0], made.student)
    sources.write(paths[1], made.solved)
    bundle = out / "bundle" / f"{stem}.zip"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    files.write_bytes(bundle, _bundle(made, paths))
    return [*paths, bundle]


def code(notebook: dict[str, Any]) -> list[str]:
    """The code cells of a notebook that we made."""
    return [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _public() -> list[tuple[str, str]]:
    folder = Path(checks.__file__).parent
    return [(f"checks/{path.name}", path.read_text("utf-8")) for path in folder.glob("*.py")]


def _bundle(made: Made, paths: list[Path]) -> bytes:
    assignment = made.assignment
    about = {
        "assignment": assignment.number,
        "title": assignment.title,
        "minutes": assignment.minutes,
        "goals": assignment.goals,
        "points": {one.name: one.points for one in assignment.exercises},
        "grade": f"companion grade SUBMISSIONS --assignment {assignment.number} --secret FILE "
        "--out grades.csv",
    }
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path in paths:
            entry = zipfile.ZipInfo(f"{path.parent.name}/{path.name}")  # the same bytes each time
            bundle.writestr(entry, path.read_bytes())
        bundle.writestr(zipfile.ZipInfo("assignment.json"), json.dumps(about, indent=2))
    return whole.getvalue()
