"""The assignments that there are, found by looking into ``scoring``."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from companion.classroom import scoring
from companion.classroom.exercise import Assignment

SOURCES = Path(__file__).resolve().parents[2] / "notebooks" / "assignments"
"""Where a checkout of the book keeps the sources."""


def numbers() -> list[int]:
    """The numbers of all assignments: those of their chapters."""
    return sorted(_modules())


def find(number: int) -> Assignment:
    """The assignment of a chapter; ValueError names those there are."""
    modules = _modules()
    if number not in modules:
        known = ", ".join(map(str, sorted(modules)))
        raise ValueError(f"--assignment must be one of {known}, got {number}; pick one")
    return importlib.import_module(modules[number]).ASSIGNMENT


def source(assignment: Assignment, folder: Path = SOURCES) -> Path:
    """Its source notebook; ValueError if it is not here."""
    path = folder / f"{assignment.stem}.ipynb"
    if not path.is_file():
        raise ValueError(
            f"an assignment is made from its source, and {path} is not here; run this in a "
            "checkout of the book, or name its folder with --sources"
        )
    return path


def _modules() -> dict[int, str]:
    names = (found.name for found in pkgutil.iter_modules(scoring.__path__) if not found.ispkg)
    return {int(name[1 : name.index("_")]): f"{scoring.__name__}.{name}" for name in names}
