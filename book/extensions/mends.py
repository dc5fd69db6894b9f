"""Two small things on every page: current roles in the bibliography, and icons for old browsers.

docutils marks an entry `doc-biblioentry`, which ARIA has withdrawn, inside a `list`; an entry of a
list is a `listitem`. The theme links one icon, the SVG; a browser that cannot draw it, and a phone
that keeps the book on its first screen, take a PNG.
"""

ICONS = (
    '<link rel="alternate icon" type="image/png" sizes="32x32" href="{}"/>',
    '<link rel="apple-touch-icon" sizes="180x180" href="{}"/>',
)
FILES = ("_static/icon-32.png", "_static/icon-180.png")


def mend(app, pagename, templatename, context, doctree):
    """Replace the role in a page's body, and add the icons to its head."""
    if body := context.get("body"):
        context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')
    links = [
        tag.format(context["pathto"](file, resource=True))
        for tag, file in zip(ICONS, FILES, strict=True)
    ]
    context["metatags"] = "\n".join([context.get("metatags", ""), *links])


def setup(app):
    """Have each page pass through `mend`."""
    app.connect("html-page-context", mend)
    return {"version": "1", "parallel_read_safe": True}
