"""One source, three notebooks: the students', the teacher's, and a class's own.

A source is a notebook in otter-assign's form. Raw cells ``# ASSIGNMENT CONFIG``, ``# BEGIN
QUESTION`` (with ``name:``) and ``# END QUESTION`` frame it; what stands between the raw cells
``# BEGIN SOLUTION`` and ``# END SOLUTION`` is the teacher's; inside a code cell these two words
frame a solution that students see as dots (``# BEGIN SOLUTION NO PROMPT``: as nothing), and a line
``name = value  # SOLUTION`` becomes ``name = ...``. A cell with the tag ``given`` receives the
class's numbers.

Source of the form: the documentation of otter-grader 7, *Notebook format*; with
``strip_solutions_from_all_cells``, ``otter assign`` makes the same cells for students, but keeps
those of code that stand between the two raw cells. It is not what the build runs, since
otter-grader 7.0.0 holds wrapt below 2, which the tested set is above, and writes cells of its own,
which need otter on the students' side.
"""

from __future__ import annotations

import ast
import json
import pprint
import re
import textwrap
from importlib import metadata
from pathlib import Path
from typing import Any

from companion.classroom import secret
from companion.classroom.exercise import Assignment
from companion.evidence import files

Cell = dict[str, Any]
WIDTH = 61
"""Characters of a code line that a page shows without scrolling."""
_ASSIGNED = re.compile(r"(\s*[^=#]*[^=#\s]\s*=)\s[^#]*#\s*SOLUTION\s*")
_BEGIN = re.compile(r"(\s*)# BEGIN SOLUTION( NO PROMPT)?\s*")


def read(path: Path) -> list[Cell]:
    """The cells of a source; each has its text in one piece under ``source``."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    return [cell | {"source": "".join(cell["source"])} for cell in whole["cells"]]


def student(cells: list[Cell], assignment: Assignment, given: dict[str, Any]) -> Cell:
    """The students' notebook: no solution, no output."""
    return _notebook(cells, assignment, given, solved=False)


def solved(cells: list[Cell], assignment: Assignment, given: dict[str, Any]) -> Cell:
    """The teacher's notebook, with every solution."""
    return _notebook(cells, assignment, given, solved=True)


def solutions(cells: list[Cell]) -> list[str]:
    """All that students must not see: each solution's text, as it stands in the source."""
    found = []
    for cell, frames in _framed(cells):
        text = cell["source"]
        if "SOLUTION" in frames:
            found.append(text)
        elif cell["cell_type"] == "code":
            shown = set(cut(text).splitlines())
            lines = [line for line in told(text).splitlines() if line not in shown]
            found.append("\n".join(lines))
    return [text for text in found if text.strip()]


def write(path: Path, notebook: Cell) -> None:
    """Write a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_bytes(path, written(notebook))


def refuse_loss(path: Path, notebook: Cell) -> None:
    """ValueError where another notebook lies in the place of this one: somebody may have worked in
    it."""
    if path.exists() and not (path.is_file() and path.read_bytes() == written(notebook)):
        raise ValueError(
            f"a notebook that somebody may have worked in must not be lost, and {path} is not as "
            "it would be made; move it away, or choose another --out"
        )


def written(notebook: Cell) -> bytes:
    """A notebook as Jupyter writes it: a cell's text line by line, so that changes can be read."""
    cells = [
        cell | {"source": cell["source"].splitlines(keepends=True)} for cell in notebook["cells"]
    ]
    text = json.dumps(notebook | {"cells": cells}, indent=1, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode()


def cut(text: str) -> str:
    """A code cell without its solutions.

    >>> print(cut("four = half(8)  # SOLUTION"))
    four = ...
    """
    lines, inside = [], False
    for line in text.splitlines():
        begins = _BEGIN.fullmatch(line)
        if begins:
            inside = True
            if not begins[2]:
                lines.append(f"{begins[1]}...")
        elif line.strip() == "# END SOLUTION":
            inside = False
        elif not inside:
            assigned = _ASSIGNED.fullmatch(line)
            lines.append(f"{assigned[1]} ..." if assigned else line)
    if inside:
        raise ValueError("a solution must end, and this cell has no # END SOLUTION; add it")
    return "\n".join(lines)


def told(text: str) -> str:
    """A code cell with its solutions, and without the words that frame them.

    >>> print(told("four = half(8)  # SOLUTION"))
    four = half(8)
    """
    lines = [
        re.sub(r"\s*# SOLUTION\s*$", "", line)
        for line in text.splitlines()
        if not _BEGIN.fullmatch(line) and line.strip() != "# END SOLUTION"
    ]
    return "\n".join(lines)


def _framed(cells: list[Cell]) -> list[tuple[Cell, dict[str, str]]]:
    """Each cell that is not raw, with the frames around it and the text of the raw cells that
    opened them."""
    found, frames = [], {}
    for cell in cells:
        if cell["cell_type"] != "raw":
            found.append((cell, dict(frames)))
            continue
        first = cell["source"].strip().splitlines()[0]
        word = re.fullmatch(r"# (BEGIN|END) (QUESTION|SOLUTION)", first.strip())
        if word is None and first.strip() != "# ASSIGNMENT CONFIG":
            raise ValueError(
                "a raw cell must open or close a QUESTION or a SOLUTION, or be the ASSIGNMENT "
                f"CONFIG, got {first!r}; make it a markdown cell"
            )
        if word is not None and (word[1] == "BEGIN") == (word[2] in frames):
            raise ValueError(
                f"each BEGIN {word[2]} must have one END after it, and {first!r} has none; "
                "look at the raw cells around it"
            )
        if word is not None and word[1] == "BEGIN":
            frames[word[2]] = cell["source"]
        elif word is not None:
            del frames[word[2]]
    if frames:
        raise ValueError(f"each BEGIN must have its END, and {', '.join(frames)} has none; add it")
    return found


def _notebook(
    cells: list[Cell], assignment: Assignment, given: dict[str, Any], solved: bool
) -> Cell:
    made = [_install()]
    asked: list[str] = []
    for i, (cell, frames) in enumerate(_framed(cells)):
        if "SOLUTION" in frames and not solved:
            continue
        text = cell["source"]
        if "QUESTION" in frames and (name := _name(frames["QUESTION"])) not in asked:
            asked.append(name)
            made.append(_heading(assignment, asked))
        if "given" in cell["metadata"].get("tags", ()):
            text = _literal(given)
        elif cell["cell_type"] == "code":
            text = told(text) if solved else cut(text)
        made.append(_cell(cell["cell_type"], text))
        if i == 0:
            made.insert(0, made.pop())  # the title comes before all code
            made.insert(1, _facts(assignment))
    names = [one.name for one in assignment.exercises]
    if asked != names:
        raise ValueError(
            f"the questions of {assignment.stem} must be those of its scoring, in their order, got "
            f"{', '.join(asked)} for {', '.join(names)}; rename or reorder one"
        )
    for i, cell in enumerate(made):
        cell["id"] = f"cell-{i}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    language = {"name": "python"}
    return {
        "cells": made,
        "metadata": {
            "kernelspec": kernel,
            "language_info": language,
            "companion": {"assignment": assignment.number, "numbers": secret.named(given)},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(kind: str, text: str) -> Cell:
    code = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": "", "metadata": {}, **code, "source": text}


def _name(raw: str) -> str:
    named = re.search(r"^name:\s*(\w+)\s*$", raw, re.M)
    if named is None:
        raise ValueError(f"a question must have a name, got {raw!r}; add a line such as name: gain")
    return named[1]


def _literal(given: dict[str, Any]) -> str:
    lines = ["given = {"]
    for name, value in given.items():
        shown = pprint.pformat(value, width=WIDTH - 8, sort_dicts=False, compact=True)
        lines.append(textwrap.indent(f"{name!r}:\n{textwrap.indent(shown, '    ')},", "    "))
    text = "\n".join([*lines, "}"])
    if ast.literal_eval(text.removeprefix("given = ")) != given:
        raise ValueError(
            "numbers that a notebook shows must be plain: numbers, texts, lists, dicts; got "
            f"{given}; turn arrays into lists and round them"
        )
    return text


def _facts(assignment: Assignment) -> Cell:
    goals = "\n".join(f"* {goal}" for goal in assignment.goals)
    text = (
        f"About {assignment.minutes} minutes, {assignment.points} points. Goals:\n\n{goals}"
        "\n\nReplace the dots `...`. Each exercise has a check that you may run as often as you "
        "like: it says which law an answer breaks. The marks come from other inputs than the "
        "check's. Run all cells in order before you hand in; any way that gives the right answer "
        "is right."
    )
    return _cell("markdown", text)


def _heading(assignment: Assignment, asked: list[str]) -> Cell:
    named = {one.name: one for one in assignment.exercises}
    one = named.get(asked[-1])
    if one is None:
        raise ValueError(
            f"a question must be an exercise of {assignment.stem}, got {asked[-1]!r}; its scoring "
            f"has {', '.join(named)}"
        )
    points = f"{one.points} point{'s' * (one.points > 1)}"
    goal = one.goal[0].upper() + one.goal[1:]
    return _cell("markdown", f"## {len(asked)} · {goal}\n\n*{points}; define `{one.name}`*")


def _install() -> Cell:
    about = metadata.metadata("weights-in-scale")
    urls = dict(entry.split(", ", 1) for entry in about.get_all("Project-URL"))
    wanted = f"weights-in-scale @ git+{urls['Repository']}@v{about['Version']}"
    return _cell(
        "code",
        f'import sys\n\nif "google.colab" in sys.modules:\n    %pip install --quiet "{wanted}"',
    )
