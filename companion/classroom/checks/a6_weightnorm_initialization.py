"""Public checks of chapter 6's assignment."""

from __future__ import annotations

from typing import Any

from companion.classroom.law import Given, judged, tried
from companion.display.exercises import Reply

try:
    from companion.classroom.scoring.laws import a6_weightnorm_initialization as laws
except ImportError:  # a sandbox hides them: no submission asks them about its hidden inputs
    laws = None

STARTS = ("forward", "one", "pytorch", "data")
"""The starts whose curves are to be told apart."""


def split_gradient(answer: Any) -> Reply:
    """The gradients of length and vector under weight norm."""
    return tried(answer, laws, "split_gradient")


def layer_length(answer: Any) -> Reply:
    """The length that keeps a signal's length through any convolution."""
    return tried(answer, laws, "layer_length")


def layer_spread(answer: Any) -> Reply:
    """How far one layer's squared length strays, for any two-sided slope."""
    return tried(answer, laws, "layer_spread")


def filled(answer: Any) -> Reply:
    """Weights that the forward pass of a weight-normed layer uses."""
    return tried(answer, laws, "filled")


def from_data(answer: Any) -> Reply:
    """Lengths and biases that standardise each unit over a batch."""
    return tried(answer, laws, "from_data")


def grown(answer: Any, given: Given) -> Reply:
    """A prediction and a measurement of a residual network's growth."""
    return judged(answer, given, laws, "grown")


def starts(answer: Any, given: Given) -> Reply:
    """Whether each start is named once; which is which is yours to read."""
    curves = given["curves"]
    if not isinstance(answer, dict) or sorted(map(str, answer)) != sorted(curves):
        return Reply(False, f"Not yet: name a start for each of {', '.join(curves)}, in a dict.")
    if sorted(map(str, answer.values())) != sorted(STARTS):
        return Reply(False, f"Not yet: each start has one curve: {', '.join(STARTS)}.")
    return Reply(True, "Right in form: each start has one curve.")
