"""The errata page: every lead of every chapter's audit with its verdict, as rows."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from companion import chapters
from companion.evidence.findings import Finding


def findings() -> list[Finding]:
    """Every chapter's findings."""
    modules = (chapters.part(chapter, "errata") for chapter in chapters.names())
    return [finding for module in modules if module for finding in module.findings()]


def errata() -> pd.DataFrame:
    """The findings as rows: lead, source, where, printed, computed, verdict, effect."""
    return pd.DataFrame([asdict(finding) for finding in findings()])
