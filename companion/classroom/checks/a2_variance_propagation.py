"""Public checks of chapter 2's assignment."""

from __future__ import annotations

from typing import Any

from companion.classroom.law import Given, judged, tried
from companion.display.exercises import Reply

try:
    from companion.classroom.scoring.laws import a2_variance_propagation as laws
except ImportError:  # a sandbox hides them: no submission asks them about its hidden inputs
    laws = None


def mean_squares(answer: Any) -> Reply:
    """The mean square of a signal behind each part of a network."""
    return tried(answer, laws, "mean_squares")


def both_ways(answer: Any) -> Reply:
    """What ReLU layers of changing widths do to a signal and to its gradient."""
    return tried(answer, laws, "both_ways")


def relative_spread(answer: Any) -> Reply:
    """How far the squared length of one network's output lies from the mean over networks."""
    return tried(answer, laws, "relative_spread")


def scaled_to_one(answer: Any) -> Reply:
    """Weights scaled layer by layer until each pre-activation has variance 1."""
    return tried(answer, laws, "scaled_to_one")


def four_parts(answer: Any) -> Reply:
    """The variance of pre-activations, split into size, correlation, mean and bias."""
    return tried(answer, laws, "four_parts")


def gradient_ratio(answer: Any, given: Given) -> Reply:
    """A prediction and a measurement of a gradient through depth, in powers of ten."""
    return judged(answer, given, laws, "gradient_ratio")
