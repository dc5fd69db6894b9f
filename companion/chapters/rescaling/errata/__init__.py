"""What N prints, recomputed from its own numbers: each lead with its rows and its verdict."""

from __future__ import annotations

from companion.chapters.rescaling.errata import audit
from companion.evidence import records
from companion.evidence.findings import Finding
from companion.evidence.records import Record

RECORD = "weight-rescaling-mlp-cifar10-jpeg-full"
"""The record that says what rescaling does to the weights of a real network."""


def findings(record: Record | None = None, draws: int = 2000) -> list[Finding]:
    """Every finding about N. The one about the direction of weights rests on the layers of
    `record`, the one that ships when None. `draws` is the size of the simulation."""
    shown = record or records.recorded(RECORD)
    return [
        audit.direction(shown.layers),
        audit.parameters(),
        audit.alexnet_input(),
        audit.arithmetic(),
        audit.correction(),
        audit.arms_left_out(),
        audit.statistic_and_p(draws),
        audit.stopped_early(),
    ]
