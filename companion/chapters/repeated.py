"""What the sources say in words or by figures, repeated: every chapter's ``repeated`` file."""

from __future__ import annotations

from companion import chapters
from companion.evidence.claims import Claim


def claims(source: str) -> list[Claim]:
    """What the chapters found of the claims of one source, by its letter; ValueError for one of
    which no chapter repeats any."""
    modules = [chapters.part(chapter, "repeated") for chapter in chapters.names()]
    known = [module for module in modules if module]
    found = [claim for one in known if source == one.SOURCE for claim in one.repeated()]
    if not found:
        letters = sorted({one.SOURCE for one in known})
        raise ValueError(f"source must be one of {', '.join(letters)}, got {source!r}; pick one")
    return found
