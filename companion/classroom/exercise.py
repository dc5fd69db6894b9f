"""What an assignment asks, and what an answer is worth."""

from __future__ import annotations

import keyword
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

KINDS = ("function", "value")
"""``function``: called in the sandbox on each hidden input. ``value``: a variable, computed from
the numbers that the class's notebook shows as ``given["<name>"]``."""


@dataclass(frozen=True)
class Failed:
    """An answer that did not come, and why, in a sentence without its full stop."""

    why: str


@dataclass(frozen=True)
class Mark:
    """The share of an exercise's points that is earned, 0 to 1, and what was missed.

    >>> Mark(1.5)
    Traceback (most recent call last):
    ValueError: a mark's share must be from 0 to 1, got 1.5; divide what is right by what was asked
    """

    share: float
    why: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(
                f"a mark's share must be from 0 to 1, got {self.share}; divide what is right by "
                "what was asked"
            )


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    name: the identifier that the student's notebook defines. goal: what is learned, a phrase.
    kind: one of `KINDS`. draw: from a generator the inputs, a list of ``{argument: value}`` with
    numbers, texts, lists, dicts and NumPy arrays; a function gets an input's values in their
    order, and a value has one input, of numbers, texts, lists and dicts alone. score: from all
    inputs and as many answers (plain data or `Failed`) a `Mark`; it runs outside the sandbox.
    `marking` makes the usual ones. tensors: a function gets arrays as torch tensors.

    >>> Exercise("half life", 2, "halve", "value", lambda generator: [{}], lambda i, a: Mark(0))
    Traceback (most recent call last):
    ValueError: an exercise's name must be a Python identifier, got 'half life'; a notebook defines it
    """  # noqa: E501 (the example shows the whole message)

    name: str
    points: int
    goal: str
    kind: str
    draw: Callable[[np.random.Generator], list[dict[str, Any]]]
    score: Callable[[list[dict[str, Any]], list[Any]], Mark]
    tensors: bool = False

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or keyword.iskeyword(self.name):
            raise ValueError(
                f"an exercise's name must be a Python identifier, got {self.name!r}; a notebook "
                "defines it"
            )
        if self.kind not in KINDS:
            raise ValueError(
                f"an exercise's kind must be {' or '.join(KINDS)}, got {self.kind!r}; pick one"
            )
        if not self.points >= 1:
            raise ValueError(
                f"{self.name} must be worth 1 point or more, got {self.points}; raise it"
            )

    def mark(self, inputs: list[dict[str, Any]], answers: list[Any]) -> Mark:
        """The mark for these answers; answers that upset `score` earn nothing."""
        if len(answers) != len(inputs):
            return Mark(0, f"{len(answers)} answers came to {len(inputs)} inputs")
        try:
            with np.errstate(all="ignore"):
                return self.score(inputs, answers)
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            return Mark(0, f"what came back cannot be scored ({type(error).__name__})")


@dataclass(frozen=True)
class Assignment:
    """An assignment: its number is its chapter's, ``NN-name`` its notebook's name.

    minutes: how long a student needs. goals: what is learned, a few sentences. stub: the points
    that the untouched student notebook earns.
    """

    number: int
    name: str
    title: str
    minutes: int
    goals: tuple[str, ...]
    exercises: tuple[Exercise, ...]
    stub: float = 0.0

    def __post_init__(self) -> None:
        names = [one.name for one in self.exercises]
        if len(set(names)) < len(names):
            raise ValueError(
                f"the exercises of {self.name} must have names of their own, got "
                f"{', '.join(names)}; rename one"
            )

    @property
    def stem(self) -> str:
        """The notebook's name without its ending."""
        return f"{self.number:02d}-{self.name}"

    @property
    def points(self) -> int:
        """The points of all exercises."""
        return sum(one.points for one in self.exercises)
