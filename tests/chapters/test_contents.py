"""Every table and figure of the five sources has its row, with what became of it here."""

import re

import pandas as pd
import pytest
from typer.testing import CliRunner

from companion import chapters
from companion.chapters import contents, reproduction
from companion.cli import app
from companion.evidence import claims, published
from tests.book.test_book import ROOT

# Counted in the papers: figures, and tables, of main text and supplement. The slides number none.
PRINTED = {
    "N": ([*map(str, range(1, 8))], ["I", "II", "III", "IV", "V", "VI"]),
    "C": ([*map(str, range(1, 5))], ["I", "II", "III", "IV", "V", "VI", "VII"]),
    "A": ([*map(str, range(1, 5))], ["1", "2"]),
    "L": ([*map(str, range(1, 10)), "S1", "S2", "S3", "S4"], ["1", "S1", "S2"]),
    "S": ([], []),
}


@pytest.fixture(scope="module")
def found():
    return contents.answered()


@pytest.mark.parametrize("source", PRINTED)
def test_a_source_has_a_row_for_each_of_its_figures_and_tables(source):
    rows = contents.listed()
    items = rows.loc[rows["source"] == source, "item"].tolist()
    for kind, numbers in zip(("Figure", "Table"), PRINTED[source], strict=True):
        assert [item.split()[1] for item in items if item.startswith(kind)] == numbers
    assert len(items) == len(set(items)) > 0


def test_the_sources_are_all_there_and_so_are_their_printed_tables():
    rows = contents.listed()
    assert set(rows["source"]) == set(PRINTED) >= set(published.sources())
    for source in published.sources():
        items = set(rows.loc[rows["source"] == source, "item"])
        for table in set(published.rows(source)["table"]) - {"text"}:
            assert {table, f"Table {table}"} & items, (source, table)


def test_what_is_shown_has_its_page_and_what_was_not_run_its_command(found):
    rows = contents.listed()
    assert found["item"].tolist() == rows["item"].tolist()
    for row, made in zip(rows.itertuples(), found.itertuples(), strict=True):
        if row.answer == "shown":
            assert (ROOT / f"{row.where}.ipynb").is_file()
            assert set(made.verdicts) <= {*claims.MEANINGS, "shown"}
        elif row.answer in ("record", "not run"):
            assert f"`companion run {row.where} --scale full`" in made.note
        elif row.answer != "cells":
            assert made.verdicts == (row.answer,)
            assert len(row.where.split()) >= 4  # a reason


def test_the_verdicts_are_those_of_the_cells_and_of_the_claims(found):
    cells = reproduction.table()
    cells = cells[(cells["verdict"] != "") & cells["quantity"].isin(reproduction.RESULTS)]
    given = [
        (row.source, word) for row in found.itertuples() for word in row.verdicts
        if row.note.startswith("cell by cell") and word != "no verdict"
    ]  # fmt: skip
    wanted = list(cells[["source", "verdict"]].itertuples(index=False, name=None))
    assert sorted(given) == sorted(wanted)
    claimed = {row.item: row.verdicts for row in found[found["source"] == "N"].itertuples()}
    assert claimed["Figure 3"] == ("direction", "not reproduced")
    assert claimed["Figure 5"] == ("not run",)


def test_a_name_is_matched_whole():
    assert contents._is_of("Figure 1", "Figure 1, top: a")
    assert not contents._is_of("Figure 1", "Figure 10: a")


def test_an_answer_that_is_none_is_refused(monkeypatch):
    contents.listed.cache_clear()
    frame = pd.DataFrame([{"source": "N", "item": "Figure 1", "shows": "a", "answer": "perhaps"}])
    monkeypatch.setattr(contents.pd, "read_csv", lambda *_, **__: frame)
    with pytest.raises(
        ValueError, match=r"answer must be one of cells, .*, got 'perhaps'; use one"
    ):
        contents.listed()
    monkeypatch.undo()
    contents.listed.cache_clear()


def test_page_and_terminal_say_the_same(found, monkeypatch):
    monkeypatch.setattr(contents, "answered", lambda: found)
    page, said = contents.contents()._repr_html_(), CliRunner().invoke(app, ["report", "--sources"])
    assert said.exit_code == 0
    lines = said.output.splitlines()
    assert len(lines) == len(found) == page.count("<tr>") - 1
    for row, line in zip(found.itertuples(), lines, strict=True):
        assert line.startswith(f"{row.source}, {row.item} (")
        for word in set(row.verdicts):
            assert word in line
            assert f">{word}</span>" in page
    assert re.search(r"<code>companion run weight-rescaling-alexnet --scale full</code>", page)
    assert chapters.names()


def test_a_record_and_all_sources_are_not_one_question():
    said = CliRunner().invoke(app, ["report", "a", "--sources"])
    assert "--sources is about all records, got a too; leave one out" in said.stderr
