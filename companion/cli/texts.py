"""What the commands print: the results of a record, and columns of text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from companion.evidence.records import Record
    from companion.evidence.summaries import Summary


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
        *_machines(p.get("trained", [])),
        ["versions", ", ".join(f"{key} {value}" for key, value in versions.items())],
        ["made", f"{p['created']}, in {duration(p['wall_seconds'])}"],
    ]
    lines = [record.name, record.label(), "", *_results(record), ""]
    if p["deviations"]:
        lines += ["Differs from the source:", *(f"  - {text}" for text in p["deviations"]), ""]
    lines += ["Where it comes from:", columns([row for row in facts if row[1]], "  ")]
    return "\n".join(lines)


def _machines(trained: Sequence[dict[str, Any]]) -> list[list[str]]:
    """A row for each machine, where there are several: its runs and its seconds of work."""
    if len(trained) < 2:
        return []
    return [
        [
            "trained on",
            f"{one['machine'].get('hardware')}, device {one['machine'].get('device')}, runs "
            f"{', '.join(one['parts'])}, in {duration(one['seconds'])}",
        ]
        for one in trained
    ]


def _results(record: Record) -> list[str]:
    """One row an arm: test accuracy at the best epoch, and that epoch; with the paper's beside
    them where the record is of the paper's images."""
    from companion import chapters
    from companion.display.tables import results_table
    from companion.evidence import published
    from companion.experiments.report import accuracy_table

    p = record.provenance
    experiment = chapters.experiments().get(p["experiment"])
    if experiment is None or experiment.published is None:
        return [_own_table(record)]
    images = experiment.scales["full"].datasets
    if p["dataset"] not in images:
        note = f"The paper's values are for {' or '.join(images)} and are not set beside them."
        return [_own_table(record), "", note]
    table = experiment.published.table
    if "test_accuracy" not in set(published.rows(experiment.published.source, table)["quantity"]):
        note = f"The paper's Table {table} has no accuracies to set beside them."
        return [_own_table(record), "", note]
    note = f"The paper's values are those of its Table {table}; e* is the best epoch."
    return [repr(results_table(accuracy_table(experiment, record))), "", note]


def _own_table(record: Record) -> str:
    """One row an arm: test accuracy at the best epoch, or after the last one in a record without
    validation accuracies."""
    from companion.evidence import selection

    validated = "validation_accuracy" in record.epochs
    if validated:
        chosen = selection.best_epoch(record.epochs)
    else:
        chosen = record.epochs.sort_values("epoch").groupby("run").tail(1).sort_values("run")
        chosen = chosen.rename(columns={"epoch": "last_epoch"})
    which = "best" if validated else "last"
    epochs = selection.by_arm(chosen, f"{which}_epoch")
    rows = [["arm", "test acc % ± sd", "95 % interval", f"{which} epoch ± sd", "runs"]]
    for arm, accuracy in selection.by_arm(chosen).items():
        low, high = 100 * accuracy.low, 100 * accuracy.high
        interval = f"{low:.2f} to {high:.2f}" if accuracy.runs > 1 else "–"
        ours, epoch = _plus_minus(accuracy, 100, 2), _plus_minus(epochs[arm], 1, 1)
        rows.append([arm, ours, interval, epoch, str(accuracy.runs)])
    return columns(rows, "")


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


def whole(text: str | int) -> int:
    """A whole number as a person writes it, or a default; refused is other text, as 1_000.

    >>> whole("12"), whole("-3")
    (12, -3)
    """
    if not re.fullmatch(r"[+-]?[0-9]+", str(text).strip()):
        raise typer.BadParameter(
            f"{text!r} is no whole number; write it in digits alone, as in 1000"
        )
    return int(text)


def number(text: str | float) -> float:
    """A finite number as a person writes it, or a default.

    >>> number("0.5"), number("1e-3")
    (0.5, 0.001)
    """
    try:
        found = float(str(text).replace("_", "no"))  # 1_000 is Python's, not a person's
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise typer.BadParameter(f"{text!r} is no number; write it as in 0.5")
    return found


def seconds(text: str) -> float:
    """A duration as a person types it, in seconds.

    >>> seconds("90s"), seconds("9m"), seconds("1h30m")
    (90.0, 540.0, 5400.0)
    """
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip())
    parts = [int(part or 0) for part in found.groups()] if found else []
    if not any(parts):
        raise ValueError(f"a time must be like 90s, 9m or 1h30m, and more than 0, got {text!r}")
    return float(3600 * parts[0] + 60 * parts[1] + parts[2])


def about(seconds: float) -> str:
    """Seconds as an estimate, to two digits.

    >>> about(0.4), about(41.3), about(2113), about(54321), about(400_000), about(1.21e8)
    ('about 1 s', 'about 41 s', 'about 35 min', 'about 15 h', 'about 4.6 days', 'about 1,400 days')
    """
    for unit, size, limit in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 48 * 3600)):
        if round(seconds) < limit:
            value = max(seconds / size, 1)
            return f"about {value:.1f} {unit}" if 1 < value < 3 else f"about {value:.0f} {unit}"
    return f"about {float(f'{seconds / 86400:.2g}'):,g} days"


def some(names: Sequence[str], width: int = 110) -> str:
    """All names in a line, or the first two and the last where they do not fit.

    >>> some(["a", "b", "c"]), some(["one", "two", "three", "four"], width=10)
    ('a; b; c', 'one; two; ...; four')
    """
    line = "; ".join(names)
    return line if len(line) <= width else "; ".join([*names[:2], "...", names[-1]])


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
