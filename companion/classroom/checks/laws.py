"""What a law needs: plain numbers, a tolerance, and a student's function tried against it.

A law is ``law(given, answer) -> str``: what of the subject an answer to these inputs breaks, in a
sentence that teaches; empty if nothing. The public check tries it on random inputs of its own and
the scoring on hidden ones, so the two never ask for different things. What a law compares with, it
computes inside: no function here gives an answer away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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


def tried(answer: Any, cases: Iterable[dict[str, Any]], law: Law) -> Reply:
    """Reply to a function by the first law that it breaks on these inputs.

    >>> def half(given, answer):
    ...     return "" if marking.number(answer) == given["x"] / 2 else "two halves make one"
    >>> tried(lambda x: x / 3, [{"x": 3.0}], half)
    Not yet: for x = 3, two halves make one.
    >>> tried(lambda x: "a", [{"x": 3.0}], half)
    Not yet: for x = 3, a number was asked for and a text came.
    """

    def broken(given: dict[str, Any], result: Any) -> str:
        return told(law, given, plain(result))

    return trying.function(answer, cases, broken)


def told(law: Law, given: Given, answer: Any) -> str:
    """What the law says of an answer, or why it is none."""
    try:
        return law(given, answer)
    except marking.Unreadable as error:
        return str(error)
