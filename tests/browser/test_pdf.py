"""The book as one PDF: pages in the order of the contents, their links within the file."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.browser import chromium, conftest
from tools import pdf

PAGE = """<!doctype html><html><head><title>{0}</title><style>details p {{ color: #333 }}</style>
</head><body><article class="bd-article"><section id="top"><h1>{0}</h1>{1}</section></article>
</body></html>"""


def test_the_order_is_that_of_the_contents_without_the_library():
    toc = yaml.safe_load((chromium.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = pdf.order(toc)
    assert names[0] == toc["root"]
    text = (chromium.ROOT / "_toc.yml").read_text(encoding="utf-8")
    files = [name for name in re.findall(r"file: (\S+)", text) if "/api/" not in name]
    assert names[1:] == files


def test_pages_are_printed_one_after_the_other(tmp_path):
    if chromium.path() is None:
        conftest._missing("needs chromium; install Debian's chromium or name one in CHROMIUM")
    (tmp_path / "book").mkdir()
    (tmp_path / "book/a.html").write_text(PAGE.format("One", '<a href="b.html#top">on</a>'))
    (tmp_path / "book/b.html").write_text(
        PAGE.format("Two", "<details><summary>I have guessed</summary><p>Seen</p></details>")
    )
    code = "import sys; from pathlib import Path as P; from tools import pdf; "
    code += "print(pdf.write(P(sys.argv[1]), ['book/a', 'book/b'], P(sys.argv[2])))"
    # a process of its own: Playwright runs once in each
    command = [sys.executable, "-c", code, tmp_path / "dist", tmp_path]
    said = subprocess.run(command, cwd=chromium.ROOT, check=True, capture_output=True, text=True)
    content = Path(said.stdout.strip()).read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == 2
    assert b"book-b--top" in content  # the link's place within the file


def test_a_page_that_is_not_built_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(chromium, "path", lambda: "chromium")
    with pytest.raises(SystemExit, match="a PDF needs built pages, and book/a is none: make book"):
        pdf.write(tmp_path, ["book/a"], tmp_path)
    monkeypatch.setattr(chromium, "path", lambda: None)
    with pytest.raises(SystemExit, match="a PDF needs Chromium, and none is on PATH"):
        pdf.write(tmp_path)
