"""A book with an image that says nothing to those who cannot see it is not built.

After the build every page is read, so that it does not matter where an image came from: Markdown,
a directive, a cell's output or the theme. An image is an `<img>`, an `<object>` or an `<svg>`. It
needs a text (`alt`, or `aria-label`, or an SVG's `<title>`) that is no file name and, inside the
article, has three words or more; or it is decoration and hidden from those who listen
(`aria-hidden="true"`). The book's logo is the one exception: it stands beside the book's name.
"""

import re
from html.parser import HTMLParser
from pathlib import Path

from sphinx.errors import SphinxError

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
FILE = re.compile(r"^\S+\.(png|svg|jpe?g|gif|webp)$", re.I)


class MissingAltText(SphinxError):
    """Images without a text, named with their pages."""

    category = "Images need alt text"


class Images(HTMLParser):
    """Collect the images of a page as [tag, text, where it comes from, words it needs]."""

    def __init__(self):
        super().__init__()
        self.found: list[list] = []
        self._open: list[tuple[str, bool]] = []  # tag, and whether it is hidden
        self._titled: list | None = None

    def handle_starttag(self, tag, attributes):
        """Note an image, and what is open around it."""
        values = {name: value or "" for name, value in attributes}
        hidden = values.get("aria-hidden") == "true" or bool(self._open and self._open[-1][1])
        nested = any(tag == "svg" for tag, _ in self._open)
        logo = "logo__image" in values.get("class", "")
        if tag in ("img", "object", "svg") and not (hidden or nested or logo):
            text = values.get("aria-label") or values.get("alt") or ""
            source = values.get("src") or values.get("data") or ""
            words = 3 if any(tag == "article" for tag, _ in self._open) else 1
            self.found.append([tag, text, source, words])
        if tag == "title" and self._open and self._open[-1][0] == "svg" and self.found:
            self._titled = self.found[-1]
        if tag not in VOID:
            self._open.append((tag, hidden))

    def handle_startendtag(self, tag, attributes):
        """Note an element that closes itself, as SVG's do."""
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        """Leave an element, and those in it that nobody closed."""
        self._titled = None
        if any(tag == name for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data):
        """Take the words of an SVG's title."""
        if self._titled is not None:
            self._titled[1] = self._titled[1] or data.strip()


def silent(page: str) -> list[str]:
    """Return a sentence for each image of a page (HTML) that does not say what it shows.

    >>> silent('<img src="a.png" alt="a.png"><img src="b.png" alt="Loss falls, then rises">')
    ['img a.png must say what it shows, got "a.png"']
    """
    reader = Images()
    reader.feed(page)
    return [
        f'{tag} {source[:60]} must say what it shows, got "{text}"'
        for tag, text, source, words in reader.found
        if FILE.match(text) or len(text.split()) < words
    ]


def check(app, exception):
    """Raise MissingAltText where a built page has a silent image."""
    if exception is not None or app.builder.format != "html":
        return
    faults = [
        f"{path.relative_to(app.outdir)}: {fault}"
        for path in sorted(Path(app.outdir).glob("**/*.html"))
        if "_static" not in path.parts
        for fault in silent(path.read_text(encoding="utf-8"))
    ]
    if faults:
        raise MissingAltText(
            "\n".join(faults) + '\nadd alt text of three words or more, or aria-hidden="true"'
        )


def setup(app):
    """Have the finished build checked."""
    app.connect("build-finished", check, priority=900)  # after whatever still writes pages
    return {"version": "1", "parallel_read_safe": True}
