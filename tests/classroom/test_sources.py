"""One source, three notebooks; what a source must be; what a leak is."""

import dataclasses
import json

import pytest

from companion.classroom import assignments, build, leaks, sources
from companion.classroom.exercise import Exercise

GIVEN = {"third": {"n": 12}}
SOURCES = sorted(assignments.SOURCES.glob("*.ipynb"))


def cell(kind, text, *tags):
    return {"cell_type": kind, "metadata": {"tags": list(tags)}, "source": text}


def question(name, *cells):
    begin, end = cell("raw", f"# BEGIN QUESTION\nname: {name}"), cell("raw", "# END QUESTION")
    return [begin, *cells, end]


def source():
    return [
        cell("raw", "# ASSIGNMENT CONFIG\nname: small"),
        cell("markdown", "# Small"),
        cell("code", "given = {}", "given"),
        *question(
            "double",
            cell("markdown", "Double."),
            cell(
                "code", "def double(x):\n    # BEGIN SOLUTION\n    return 2 * x\n    # END SOLUTION"
            ),
        ),
        *question(
            "ones",
            cell("code", "def ones(n):\n    return [1.0] * n"),
            cell("raw", "# BEGIN SOLUTION"),
            cell("markdown", "Because."),
            cell("raw", "# END SOLUTION"),
        ),
        *question("third", cell("code", 'third = given["third"]["n"] / 3  # SOLUTION')),
    ]


def texts(notebook):
    return [one["source"] for one in notebook["cells"]]


def test_students_see_tasks_points_and_dots_and_teachers_the_solutions(assignment):
    student = texts(sources.student(source(), assignment, GIVEN))
    solved = texts(sources.solved(source(), assignment, GIVEN))
    assert student[0] == solved[0] == "# Small"
    assert "5 minutes, 7 points" in student[1]
    assert "## 1 · Double\n\n*4 points; define `double`*" in student
    assert "def double(x):\n    ..." in student
    assert "def double(x):\n    return 2 * x" in solved
    assert "third = ..." in student
    assert 'third = given["third"]["n"] / 3' in solved
    assert "given = {\n    'third':\n        {'n': 12},\n}" in student
    assert "Because." in solved
    assert "Because." not in student
    assert not any("SOLUTION" in text or "QUESTION" in text for text in student + solved)


def test_notebooks_carry_no_output_and_are_what_jupyter_reads(assignment, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    path = tmp_path / "deep" / "a.ipynb"
    student = sources.student(source(), assignment, GIVEN)
    sources.write(path, student)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [one for one in notebook.cells if one.cell_type == "code"]
    assert not any(one.outputs or one.execution_count for one in code)
    assert sources.read(path) == student["cells"]
    assert path.read_text() == nbformat.writes(notebook) + "\n"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_source_is_written_as_jupyter_writes_it(path):
    nbformat = pytest.importorskip("nbformat")
    written = path.read_text(encoding="utf-8")
    assert nbformat.writes(nbformat.reads(written, as_version=4)) + "\n" == written


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda cells: cells[:-3], "questions of 97-small must be those of its scoring"),
        (lambda cells: cells[:-1], "each BEGIN must have its END, and QUESTION has none"),
        (lambda cells: [*cells, cell("raw", "# END QUESTION")], "each BEGIN QUESTION must have"),
        (lambda cells: [*cells, cell("raw", "notes")], "a raw cell must open or close"),
        (
            lambda cells: [*cells, *question("other", cell("markdown", "x"))],
            "must be an exercise of 97-small, got 'other'",
        ),
        (
            lambda cells: [*cells, *question("two words", cell("markdown", "x"))],
            "a question must have a name",
        ),
        (
            lambda cells: [*cells, cell("code", "# BEGIN SOLUTION\nx = 1")],
            "a solution must end, and this cell has no # END SOLUTION",
        ),
    ],
)
def test_a_source_that_is_not_in_form_is_refused(assignment, change, said):
    with pytest.raises(ValueError, match=said):
        sources.student(change(source()), assignment, GIVEN)


def test_shown_numbers_are_plain(assignment):
    with pytest.raises((ValueError, SyntaxError)):
        sources.student(source(), assignment, {"third": {"n": object()}})


def test_a_leak_is_found_whatever_its_spaces_quotes_and_comments():
    solution = "norms = np.linalg.norm(weight, axis=1, keepdims=True)\nreturn weight / norms"
    assert leaks.found(solution, "x\n  norms=np.linalg.norm( weight,axis=1,\n keepdims = True) # a")
    assert leaks.found(
        "aa = f('x')\nb = g(\"y\", a, 1234567890, 'abcdefg')",
        'aa=f("x")\nb=g("y",a,1234567890,"abcdefg")',
    )
    assert not leaks.found(solution, "norms = np.linalg.norm(weight)\nreturn weight / norms")


def test_a_build_refuses_a_leak_and_a_notebook_that_does_not_earn_what_it_should(
    assignment, tmp_path
):
    def make(cells):
        path = tmp_path / f"{assignment.stem}.ipynb"
        path.write_text(json.dumps({"cells": cells}))
        return build.make(assignment, b"k", tmp_path)

    made = make(source())
    assert made.solutions == ["    return 2 * x", "Because.", 'third = given["third"]["n"] / 3']
    with pytest.raises(ValueError, match=r"student notebook of 97-small must earn 0 .* got 2"):
        build.tried(made, b"k")  # ones is given away
    worth = dataclasses.replace(assignment, stub=2)
    stub, solved = build.tried(dataclasses.replace(made, assignment=worth), b"k")
    assert (stub.points(worth), solved.points(worth)) == (2, 7)

    long = "    mean, spread = weights.mean(), weights.std(ddof=1)"
    framed = f"def f(weights):\n    # BEGIN SOLUTION\n{long}\n    # END SOLUTION"
    with pytest.raises(ValueError, match="no solution may stand where students look, and the st"):
        make([*source(), cell("code", framed), cell("markdown", f"Try `{long.strip()}`.")])


def test_an_exercise_and_an_assignment_have_names_of_their_own(assignment):
    first = assignment.exercises[0]
    with pytest.raises(ValueError, match="must have names of their own, got double, double"):
        dataclasses.replace(assignment, exercises=(first, first))
    with pytest.raises(ValueError, match="must be function or value, got 'text'"):
        Exercise("a", 1, "b", "text", first.draw, first.score)
    with pytest.raises(ValueError, match="a must be worth 1 point or more, got 0"):
        Exercise("a", 0, "b", "value", first.draw, first.score)
