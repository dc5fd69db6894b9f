"""Public checks of chapter 2's assignment."""

from __future__ import annotations

from typing import Any

from companion.classroom.law import Given, judged, tried
from companion.classroom.rows import paired
from companion.display.exercises import Reply

try:
    from companion.classroom.scoring.laws import a2_variance_propagation as laws
except ImportError:  # a sandbox hides them: no submission asks them about its hidden inputs
    laws = None


def mean_squares(answer: Any) -> Reply:
    """The mean square of a signal behind each part of a network.

    >>> mean_squares(lambda parts, start: [start] * len(parts))
    Not yet: for parts = [['linear', 26, 0.145], ['relu']], start = 1, at linear, this part does
    not multiply by 1.
    """
    return tried(answer, laws, "mean_squares")


def both_ways(answer: Any) -> Reply:
    """What ReLU layers of changing widths do to a signal and to its gradient.

    >>> both_ways(lambda widths, mode: (1.0, 1.0))
    Not yet: for widths = [163, 231, 286, 29, 60], mode = 'fan_in', signal and gradient meet the
    same weights, so whatever these are, gradient / signal is a quotient of two widths; which two
    are left when all others cancel.
    """
    return tried(answer, laws, "both_ways")


def relative_spread(answer: Any) -> Reply:
    """How far the squared length of one network's output lies from the mean over networks.

    >>> relative_spread(lambda widths, activation: 0.1)
    Not yet: for widths = [31], activation = 'linear', one layer averages n squares of normal
    numbers: n s^2 is 0.31.
    """
    return tried(answer, laws, "relative_spread")


def scaled_to_one(answer: Any) -> Reply:
    """Weights scaled layer by layer until each pre-activation has variance 1.

    >>> scaled_to_one(lambda weights, images: weights)
    Not yet: for weights = a list of 4, images = a list of 60, layer 1 gives the variance 207, and
    1 is asked.
    """
    return tried(answer, laws, "scaled_to_one")


def four_parts(answer: Any) -> Reply:
    """The variance of pre-activations, split into size, correlation, mean and bias.

    >>> four_parts(lambda weight, bias, inputs: (1.0, 0.0, 0.0, 0.0))
    Not yet: for weight = an array (12, 22), bias = an array (12,), inputs = an array (80, 22),
    the four must add up to the variance of z, and are 0.02118 of it.
    """
    return tried(answer, laws, "four_parts")


def gradient_ratio(answer: Any, given: Given) -> Reply:
    """A prediction and a measurement of a gradient through depth, in powers of ten.

    >>> gradient_ratio((0.1, 2.0), {})
    Not yet: prediction and measurement differ by 1.90 powers of ten; rms or mean square, ten or
    e, and from which layer to which.
    """
    return judged(answer, given, laws, "gradient_ratio")


def networks(answer: Any, given: Given) -> Reply:
    """Whether each network is named once; which curve is whose is yours to read.

    >>> networks({"A": "dropout"}, {"curves": {"A": [], "B": []}})
    Not yet: name each of A, B, in a dict.
    """
    names = ("residual", "scaled residual", "dropout", "length 1")
    return paired(answer, list(given["curves"]), names)
