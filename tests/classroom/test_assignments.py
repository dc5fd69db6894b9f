"""Every assignment's model solutions pass the public checks and get full marks, for any class."""

import time

import numpy as np
import pytest

from companion.classroom import assignments
from companion.classroom.exercise import Failed
from companion.classroom.law import plain
from tests.classroom.solutions import checks, given, marked, solved

FOUND = [assignments.find(number) for number in assignments.numbers()]
CONSTANTS = (
    *(None, ..., "", "x", True, 0.0, 1.0, 1e300, -1e300, 10**400, {}, {"A": 1}, Failed("none")),
    *(
        [],
        [[]],
        [["a"]],
        [1.0, 1.0],
        [0.5, 0.5],
        [float("nan")] * 2,
        [1e308] * 3,
        [None, [1e308] * 5],
    ),
)
EXERCISES = [(found, one) for found in FOUND for one in found.exercises]


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.stem)
@pytest.mark.parametrize("seed", [0, 1])
def test_model_solutions_pass_their_checks_and_get_full_marks(found, seed):
    shown = given(found, seed)
    began = time.process_time()
    namespace = solved(found, shown)
    assert time.process_time() - began < 20  # what the book's page for teachers promises
    for one in found.exercises:
        answer, check = namespace[one.name], getattr(checks(found), one.name)
        if one.kind == "function":
            reply, mark = check(answer), marked(one, answer, seed)
        else:
            reply, mark = (
                check(answer, shown[one.name]),
                one.mark([shown[one.name]], [plain(answer)]),
            )
        assert reply.right, (one.name, reply.text)
        assert mark.share == 1, (one.name, mark.why)


@pytest.mark.parametrize(
    ("found", "one"), EXERCISES, ids=[f"{found.number}-{one.name}" for found, one in EXERCISES]
)
def test_dots_get_a_sentence_and_constants_get_no_marks(found, one):
    inputs = one.draw(np.random.default_rng(3))
    check = getattr(checks(found), one.name)
    reply = check(...) if one.kind == "function" else check(..., inputs[0])
    assert not reply.right
    assert reply.text.startswith("Not yet: ") or "An answer here is" in reply.text
    for constant in CONSTANTS:
        assert one.mark(inputs, [constant] * len(inputs)).share <= 0.1, constant


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.stem)
def test_an_assignment_keeps_the_books_measures(found):
    assert 60 <= found.minutes <= 120
    assert 5 <= len(found.exercises) <= 8
    assert found.stub == 0


def test_where_marks_are_made_no_check_tells_how_far_off_an_answer_is(tried):
    """In the sandbox the laws are not there, and the checks in a notebook hinder nothing."""
    graded = tried(
        "from companion.classroom.checks import a1_initialization as check",
        "print(check.fans(lambda *_: (1, 1)))",
        "from companion.classroom.scoring import laws",
        "def double(x):\n    return 2 * x",
    )
    assert "and not where marks are made" in graded.cells[1][0]
    assert graded.cells[2][1].startswith("ImportError: cannot import name 'laws'")
    assert graded.marks["double"].share == 1
