"""Why the MLP's table does not come out as printed: one silent choice changed at a time."""

from __future__ import annotations

import pandas as pd

from companion.chapters.rescaling.experiments.mlp import MLP
from companion.display import figures, style
from companion.display.forest import forest
from companion.display.svg import Shown
from companion.evidence import comparison, published, selection, summaries
from companion.evidence.records import Record

HERE = "as here"
"""How the chapter reads the paper: batches of 32, standardised inputs, measured after WR."""
READINGS = {
    "wr": (
        HERE,
        "measured before it",
        "biases kept",
        "inputs in [−1, 1]",
        "batches of 4",
        "batches of 4, biases kept",
    ),
    "wd-1e-2": (HERE, "inputs in [−1, 1]", "batches of 4"),
    "wd-1e-3": (HERE, "inputs in [−1, 1]", "batches of 4"),
}
_ARMS = {
    "measured before it": "wr-before",
    "biases kept": "wr-biases",
    "batches of 4, biases kept": "wr-biases-batches",
}
_ENDINGS = {"inputs in": "-inputs", "batches of 4": "-batches"}


def differences(record: Record, causes: Record, small: Record, both: Record) -> pd.DataFrame:
    """Each method less no regularization at the same reading of the paper, in points.

    The records: of `MLP`, `CAUSES`, `SMALL_BATCHES` and `SMALL_BATCHES_CAUSES`. Columns:
    method (an arm of `MLP`), reading (one of `READINGS`), name (both in words), family, and those
    of `comparison.compare`; all are judged together.
    """
    values = {
        **_samples(record),
        **_samples(causes),
        **{
            f"{arm}-batches": sample
            for arm, sample in (*_samples(small).items(), *_samples(both).items())
        },
    }
    asked, pairs = [], []
    for method, readings in READINGS.items():
        for reading in readings:
            ending = next((end for start, end in _ENDINGS.items() if start in reading), "")
            asked.append((method, reading))
            pairs.append((_ARMS.get(reading, f"{method}{ending}"), f"none{ending}"))
    found = comparison.compare(values, pairs)
    return found.assign(
        method=[method for method, _ in asked],
        reading=[reading for _, reading in asked],
        name=[f"{MLP.arms[method].label}, {reading}" for method, reading in asked],
        family=[MLP.arms[method].family for method, _ in asked],
    )


def printed() -> pd.DataFrame:
    """The same differences in the paper, with Welch's interval of the printed means and standard
    deviations; filled where the interval excludes 0, since all but the arms' means are unknown."""
    rows = []
    for method in READINGS:
        theirs = [published.summary("N", "I", arm, "test_accuracy") for arm in (method, "none")]
        gap = summaries.difference(*theirs)
        rows.append(
            {
                "method": method,
                "reading": "in the paper",
                "name": f"{MLP.arms[method].label}, in the paper",
                "family": MLP.arms[method].family,
                "estimate": 100 * gap.estimate,
                "low": 100 * gap.low,
                "high": 100 * gap.high,
                "lost": 0,
                "differs": gap.excludes_zero,
            }
        )
    return pd.DataFrame(rows)


def figure(record: Record, causes: Record, small: Record, both: Record) -> Shown:
    """Every method's difference from no regularization, in the paper and under our readings."""
    ours, theirs = differences(record, causes, small, both), printed()
    rows = pd.concat([theirs, ours], ignore_index=True)
    labels = {method: MLP.arms[method].label for method in READINGS}
    parts = []
    for method, label in labels.items():
        mine = rows[rows["method"] == method]
        over = pd.DataFrame([{"name": label, "family": "none", "lost": 0, "differs": False}])
        parts += [over, mine.assign(name=mine["reading"])]
    grouped = pd.concat(parts, ignore_index=True)
    shown, axes = figures.canvas(width=5.2, height=1.1 + 0.25 * len(grouped))
    unit = "points above none"
    forest(grouped, axes, "Test accuracy, best epoch", unit, better="higher")
    for name in axes.get_yticklabels():
        if name.get_text() in labels.values():
            name.set(fontweight="bold", color=style.INK)
    listed = ", ".join(
        f"{row.name} {row.estimate:+.2f} ({row.low:+.2f} to {row.high:+.2f})"
        for row in rows.itertuples(index=False)
    )
    return figures.show(
        shown,
        alt=f"Test accuracy minus that without regularization at the same setting: {listed}.",
        caption="Each method against no regularization in the same setting: in the paper, and "
        "here with one choice changed at a time. Batches of 4 bring back the paper's order of the "
        "decays; kept biases turn rescaling's loss into a gain, but not with batches of 4.",
        ran="Dot: difference of means, filled where Holm's adjusted test tells the arms apart; "
        f"bar: its 95 % interval. As here: {record.label()}. Batches of 4: "
        f"{small.label()}, and with biases kept: {both.label()}. The rest: {causes.label()}.",
        name="causes",
    )


def _samples(record: Record) -> dict[str, object]:
    best = selection.best_epoch(record.epochs)
    return {
        str(arm): 100 * rows["test_accuracy"].to_numpy(float) for arm, rows in best.groupby("arm")
    }
