"""Answers to a page's exercises, tried: a chapter's ``check.<exercise>(answer)`` says which law a
wrong answer breaks, and by how much; never the answer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from companion import kinds


@dataclass(frozen=True)
class Reply:
    """What a cell shows after an answer: whether it is right, and why not."""

    right: bool
    text: str

    def __repr__(self) -> str:
        return self.text


def number(answer: Any, broken: Callable[[float], str]) -> Reply:
    """Try a number. broken: the law that this number breaks, in a sentence; empty if none.

    >>> number(3, lambda x: "" if x == 3 else f"half of it is {x / 2:g}, not 1.5")
    Right: the law holds for 3.
    >>> number("three", lambda x: "")
    An answer here is a finite number, got 'three'; give one such as 0.5.
    """
    if not _is_number(answer):
        return Reply(
            False, f"An answer here is a finite number, got {_short(answer)}; give one such as 0.5."
        )
    return _reply(broken, (float(answer),), f"{answer:g}")


def numbers(answer: Any, count: int, broken: Callable[..., str]) -> Reply:
    """Try so many numbers, in a tuple or list; as `number`.

    >>> numbers((2, 3), 2, lambda a, b: "" if a < b else "the first must be the smaller")
    Right: the law holds for (2, 3).
    >>> numbers(2, 2, lambda a, b: "")
    An answer here is 2 finite numbers, got 2; give them as (0.5, 1.5).
    """
    whole = tuple(answer) if isinstance(answer, tuple | list) else ()
    if len(whole) != count or not all(map(_is_number, whole)):
        form = ", ".join(f"{0.5 + i:g}" for i in range(count))
        return Reply(
            False,
            f"An answer here is {count} finite numbers, got {_short(answer)}; give them as "
            f"({form}).",
        )
    return _reply(broken, tuple(map(float, whole)), f"({', '.join(f'{one:g}' for one in whole)})")


def _is_number(answer: Any) -> bool:
    return kinds.fits(answer, float) and abs(answer) <= sys.float_info.max


def _short(answer: Any) -> str:
    text = " ".join(repr(answer).split())
    return text if len(text) <= 80 else f"{text[:80]}…"


def _reply(broken: Callable[..., str], answers: tuple[float, ...], shown: str) -> Reply:
    try:
        said = broken(*answers)
    except ArithmeticError:  # 1e308 squared, say
        said = f"nothing can be computed with {shown}"
    except ValueError as error:  # what a formula of the book refuses
        said = str(error)
    return Reply(not said, f"Not yet: {said}." if said else f"Right: the law holds for {shown}.")
