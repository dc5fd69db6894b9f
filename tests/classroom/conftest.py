"""A small assignment, and the sandbox of this machine; where CI runs, a missing one fails."""

import os
import sys

import pytest

from companion.classroom import sandbox
from companion.classroom.exercise import Assignment, Exercise
from companion.classroom.grading import grade
from companion.classroom.marking import recomputed

KEY = b"k" * 32


def small():
    def numbers(generator):
        return [{"x": float(x)} for x in generator.uniform(1, 9, 4)]

    return Assignment(
        97,
        "small",
        "Small",
        5,
        ("Double.",),
        (
            Exercise("double", 4, "double", "function", numbers, recomputed(lambda x: 2 * x)),
            Exercise(
                "ones",
                2,
                "fill",
                "function",
                lambda generator: [{"n": int(n)} for n in generator.integers(2, 9, 2)],
                recomputed(lambda n: [1.0] * n),
            ),
            Exercise(
                "third",
                1,
                "divide",
                "value",
                lambda generator: [{"n": 12}],
                recomputed(lambda n: n / 3),
            ),
        ),
    )


@pytest.fixture(scope="session")
def assignment():
    return small()


@pytest.fixture(scope="session")
def box():
    """Bubblewrap, which the attacks are tried against; Docker's walls are Docker's own to test."""
    try:
        found, why = sandbox.find(), "it is Docker"
    except ValueError as error:
        found, why = None, str(error)
    if found is sandbox.bubblewrap:
        return found
    if os.environ.get("CI") == "true" and sys.platform == "linux":
        pytest.fail(f"where CI runs, the sandbox must be bubblewrap: {why}")
    pytest.skip(why)


@pytest.fixture
def tried(assignment, box):
    """Grade cells in the sandbox; limits are small, since a test waits for them."""

    def run(*cells, sandbox_=box, **limits):
        few = sandbox.Limits(**({"seconds": 20, "cell_seconds": 2, "call_seconds": 2} | limits))
        return grade("student", list(cells), assignment, KEY, sandbox_, few)

    return run
