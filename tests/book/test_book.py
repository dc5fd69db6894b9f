"""The book's sources agree with one another; its built pages need nothing from outside."""

import json
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MARKDOWN = sorted((ROOT / "book").glob("*.md"))
PAGES = sorted((ROOT / "_build" / "html").glob("**/*.html"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
URL = PROJECT["urls"]["Repository"]
TAG = f"v{PROJECT['version']}"

# The first code cell of every chapter. It asks for lower bounds only, which Colab's torch meets.
FIRST_CELL = f"""\
import sys

if "google.colab" in sys.modules:
    %pip install --quiet "{PROJECT["name"]} @ git+{URL}@{TAG}"
"""


def cells(notebook: Path, kind: str) -> list[str]:
    """Return the sources of a notebook's cells of one kind."""
    content = json.loads(notebook.read_text())
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == kind]


def texts() -> list[tuple[str, str]]:
    """Return (name, Markdown) of every page of the book."""
    pages = [(path.name, path.read_text()) for path in MARKDOWN]
    return pages + [(path.name, "\n\n".join(cells(path, "markdown"))) for path in NOTEBOOKS]


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert f"Version {PROJECT['version']}." in CONFIG["html"]["extra_footer"]


def test_one_repository_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert CONFIG["repository"]["url"] == citation["repository-code"] == URL
    assert f"git clone {URL}\n" in (ROOT / "README.md").read_text()
    owner, name = URL.removeprefix("https://github.com/").split("/")
    assert f"https://{owner}.github.io/{name}/" == PROJECT["urls"]["Documentation"]
    assert CONFIG["html"]["baseurl"] == PROJECT["urls"]["Documentation"]
    assert f"git clone {URL}\n" in (ROOT / "book" / "how-to-use.md").read_text()
    landing = (ROOT / "book/index.md").read_text()
    copies = URL.replace("https://github.com/", "https://colab.research.google.com/github/")
    assert re.findall(r"https://colab[^)]*", landing) == [
        f"{copies}/blob/colab/notebooks/02-variance-propagation.ipynb"
    ]


def test_an_install_never_replaces_a_recent_torch():
    (torch,) = [text for text in PROJECT["dependencies"] if re.match(r"torch\W", text)]
    assert torch == "torch>=2.6"
    (vision,) = [text for text in PROJECT["dependencies"] if text.startswith("torchvision")]
    assert vision == "torchvision>=0.21"  # the one that belongs to torch 2.6


def test_the_guide_for_contributors_shows_the_first_cell():
    assert FIRST_CELL in (ROOT / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_starts_with_the_first_cell(notebook):
    assert cells(notebook, "code")[0] == FIRST_CELL.rstrip("\n")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_the_kernel_of_the_environment(notebook):
    assert json.loads(notebook.read_text())["metadata"]["kernelspec"]["name"] == "python3"


def test_the_landing_page_has_a_card_for_each_chapter_and_a_link_to_each_of_its_pages():
    toc = (ROOT / "_toc.yml").read_text()
    chapters = set(re.findall(r"^      - file: notebooks/(\S+)", toc, re.M))
    pages = set(re.findall(r"file: notebooks/(\S+)", toc))
    landing = (ROOT / "book/index.md").read_text()
    assert chapters == set(re.findall(r":link: \.\./notebooks/(\S+)", landing))
    assert pages == set(re.findall(r"\.\./notebooks/([\w-]+)", landing))
    assert pages == {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_of_a_chapter_ends_with_what_to_remember_exercises_and_a_next_step(notebook):
    text = cells(notebook, "markdown")
    first = next(i for i, cell in enumerate(text) if "## What to remember" in cell)
    end = "\n".join(text[first:])
    headings = re.findall(r"^## (.+)", end, re.M)
    assert headings[-3:] == ["What to remember", "Exercises", "Still open"]
    assert headings[:-3] in ([], ["The answer"])
    assert re.search(r"^:::\{exercise\} \S.*\n:label: \S", end, re.M)
    _, where = end.split(":class: next-steps\n")
    assert re.match(r"\* \[[^\]]+\]\([^)]+\)", where)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_line_of_code_is_cut_in_the_page(notebook):
    lines = [line for cell in cells(notebook, "code") for line in cell.splitlines()]
    assert not [line for line in lines if len(line) > 66 and not line.lstrip().startswith("%pip")]


@pytest.mark.parametrize(("name", "text"), texts(), ids=[name for name, _ in texts()])
def test_every_image_in_the_text_has_alt_text(name, text):
    assert not re.findall(r"!\[\s*\]\(", text)
    for directive in re.findall(r"\{(?:image|figure)\}[^\n]*\n(.*?)\n(?:```|:::)", text, re.S):
        assert re.search(r"^:alt: \S", directive, re.M), f"{name}: no :alt: in {directive!r}"


def test_the_style_sheet_uses_fonts_that_are_here():
    sheet = ROOT / "book" / "_static" / "book.css"
    addresses = re.findall(r"url\(([^)]*)\)", sheet.read_text())
    assert addresses
    assert all((sheet.parent / address).is_file() for address in addresses)


class Page(HTMLParser):
    """What a built page loads and shows: its sources, style sheets and images."""

    def __init__(self, path: Path):
        super().__init__()
        self.loads: list[str] = []
        self.images: list[dict] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag in ("script", "img", "iframe", "audio", "video", "source", "embed"):
            self.loads.append(values.get("src") or "")
        if tag == "link" and values.get("rel") in ("stylesheet", "preload", "icon"):
            self.loads.append(values.get("href") or "")
        if tag == "img":
            self.images.append(values)


built = pytest.mark.skipif(not PAGES, reason="no built pages: make book")


@built
def test_built_pages_load_nothing_from_outside():
    outside = {
        (page.name, address)
        for page in PAGES
        for address in Page(page).loads
        if re.match(r"\s*(\w+:)?//", address)
    }
    assert not outside


@built
def test_built_images_say_what_they_show():
    silent = [
        (page.name, image.get("src"))
        for page in PAGES
        for image in Page(page).images
        if "logo__image" not in (image.get("class") or "")  # it stands beside its name
        and (not image.get("alt") or re.search(r"\.(png|svg|jpe?g)$", image["alt"]))
    ]
    assert not silent
