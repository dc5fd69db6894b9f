"""The copies of the notebooks that Colab opens: plain Markdown, one address, and they run there."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.book.test_book import FIRST_CELL, NOTEBOOKS, PROJECT, ROOT, URL
from tests.book.test_extensions import extension
from tools import colab as situation
from tools import environment

colab = extension("colab")
COPIES = sorted(situation.COPIES.glob("*.ipynb"))
SITE = PROJECT["urls"]["Documentation"]
RAW = re.compile(r"\{[a-z:]+\}`|^\s*:::|^\s*```\{|^:[\w-]+:|^\([\w-]+\)=\s*$|^%", re.M)
built = pytest.mark.skipif(not COPIES, reason="no built copies: make book")


class Pages(colab.Pages):
    """What a book knows of its pages, typed in."""

    def __init__(self):
        self.app = SimpleNamespace(config=SimpleNamespace(html_title="The book"))
        self.page, self.site, self.here = "notebooks/a", "https://b/", "https://b/notebooks/a.html"

    def number(self, kind, label):
        return {"ex-a": "7", "thm-a": "2"}.get(label, "")

    def link(self, domain, kind, target):
        return {"he2015": "He et al., 2015", "rule": "(4)"}.get(target, "Theorem 2"), f"#{target}"

    def address(self, target):
        return "The title", f"https://b/{target}"


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("(here)=\n# A title", "# A title"),
        ("kept {cite:p}`he2015`.", "kept ([He et al., 2015](#he2015))."),
        (
            "{cite:t}`he2015,he2015` say",
            "[He et al., 2015](#he2015); [He et al., 2015](#he2015) say",
        ),
        ("by {eq}`rule` and {prf:ref}`it <thm-a>`", "by [(4)](#rule) and [it](#thm-a)"),
        ("[1](rule-section), [](verdicts)", "[1](https://b/rule-section), "
         "[The title](https://b/verdicts)"),
        ("as `{eq}` in `a](b)` and $[w](v)$", "as `{eq}` in `a](b)` and $[w](v)$"),
        ('<a href="#fig-a">the figure</a>', "[the figure](https://b/notebooks/a.html#fig-a)"),
        ("$$\na\n$$ (rule)\n\nb", "$$\na\n\\tag{4}\n$$\n\nb"),
        ("$$\na\n$$", "$$\na\n$$"),
        ("```python\n{eq}`rule`\n```", "```python\n{eq}`rule`\n```"),
        (":::{admonition} Next\n:class: x\n* a\n* b\n:::", "> **Next**\n>\n> * a\n> * b"),
        (":::{note}\na\n:::", "> **Note**\n>\n> a"),
        (":::{prf:theorem} All\n:label: thm-a\n$a$\n:::", "> **Theorem 2 (All).**\n>\n> $a$"),
        (":::{prf:proof}\nb {eq}`rule`\n:::", "> **Proof.**\n>\n> b [(4)](#rule)"),
        (
            ":::{exercise} Try\n:label: ex-a\nHow?\n:::\n\n:::{solution} ex-a\n:class: x\nSo.\n:::",
            "<details open><summary><b>Exercise 7 · Try</b></summary>\n\nHow?\n\n</details>\n\n\n"
            "<details><summary><b>Solution to exercise 7</b></summary>\n\nSo.\n\n</details>",
        ),
        ("% a remark\ntext", "text"),
    ],
)  # fmt: skip
def test_markup_becomes_plain_markdown(given, made):
    assert colab.cell(given, Pages()) == made


@pytest.mark.parametrize("given", ["{glue:}`a`", ":::{mermaid}\na\n:::", "{download}`a`"])
def test_what_has_no_translation_stops_the_build(given):
    with pytest.raises(colab.Untranslated, match=r"\{[\w:]+\} has no form for Colab; give it one"):
        colab.cell(given, Pages())


def test_a_copy_says_where_it_comes_from_and_hides_the_code_that_the_page_hides():
    code = {"cell_type": "code", "id": "b", "source": ["1"], "execution_count": None, "outputs": []}
    content = {
        "cells": [
            {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["(x)=\n", "# T"]},
            {**code, "metadata": {"tags": ["remove-input"], "mystnb": {}}},
            {**code, "id": "c", "metadata": {"tags": ["full-width"]}},
        ],
        "metadata": {"kernelspec": {"name": "python3"}, "other": 1}, "nbformat": 4,
    }  # fmt: skip
    made = colab.notebook(content, Pages())
    assert made["cells"][0]["source"] == ["# T"]
    assert made["cells"][1]["source"] == [
        "This notebook is a page of [The book](https://b/notebooks/a.html)."
    ]
    assert made["cells"][2]["metadata"]["cellView"] == "form"
    assert made["cells"][3]["metadata"] == {}
    assert made["metadata"] == {"kernelspec": {"name": "python3"}}


def test_the_first_cell_installs_the_release():
    assert situation.RELEASE in FIRST_CELL


def test_a_button_leads_to_the_copy_and_a_page_without_one_has_none():
    url = "https://colab/github/o/r/blob/main/notebooks/a.ipynb"
    config = SimpleNamespace(html_theme_options={"repository_branch": "main"})
    env = SimpleNamespace(found_docs={"a", "b"}, doc2path={"a": "a.ipynb", "b": "b.md"}.get)
    app = SimpleNamespace(config=config, env=env)
    for page, urls in (("a", [url.replace("main", colab.BRANCH)]), ("b", []), ("genindex", [])):
        context = {
            "header_buttons": [{"label": "launch-buttons", "buttons": [{"url": url}]}, {"x": 1}]
        }
        colab.launch(app, page, "page.html", context, None)
        groups = [group for group in context["header_buttons"] if "buttons" in group]
        assert [button["url"] for group in groups for button in group["buttons"]] == urls
        assert {"x": 1} in context["header_buttons"]


def test_the_first_cell_is_pointed_at_the_wheel():
    notebook = {"cells": [{"cell_type": "markdown", "source": ["#"]},
                          {"cell_type": "code", "source": [FIRST_CELL]}]}  # fmt: skip
    changed = situation.pointed(notebook, Path("/a/b.whl"))
    assert f"{PROJECT['name']} @ file:///a/b.whl" in changed["cells"][1]["source"]
    assert notebook["cells"][1]["source"] == [FIRST_CELL]
    with pytest.raises(ValueError, match="the first code cell must install weights-in-scale @ git"):
        situation.pointed(changed, Path("/a/b.whl"))


def test_colab_gets_what_the_library_requires_and_nothing_of_the_book():
    names = set(environment.needed([*PROJECT["dependencies"], "ipykernel"]))
    assert {"torch", "numpy", "statsmodels", "ipython", "threadpoolctl"} <= names
    assert not names & {"weights-in-scale", "sphinx", "nbclient", "jupyter-book", "pytest"}


@built
@pytest.mark.parametrize("path", COPIES, ids=lambda path: path.stem)
def test_a_copy_has_no_markup_that_colab_shows_raw(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    prose = re.sub(r"```.*?```|`[^`\n]+`", "", "\n\n".join(texts), flags=re.S)
    assert not RAW.findall(prose)
    for address in re.findall(r"\]\(([^)\s]+)\)", prose):
        page, _, place = address.partition("#")
        if page.startswith(SITE):
            there = ROOT / "_build/html" / page.removeprefix(SITE)
            assert there.is_file(), address
            assert not place or f'id="{place}"' in there.read_text(encoding="utf-8"), address
        else:
            assert re.match(r"https?://", address)
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    original = json.loads((ROOT / "notebooks" / path.name).read_text(encoding="utf-8"))["cells"]
    theirs = [cell["source"] for cell in original if cell["cell_type"] == "code"]
    assert ["".join(cell["source"]) for cell in code] == ["".join(source) for source in theirs]


IN_COLAB = re.compile(r'https://colab\.research[^"<\s]+')


def in_colab(path: Path) -> str:
    """The address at which Colab opens a notebook's copy."""
    where = URL.replace("github.com", "colab.research.google.com/github")
    return f"{where}/blob/{colab.BRANCH}/notebooks/{path.name}"


@built
def test_every_notebook_has_its_copy_and_its_button():
    assert [path.name for path in COPIES] == [path.name for path in NOTEBOOKS]
    for path in COPIES:
        page = (ROOT / f"_build/html/notebooks/{path.stem}.html").read_text(encoding="utf-8")
        assert set(IN_COLAB.findall(page)) == {in_colab(path)}
    for path in (ROOT / "_build/html/book").glob("**/*.html"):
        linked = set(IN_COLAB.findall(path.read_text(encoding="utf-8")))
        assert linked <= {in_colab(copy) for copy in COPIES}, path
        assert not linked or path.name == "index.html", f"{path} is no notebook and has a button"


@built
def test_a_lone_notebook_runs_where_colab_has_torch_and_nothing_of_ours(capsys):
    situation.main([str(situation.COPIES / "03-auditing-the-paper.ipynb")])
    assert re.search(
        r"03-auditing-the-paper.ipynb: installs in \d+\.\d s, ends", capsys.readouterr().out
    )
