"""Where the Chromium is, how it is started, and when a page of the book is ready to be looked at.

The tests of the pages and the screenshots share it, so that people see what the tests saw.
"""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def path() -> str | None:
    """Return the Chromium to use: the one that CHROMIUM names, or the one on PATH, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def pages(html: Path = HTML) -> list[str]:
    """Return the built pages that a reader can open, as paths below the folder of pages.

    index.html only leads on to the landing page, and _static holds pieces of the theme.
    """
    names = (found.relative_to(html).as_posix() for found in html.glob("**/*.html"))
    return sorted(name for name in names if name != "index.html" and not name.startswith("_static"))


PATIENCE = 120_000
"""Milliseconds that a long chapter may take to stand still on a busy machine."""


def settle(page) -> None:
    """Wait until formulas, fonts and explorables of a page stand where they will stay."""
    page.wait_for_function(
        "window.MathJax === undefined || !!MathJax.startup?.promise", timeout=PATIENCE
    )
    page.evaluate("window.MathJax?.startup.promise.then(() => 1)")
    page.evaluate("document.fonts.ready.then(() => 1)")
    page.wait_for_function(
        "[...document.querySelectorAll('weights-explorable')].every(e => e.querySelector('svg'))",
        timeout=PATIENCE,
    )
