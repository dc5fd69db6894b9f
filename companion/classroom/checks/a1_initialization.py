"""Public checks of chapter 1's assignment."""

from __future__ import annotations

from typing import Any

import numpy as np

from companion.classroom.law import Given, tried
from companion.classroom.rows import in_form, paired
from companion.display.exercises import Reply

try:
    from companion.classroom.scoring.laws import a1_initialization as laws
except ImportError:  # a sandbox hides them: no submission asks them about its hidden inputs
    laws = None


def fans(answer: Any) -> Reply:
    """Fans of a convolution with groups and a stride.

    >>> fans(lambda outputs, inputs, kernel, *_: (inputs * kernel, outputs * kernel))
    Not yet: for outputs = 5, inputs = 14, kernel = 7, groups = 1, stride = 1, a kernel has an
    area: fan_in counts a side of it only.
    """
    return tried(answer, laws, "fans")


def orthogonal(answer: Any) -> Reply:
    """Orthogonal weights for wide and tall layers.

    >>> orthogonal(lambda rows, columns, *_: [[1.0] * columns] * rows)
    Not yet: for rows = 3, columns = 7, gain = 1.865, seed = 1621709875, two rows must be at a
    right angle, and two of yours are not.
    """
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
    """The gain of a ReLU that is cut at a cap.

    >>> capped_gain(lambda cap, std: 1.0)
    Not yet: for cap = 1.572, std = 2, a cap takes away from what a ReLU lets through, so the gain
    cannot be below ReLU's.
    """
    return tried(answer, laws, "capped_gain")


def settled(answer: Any) -> Reply:
    """The variance that deep layers of an erf network settle at, and the slope there.

    >>> settled(lambda sigma_w, sigma_b: (sigma_b, 1.0))
    Not yet: for sigma_w = 1.621, sigma_b = 0.768, a layer that is given the variance 0.768 gives
    1.678: not settled yet.
    """
    return tried(answer, laws, "settled")


def truncated_normal(answer: Any) -> Reply:
    """Normal weights without large ones, of the standard deviation that was asked for.

    >>> truncated_normal(lambda units, fan_in, *_: [[0.1] * fan_in] * units)
    Not yet: for units = 39, fan_in = 140, gain = 1.75, seed = 74845286, many weights lie at the
    very bound: cutting moves them there; draw them again instead.
    """
    return tried(answer, laws, "truncated_normal")


def audit(answer: Any, given: Given) -> Reply:
    """Whether layers of the table are named; which of them are wrong is yours to find.

    >>> audit(["layer7"], {"layers": [{"name": "layer0"}, {"name": "layer1"}]})
    Not yet: the table has no row 'layer7'.
    """
    return in_form(answer, [layer["name"] for layer in given["layers"]])


def activations(answer: Any, given: Given) -> Reply:
    """Whether each activation is named once; which curve is whose is yours to read.

    >>> activations({"A": "relu"}, {"curves": {"A": [], "B": []}})
    Not yet: name each of A, B, in a dict.
    """
    return paired(answer, list(given["curves"]), ("linear", "relu", "tanh", "gelu"))
