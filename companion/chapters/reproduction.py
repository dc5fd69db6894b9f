"""The reproduction page: every result of the papers' tables and of L's section 6.2, beside ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from companion import chapters
from companion.evidence import (
    claims,
    published,
    rank_tests,
    records,
    selection,
    summaries,
)
from companion.evidence.records import Record
from companion.evidence.summaries import Summary
from companion.experiments import report
from companion.experiments.plan import Experiment

RESULTS = (
    "test_accuracy", "best_epoch", "statistic", "p", "map_gain", "miou_gain", "mae", "mse",
    "test_error", "hessian_norm",
)  # fmt: skip
"""What counts as a result; a table's other columns are settings, which `published` has."""
COLUMNS = (
    "source", "table", "cell", "label", "quantity", "unit", "paper", "paper_low", "paper_high",
    "paper_runs", "ours", "low", "high", "runs", "epochs", "dataset", "scale", "hardware",
    "reading", "record", "verdict", "note", "command", "cost",
)  # fmt: skip


def table(
    shown: Iterable[Record] | None = None, experiments: Iterable[Experiment] | None = None
) -> pd.DataFrame:
    """One row for each printed result and each record or experiment that answers it.

    Accuracies are in percent, the rest in the printed unit. `paper_low` to `paper_high` and `low`
    to `high` are 95 % intervals of the means. `verdict` follows the rule of `claims` and is empty
    for a baseline, which has no difference of its own, for a pair in which the paper finds no
    difference, and for a test's numbers; `note` says why, or gives the comparison in words, or why
    there is none. Where there is no record at the paper's size, `command` makes one, at the stated
    `cost`.

    `shown` are the records to use, those that ship with the package when None; `experiments`
    those to ask, all when None.
    """
    if experiments is None:
        experiments = chapters.experiments().values()
    if shown is None:
        shown = [records.recorded(name) for name in records.recorded_names()]
    shown, answers = list(shown), [e for e in experiments if e.published is not None]
    reasons = _not_built()
    rows: list[dict[str, Any]] = []
    for source in published.sources():
        frame = published.rows(source)
        frame = frame[(frame["table"] != "text") & frame["quantity"].isin(RESULTS)]
        for row in frame.itertuples():
            rows += _answers(row, shown, answers, reasons)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _not_built() -> dict[tuple[str, str], str]:
    """Why a table has no answer here, as its chapter says it."""
    said: dict[tuple[str, str], str] = {}
    for chapter in chapters.names():
        said |= getattr(chapters.part(chapter, "experiments"), "NOT_BUILT", {})
    return said


def _answers(
    row: Any,
    shown: Sequence[Record],
    experiments: Sequence[Experiment],
    reasons: Mapping[tuple[str, str], str],
) -> list[dict[str, Any]]:
    """The rows of one printed result: one a record, else one a declared experiment, else one."""
    able = [one for one in experiments if _is_about(one, row)]
    printed = _printed(row)
    if not able:
        reason = reasons.get((row.source, row.table), "no experiment declares it")
        note = claims.not_built(row.label, reason)
        return [{**printed, "verdict": note.verdict, "note": note.sentence}]
    found = []
    for experiment in able:
        command, price = experiment.full_run()
        full = {"command": command, "cost": price}
        answered = len(found)
        for record in shown:
            if record.provenance["experiment"] != experiment.name:
                continue
            best = selection.best_epoch(_with_baselines(experiment, record, shown))
            best["test_error"] = 1 - best["test_accuracy"]
            best = _with_start(best, record)
            if not set(_arms(row)) <= set(best["arm"]):
                continue
            ours = _test(row, best) if " vs " in row.cell else _mean(row, experiment, record, best)
            needed = {} if report.claimed_scale(record) == "full" else full
            found.append({**printed, **_provenance(experiment, record), **ours, **needed})
        if len(found) == answered:
            note = claims.not_run(f"{row.label}, {experiment.title}", command, price)
            found.append(
                {
                    **printed,
                    **full,
                    "reading": experiment.title,
                    "verdict": note.verdict,
                    "note": note.sentence,
                }
            )
    return found


def _with_start(best: pd.DataFrame, record: Record) -> pd.DataFrame:
    """The same with log10 of the Hessian's norm before training, where a record has it."""
    if "hessian_norm" not in record.epochs:
        return best
    first = record.epochs[record.epochs["epoch"] == 0].set_index("run")["hessian_norm"]
    return best.assign(hessian_norm=np.log10(best["run"].map(first[first > 0]).astype(float)))


def _arms(row: Any) -> list[str]:
    return row.cell.split(" vs ")


def _is_about(experiment: Experiment, row: Any) -> bool:
    """Whether an experiment's arms answer a printed row; those it leaves to another count."""
    printed = experiment.published
    asked = printed is not None and printed.source == row.source
    if not asked or row.table not in (printed.table, printed.tests):
        return False
    known = set(experiment.arms)
    return bool(known & set(_arms(row))) if experiment.baselines else set(_arms(row)) <= known


def _with_baselines(
    experiment: Experiment, record: Record, shown: Sequence[Record]
) -> pd.DataFrame:
    """A record's epochs, and those of the arms that its experiment leaves to another one: from
    that one's record of the same images, scale and length."""
    same = ("dataset", "scale", "epochs")
    for other in shown if experiment.baselines else ():
        theirs = other.provenance
        if theirs["experiment"] == experiment.baselines and all(
            theirs[key] == record.provenance[key] for key in same
        ):
            rest = other.epochs[~other.epochs["arm"].isin(record.provenance["arms"])]
            rest = rest.assign(run=rest["run"] + 1 + record.epochs["run"].max())
            return pd.concat([record.epochs, rest], ignore_index=True)
    return record.epochs


def _printed(row: Any) -> dict[str, Any]:
    known = ("source", "table", "cell", "label", "quantity", "unit")
    found = {name: getattr(row, name) for name in known}
    found |= {"paper": row.mean, "paper_runs": row.runs}
    if not (pd.isna(row.sd) or pd.isna(row.runs)):
        theirs = summaries.from_printed(row.mean, row.sd, int(row.runs))
        found |= {"paper_low": theirs.low, "paper_high": theirs.high}
    return found


def _provenance(experiment: Experiment, record: Record) -> dict[str, Any]:
    p = record.provenance
    return {
        "reading": experiment.title,
        "epochs": p["epochs"],
        "dataset": p["dataset"],
        "scale": report.claimed_scale(record),
        "hardware": p["machine"].get("hardware", "unknown hardware"),
        "record": record.name,
    }


def _mean(row: Any, experiment: Experiment, record: Record, best: pd.DataFrame) -> dict[str, Any]:
    """An arm's mean at its best epochs, or the mean of those epochs, and the verdict."""
    means = selection.by_arm(best.dropna(subset=row.quantity), row.quantity)
    if row.cell not in means:
        return {"verdict": "", "note": "no run has a number"}
    ours, arm = means[row.cell], experiment.arms.get(row.cell)
    factor = 100 if row.unit == "percent" else 1
    found = {
        "ours": factor * ours.mean,
        "low": factor * ours.low,
        "high": factor * ours.high,
        "runs": ours.runs,
        "verdict": "",
    }
    if arm is None or arm.baseline is None:
        return {**found, "note": "what the other arms are measured against"}
    if arm.baseline not in means:
        return {**found, "note": f"no record here has {arm.baseline} to measure it against"}
    if row.quantity == "test_accuracy" and report.called_equal(experiment, row.cell, arm.baseline):
        return {**found, "note": "the paper's own test finds no difference to the baseline"}
    if row.unit == "log10":
        return found | _of_logarithms(row, arm.baseline, ours, means[arm.baseline])
    places = [(row.source, row.table, name, row.quantity) for name in (row.cell, arm.baseline)]
    theirs = [published.summary(*place) for place in places]
    claim = claims.compare(
        f"{row.label}, {row.quantity.replace('_', ' ')}",
        ours,
        theirs[0],
        baseline=(means[arm.baseline], theirs[1]),
        baseline_name=arm.baseline,
        scale=report.claimed_scale(record),
        unit="percent" if row.unit == "percent" else "epoch",
        short=report.cut_short(experiment, record),
        gap=report.gap(experiment, best, row.cell, arm.baseline, row.quantity),
    )
    return {**found, "verdict": claim.verdict, "note": claim.sentence}


def _of_logarithms(row: Any, baseline: str, ours: Summary, theirs: Summary) -> dict[str, Any]:
    """The verdict on a difference of logarithms, of which the paper does not print the runs."""
    printed = row.mean - published.value(row.source, row.table, baseline, row.quantity)
    gap = summaries.difference(ours, theirs)
    claim = claims.direction(
        f"{row.label}: ours {ours.mean:.2f}, paper {row.mean:.2f}; difference to {baseline}: ours "
        f"{gap.estimate:+.2f} ({gap.low:+.2f} to {gap.high:+.2f}), paper {printed:+.2f}.",
        gap,
        published_sign=1 if printed > 0 else -1,
    )
    return {"verdict": claim.verdict, "note": claim.sentence}


def _test(row: Any, best: pd.DataFrame) -> dict[str, Any]:
    """A test of two arms: our U or p, and the difference that it is about. It has no verdict: a
    statistic and its p-value depend on the number of runs, which differs from the paper's."""
    first, second = (
        best.loc[best["arm"] == arm, "test_accuracy"].to_numpy(float) for arm in _arms(row)
    )
    statistic, p = rank_tests.mann_whitney(first, second)
    smaller = min(statistic, len(first) * len(second) - statistic)
    gap = summaries.difference(second, first)
    names = row.label.split(" vs ")
    estimate, low, high = (100 * value for value in (gap.estimate, gap.low, gap.high))
    return {
        "ours": p if row.quantity == "p" else smaller,
        "runs": len(first),
        "verdict": "",
        "note": f"{names[1]} less {names[0]}: ours {estimate:+.2f} points ({low:+.2f} to "
        f"{high:+.2f}); a test's numbers depend on the number of runs and get no verdict",
    }
