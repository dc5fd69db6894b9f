"""Whether a value is of the kind that its field declares: a number, a text, a sequence of them.

The rules of a field (whole, positive, one of these names) are its own; they can speak of numbers
once it is known to be one.
"""

from __future__ import annotations

import math
import numbers
import types
import typing
from dataclasses import fields
from typing import Any

_SAID = {int: "a number", float: "a number", str: "a text", bool: "True or False"}


def check(instance: Any) -> None:
    """Raise ValueError for the first field of a dataclass that is not of its declared kind.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Period:
    ...     tau: int = 0
    >>> check(Period(3))
    >>> check(Period("3"))
    Traceback (most recent call last):
    ValueError: tau must be a number, got '3'; for example 0
    """
    hints = typing.get_type_hints(type(instance))
    for field in fields(instance):
        value = getattr(instance, field.name)
        if not fits(value, hints[field.name]):
            raise ValueError(
                f"{field.name} must be {said(hints[field.name])}, got {value!r}; for example "
                f"{field.default!r}"
            )


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a kind; True and False are no numbers.

    >>> fits((1, 2), tuple[int, ...]), fits("12", tuple[int, ...]), fits(True, int)
    (True, False, False)
    """
    parts = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, tuple):
            return False
        if parts[-1] is Ellipsis:
            return all(fits(each, parts[0]) for each in value)
        return all(map(fits, value, parts))  # how many there must be is the field's own rule
    if hint in (int, float):
        return isinstance(value, numbers.Real) and not isinstance(value, bool)
    return isinstance(value, hint)


def said(hint: Any) -> str:
    """A kind in words.

    >>> said(int), said(tuple[str, ...]), said(tuple[float, float])
    ('a number', 'a sequence, each a text', 'a sequence of 2, the first a number')
    """
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        if parts[-1] is Ellipsis:
            return f"a sequence, each {said(parts[0])}"
        return f"a sequence of {len(parts)}, the first {said(parts[0])}"
    return _SAID.get(hint, str(hint))


def finite(value: Any) -> float | None:
    """The value as a float, None unless it is one finite real number; True and False are none.

    >>> finite(2), finite("2"), finite(10**400)
    (2.0, None, None)
    """
    if isinstance(value, str | bytes | bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    return found if math.isfinite(found) else None


def least(remedy: str, low: float, **values: Any) -> None:
    """Raise ValueError for the first value that is not finite and >= low.

    >>> least("count from 1 on", 1, width=0)
    Traceback (most recent call last):
    ValueError: width must be finite and >= 1, got 0; count from 1 on
    """
    for name, value in values.items():
        found = finite(value)
        if found is None or found < low:
            raise ValueError(f"{name} must be finite and >= {low:g}, got {value!r:.80}; {remedy}")


def above(remedy: str, low: float, **values: Any) -> None:
    """Raise ValueError for the first value that is not finite and > low, as `least`."""
    for name, value in values.items():
        found = finite(value)
        if found is None or found <= low:
            raise ValueError(f"{name} must be finite and > {low:g}, got {value!r:.80}; {remedy}")


def below_1(remedy: str, **values: Any) -> None:
    """Raise ValueError for the first value that is not in [0, 1), as `least`."""
    for name, value in values.items():
        found = finite(value)
        if found is None or not 0 <= found < 1:
            raise ValueError(f"{name} must be in [0, 1), got {value!r:.80}; {remedy}")


def whole(name: str, value: Any) -> int:
    """The value as an int; ValueError unless it is a whole number of 64 bits, 3.0 being one.

    >>> whole("n", 3.0)
    3
    """
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or value % 1 != 0:
        raise ValueError(f"{name} must be a whole number, got {value!r}; round it first")
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{name} must have at most 64 bits, got {value!r}; take a smaller one")
    return int(value)
