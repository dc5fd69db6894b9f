"""Public checks of chapter 0's assignment."""

from __future__ import annotations

from typing import Any

from companion.classroom.law import Given, tried
from companion.classroom.rows import in_form
from companion.display.exercises import Reply

try:
    from companion.classroom.scoring.laws import a0_toolbox as laws
except ImportError:  # a sandbox hides them: no submission asks them about its hidden inputs
    laws = None


def dropped(answer: Any) -> Reply:
    """Dropout that scales in training, and dropout that scales in evaluation."""
    return tried(answer, laws, "dropped")


def early_stop(answer: Any) -> Reply:
    """The epoch at which training stops, and the epoch whose weights are kept."""
    return tried(answer, laws, "early_stop")


def normalized(answer: Any) -> Reply:
    """Batch normalization of images, in training and in evaluation, as torch does it."""
    return tried(answer, laws, "normalized")


def welch(answer: Any) -> Reply:
    """Difference of means and Welch's 95 % interval."""
    return tried(answer, laws, "welch")


def adjusted(answer: Any) -> Reply:
    """Holm's adjusted p-values, in the order in which they came."""
    return tried(answer, laws, "adjusted")


def exact_p(answer: Any) -> Reply:
    """The exact two-sided p-value of the Mann-Whitney test."""
    return tried(answer, laws, "exact_p")


def holds(answer: Any, given: Given) -> Reply:
    """Whether rows of the table are named; which hold is yours to find."""
    return in_form(answer, [row["name"] for row in given["rows"]])
