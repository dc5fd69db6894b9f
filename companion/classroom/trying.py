"""Answers that are functions, tried on random inputs: what a public check says to them.

Numbers are tried by `companion.display.exercises`, as on the book's pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from companion.display.exercises import Reply


def function(
    answer: Any, cases: Iterable[dict[str, Any]], broken: Callable[[dict[str, Any], Any], str]
) -> Reply:
    """Call the answer with each case's values in their order; ``broken(case, result)`` says which
    law the result breaks, empty if none. What raises, here or in ``broken``, is a sentence too.

    >>> def positive(case, result):
    ...     return "" if result > 0 else f"it must be > 0, got {result}"
    >>> function(lambda x: x + 1, [{"x": 1}, {"x": 2}], positive)
    Right: the law holds on 2 inputs.
    >>> function(lambda x: x - 1, [{"x": 1}], positive)
    Not yet: for x = 1, it must be > 0, got 0.
    >>> function(lambda x: 1 / x, [{"x": 0}], positive)
    Not yet: for x = 0, the function raises ZeroDivisionError (division by zero).
    >>> function(..., [{"x": 0}], positive)
    Not yet: a function is asked for, and there is none; replace the dots.
    """
    if not callable(answer):
        return _not("a function is asked for, and there is none; replace the dots")
    count = 0
    for case in cases:
        named = ", ".join(f"{name} = {_short(value)}" for name, value in case.items())
        try:
            result = answer(*(_copy(value) for value in case.values()))
        except Exception as error:
            return _not(f"for {named}, the function raises {_told(error)}")
        if result is None or result is ...:
            return _not("the function returns nothing; end it with `return` and the result")
        try:
            said = broken(case, result)
        except Exception as error:
            kind = type(result).__name__
            return _not(f"for {named}, a result of kind {kind} cannot be tried: {_told(error)}")
        if said:
            return _not(f"for {named}, {said}")
        count += 1
    return Reply(True, f"Right: the law holds on {count} inputs.")


def finite(result: Any, shape: tuple[int, ...] = ()) -> np.ndarray:
    """The result as an array of finite numbers of the shape; else a ValueError with a hint."""
    whole = np.asarray(result.detach() if hasattr(result, "detach") else result, dtype=np.float64)
    if whole.shape != shape:
        raise ValueError(f"the shape must be {shape}, got {whole.shape}")
    if not np.isfinite(whole).all():
        raise ValueError("every number must be finite")
    return whole


def _not(said: str) -> Reply:
    return Reply(False, f"Not yet: {said}.")


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())[:120]
    return f"{type(error).__name__} ({text})" if text else type(error).__name__


def _short(value: Any) -> str:
    shape = getattr(value, "shape", ())
    if shape:
        return f"an array {tuple(shape)}"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = repr(value)
    return text if len(text) <= 60 else f"a {type(value).__name__} of {len(value)}"


def _copy(value: Any) -> Any:
    """A copy, so that a function that writes into its argument changes no case."""
    if hasattr(value, "clone"):
        return value.clone()
    return value.copy() if hasattr(value, "copy") else value
