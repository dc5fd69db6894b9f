"""The whole book as one PDF: the built pages in the order of the contents, printed by Chromium.

    python tools/pdf.py dist     # dist/weights-in-scale-<version>.pdf

The pages are put one after the other into one document, so that links between them stay links, what
is covered until the reader has guessed is opened, and an explorable is printed as it first stands.
"""

import argparse
import functools
import http.server
import sys
import threading
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests.browser import chromium  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LEFT_OUT = "book/api/"
"""The library's pages are for a screen with a search field."""
GATHER = """
async names => {
  const home = new URL('..', location.href);  // the first page lies one folder below the root
  const key = name => name.replace(/\\W/g, '-');
  const first = document.querySelector('.bd-article');
  const book = document.createElement('div');
  for (const name of names) {
    const address = new URL(`${name}.html`, home);
    const text = await (await fetch(address)).text();
    const page = new DOMParser().parseFromString(text, 'text/html').querySelector('.bd-article');
    for (const e of page.querySelectorAll('.headerlink, script:not([type*=json])')) e.remove();
    for (const e of page.querySelectorAll('details')) e.open = true;
    for (const e of page.querySelectorAll('[id]')) e.id = `${key(name)}--${e.id}`;
    for (const e of page.querySelectorAll('img[src]'))
      e.src = new URL(e.getAttribute('src'), address);
    for (const e of page.querySelectorAll('a[href]')) {
      const there = new URL(e.getAttribute('href'), address);
      const page = there.pathname.slice(home.pathname.length).replace(/\\.html$/, '');
      if (there.origin !== home.origin) continue;
      if (names.includes(page)) {
        const place = there.hash ? `--${decodeURIComponent(there.hash.slice(1))}` : '';
        e.setAttribute('href', `#${key(page)}${place}`);
      } else e.removeAttribute('href');
    }
    const part = document.createElement('section');
    part.id = key(name);
    part.style.breakBefore = book.childElementCount ? 'page' : 'auto';
    part.append(...page.childNodes);
    book.append(part);
  }
  first.replaceChildren(...book.childNodes);
  if (window.MathJax?.typesetPromise) await MathJax.typesetPromise([first]);
}
"""
SHEET = """
@page { size: A4; margin: 18mm 16mm 20mm }
html, body, .bd-article * { background-color: #fff !important }
* { animation: none !important; transition: none !important }
details > * { opacity: 1 !important }
details > summary, #jb-print-docs-body, #jb-print-toc { display: none !important }
.bd-main .bd-content .bd-article section > h1:first-of-type { display: block !important }
.bd-main .bd-content { margin-left: 0 !important }
h1, h2, h3 { break-after: avoid }
"""


def order(entries: dict | list) -> list[str]:
    """Return the pages of a table of contents in order, without the library's."""
    if isinstance(entries, list):
        return [name for entry in entries for name in order(entry)]
    own = [entries[key] for key in ("root", "file") if key in entries]
    below = [entries[key] for key in ("parts", "chapters", "sections") if key in entries]
    return [name for name in own + order(below) if not name.startswith(LEFT_OUT)]


def write(folder: Path, names: list[str] | None = None, pages: Path = chromium.HTML) -> Path:
    """Print built pages (all of the contents, if none are named) and return the file."""
    from playwright.sync_api import sync_playwright

    where = chromium.path()
    if where is None:
        raise SystemExit("a PDF needs Chromium, and none is on PATH: name one in CHROMIUM")
    names = names or order(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))
    missing = [name for name in names if not (pages / f"{name}.html").is_file()]
    if missing:
        raise SystemExit(f"a PDF needs built pages, and {missing[0]} is none: make book")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{PROJECT['name']}-{PROJECT['version']}.pdf"
    handler = functools.partial(Quiet, directory=str(pages))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=where, args=list(chromium.FLAGS))
            page = browser.new_page(color_scheme="light", reduced_motion="reduce")
            page.set_default_timeout(10 * chromium.PATIENCE)
            page.goto(f"http://127.0.0.1:{server.server_port}/{names[0]}.html")
            chromium.settle(page)
            page.evaluate(GATHER, names)
            chromium.settle(page)
            page.add_style_tag(content=SHEET)
            page.pdf(
                path=path, prefer_css_page_size=True, print_background=True, outline=True,
                tagged=True, display_header_footer=True, header_template="<span></span>",
                footer_template='<div style="width:100%;text-align:center;font-size:8px">'
                '<span class="pageNumber"></span></div>',
            )  # fmt: skip
            browser.close()
        server.shutdown()
    return path


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line of log for each."""

    def log_message(self, *args):
        """Say nothing."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    made = write(parser.parse_args().folder)
    sys.stdout.write(f"{made}: {made.stat().st_size / 2**20:.1f} MiB\n")
