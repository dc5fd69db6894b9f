"""Public checks of chapter 4's assignment."""

from __future__ import annotations

from typing import Any

from companion.classroom.law import Given, tried
from companion.classroom.rows import in_form
from companion.display.exercises import Reply

try:
    from companion.classroom.scoring.laws import a4_compander as laws
except ImportError:  # a sandbox hides them: no submission asks them about its hidden inputs
    laws = None


def algebraic(answer: Any) -> Reply:
    """Inverse and step factor of ``a v / sqrt(b^2 + v^2)``.

    >>> algebraic(lambda w, a, b: (w, 1.0))
    Not yet: for w = 0.3919, a = 1.014, b = 1.541, this v gives the weight 0.2499, not 0.3919.
    """
    return tried(answer, laws, "algebraic")


def companded_step(answer: Any) -> Reply:
    """One step of SGD behind arctan, with decay on w.

    >>> companded_step(lambda v, gradient, a, b, rate, decay: v - rate * gradient)
    Not yet: for v = an array (6,), gradient = an array (6,), a = 1.01, b = 1.54, rate = 0.186,
    decay = 0.472, b is only a learning rate: is your v / b the same for (b, rate) as for (1, rate
    / b^2).
    """
    return tried(answer, laws, "companded_step")


def twin(answer: Any) -> Reply:
    """Learning rate and decay of the plain network that trains alike near zero.

    >>> twin(lambda a, b, rate, decay, acts_on: (rate, decay))
    Not yet: for a = 0.7, b = 1.86, rate = 0.046, decay = 0.0095, acts_on = 'w', with no decay the
    twin moves 7.06 times as far.
    """
    return tried(answer, laws, "twin")


def safe_start(answer: Any) -> Reply:
    """Numbers v for weights of which some lie out of the curve's range.

    >>> safe_start(lambda w, a, b: w * b / a)
    Not yet: for w = an array (11,), a = 0.56, b = 0.78, the weight 0.8427 lies in the range and
    comes back as 0.5512.
    """
    return tried(answer, laws, "safe_start")


def mean_step(answer: Any) -> Reply:
    """The mean step factor of uniform weights behind arctan.

    >>> mean_step(lambda bound, a, b: 9.0)
    Not yet: for bound = 0.618, a = 0.96, b = 1.45, the curve is steepest at 0, so no mean exceeds
    the factor there.
    """
    return tried(answer, laws, "mean_step")


def pair_gradient(answer: Any) -> Reply:
    """The gradients of a and b that all weights of a layer share.

    >>> pair_gradient(lambda v, gradient, a, b: (0.0, 0.0))
    Not yet: for v = an array (8,), gradient = an array (8,), a = 0.45, b = 1.44, make a 1 %
    larger: every w grows by 1 %, and the loss by 0.01 a dL/da.
    """
    return tried(answer, laws, "pair_gradient")


def bitten(answer: Any, given: Given) -> Reply:
    """Whether layers of the table are named; which of them the curve reaches is yours to find.

    >>> bitten([], {"layers": [{"name": "layer0"}]})
    Not yet: some rows are to be named, and some are not.
    """
    return in_form(answer, [layer["name"] for layer in given["layers"]])
