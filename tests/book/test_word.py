"""The book keeps its word: numbers are computed, symbols explained, exercises solved, sources
cited; in the built pages every link leads somewhere and every figure says how it was made."""

import ast
import html
import json
import re

import pytest

from tests.book import word
from tests.book.test_book import MARKDOWN, NOTEBOOKS, PAGES, ROOT, built

TEXTS = [*NOTEBOOKS, *MARKDOWN]
NOTATION = word.symbols(word.page(ROOT / "book/notation.md"))
SOURCES = (ROOT / "book/references.bib").read_text(encoding="utf-8")
KEYS = set(re.findall(r"^@\w+\{([^,\s]+),", SOURCES, re.M))
DRAWN = [path for room in ("chapters", "display")
         for path in sorted((ROOT / "companion" / room).rglob("*.py"))]  # fmt: skip
each = pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)


@each
def test_a_number_in_prose_is_computed(path):
    faults = word.typed_numbers(word.page(path))
    assert not faults, (
        f"{path.name}: a number in prose is printed by a cell, and these are typed; print them, "
        "say them in words under a guard, or set what is a setting or a formula as math or code:\n"
        + "\n".join(faults)
    )


@pytest.mark.parametrize(
    "text", ["ends at 46.5 %", "by .4 points", "in 7 % of runs", "a gain of 1.36", "**0.05**"]
)
def test_a_typed_number_is_found(text):
    assert len(word.typed_numbers(f"It {text}, and more.")) == 1


@pytest.mark.parametrize(
    "text",
    ["Python 3.11, 3.12 or 3.13", "CC BY 4.0", "$0.5$ and `0.5`", "their corollary 3.3", "1,797",
     "[a](b-0.5.html)", ":::{exercise} A\n0.5\n:::", "```text\n0.5\n```", "v0.1.0",
     "95 % interval"],
)  # fmt: skip
def test_a_name_a_setting_or_an_exercise_is_left_alone(text):
    assert not word.typed_numbers(text)


@each
def test_a_symbol_is_in_the_notation(path):
    unknown = sorted(word.symbols(word.page(path)) - NOTATION)
    assert not unknown, (
        f"{path.name}: every letter of a formula is in book/notation.md, and {', '.join(unknown)} "
        "is not; use the book's letter, or add a row there"
    )


@each
def test_an_exercise_has_its_solution(path):
    faults = word.exercises(word.page(path))
    assert not faults, f"{path.name}: {'; '.join(faults)}"


def test_labels_of_exercises_are_the_books():
    text = "\n".join(word.page(path) for path in NOTEBOOKS)
    labels = re.findall(r"^:::\{exercise\}[^\n]*\n:label: (\S+)", text, re.M)
    assert len(labels) == len(set(labels))


@each
def test_a_citation_is_in_the_bibliography(path):
    missing = sorted(word.citations(word.page(path)) - KEYS)
    assert not missing, f"{path.name} cites what book/references.bib lacks: {', '.join(missing)}"


def test_an_entry_of_the_bibliography_is_cited():
    cited = set().union(*(word.citations(word.page(path)) for path in TEXTS))
    assert not KEYS - cited, f"cite these, or take them out of references.bib: {KEYS - cited}"


def identifiers(page):
    """Return the places of a built page that a link may lead to."""
    return set(re.findall(r'\b(?:id|name)="([^"]+)"', page.read_text(encoding="utf-8")))


@built
def test_every_internal_link_leads_somewhere():
    places, broken = {page.resolve(): identifiers(page) for page in PAGES}, []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for address in set(re.findall(r'<a\b[^>]*?\bhref="([^"]+)"', text)):
            file, _, place = html.unescape(address).partition("#")
            if re.match(r"[\w+]+:", file):
                continue
            there = (page.parent / file.partition("?")[0]).resolve() if file else page.resolve()
            inside = place in ("", "top") or there not in places or place in places[there]
            if not there.exists() or not inside:
                broken.append(f"{page.relative_to(ROOT / '_build/html')} leads to {address}")
    assert not broken, "\n".join(broken)


def names_in(function: ast.FunctionDef) -> set[str]:
    """Return the names that a function uses; `label()` where it asks a record for its label."""
    nodes = list(ast.walk(function))
    calls = {getattr(node.func, "attr", "") for node in nodes if isinstance(node, ast.Call)}
    used = {getattr(node, "attr", None) or getattr(node, "id", "") for node in nodes}
    return used | {"label()"} if "label" in calls else used


def functions(source: str) -> dict[str, tuple[ast.FunctionDef, set[str]]]:
    """Return the functions of a file by name, each with the names that it uses."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return {one.name: (one, names_in(one)) for one in found}


def unlabelled(sources: list[str]) -> list[str]:
    """Return the functions that draw a record and do not say its label, which has runs, images,
    scale and hardware, themselves or in a function that they use."""
    known = [functions(source) for source in sources]
    says = {"label()"}
    for _ in range(4):  # a function that uses one that says it
        says |= {name for file in known for name, (_, used) in file.items() if used & says}
    return [
        name for file in known for name, (node, _) in file.items()
        if node.returns is not None and ast.unparse(node.returns) in ("Shown", "Explorable")
        and any("Record" in ast.unparse(one.annotation) for one in node.args.args if one.annotation)
        and name not in says
    ]  # fmt: skip


def test_a_figure_of_a_record_says_its_scale():
    names = unlabelled([path.read_text(encoding="utf-8") for path in DRAWN])
    assert not names, f"a figure's caption has record.label(), and lacks it: {names}"


def test_a_figure_without_its_scale_is_found():
    draw = "def f(record: Record) -> Shown:\n    return show({}, arm.label)"
    assert unlabelled([draw.format("record")]) == ["f"]
    assert not unlabelled([draw.format("g(record)"), "def g(r):\n    return r.label()"])


@built
def test_every_figure_says_what_was_run():
    silent = []
    caption = r'<figure class="wis".*?<figcaption[^>]*>(.*?)</figcaption>'
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        silent += [f"{page.name}: {one}" for one in re.findall(caption, text, re.S)
                   if not re.search(r"<div[^>]*>\S|\b(quick|book|full) scale\b", one)]  # fmt: skip
        data = re.findall(r"<weights-explorable[^>]*>\s*<script[^>]*>(.*?)</script>", text, re.S)
        silent += [f"{page.name}: {one['title']}" for one in map(json.loads, data)
                   if len(one["note"].split()) < 3]  # fmt: skip
    assert not silent, "a figure says what was run, in ran= or note=:\n" + "\n".join(silent)
