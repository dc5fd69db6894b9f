"""The reproduction page: every result of the papers' tables and of L's section 6.2, beside ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from companion.evidence import claims, comparison, published, records
from companion.evidence.arms import label
from companion.evidence.records import Record
from companion.experiments import report
from companion.experiments.plan import Experiment

RESULTS = (
    "test_accuracy", "best_epoch", "statistic", "p", "map_gain", "miou_gain", "mae", "mse",
)  # fmt: skip
"""What counts as a result; a table's other columns are settings, which `published` has."""
COLUMNS = (
    "source", "table", "cell", "label", "quantity", "unit", "paper", "paper_low", "paper_high",
    "paper_runs", "ours", "low", "high", "runs", "epochs", "dataset", "scale", "hardware",
    "record", "verdict", "note", "command", "cost",
)  # fmt: skip
TESTS = {"II": "I", "IV": "III", "VI": "V"}
"""A table of tests, and the table of accuracies that it tests."""
MISSING = {
    "1": "no experiment of this library trains these networks with batch normalization",
    "S2": "no experiment of this library trains these networks with batch normalization",
    "section 6.2": "no network of this library detects, segments or counts",
}


def table(
    shown: Iterable[Record] | None = None, experiments: Iterable[Experiment] | None = None
) -> pd.DataFrame:
    """One row for each printed result and each record or experiment that answers it.

    Accuracies are in percent, the rest in the printed unit. `paper_low` to `paper_high` and `low`
    to `high` are 95 % intervals of the means. `verdict` follows the rule of `claims` and is empty
    for a baseline, which has no difference of its own, and for a test in which the paper finds no
    difference; `note` says why, or gives the comparison in words, or why there is none. Where
    there is no record at the paper's size, `command` makes one, at the stated `cost`.

    `shown` are the records to use, those that ship with the package when None; `experiments`
    those to ask, all when None.
    """
    if experiments is None:
        from companion.experiments import EXPERIMENTS

        experiments = EXPERIMENTS.values()
    if shown is None:
        shown = [records.recorded(name) for name in records.recorded_names()]
    shown, answers = list(shown), [e for e in experiments if e.published is not None]
    rows: list[dict[str, Any]] = []
    for source in published.SOURCES:
        frame = published.rows(source)
        frame = frame[(frame["table"] != "text") & frame["quantity"].isin(RESULTS)]
        for row in frame.itertuples():
            rows += _answers(row, shown, answers)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _answers(
    row: Any, shown: Sequence[Record], experiments: Sequence[Experiment]
) -> list[dict[str, Any]]:
    """The rows of one printed result: one a record, else one a declared experiment, else one."""
    asked = TESTS.get(row.table, row.table)
    arms = row.cell.split(" vs ")
    able = [e for e in experiments if e.published == asked and set(arms) <= set(e.arms)]
    printed = _printed(row)
    if not able:
        note = claims.not_built(row.label, MISSING.get(asked, "no experiment declares it"))
        return [{**printed, "verdict": note.verdict, "note": note.sentence}]
    found = []
    for experiment in able:
        command, price = experiment.full_run()
        full = {"command": command, "cost": price}
        mine = [r for r in shown if r.provenance["experiment"] == experiment.name]
        mine = [r for r in mine if set(arms) <= set(r.provenance["arms"])]
        for record in mine:
            ours = _test(row, record) if row.table in TESTS else _mean(row, record)
            needed = {} if report.claimed_scale(record) == "full" else full
            found.append({**printed, **_provenance(record), **ours, **needed})
        if not mine:
            note = claims.not_run(f"{row.label}, {experiment.title}", command, price)
            found.append({**printed, **full, "verdict": note.verdict, "note": note.sentence})
    return found


def _printed(row: Any) -> dict[str, Any]:
    known = ("source", "table", "cell", "label", "quantity", "unit")
    found = {name: getattr(row, name) for name in known}
    found |= {"paper": row.mean, "paper_runs": row.runs}
    if not pd.isna(row.sd):
        theirs = comparison.from_printed(row.mean, row.sd, int(row.runs))
        found |= {"paper_low": theirs.low, "paper_high": theirs.high}
    return found


def _provenance(record: Record) -> dict[str, Any]:
    p = record.provenance
    return {
        "epochs": p["epochs"],
        "dataset": p["dataset"],
        "scale": report.claimed_scale(record),
        "hardware": p["machine"].get("hardware", "unknown hardware"),
        "record": record.name,
    }


def _mean(row: Any, record: Record) -> dict[str, Any]:
    """An arm's mean at its best epochs, or the mean of those epochs, and the verdict."""
    best = comparison.by_arm(comparison.best_epoch(record.epochs), row.quantity)
    ours = best[row.cell]
    factor = 100 if row.unit == "percent" else 1
    found = {
        "ours": factor * ours.mean,
        "low": factor * ours.low,
        "high": factor * ours.high,
        "runs": ours.runs,
    }
    base = report.baseline(row.cell)
    if base == row.cell:
        return {**found, "verdict": "", "note": "what the other arms are measured against"}
    if base not in best:
        return {**found, "verdict": "", "note": f"the record has no arm {base} to measure against"}
    theirs = [published.summary(row.table, arm, row.quantity) for arm in (row.cell, base)]
    claim = claims.compare(
        f"{row.label}, {row.quantity.replace('_', ' ')}",
        ours,
        theirs[0],
        baseline=(best[base], theirs[1]),
        baseline_name=label(base),
        scale=report.claimed_scale(record),
        unit="percent" if row.unit == "percent" else "epoch",
    )
    return {**found, "verdict": claim.verdict, "note": claim.sentence}


def _test(row: Any, record: Record) -> dict[str, Any]:
    """A test of two arms: our U or p, and the verdict on the difference that it is about."""
    best = comparison.best_epoch(record.epochs)
    first, second = (
        best.loc[best["arm"] == arm, "test_accuracy"].to_numpy(float)
        for arm in row.cell.split(" vs ")
    )
    statistic, p = comparison.mann_whitney(first, second)
    smaller = min(statistic, len(first) * len(second) - statistic)
    found = {"ours": p if row.quantity == "p" else smaller, "runs": len(first)}
    tests = published.mann_whitney_rows(row.table)
    pair = tests[tests["group1"] + " vs " + tests["group2"] == row.cell].iloc[0]
    gap = comparison.difference(second, first)
    names = row.label.split(" vs ")
    estimate, low, high = (100 * value for value in (gap.estimate, gap.low, gap.high))
    note = f"{names[1]} less {names[0]}: ours {estimate:+.2f} points ({low:+.2f} to {high:+.2f})"
    if not pair["starred"]:
        return {**found, "verdict": "", "note": f"the paper finds no difference; {note}"}
    theirs = [
        published.value(TESTS[row.table], arm, "test_accuracy") for arm in row.cell.split(" vs ")
    ]
    sign = 1 if theirs[1] > theirs[0] else -1
    return {**found, "verdict": claims.direction(note, gap, sign).verdict, "note": note}
