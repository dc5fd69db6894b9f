"""The errata page: every lead of the audit with its verdict, as rows."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from companion.evidence import audit
from companion.evidence.audit import Finding
from companion.evidence.records import Record


def findings(record: Record | None = None, draws: int = 2000) -> list[Finding]:
    """Every finding, N's first. With a `record` the one about the direction of weights says what
    rescaling does to the weights of that record. `draws` is the size of the simulation."""
    return [
        audit.direction(None if record is None else record.layers),
        audit.parameters(),
        audit.alexnet_input(),
        audit.arithmetic(),
        audit.correction(),
        audit.arms_left_out(),
        audit.statistic_and_p(draws),
        audit.stopped_early(),
        audit.paired_t(),
    ]


def errata(record: Record | None = None, draws: int = 2000) -> pd.DataFrame:
    """The findings as rows: lead, source, where, printed, computed, verdict, effect."""
    return pd.DataFrame([asdict(finding) for finding in findings(record, draws)])
