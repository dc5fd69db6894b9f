"""The book's assignments: built, tried, and given away nowhere that students look."""

import html
import re
from pathlib import Path

import pytest

from companion.classroom import assignments, build, leaks, secret, sources

ROOT = Path(__file__).resolve().parents[2]
KEY = b"a class that is not the public one"
NUMBERS = assignments.numbers()


def test_every_source_has_an_assignment():
    stems = {path.stem for path in assignments.SOURCES.glob("*.ipynb")}
    assert stems == {assignments.find(number).stem for number in NUMBERS}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_class_gets_an_assignment_that_earns_what_it_should(number, tmp_path):
    assignment = assignments.find(number)
    made = build.make(assignment, KEY)
    stub, solved = build.tried(made, KEY)
    assert (stub.points(assignment), solved.points(assignment)) == (
        assignment.stub,
        assignment.points,
    )
    shown, public = (secret.given(key, assignment) for key in (KEY, secret.PUBLIC))
    assert all(shown[name] != public[name] for name in shown)
    first, second = (
        [path.read_bytes() for path in build.write(made, tmp_path / name)] for name in "ab"
    )
    assert first == second
    assert 5 <= len(assignment.exercises) <= 8
    assert 60 <= assignment.minutes <= 120


def pages():
    """What students may look at: the book's notebooks, and its pages where they are built."""
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        yield path.name, "\n".join(cell["source"] for cell in sources.read(path))
    for path in sorted((ROOT / "_build" / "html").rglob("*.html")):
        yield path.name, html.unescape(re.sub(r"<[^>]+>", "", path.read_text("utf-8")))


def test_no_page_gives_a_solution_away():
    hidden = {}
    for number in NUMBERS:
        assignment = assignments.find(number)
        cells = sources.read(assignments.source(assignment))
        hidden[assignment.stem] = sources.solutions(cells)
    assert all(hidden.values())
    found = [
        (stem, name, line)
        for name, text in pages()
        for stem, solutions in hidden.items()
        for solution in solutions
        if (line := leaks.found(solution, text))
    ]
    assert not found
