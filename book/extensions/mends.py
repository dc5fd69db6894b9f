"""Small things on every page: roles, a name for the sidebar's arrows, icons for old browsers.

docutils marks an entry of the bibliography `doc-biblioentry`, which ARIA has withdrawn, inside a
`list`; an entry of a list is a `listitem`. The theme's arrow that unfolds a part of the sidebar has
no name. Sphinx sets a long signature as a list of definitions without terms; here its lines are
lines. The theme links one icon, the SVG; a browser that cannot draw it, and a phone that keeps
the book on its first screen, take a PNG.
"""

import re

ICONS = (
    '<link rel="alternate icon" type="image/png" sizes="32x32" href="{}"/>',
    '<link rel="apple-touch-icon" sizes="180x180" href="{}"/>',
)
FILES = ("_static/icon-32.png", "_static/icon-180.png")


SIGNATURE = re.compile(r'(<span class="sig-paren">\(</span>)\s*<dl>\s*(.*?)\s*</dl>\s*', re.S)


def lines(match) -> str:
    """Return a signature with a line a parameter."""
    inner = re.sub(r"<dd>(.*?)</dd>\s*", r'<span class="sig-line">\1</span>', match[2], flags=re.S)
    return match[1] + inner


def named(tree) -> str:
    """Return the sidebar's tree with a name for each arrow."""
    return str(tree).replace("<summary>", '<summary aria-label="Pages of this part">')


def mend(app, pagename, templatename, context, doctree):
    """Mend the body, the sidebar and the head of a page."""
    if body := context.get("body"):
        body = body.replace('role="doc-biblioentry"', 'role="listitem"')
        context["body"] = SIGNATURE.sub(lines, body)
    if tree := context.get("generate_toctree_html"):
        context["generate_toctree_html"] = lambda *args, **options: named(tree(*args, **options))
    links = [
        tag.format(context["pathto"](file, resource=True))
        for tag, file in zip(ICONS, FILES, strict=True)
    ]
    context["metatags"] = "\n".join([context.get("metatags", ""), *links])


def setup(app):
    """Have each page pass through `mend`."""
    app.connect("html-page-context", mend, priority=900)  # after the theme has made its tree
    return {"version": "1", "parallel_read_safe": True}
