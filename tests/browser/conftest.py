"""A real browser for the pages: Chromium through Playwright, with no way to the outside.

`browser` is one Chromium for the session, `served` the built pages on a server of this machine;
`visit(url, ...)` opens a page in a fresh context. When the test ends, every page it visited must
have asked for nothing outside and logged no error.
"""

import functools
import http.server
import os
import threading
from urllib.parse import urlsplit

import pytest

from tests.browser import chromium

# What the book's theme itself says on a page that is in order.
HARMLESS = ("invalid theme mode",)


def _harmless(text: str) -> bool:
    return any(known in text for known in HARMLESS)


def _missing(reason: str):
    """Skip on a reader's machine; in CI a browser test that does not run is a failure."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests."""
    if (where := chromium.path()) is None:
        _missing("needs chromium; install Debian's chromium or name one in CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as play:
        started = play.chromium.launch(executable_path=where, args=list(chromium.FLAGS))
        yield started
        started.close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line of log for each."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def served():
    """Return the address of the built pages on a server of this machine."""
    handler = functools.partial(QuietHandler, directory=str(chromium.HTML))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def is_inside(url: str) -> bool:
    """Return whether a request stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme in ("file", "data", "blob", "about") or parts.hostname in (
        "127.0.0.1", "localhost", "::1",
    )  # fmt: skip


@pytest.fixture
def visit(browser):
    """Return visit(url, width=1280, height=900, **context): a page, `page.problems` a list."""
    opened = []

    def open_page(url: str, width: int = 1280, height: int = 900, **context):
        made = browser.new_context(viewport={"width": width, "height": height}, **context)
        problems = []

        def guard(route):
            if is_inside(route.request.url):
                route.continue_()
            else:
                problems.append(f"asked for {route.request.url}")
                route.abort()

        made.route("**/*", guard)
        page = made.new_page()
        page.problems = problems
        page.on(
            "pageerror",
            lambda error: None if _harmless(str(error)) else problems.append(f"error: {error}"),
        )
        page.on(
            "console",
            lambda message: (
                problems.append(f"{message.type}: {message.text}")
                if message.type in ("error", "warning") and not _harmless(message.text)
                else None
            ),
        )
        page.goto(url)
        opened.append((url, made, problems))
        return page

    yield open_page
    for _, made, _ in opened:
        made.close()
    found = [f"{url}: {problem}" for url, _, problems in opened for problem in problems]
    assert not found, "\n".join(found)
