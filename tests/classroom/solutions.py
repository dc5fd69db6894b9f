"""The model solutions of the assignments, run from the teacher's notebooks."""

import importlib
import re

import matplotlib.pyplot as plt
import numpy as np

from companion.classroom import assignments, sources
from companion.classroom.law import plain


def checks(found):
    """The public checks of an assignment."""
    name = f"a{found.number}_{found.name.replace('-', '_')}"
    return importlib.import_module(f"companion.classroom.checks.{name}")


def given(found, seed=0):
    """The numbers that a notebook shows, as this seed draws them."""
    random = np.random.default_rng(seed)
    return {one.name: one.draw(random)[0] for one in found.exercises if one.kind == "value"}


def solved(found, shown):
    """What the teacher's notebook defines, for these numbers."""
    cells = sources.read(assignments.source(found))
    namespace = {}
    for cell in sources.solved(cells, found, shown)["cells"]:
        if cell["cell_type"] == "code" and "google.colab" not in cell["source"]:
            exec(compile(cell["source"], found.stem, "exec"), namespace)
    plt.close("all")
    return namespace


def exercises(number):
    """An assignment's exercises by name."""
    return {one.name: one for one in assignments.find(number).exercises}


def marked(exercise, answer, seed=0):
    """The mark of a function, called on the inputs that this seed draws."""
    inputs = exercise.draw(np.random.default_rng(seed))
    return exercise.mark(inputs, [plain(answer(*one.values())) for one in inputs])


def costs(number, name, answer, hint, share):
    """Assert that the check of an exercise answers a mistake with this hint, and that the mistake
    keeps at most this share of the points, with a reason."""
    reply = getattr(checks(assignments.find(number)), name)(answer)
    assert not reply.right
    assert re.search(hint, reply.text), reply.text
    mark = marked(exercises(number)[name], answer)
    assert mark.share <= share, mark.share
    assert mark.why


def passes(number, name, answer):
    """Assert that an answer passes its check and gets full marks."""
    reply = getattr(checks(assignments.find(number)), name)(answer)
    assert reply.right, reply.text
    mark = marked(exercises(number)[name], answer)
    assert mark.share == 1, mark.why
