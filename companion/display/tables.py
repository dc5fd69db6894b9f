"""The table that shows the paper's numbers beside ours."""

import html
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.display import style

COLUMNS = (
    "arm", "family", "paper_accuracy", "paper_sd", "paper_epoch",
    "accuracy", "sd", "low", "high", "epoch", "runs", "verdict",
)  # fmt: skip
_MARKS = {"reproduced": "●", "direction": "◐", "undecided": "◌", "not reproduced": "○"}


def results_table(rows: pd.DataFrame, source: str = "paper", caption: str = "") -> "ResultsTable":
    """Return the paper's results beside ours, one row an arm, for notebook, page and terminal.

    rows: a DataFrame with the columns

    * `arm`: its label; `family`: the kind of method, which gives the colour (`style.PALETTE`);
    * `paper_accuracy`, `paper_sd`, `paper_epoch`: as printed, accuracy in percent;
    * `accuracy`, `sd`, `low`, `high`: our mean, standard deviation and 95 % interval, in percent;
    * `epoch`, `runs`: our mean best epoch e* and the number of runs;
    * `verdict`: "reproduced", "direction", "undecided", "not reproduced", or empty for a baseline.

    A missing value (NaN or None) is shown as a dash.
    """
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        raise ValueError(
            f"rows must have the columns {', '.join(COLUMNS)}, "
            f"got none named {', '.join(missing)}; fill what is unknown with None"
        )
    percent = pd.to_numeric(rows["accuracy"], errors="coerce")
    if percent.max() <= 1:
        raise ValueError(
            f"accuracy must be in percent, got at most {percent.max():g}; multiply by 100"
        )
    return ResultsTable(rows[list(COLUMNS)].reset_index(drop=True), source, caption)


@dataclass(frozen=True)
class ResultsTable:
    """Paper beside ours, as made by `results_table`."""

    rows: pd.DataFrame
    source: str
    caption: str

    def cells(self) -> list[list[str]]:
        """Return the text of each row: arm, paper's and our accuracy and e*, runs, verdict."""
        return [
            [
                row.arm,
                _plus_minus(row.paper_accuracy, row.paper_sd),
                _number(row.paper_epoch, 1),
                _plus_minus(row.accuracy, row.sd),
                _interval(row.low, row.high),
                _number(row.epoch, 1),
                _number(row.runs, 0),
                "–" if pd.isna(row.verdict) or not row.verdict
                else f"{_MARKS.get(row.verdict, '·')} {row.verdict}",
            ]
            for row in self.rows.itertuples()
        ]  # fmt: skip

    def __repr__(self) -> str:
        paper, ours = f"{self.source}: ", "ours: "
        head = ["arm", f"{paper}acc % ± sd", f"{paper}e*", f"{ours}acc % ± sd",
                "95 % interval", f"{ours}e*", "runs", "verdict"]  # fmt: skip
        table = [head, *self.cells()]
        widths = [max(len(line[i]) for line in table) for i in range(len(head))]
        return "\n".join(
            "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
            for line in table
        )

    def _repr_html_(self) -> str:
        labels = [f"{self.source} %", "e*", "ours %", "95 % interval", "e*", "runs", "verdict"]
        body = "".join(
            f'<tr><th scope="row"><i style="background:var(--wis-{family})"></i>'
            f"{html.escape(cells[0])}</th>"
            + "".join(
                f'<td data-label="{html.escape(label)}">{html.escape(cell)}</td>'
                for label, cell in zip(labels, cells[1:], strict=True)
            )
            + "</tr>"
            for family, cells in zip(self.rows["family"], self.cells(), strict=True)
        )
        caption = f'<p class="wis wis-note">{html.escape(self.caption)}</p>' if self.caption else ""
        return (
            f"<style>{style.css()}{_CSS}</style>"
            '<div class="wis wis-scroll wis-table" tabindex="0" role="group" '
            'aria-label="Results table">'
            '<table class="cards"><thead>'
            f'<tr><td></td><th colspan="2" scope="colgroup">{html.escape(self.source)}</th>'
            '<th colspan="4" scope="colgroup">ours</th><td></td></tr>'
            '<tr><th scope="col">arm</th><th scope="col">accuracy %</th><th scope="col">e*</th>'
            '<th scope="col">accuracy %</th><th scope="col">95 % interval</th>'
            '<th scope="col">e*</th><th scope="col">runs</th><th scope="col">verdict</th></tr>'
            f"</thead><tbody>{body}</tbody></table></div>{caption}"
        )


_CSS = (
    ".wis-table{contain:inline-size;overflow-x:auto;margin:1.8rem 0}"
    ".wis-table table{border-collapse:collapse;margin:0;width:100%;font-size:.9rem;line-height:1.4;"
    "font-variant-numeric:tabular-nums;white-space:nowrap;color:inherit;"
    "border:solid var(--wis-ink);border-width:1.5px 0}"
    ".wis-table :is(thead,tr,th,td){background:none!important;border:0;color:inherit}"
    ".wis-table :is(th,td){padding:.38rem .35rem;text-align:right;font-weight:400}"
    ".wis-table :is(th:first-child,td:last-child,th:last-child){text-align:left}"
    ".wis-table tbody td:last-child{white-space:normal}"
    ".wis-table th[scope=row] i{display:inline-block;width:.85em;height:.2em;margin-right:.55em;"
    "vertical-align:.25em}"
    ".wis-table thead th{color:var(--wis-muted)}"
    ".wis-table th[scope=colgroup]{text-align:center;padding-bottom:.1rem}"
    ".wis-table thead tr:last-child :is(th,td){border-bottom:1px solid var(--wis-ink)}"
    ".wis-table :is(th,td):first-child{padding-left:0}"
    ".wis-table :is(th,td):last-child{padding-right:0}"
    # A phone scrolls the numbers sideways under the verdict, which stays in sight.
    "@media(max-width:480px){.wis-table tr :is(th,td):last-child{position:sticky;right:0;"
    "min-width:5.6rem;padding-left:.5rem;background:var(--wis-paper)!important}}"
    ".wis-note{font-size:.95rem;line-height:1.45;color:var(--wis-muted);margin:-.6rem 0 1.5rem}"
)


def _number(value, digits: int) -> str:
    return "–" if pd.isna(value) else f"{float(value):.{digits}f}"


def _plus_minus(mean, sd) -> str:
    if pd.isna(mean):
        return "–"
    return f"{float(mean):.2f}" + ("" if pd.isna(sd) else f" ± {float(sd):.2f}")


def _interval(low, high) -> str:
    ends = pd.to_numeric(pd.Series([low, high]))
    return f"{low:.2f} to {high:.2f}" if np.isfinite(ends).all() else "–"
