"""Answers that are names, of rows or of curves: tried in form alone, scored by what is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from companion.classroom import marking
from companion.classroom.exercise import Failed, Mark
from companion.display.exercises import Reply

Given = Mapping[str, Any]


def named(answer: Any, known: Sequence[str]) -> list[str]:
    """The answer as a sorted list of names that the table knows, or `Unreadable`.

    >>> named(["b", "a", "b"], ["a", "b", "c"])
    ['a', 'b']
    >>> named("a", ["a"])
    Traceback (most recent call last):
    companion.classroom.marking.Unreadable: a list of names was asked for, such as ["a", "b"]
    """
    if not isinstance(answer, list | tuple) or not all(isinstance(one, str) for one in answer):
        raise marking.Unreadable('a list of names was asked for, such as ["a", "b"]')
    strange = sorted(set(answer) - set(known))
    if strange:
        raise marking.Unreadable(f"the table has no row {strange[0][:30]!r}")
    return sorted(set(answer))


def in_form(answer: Any, known: Sequence[str]) -> Reply:
    """Reply to a list of names: whether it is one. Which are right is the student's to find."""
    try:
        found = named(answer, known)
    except marking.Unreadable as error:
        return Reply(False, f"Not yet: {error}.")
    if len(found) in (0, len(known)):
        return Reply(False, "Not yet: some rows are to be named, and some are not.")
    return Reply(True, f"Right in form: {len(found)} of {len(known)} rows are named.")


def paired(answer: Any, letters: Sequence[str], known: Sequence[str]) -> Reply:
    """Reply to a dict that gives each letter one of the names: whether each is used once.

    >>> paired({"A": "relu", "B": "relu"}, "AB", ("relu", "tanh"))
    Not yet: each name belongs to one letter: relu, tanh.
    >>> paired({"A": "relu", "B": "tanh"}, "AB", ("relu", "tanh"))
    Right in form: each letter has a name.
    """
    if not isinstance(answer, dict) or sorted(map(str, answer)) != sorted(letters):
        return Reply(False, f"Not yet: name each of {', '.join(letters)}, in a dict.")
    if sorted(map(str, answer.values())) != sorted(known):
        return Reply(False, f"Not yet: each name belongs to one letter: {', '.join(known)}.")
    return Reply(True, "Right in form: each letter has a name.")


def named_rows(
    known: Callable[[Given], Sequence[str]], right: Callable[[Given], Sequence[str]]
) -> Callable[[list[dict[str, Any]], list[Any]], Mark]:
    """Score against the rows that are right to name.

    >>> score = named_rows(lambda given: "abcd", lambda given: ["a", "b"])
    >>> score([{}], [["b", "d"]])
    Mark(share=0.3333333333333333, why='1 row is named wrongly, and 1 is not named')
    """

    def score(inputs: list[dict[str, Any]], answers: list[Any]) -> Mark:
        (given,), (answer,) = inputs, answers
        if isinstance(answer, Failed):
            return Mark(0.0, answer.why)
        try:
            found = set(named(answer, known(given)))
        except marking.Unreadable as error:
            return Mark(0.0, str(error))
        asked = set(right(given))
        wrong, missed = len(found - asked), len(asked - found)
        if not wrong and not missed:
            return Mark(1.0)
        rows = "row is" if wrong == 1 else "rows are"
        also = "is" if missed == 1 else "are"
        return Mark(
            len(found & asked) / len(found | asked),
            f"{wrong} {rows} named wrongly, and {missed} {also} not named",
        )

    return score
