"""Public checks of chapter 1's assignment."""

from __future__ import annotations

from typing import Any

import numpy as np

from companion.classroom.law import Given, tried
from companion.classroom.rows import in_form
from companion.display.exercises import Reply

try:
    from companion.classroom.scoring.laws import a1_initialization as laws
except ImportError:  # a sandbox hides them: no submission asks them about its hidden inputs
    laws = None


def fans(answer: Any) -> Reply:
    """Fans of a convolution with groups and a stride."""
    return tried(answer, laws, "fans")


def orthogonal(answer: Any) -> Reply:
    """Orthogonal weights for wide and tall layers."""
    reply = tried(answer, laws, "orthogonal")
    if not reply.right:
        return reply
    cases = laws.draw_orthogonal(np.random.default_rng(1))
    drawn = [np.asarray(answer(*case.values())) for case in cases]
    if not np.array_equal(drawn[0], np.asarray(answer(*cases[0].values()))):
        return Reply(False, "Not yet: the same seed must give the same weights, and it does not.")
    said = laws.fair_law(drawn)
    return Reply(False, f"Not yet: {said}.") if said else reply


def capped_gain(answer: Any) -> Reply:
    """The gain of a ReLU that is cut at a cap."""
    return tried(answer, laws, "capped_gain")


def settled(answer: Any) -> Reply:
    """The variance that deep layers of an erf network settle at, and the slope there."""
    return tried(answer, laws, "settled")


def truncated_normal(answer: Any) -> Reply:
    """Normal weights without large ones, of the standard deviation that was asked for."""
    return tried(answer, laws, "truncated_normal")


def audit(answer: Any, given: Given) -> Reply:
    """Whether layers of the table are named; which of them are wrong is yours to find."""
    return in_form(answer, [layer["name"] for layer in given["layers"]])
