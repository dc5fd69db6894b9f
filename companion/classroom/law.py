"""What a law needs: plain numbers, a tolerance, and a student's function tried against it.

A law is ``law(given, answer) -> str``: what of the subject an answer to these inputs breaks, in a
sentence that teaches; empty if nothing. The public check tries it on random inputs of its own and
the scoring on hidden ones, so the two never ask for different things. Laws lie in
``scoring/laws``, which a sandbox hides: they would tell a submission how far off its answers are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from companion.classroom import marking, trying
from companion.display.exercises import Reply

Given = Mapping[str, Any]
Law = Callable[[Given, Any], str]


def plain(answer: Any) -> Any:
    """Tensors and arrays as lists, through lists and tuples; all else as it is."""
    if isinstance(answer, list | tuple):
        return [plain(one) for one in answer]
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu()
    return answer.tolist() if hasattr(answer, "tolist") else answer


def close(one: Any, two: Any, rel: float = 2e-3) -> bool:
    """Whether all numbers agree to this share of the largest of the second.

    >>> close([1.0, 0.0], [1.001, 0.001]), close(1.0, 1.1)
    (True, False)
    """
    size = float(np.max(np.abs(two), initial=0.0))
    return bool(np.all(np.abs(np.asarray(one) - np.asarray(two)) <= rel * size + 1e-9))


HIDDEN = Reply(False, "This check answers while you work, and not where marks are made.")


def tried(answer: Any, laws: Any, name: str) -> Reply:
    """Reply to a function by the first law that it breaks: ``<name>_law`` on inputs of
    ``draw_<name>``, always the same ones. laws: None where they are hidden.

    >>> from types import SimpleNamespace
    >>> laws = SimpleNamespace()
    >>> laws.draw_half = lambda generator: [{"x": 3.0}]
    >>> def half(given, answer):
    ...     return "" if 2 * marking.number(answer) == given["x"] else "two halves make one"
    >>> laws.half_law = half
    >>> tried(lambda x: x / 3, laws, "half")
    Not yet: for x = 3, two halves make one.
    >>> tried(lambda x: "a", laws, "half")
    Not yet: for x = 3, a number was asked for and a text came.
    """
    if laws is None:
        return HIDDEN
    law = getattr(laws, f"{name}_law")
    cases = getattr(laws, f"draw_{name}")(np.random.default_rng(1))
    return trying.function(answer, cases, lambda case, result: told(law, case, plain(result)))


def judged(answer: Any, given: Given, laws: Any, name: str) -> Reply:
    """Reply to two numbers, a prediction and what was measured, by ``<name>_law``: it sees whether
    they fit together, and not whether they are right."""
    if laws is None:
        return HIDDEN
    said = told(getattr(laws, f"{name}_law"), given, plain(answer))
    return Reply(False, f"Not yet: {said}.") if said else Reply(True, "Right in form: two numbers.")


def told(law: Law, given: Given, answer: Any) -> str:
    """What the law says of an answer, or why it is none."""
    try:
        return law(given, answer)
    except marking.Unreadable as error:
        return str(error)
