"""Public checks of chapter 6's assignment."""

from __future__ import annotations

from typing import Any

from companion.classroom.law import Given, judged, tried
from companion.classroom.rows import paired
from companion.display.exercises import Reply

try:
    from companion.classroom.scoring.laws import a6_weightnorm_initialization as laws
except ImportError:  # a sandbox hides them: no submission asks them about its hidden inputs
    laws = None

STARTS = ("forward", "one", "pytorch", "data")
"""The starts whose curves are to be told apart."""


def split_gradient(answer: Any) -> Reply:
    """The gradients of length and vector under weight norm.

    >>> split_gradient(lambda v, r, gradient: (0.0, gradient))
    Not yet: for v = an array (5,), r = 2.569, gradient = an array (5,), make r a little larger: w
    moves along its direction, and the loss by <gradient, u>.
    """
    return tried(answer, laws, "split_gradient")


def layer_length(answer: Any) -> Reply:
    """The length that keeps a signal's length through any convolution.

    >>> layer_length(lambda *given: 1.0)
    Not yet: for inputs = 57, outputs = 156, kernel = 5, groups = 3, stride = 2, behind = 'ReLU',
    blocks = 3, the squared length is multiplied by 0.342, and 1 is asked.
    """
    return tried(answer, laws, "layer_length")


def layer_spread(answer: Any) -> Reply:
    """How far one layer's squared length strays, for any two-sided slope.

    >>> layer_spread(lambda *given: 0.5)
    Not yet: for fan_in = 6, fan_out = 18, slope = 0, one unit's E[X^4] / E[X^2]^2 would be 5.5.
    """
    return tried(answer, laws, "layer_spread")


def filled(answer: Any) -> Reply:
    """Weights that the forward pass of a weight-normed layer uses.

    >>> filled(lambda fan_in, units, *_: [[0.1] * fan_in] * units)
    Not yet: for fan_in = 59, units = 30, std = 0.5, seed = 2041105245, all units have one length,
    and independent normal weights do not.
    """
    return tried(answer, laws, "filled")


def from_data(answer: Any) -> Reply:
    """Lengths and biases that standardise each unit over a batch.

    >>> from_data(lambda vectors, images: ([1.0] * 6, [0.0] * 6))
    Not yet: for vectors = an array (6, 8), images = an array (80, 8), each unit has its own
    length: statistics are over images, not over units.
    """
    return tried(answer, laws, "from_data")


def grown(answer: Any, given: Given) -> Reply:
    """A prediction and a measurement of a residual network's growth.

    >>> grown((2.0, 2.0), {})
    Not yet: a measurement never agrees to the last digit; measure it.
    """
    return judged(answer, given, laws, "grown")


def starts(answer: Any, given: Given) -> Reply:
    """Whether each start is named once; which is which is yours to read.

    >>> starts({"A": "one"}, {"curves": {"A": {}, "B": {}}})
    Not yet: name each of A, B, in a dict.
    """
    return paired(answer, list(given["curves"]), STARTS)
