"""What each remedy did to the convolutional network, from the record of it."""

from __future__ import annotations

import pandas as pd

from companion.chapters.toolbox.experiments.remedies import EXPERIMENT
from companion.evidence import comparison, readings, selection
from companion.evidence.records import Record
from companion.evidence.summaries import Summary, paired_difference, summary


def arms(record: Record) -> list[str]:
    """The recorded arms, in the experiment's order."""
    return [arm for arm in EXPERIMENT.arms if arm in record.provenance["arms"]]


def gaps(record: Record) -> dict[str, Summary]:
    """Arm -> test loss less training loss after the last epoch, mean over runs."""
    return {
        arm: summary(readings.final_generalization_error(record.epochs, arm))
        for arm in arms(record)
    }


def errors(record: Record) -> dict[str, pd.DataFrame]:
    """Arm -> test error in percent, a row a run, columns ``best`` (at the epoch of the best
    validation accuracy) and ``last``."""
    found = selection.optimism(record.epochs)
    found = found.assign(best=100 * (1 - found["chosen"]), last=100 * (1 - found["last"]))
    return {
        arm: found[found["arm"] == arm].sort_values("seed")[["best", "last"]].reset_index(drop=True)
        for arm in arms(record)
    }


def table(record: Record) -> pd.DataFrame:
    """One row an arm: remedy, gap, last, best (test errors, percent), and the difference of best to
    that of ``none``, paired by run: estimate, low, high, adjusted, differs."""
    found, gap = errors(record), gaps(record)
    others = [arm for arm in found if arm != "none"]
    compared = comparison.compare(
        {arm: rows["best"] for arm, rows in found.items()},
        [(arm, "none") for arm in others],
        paired=True,
    ).set_index("arm")
    rows = pd.DataFrame(
        {
            "arm": list(found),
            "remedy": [EXPERIMENT.arms[arm].label for arm in found],
            "gap": [gap[arm].mean for arm in found],
            "last": [rows["last"].mean() for rows in found.values()],
            "best": [rows["best"].mean() for rows in found.values()],
        }
    )
    return rows.join(compared[["estimate", "low", "high", "adjusted", "differs"]], on="arm")


def stopped(record: Record, arm: str = "none") -> Summary:
    """Test error at the best epoch less that at the last, paired by run, in points: what early
    stopping gives."""
    rows = errors(record)[arm]
    gap = paired_difference(rows["best"], rows["last"])
    return Summary(gap.estimate, float("nan"), len(rows), gap.low, gap.high)
