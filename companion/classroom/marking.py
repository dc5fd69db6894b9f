"""The usual ways to score answers: by the truth computed again, and by a law that they must keep.

Both look at each input alone; the share is how many of them are answered rightly, or with
``whole`` all or nothing, which a choice among few needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from companion.classroom.exercise import Failed, Mark


class Unreadable(ValueError):
    """An answer that is not of the kind asked for; its message says which came."""


def recomputed(
    truth: Callable[..., Any], rtol: float = 0.01, atol: float = 0.0, whole: bool = False
) -> Callable[[list[dict[str, Any]], list[Any]], Mark]:
    """Score against ``truth(**input)``: a number or array to within ``rtol |truth| + atol``; a
    text, True or False exactly; a tuple, list or dict part by part.

    >>> score = recomputed(lambda x: x**2)
    >>> score([{"x": 2}, {"x": 3}], [4, 8])
    Mark(share=0.5, why='1 of 2 wrong; the first: it is not the number asked for')
    >>> score([{"x": 2}], [float("nan")])
    Mark(share=0.0, why='it holds NaN or infinity')
    """

    def broken(given: dict[str, Any], answer: Any) -> str:
        return difference(truth(**given), answer, rtol, atol)

    return lawful(broken, whole)


def lawful(
    broken: Callable[[dict[str, Any], Any], str], whole: bool = False
) -> Callable[[list[dict[str, Any]], list[Any]], Mark]:
    """Score by a law: ``broken(input, answer)`` says which is broken, empty if none. It may call
    `number` and `array`, whose `Unreadable` counts as broken.

    >>> score = lawful(lambda given, w: "" if array(w, (2,)).sum() == 0 else "the sum is not 0")
    >>> score([{}, {}], [[1, -1], [1, 1]])
    Mark(share=0.5, why='1 of 2 wrong; the first: the sum is not 0')
    """

    def score(inputs: list[dict[str, Any]], answers: list[Any]) -> Mark:
        wrong = [
            why
            for given, answer in zip(inputs, answers, strict=True)
            if (why := _said(broken, given, answer))
        ]
        if not wrong:
            return Mark(1.0)
        share = 0.0 if whole else 1 - len(wrong) / len(inputs)
        return Mark(
            share,
            wrong[0]
            if len(inputs) == 1
            else f"{len(wrong)} of {len(inputs)} wrong; the first: {wrong[0]}",
        )

    return score


def _said(broken: Callable[[dict[str, Any], Any], str], given: dict[str, Any], answer: Any) -> str:
    if isinstance(answer, Failed):
        return answer.why
    try:
        return broken(given, answer)
    except Unreadable as error:
        return str(error)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError) as error:
        return f"it cannot be read ({type(error).__name__})"


def number(answer: Any) -> float:
    """The answer as a finite number; an array of one number is one.

    >>> number([[2]]), number(0.5)
    (2.0, 0.5)
    >>> number("2")
    Traceback (most recent call last):
    companion.classroom.marking.Unreadable: a number was asked for and a text came
    """
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise Unreadable(f"a number was asked for and {_kind(answer)} came")
    if (isinstance(answer, int) and abs(answer) > 10**300) or not math.isfinite(answer):
        raise Unreadable("it holds NaN or infinity")
    return float(answer)


def array(answer: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """The answer as a float64 array of finite numbers, of the shape if one is given.

    >>> array([[1, 2]], (2, 1))
    Traceback (most recent call last):
    companion.classroom.marking.Unreadable: shape (2, 1) was asked for and (1, 2) came
    """
    if not isinstance(answer, list | int | float) or isinstance(answer, bool):
        raise Unreadable(f"an array was asked for and {_kind(answer)} came")
    try:
        whole = np.asarray(answer)
    except ValueError:
        whole = np.asarray("ragged")
    if whole.dtype.kind not in "iuf":
        raise Unreadable("an array of numbers was asked for and something else came")
    if shape is not None and whole.shape != tuple(shape):
        raise Unreadable(f"shape {tuple(shape)} was asked for and {whole.shape} came")
    if not np.isfinite(whole).all():
        raise Unreadable("it holds NaN or infinity")
    return whole.astype(np.float64)


def difference(truth: Any, answer: Any, rtol: float = 0.01, atol: float = 0.0) -> str:
    """How an answer differs from the truth, without saying the truth; empty if it does not.

    >>> difference({"low": 1.0, "name": "wr"}, {"low": 1.001, "name": "WR "})
    ''
    >>> difference([1, 2], [1, 3])
    'number 2: it is not the number asked for'
    """
    if isinstance(truth, bool | np.bool_):
        if not isinstance(answer, bool):
            return f"True or False was asked for and {_kind(answer)} came"
        return "" if answer == bool(truth) else "it is not the one asked for"
    if isinstance(truth, str):
        if not isinstance(answer, str):
            return f"a text was asked for and {_kind(answer)} came"
        same = answer.strip().casefold() == truth.strip().casefold()
        return "" if same else "it is not the one asked for"
    if isinstance(truth, np.ndarray):
        near = np.isclose(array(answer, truth.shape), truth, rtol, atol)
        return "" if near.all() else f"{(~near).sum()} of {near.size} numbers are wrong"
    if isinstance(truth, dict):
        if not isinstance(answer, dict) or set(answer) != set(truth):
            return f"a dict with {', '.join(map(str, truth))} was asked for"
        parts = [(name, truth[name], answer[name]) for name in truth]
    elif isinstance(truth, list | tuple):
        if not isinstance(answer, list) or len(answer) != len(truth):
            return f"{len(truth)} values were asked for and {_kind(answer)} came"
        parts = [
            (f"number {i}", *pair) for i, pair in enumerate(zip(truth, answer, strict=True), 1)
        ]
    else:
        near = np.isclose(number(answer), float(truth), rtol, atol)
        return "" if near else "it is not the number asked for"
    for name, true, said in parts:
        if why := difference(true, said, rtol, atol):
            return f"{name}: {why}"
    return ""


def _kind(answer: Any) -> str:
    if isinstance(answer, list):
        return f"a list of {len(answer)}"
    names = {str: "a text", bool: "True or False", dict: "a dict", type(None): "nothing"}
    return names.get(type(answer), "a number")
