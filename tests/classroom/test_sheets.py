"""Sheets to print: every exercise with room for its answer, no solution, nothing from outside."""

import re
import sys

import pytest
from typer.testing import CliRunner

from companion.classroom import assignments, build, leaks, secret, sheets
from companion.cli import app

WITH_PLOT = 6


@pytest.fixture(scope="module")
def made():
    return build.make(assignments.find(WITH_PLOT), secret.PUBLIC)


@pytest.fixture(scope="module")
def page(made):
    return sheets.sheet(made.student, made.assignment.title)


def test_every_exercise_stands_on_the_sheet_with_room_for_its_answer(made, page):
    headings = re.findall(r"<h2[^>]*>(\d) · ", page)
    assert len(headings) == len(made.assignment.exercises)
    assert page.count('<div class="answer">') == len(made.assignment.exercises)
    assert page.count("data:image/png") == 1  # the plot that is to be read


def test_the_sheet_has_a_class_table_and_no_machinery(page):
    assert "shares" in page
    for machinery in ("check.", "given = {", "import ", "google.colab", "Not yet"):
        assert machinery not in re.sub(r"<style>.*?</style>", "", page, flags=re.S), machinery


def test_the_sheet_gives_no_solution_away(made, page):
    text = re.sub(r"<[^>]+>", "", page)
    assert not [found for one in made.solutions if (found := leaks.found(one, text))]


def test_the_sheet_asks_for_nothing_from_outside(page):
    asked = re.findall(r"""(?:src|href)=["'](?!data:|#)([^"']+)""", page)
    links = [one for one in asked if one.startswith("http")]
    assert [one for one in asked if one not in links] == ["mathjax/tex-mml-chtml.js"]
    assert not re.search(r"<(script|img|link)[^>]+https?:", page)


def test_without_jupyter_a_sentence_says_what_is_missing(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbconvert", None)
    with pytest.raises(ValueError, match=r"nbconvert is not installed; .* `make lab` installs it"):
        sheets.sheet(made.student, "x")


def test_outside_a_checkout_a_sentence_says_where_to_run_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sheets, "MATHJAX", tmp_path / "none")
    with pytest.raises(ValueError, match=r"none is not here; run this in a checkout of the book"):
        sheets.formulas(tmp_path)


def test_one_command_makes_sheets_that_open_without_a_network(tmp_path):
    out = tmp_path / "sheets"
    done = CliRunner().invoke(app, ["classroom", "sheets", "--assignment", "1", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "open it in a browser and print" in done.output
    assert "Where weights start" in (out / "01-initialization.html").read_text("utf-8")
    assert (out / "mathjax" / "tex-mml-chtml.js").is_file()


def test_a_class_sheet_has_its_own_numbers(tmp_path):
    key = tmp_path / "secret"
    pages = []
    for options in ([], ["--secret", str(key)]):
        out = tmp_path / str(len(pages))
        if options:
            secret.make(key)
        run = ["classroom", "sheets", "--assignment", "5", "--out", str(out), *options]
        done = CliRunner().invoke(app, run)
        assert done.exit_code == 0, done.output
        pages.append((out / "05-batchnorm-norms.html").read_text("utf-8"))
    assert pages[0] != pages[1]
