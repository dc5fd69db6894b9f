"""A picture of every built page at two widths, light and dark, and one sheet to see them all.

    python -m tests.browser.screenshots            # or: make screenshots
    python -m tests.browser.screenshots --readme   # or: make picture

The pictures lie in _build/screenshots; open its index.html. With --readme, the one picture that the
README shows, in book/picture.png.
"""

import html
import shutil
import sys
from itertools import product
from pathlib import Path

from tests.browser import chromium

OUT = chromium.ROOT / "_build" / "screenshots"
README = chromium.ROOT / "book" / "picture.png"
SHOWN = "notebooks/02-variance-propagation.html"
WIDTHS = {1280: 900, 375: 812}  # a desk and a phone, with the height of the window
THEMES = ("light", "dark")


def shoot(html_folder: Path = chromium.HTML, out: Path = OUT, names: list[str] | None = None):
    """Write the pictures and the sheet; return the pictures' paths.

    names: pages below `html_folder`, all if none are given.
    """
    from playwright.sync_api import sync_playwright

    where = chromium.path()
    if where is None:
        raise SystemExit("screenshots need Chromium, and none is on PATH: name one in CHROMIUM")
    names = names or chromium.pages(html_folder)
    if not names:
        raise SystemExit(f"screenshots need built pages, and {html_folder} has none: make book")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    made = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=where, args=list(chromium.FLAGS))
        for (width, height), theme in product(WIDTHS.items(), THEMES):
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=theme,
                reduced_motion="reduce",
            )
            for name in names:
                page = context.new_page()
                page.goto((html_folder / name).as_uri())
                chromium.settle(page)
                made.append(out / picture(name, width, theme))
                page.screenshot(path=made[-1], full_page=True, animations="disabled")
                page.close()
            context.close()
        browser.close()
    (out / "index.html").write_text(sheet(names))
    return made


def readme(html_folder: Path = chromium.HTML, out: Path = README) -> Path:
    """Take the picture of the README: a figure with its controls, uncovered, amid its page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium.path(), args=list(chromium.FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        page.goto((html_folder / SHOWN).as_uri())
        chromium.settle(page)
        page.get_by_text("I have guessed").first.click()
        figure = page.locator("weights-explorable:visible").first
        figure.evaluate("e => e.scrollIntoView({block: 'center'})")
        page.wait_for_timeout(300)  # the menu of the page follows
        page.screenshot(path=out, animations="disabled")
        browser.close()
    return out


def picture(name: str, width: int, theme: str) -> str:
    """Return the file name of a picture.

    >>> picture("book/index.html", 375, "dark")
    'book-index-375-dark.png'
    """
    return f"{name.removesuffix('.html').replace('/', '-')}-{width}-{theme}.png"


def sheet(names: list[str]) -> str:
    """Return the page that shows all pictures: a row a page, its top as a thumbnail."""
    rows = []
    for name in names:
        shots = "".join(
            f'<a class="w{width}" href="{shot}"><img loading="lazy" src="{shot}" '
            f'alt="{html.escape(name)}, {width} pixels wide, {theme}"></a>'
            for width, theme in product(WIDTHS, THEMES)
            for shot in [html.escape(picture(name, width, theme))]
        )
        rows.append(f"<h2>{html.escape(name)}</h2><p>{shots}</p>")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Every page</title>'
        "<style>body{font:16px sans-serif;margin:2rem;background:#888}"
        "p{display:flex;flex-wrap:wrap;gap:1rem}h2{font-size:1rem}"
        "a{display:block;height:24rem;overflow:hidden}.w1280{width:32rem}.w375{width:12rem}"
        f"img{{width:100%}}</style><h1>Every page</h1>{''.join(rows)}</html>\n"
    )


if __name__ == "__main__" and sys.argv[1:] == ["--readme"]:
    sys.stdout.write(f"{readme()}\n")
elif __name__ == "__main__":
    pictures = shoot(names=sys.argv[1:])
    sys.stdout.write(f"{len(pictures)} pictures: open {OUT / 'index.html'}\n")
