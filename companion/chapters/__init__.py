"""The chapters: one folder holds all that is one chapter's, and none imports another.

What the command line and the ledgers list is found by looking here: a folder's ``experiments`` and
``errata``, its ``published.csv`` and its ``records``.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from functools import cache
from types import ModuleType

from companion.experiments.plan import Experiment


@cache
def names() -> tuple[str, ...]:
    """The chapters' folders.

    >>> "rescaling" in names()
    True
    """
    return tuple(sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg))


def part(chapter: str, name: str) -> ModuleType | None:
    """A file or folder of a chapter, such as ``experiments``; None where it has none."""
    module = f"{__name__}.{chapter}.{name}"
    if importlib.util.find_spec(module) is None:
        return None
    return importlib.import_module(module)


@cache
def experiments() -> dict[str, Experiment]:
    """Every chapter's experiments by name."""
    found: dict[str, Experiment] = {}
    for chapter in names():
        module = part(chapter, "experiments")
        found |= {one.name: one for one in (module.EXPERIMENTS if module else ())}
    return found


def find(name: str) -> Experiment:
    """The experiment of that name, or a ValueError that lists the names."""
    if name not in experiments():
        raise ValueError(
            f"experiment must be one of {', '.join(experiments())}, got {name!r}; "
            "`companion list` describes them"
        )
    return experiments()[name]
