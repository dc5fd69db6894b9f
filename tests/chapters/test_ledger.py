"""The two ledgers show every row, with its verdict."""

import html
import re
from dataclasses import replace

from companion.chapters import ledger, reproduction
from companion.evidence import claims
from companion.evidence.findings import Finding

FINDING = Finding(
    "arithmetic", "N", "section VI-B", "1 + 1 = 3", "it is 2", "does not hold", "none."
)


def test_every_printed_cell_has_its_row_and_verdict():
    rows = reproduction.table()
    page = ledger.reproduction(rows)._repr_html_()
    assert page.count('<th scope="row">') == len(rows)
    summary, tables = page.split("</ul>")
    for verdict, count in rows["verdict"].value_counts().items():
        if verdict:
            assert tables.count(f">{verdict}</span>") == count
    mine = rows[rows["source"] == "N"]["verdict"].value_counts()
    for verdict in ("direction", "undecided", "not reproduced", "not run"):
        assert f">{verdict}</span> {mine[verdict]}" in summary.split("<li>N: ")[1]
    for reading in rows["reading"].dropna().unique():
        assert f'scope="rowgroup">{html.escape(reading)}' in tables
    assert set(re.findall(r'class="verdict verdict-([a-z-]+)"', page)) <= {
        re.sub(r"\W+", "-", name) for name in claims.MEANINGS
    }
    for command in rows["command"].dropna().unique():
        assert command in page
    for record in rows["record"].dropna().unique():
        assert record in page
    assert "nan" not in page.lower()
    assert "<h3>L, Table 1</h3>" in page
    assert "<h3>L, section 6.2</h3>" in page
    assert "No network of this library detects, segments or counts." in page
    assert "<td>103.84</td>" in page  # as printed, to the last digit


def test_a_finding_says_what_is_printed_what_we_compute_and_what_it_changes():
    page = ledger.errata([FINDING])._repr_html_()
    for part in (
        "Arithmetic, N, section VI-B", "<b>Printed.</b> 1 + 1 = 3.", "<b>Computed.</b> It is 2.",
        "<b>What it changes.</b> None.", "verdict-does-not-hold",
    ):  # fmt: skip
        assert part in page
    assert "does not hold" in repr(ledger.errata([FINDING]))


def test_the_overview_has_a_row_for_each_finding():
    shown = ledger.overview([FINDING, replace(FINDING, lead="a < b", verdict="holds")])
    page = shown._repr_html_()
    assert page.count('<th scope="row">') == 2
    assert '<th scope="row">Arithmetic</th><td><span class="verdict verdict-does-not-hold">' in page
    assert "A &lt; b" in page
    assert "<td>None.</td>" in page
    assert repr(shown) == "arithmetic: does not hold. none.\na < b: holds. none."
