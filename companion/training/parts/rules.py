"""Checks that the parts share: one sentence with rule, value and remedy."""

from __future__ import annotations

import math
from collections.abc import Sequence


def require(name: str, ok: bool, rule: str, value: object, remedy: str) -> None:
    """Raise ValueError unless a setting keeps its rule."""
    if not ok:
        raise ValueError(f"{name} must be {rule}, got {value}; {remedy}")


def one_of(name: str, value: object, known: Sequence[str]) -> None:
    """Raise ValueError unless a setting is one of the names."""
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}; pick one")


def whole(value: float) -> bool:
    """Whether it is a whole number >= 1."""
    return value >= 1 and value % 1 == 0


def positive(value: float) -> bool:
    """Whether it is finite and > 0."""
    return 0 < value < math.inf


def not_negative(value: float) -> bool:
    """Whether it is finite and >= 0."""
    return 0 <= value < math.inf
