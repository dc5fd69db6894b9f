"""Public checks of chapter 5's assignment."""

from __future__ import annotations

from typing import Any

from companion.classroom.law import Given, judged, tried
from companion.classroom.rows import in_form
from companion.display.exercises import Reply

try:
    from companion.classroom.scoring.laws import a5_batchnorm_norms as laws
except ImportError:  # a sandbox hides them: no submission asks them about its hidden inputs
    laws = None


def norm_path(answer: Any) -> Reply:
    """The norm before each step and after the last, without momentum."""
    return tried(answer, laws, "norm_path")


def settled(answer: Any) -> Reply:
    """Where the norm settles and how far a step turns then, exactly."""
    return tried(answer, laws, "settled")


def matched_rates(answer: Any) -> Reply:
    """Learning rates at norm 1 that turn as far as a run whose norm moves."""
    return tried(answer, laws, "matched_rates")


def normalized_gradient(answer: Any) -> Reply:
    """The gradient of one unit's weights through batch normalization."""
    return tried(answer, laws, "normalized_gradient")


def steps_to_settle(answer: Any, given: Given) -> Reply:
    """A prediction and a count of steps until the norm is near its equilibrium."""
    return judged(answer, given, laws, "steps_to_settle")


def hardly_decayed(answer: Any, given: Given) -> Reply:
    """Whether runs of the table are named; which of them hardly decay is yours to find."""
    return in_form(answer, [run["name"] for run in given["runs"]])
