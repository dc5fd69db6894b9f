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
    """The norm before each step and after the last, without momentum.

    >>> norm_path(lambda start, unit_gradient, rate, decay, steps: [start] * (steps + 1))
    Not yet: for start = 1.78, unit_gradient = 1.92, rate = 0.34, decay = 0, steps = 10, the first
    step goes from 1.78 to 1.78: draw w, decay and gradient.
    """
    return tried(answer, laws, "norm_path")


def settled(answer: Any) -> Reply:
    """Where the norm settles and how far a step turns then, exactly.

    >>> settled(lambda rate, decay, unit_gradient: (unit_gradient, 0.1))
    Not yet: for rate = 0.656, decay = 0.588, unit_gradient = 0.716, a step from this norm leads
    to 1.103 times it.
    """
    return tried(answer, laws, "settled")


def matched_rates(answer: Any) -> Reply:
    """Learning rates at norm 1 that turn as far as a run whose norm moves.

    >>> matched_rates(lambda rates, norms, optimizer: rates)
    Not yet: for rates = [0.1, 0.05, 0.025, 0.0125, 0.00625], norms = [2.682, 3.866, 1.689, 3.861,
    2.142], optimizer = 'SGD', with these rates the turns are 2.85 to 14.9 times the run's.
    """
    return tried(answer, laws, "matched_rates")


def normalized_gradient(answer: Any) -> Reply:
    """The gradient of one unit's weights through batch normalization.

    >>> normalized_gradient(lambda weight, *_: weight)
    Not yet: for weight = an array (6,), inputs = an array (20, 6), gradient = an array (20,),
    epsilon = 0.3, <w, dL/dw> is 0.326, and batch norm with this epsilon leaves -2.01.
    """
    return tried(answer, laws, "normalized_gradient")


def steps_to_settle(answer: Any, given: Given) -> Reply:
    """A prediction and a count of steps until the norm is near its equilibrium.

    >>> steps_to_settle((100, 50), {})
    Not yet: prediction and count differ (100 and 50); is it the norm, its square or its fourth
    power that relaxes as an exponential.
    """
    return judged(answer, given, laws, "steps_to_settle")


def hardly_decayed(answer: Any, given: Given) -> Reply:
    """Whether runs of the table are named; which of them hardly decay is yours to find.

    >>> hardly_decayed(["run9"], {"runs": [{"name": "run0"}]})
    Not yet: the table has no row 'run9'.
    """
    return in_form(answer, [run["name"] for run in given["runs"]])
