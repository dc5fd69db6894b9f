"""What the commands print: the results of a record, and columns of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from companion.evidence.records import Record
    from companion.evidence.summaries import Summary

PAPER_TABLES = {"weight-rescaling-mlp": ("N", "I")}
"""Experiment -> source and table of the printed accuracies that stand beside its own."""


def report(record: Record) -> str:
    """A record as text: label, results beside the paper's, deviations, provenance."""
    p = record.provenance
    versions = p["machine"].get("versions", {})
    facts = [
        ["source", p.get("source", "")],
        ["images", f"{p['dataset']}, sha256 {p['dataset_digest'][:12]}"],
        ["split", ", ".join(f"{key} {value}" for key, value in p.get("split", {}).items())],
        ["code", ", ".join(f"{key} {str(value)[:20]}" for key, value in p["code"].items())],
        ["machine", f"{p['machine'].get('hardware')}, device {p['machine'].get('device')}"],
        ["versions", ", ".join(f"{key} {value}" for key, value in versions.items())],
        ["made", f"{p['created']}, in {duration(p['wall_seconds'])}"],
    ]
    lines = [record.name, record.label(), "", *_results(record), ""]
    if p["deviations"]:
        lines += ["Differs from the source:", *(f"  - {text}" for text in p["deviations"]), ""]
    lines += ["Where it comes from:", columns([row for row in facts if row[1]], "  ")]
    return "\n".join(lines)


def _results(record: Record) -> list[str]:
    """One row an arm: test accuracy at the best epoch, and that epoch, ours and the paper's."""
    from companion.evidence import comparison
    from companion.experiments import EXPERIMENTS

    name, dataset = record.provenance["experiment"], record.provenance["dataset"]
    best = comparison.best_epoch(record.epochs)
    epochs = comparison.by_arm(best, "best_epoch")
    table = PAPER_TABLES.get(name)
    beside = table is not None and dataset in EXPERIMENTS[name].scales["full"].datasets
    head = ["arm", "test accuracy, %", "95 % interval", "best epoch"]
    rows = [[*head, "paper: accuracy, %", "paper: best epoch"] if beside else head]
    for arm, accuracy in comparison.by_arm(best).items():
        low, high = 100 * accuracy.low, 100 * accuracy.high
        interval = f"{low:.2f} to {high:.2f}" if accuracy.runs > 1 else "-"
        row = [arm, _plus_minus(accuracy, 100, 2), interval, _plus_minus(epochs[arm], 1, 1)]
        rows.append(row + _paper(arm, *table) if beside else row)
    lines = [columns(rows, ""), "", "Mean ± standard deviation over runs, at a run's best epoch."]
    if beside:
        lines.append(f"The paper's values are those of its Table {table[1]}.")
    elif table:
        lines.append(f"The paper's values are for CIFAR-10 and are not set beside {dataset}.")
    return lines


def _paper(arm: str, source: str, table: str) -> list[str]:
    """Accuracy and best epoch of an arm as printed; a dash where the paper has none."""
    from companion.evidence import published

    if arm not in set(published.rows(source, table)["cell"]):
        return ["-", "-"]
    accuracy = published.summary(table, arm, "test_accuracy", source)
    epoch = published.summary(table, arm, "best_epoch", source)
    return [f"{_plus_minus(accuracy, 100, 2)} ({accuracy.runs} runs)", _plus_minus(epoch, 1, 1)]


def _plus_minus(summary: Summary, factor: float, places: int) -> str:
    mean = f"{summary.mean * factor:.{places}f}"
    return f"{mean} ± {summary.sd * factor:.{places}f}" if summary.runs > 1 else mean


def count(number: int, noun: str) -> str:
    """A number and its noun.

    >>> count(1, "arm"), count(5, "arm")
    ('1 arm', '5 arms')
    """
    return f"{number} {noun}{'s' if number != 1 else ''}"


def duration(seconds: float) -> str:
    """Seconds in the units a person would use.

    >>> duration(3.2), duration(2951), duration(7325)
    ('3.2 s', '49 min 11 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def columns(rows: Sequence[Sequence[str]], indent: str) -> str:
    """Rows as aligned columns of text.

    >>> print(columns([["a", "one"], ["long", "two"]], "- "))
    - a     one
    - long  two
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(indent + line.rstrip() for line in lines)
