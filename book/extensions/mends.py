"""Small things on every page: roles, figures' numbers, names for arrows, icons for old browsers,
formulas that keep their full stop.

docutils marks an entry of the bibliography `doc-biblioentry`, which ARIA has withdrawn, inside a
`list`; an entry of a list is a `listitem`. The theme's arrow that unfolds a part of the sidebar has
no name. Sphinx sets a long signature as a list of definitions without terms; here its lines are
lines. A page carries the state of every ipywidget that its notebook made, which nothing in it
reads, and one script twice, which declares a constant; here it carries neither. The theme links one
icon, the SVG; a browser that cannot draw it, and a phone that keeps the book on its first screen,
take a PNG. A cell of a table of class `cards` knows its column's name, since a phone shows such a
table row by row.
"""

import re

from bs4 import BeautifulSoup

ICONS = (
    '<link rel="alternate icon" type="image/png" sizes="32x32" href="{}"/>',
    '<link rel="apple-touch-icon" sizes="180x180" href="{}"/>',
)
FILES = ("_static/icon-32.png", "_static/icon-180.png")


FIGURE = re.compile(r'(<figure class="wis"[^>]*>(?:(?!</figure>).)*?<figcaption[^>]*>)', re.S)
LINK = re.compile(r'(<a\b[^>]*href="#(fig-[^"]+)"[^>]*>)(.*?)</a>', re.S)
FORMULA = re.compile(r'(\(?<span class="math notranslate[^>]*>[^<]*</span>[.,;:!?)]+)')
CARDS = re.compile(r'<table\b[^>]*\bclass="(?:[^"]* )?cards\b.*?</table>', re.S)
SIGNATURE = re.compile(r'(<span class="sig-paren">\(</span>)\s*<dl>\s*(.*?)\s*</dl>\s*', re.S)


def labelled(match) -> str:
    """Return a table whose cells carry the name of their column, and whose empty ones say so."""
    table = BeautifulSoup(match[0], "html.parser")
    names = [head.get_text(strip=True) for head in table.thead.find_all("th")]
    for row in table.tbody.find_all("tr"):
        cells = row.find_all(["th", "td"])
        for name, cell in zip(names, cells, strict=False):  # a heading of rows is one wide cell
            if len(cells) == len(names):
                cell["data-label"] = name
            if cell.get_text(strip=True) in ("", "–"):
                cell["data-empty"] = ""
    return str(table)


def lines(match) -> str:
    """Return a signature with a line a parameter."""
    inner = re.sub(r"<dd>(.*?)</dd>\s*", r'<span class="sig-line">\1</span>', match[2], flags=re.S)
    return match[1] + inner


def kept(body: str) -> str:
    """Return the body with each formula of a line tied to the mark after it: MathJax sets a formula
    as a box, and a browser breaks a line between a box and a full stop."""
    return FORMULA.sub(r'<span class="kept">\1</span>', body)


def numbered(body: str, title: str) -> str:
    """Return the body with a number before the caption of each figure that code drew, and in place
    of the text of each link to one: ``<a href="#fig-name">`` to ``<figure id="fig-name">``.

    A page whose title starts with its chapter's number, as in "3a · Open questions", has that
    number before those of its figures.
    """
    chapter = re.match(r"\s*(\d+[a-z]?) · ", re.sub(r"<[^>]*>", "", title))
    prefix = f"{chapter[1]}." if chapter else ""
    numbers: dict[str, str] = {}

    def number(match) -> str:
        text = f"Figure {prefix}{len(numbers) + 1}"
        name = re.search(r'id="(fig-[^"]+)"', match[1])
        numbers[name[1] if name else f"{len(numbers)}"] = text
        return f"{match[1]}<b>{text}.</b> "

    body = FIGURE.sub(number, body)
    return LINK.sub(lambda m: f"{m[1]}{numbers.get(m[2], m[3])}</a>", body)


def named(tree) -> str:
    """Return the sidebar's tree with a name for each arrow."""
    return str(tree).replace("<summary>", '<summary aria-label="Pages of this part">')


def needed(scripts) -> list:
    """Return the scripts of a page, each once, without the state of widgets."""
    kept = {}
    for script in scripts:
        if "widget-state" not in script.attributes.get("type", ""):
            kept.setdefault((script.filename or "", script.attributes.get("body")), script)
    return list(kept.values())


def mend(app, pagename, templatename, context, doctree):
    """Mend the body, the sidebar and the head of a page."""
    if body := context.get("body"):
        body = body.replace('role="doc-biblioentry"', 'role="listitem"')
        body = CARDS.sub(labelled, SIGNATURE.sub(lines, kept(body)))
        context["body"] = numbered(body, context.get("title") or "")
    if tree := context.get("generate_toctree_html"):
        context["generate_toctree_html"] = lambda *args, **options: named(tree(*args, **options))
    context["script_files"] = needed(context.get("script_files", []))
    links = [
        tag.format(context["pathto"](file, resource=True))
        for tag, file in zip(ICONS, FILES, strict=True)
    ]
    context["metatags"] = "\n".join([context.get("metatags", ""), *links])


def setup(app):
    """Have each page pass through `mend`."""
    app.connect("html-page-context", mend, priority=900)  # after the theme has made its tree
    return {"version": "1", "parallel_read_safe": True}
