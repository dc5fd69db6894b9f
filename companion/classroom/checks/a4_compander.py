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
    """Inverse and step factor of ``a v / sqrt(b^2 + v^2)``."""
    return tried(answer, laws, "algebraic")


def companded_step(answer: Any) -> Reply:
    """One step of SGD behind arctan, with decay on w."""
    return tried(answer, laws, "companded_step")


def twin(answer: Any) -> Reply:
    """Learning rate and decay of the plain network that trains alike near zero."""
    return tried(answer, laws, "twin")


def safe_start(answer: Any) -> Reply:
    """Numbers v for weights of which some lie out of the curve's range."""
    return tried(answer, laws, "safe_start")


def mean_step(answer: Any) -> Reply:
    """The mean step factor of uniform weights behind arctan."""
    return tried(answer, laws, "mean_step")


def pair_gradient(answer: Any) -> Reply:
    """The gradients of a and b that all weights of a layer share."""
    return tried(answer, laws, "pair_gradient")


def bitten(answer: Any, given: Given) -> Reply:
    """Whether layers of the table are named; which of them the curve reaches is yours to find."""
    return in_form(answer, [layer["name"] for layer in given["layers"]])
