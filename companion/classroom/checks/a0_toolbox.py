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
    """Dropout that scales in training, and dropout that scales in evaluation.

    >>> dropped(lambda signal, *_: signal)
    Not yet: for signal = an array (25, 40), p_drop = 0.3, form = 'inverted', training = True,
    seed = 1164637293, 0% of the numbers are zero, and in training a share p_drop is.
    """
    return tried(answer, laws, "dropped")


def early_stop(answer: Any) -> Reply:
    """The epoch at which training stops, and the epoch whose weights are kept.

    >>> early_stop(lambda losses, *_: (len(losses) - 1, 0))
    Not yet: for losses = a list of 21, patience = 4, smallest = 0.0505, go through the losses by
    hand, with the best one so far beside each.
    """
    return tried(answer, laws, "early_stop")


def normalized(answer: Any) -> Reply:
    """Batch normalization of images, in training and in evaluation, as torch does it.

    >>> normalized(lambda x, mean, variance, *_: (x, mean, variance))
    Not yet: for x = an array (4, 3, 3, 2), mean = an array (3,), variance = an array (3,),
    momentum = 0.3, training = True, over images and pixels each channel of y has mean 0.
    """
    return tried(answer, laws, "normalized")


def welch(answer: Any) -> Reply:
    """Difference of means and Welch's 95 % interval.

    >>> welch(lambda a, b: (0.0, -1.0, 1.0))
    Not yet: for a = [50.33, 50.13, 49.48, 50.36, 50.18], b = a list of 11, the first number is
    the difference of the means.
    """
    return tried(answer, laws, "welch")


def adjusted(answer: Any) -> Reply:
    """Holm's adjusted p-values, in the order in which they came.

    >>> adjusted(lambda pvalues: [4 * p for p in pvalues])
    Not yet: for pvalues = [0.01458, 0.01268, 0.01331, 0.01395], that is Bonferroni's: once the
    smallest is judged, fewer are left.
    """
    return tried(answer, laws, "adjusted")


def exact_p(answer: Any) -> Reply:
    """The exact two-sided p-value of the Mann-Whitney test.

    >>> exact_p(lambda a, b: 0.05)
    Not yet: for a = [49.8, 51.2, 50.6, 51.7], b = [48.05, 48.75, 48.65, 50.25], 70 splits are
    equally likely: p is a whole number of them, divided by 70.
    """
    return tried(answer, laws, "exact_p")


def holds(answer: Any, given: Given) -> Reply:
    """Whether rows of the table are named; which hold is yours to find.

    >>> holds([], {"rows": [{"name": "row0"}, {"name": "row1"}]})
    Not yet: some rows are to be named, and some are not.
    """
    return in_form(answer, [row["name"] for row in given["rows"]])
