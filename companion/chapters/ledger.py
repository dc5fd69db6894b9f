"""The book's two ledgers: what was repeated, cell by cell, and what in print we recomputed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from companion.display import style
from companion.evidence.claims import MEANINGS, show
from companion.evidence.findings import Finding

QUANTITIES = {
    "test_accuracy": "accuracy, %",
    "best_epoch": "best epoch",
    "statistic": "test statistic",
    "p": "p-value",
    "map_gain": "gain in mAP@0.5, points",
    "miou_gain": "gain in mIoU, points",
    "mae": "mean absolute error",
    "mse": "mean squared error",
    "test_error": "test error, %",
    "hessian_norm": "log10 of the Hessian's norm",
}
_HEADS = ("cell", "quantity", "paper", "ours", "95 % interval", "runs", "verdict")
_DIGITS = {"test_accuracy": 2, "best_epoch": 1, "test_error": 2, "hessian_norm": 2}
"""Decimals of a quantity, the paper's and ours; others have two significant digits."""


@dataclass(frozen=True)
class Ledger:
    """Rows of `reproduction.table`: one table for each of a paper's, a block for each reading."""

    rows: pd.DataFrame

    def __repr__(self) -> str:
        return self.rows.to_string()

    def _repr_html_(self) -> str:
        answered, open_ = [], []
        for (source, table), rows in self.rows.groupby(["source", "table"], sort=False):
            place = table if table.startswith("section") else f"Table {table}"
            shown = _table(f"{source}, {place}", rows)
            (open_ if (rows["verdict"] == "not built").all() else answered).append(shown)
        rest = (
            '<details class="wis-open"><summary>Tables that nothing here answers yet: '
            f"{len(open_)}</summary>"
            f"{''.join(open_)}</details>"
        )
        return (
            f"<style>{style.css()}{_CSS}</style>{_summary(self.rows)}{''.join(answered)}"
            f"{rest if open_ else ''}"
        )


def reproduction(rows: pd.DataFrame) -> Ledger:
    """The ledger of what was repeated: paper, ours, interval, runs, record and verdict of every
    printed cell; below each table the records, and the commands for what was not run."""
    return Ledger(rows)


def errata(findings: Iterable[Finding]) -> Errata:
    """The findings of the audit, one after the other, each with its verdict."""
    return Errata(tuple(findings))


@dataclass(frozen=True)
class Errata:
    """Findings as a definition list: what is printed, what we compute, what it changes."""

    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        return repr(show(*(finding.claim() for finding in self.findings)))

    def _repr_html_(self) -> str:
        items = "".join(
            f"<dt>{_capital(one.lead)}, {one.source}, {html.escape(one.where)} "
            f"{badge(one.verdict)}</dt>"
            f"<dd><b>Printed.</b> {_sentence(one.printed)}</dd>"
            f"<dd><b>Computed.</b> {_sentence(one.computed)}</dd>"
            f"<dd><b>What it changes.</b> {_sentence(one.effect)}</dd>"
            for one in self.findings
        )
        return f'<style>{style.css()}{_CSS}</style><dl class="wis-errata">{items}</dl>'


def overview(findings: Iterable[Finding]) -> Overview:
    """The findings of an audit at a glance: a row each, with its verdict and what it changes."""
    return Overview(tuple(findings))


@dataclass(frozen=True)
class Overview:
    """Findings as a table: what was checked, the verdict, and what that changes."""

    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        return "\n".join(f"{one.lead}: {one.verdict}. {one.effect}" for one in self.findings)

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row">{html.escape(_capital(one.lead))}</th>'
            f"<td>{badge(one.verdict)}</td><td>{_sentence(one.effect)}</td></tr>"
            for one in self.findings
        )
        return (
            f"<style>{style.css()}{_CSS}</style>"
            '<div class="wis wis-ledger wis-overview"><table><thead><tr><th scope="col">checked'
            '</th><th scope="col">verdict</th><th scope="col">what that changes</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )


def _summary(rows: pd.DataFrame) -> str:
    """How many accuracies and best epochs of each paper have which verdict."""
    shown = []
    judged = rows[(rows["verdict"] != "") & rows["quantity"].isin(QUANTITIES)]
    for source, mine in judged.groupby("source", sort=False):
        counts = mine["verdict"].value_counts()
        said = [f"{badge(name)} {counts[name]}" for name in MEANINGS if name in counts]
        shown.append(f"<li>{html.escape(source)}: {', '.join(said)}</li>")
    return f'<ul class="wis-summary">{"".join(shown)}</ul>'


def _table(title: str, rows: pd.DataFrame) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in _HEADS)
    body = "".join(
        _reading(reading, mine) + "".join(_row(row) for row in mine.itertuples())
        for reading, mine in rows.groupby("reading", sort=False, dropna=False)
    )
    return (
        f"<h3>{html.escape(title)}</h3>"
        '<div class="wis wis-scroll wis-ledger" tabindex="0" role="group" '
        f'aria-label="{html.escape(title)}"><table class="cards"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{_notes(rows)}"
    )


def _reading(reading: str, rows: pd.DataFrame) -> str:
    """The heading of a block: how the paper was read, and on what."""
    if pd.isna(reading):
        return ""
    made = rows.dropna(subset="record").drop_duplicates("record")
    said = [f"{row.dataset}, {row.scale} scale, {row.epochs:g} epochs" for row in made.itertuples()]
    text = html.escape(f"{reading} ({'; '.join(said)})" if said else reading)
    return f'<tr><th colspan="{len(_HEADS)}" scope="rowgroup">{text}</th></tr>'


def _row(row) -> str:
    digits = _DIGITS.get(row.quantity)
    interval = "–"
    if not pd.isna(row.low):
        interval = f"{_number(row.low, digits)} to {_number(row.high, digits)}"
    cells = [
        QUANTITIES[row.quantity],
        _printed(row.paper, digits),
        _number(row.ours, digits),
        interval,
        "–" if pd.isna(row.runs) else f"{row.runs:g}",
        badge(row.verdict) if row.verdict else "–",
    ]
    return f'<tr><th scope="row">{html.escape(row.label)}</th>' + "".join(
        f"<td>{cell}</td>" for cell in cells
    ) + "</tr>"  # fmt: skip


def _printed(value: float, digits: int | None) -> str:
    """A paper's number to its last digit: its accuracies and epochs have two decimals."""
    if pd.isna(value):
        return "–"
    return f"{value:g}" if digits is None else f"{value:.2f}"


def _notes(rows: pd.DataFrame) -> str:
    """The records behind a table with their hardware, and what it takes to run the rest."""
    made = rows.dropna(subset="record").drop_duplicates("record")
    said = [f"{row.record}: {row.epochs:g} epochs, {row.hardware}." for row in made.itertuples()]
    for row in rows.dropna(subset="command").drop_duplicates("command").itertuples():
        said.append(f"At the paper's size: <code>{html.escape(row.command)}</code>, {row.cost}.")
    missing = rows[rows["verdict"] == "not built"]
    said += [html.escape(_reason(note)) for note in missing["note"].drop_duplicates().head(1)]
    return f'<p class="wis wis-note">{" ".join(said)}</p>' if said else ""


def _reason(note: str) -> str:
    return _capital(note.partition(", because ")[2] or note)


def badge(verdict: str) -> str:
    """A verdict in the book's look, as HTML."""
    name = re.sub(r"\W+", "-", verdict)
    return f'<span class="verdict verdict-{name}">{html.escape(verdict)}</span>'


def _sentence(text: str) -> str:
    text = html.escape(_capital(text))
    return text if text.endswith(".") else f"{text}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _number(value: float, digits: int | None) -> str:
    """That many decimals; without a number of them, two significant digits.

    >>> _number(48.7, 2), _number(1e-31, None), _number(float("nan"), 1), _number(1812.5, None)
    ('48.70', '1e-31', '–', '1812.5')
    """
    if pd.isna(value):
        return "–"
    if digits is not None:
        return f"{value:.{digits}f}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:g}"


_CSS = (
    ".wis-ledger{contain:inline-size;overflow-x:auto;margin:.8rem 0 1rem}"
    ".wis-ledger table{border-collapse:collapse;width:100%;font-size:.85rem;line-height:1.4;"
    "font-variant-numeric:tabular-nums;white-space:nowrap;color:inherit;margin:0;"
    "border:solid var(--wis-ink);border-width:1.5px 0}"
    ".wis-ledger :is(thead,tr,th,td){background:none!important;border:0;color:inherit}"
    ".wis-ledger :is(th,td){padding:.3rem .5rem;text-align:right;font-weight:400}"
    ".wis-ledger :is(th:first-child,td:nth-child(2),th:nth-child(2),td:last-child,th:last-child)"
    "{text-align:left}"
    ".wis-ledger tbody th[scope=rowgroup]{padding-top:.9rem;font-style:italic;white-space:normal}"
    ".wis-ledger thead th{color:var(--wis-muted);border-bottom:1px solid var(--wis-ink)}"
    ".wis-ledger :is(th,td):first-child{padding-left:0}"
    ".wis-open summary{cursor:pointer;margin-top:1.6rem;font-weight:600}"
    ".wis-overview table{white-space:normal}"
    ".wis-overview :is(th,td){text-align:left;vertical-align:top}"
    ".wis-overview tbody th{font-weight:600}"
    "@media(max-width:480px){.wis-overview thead{display:none}"
    ".wis-overview :is(th,td){display:block;padding:.15rem 0}"
    ".wis-overview th{padding-top:.7rem}}"
    ".wis-errata dt{margin-top:1.8rem;font-weight:600}"
    ".wis-errata dd{margin:.35rem 0 0 1rem}"
    ".wis-note{font-size:.9rem;line-height:1.45;color:var(--wis-muted);overflow-wrap:anywhere}"
)
