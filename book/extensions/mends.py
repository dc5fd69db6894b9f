"""Small things on every page: roles, a name for the sidebar's arrows, icons for old browsers.

docutils marks an entry of the bibliography `doc-biblioentry`, which ARIA has withdrawn, inside a
`list`; an entry of a list is a `listitem`. The theme's arrow that unfolds a part of the sidebar has
no name. The theme links one icon, the SVG; a browser that cannot draw it, and a phone that keeps
the book on its first screen, take a PNG.
"""

ICONS = (
    '<link rel="alternate icon" type="image/png" sizes="32x32" href="{}"/>',
    '<link rel="apple-touch-icon" sizes="180x180" href="{}"/>',
)
FILES = ("_static/icon-32.png", "_static/icon-180.png")


def named(tree) -> str:
    """Return the sidebar's tree with a name for each arrow."""
    return str(tree).replace("<summary>", '<summary aria-label="Pages of this part">')


def mend(app, pagename, templatename, context, doctree):
    """Mend the body, the sidebar and the head of a page."""
    if body := context.get("body"):
        context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')
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
