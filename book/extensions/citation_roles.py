"""The roles of a bibliography's entries, as screen readers know them today.

docutils marks an entry `doc-biblioentry`, which ARIA has withdrawn, inside a `list`. An entry of a
list is a `listitem`.
"""


def mend(app, pagename, templatename, context, doctree):
    """Replace the role in a page's body."""
    if body := context.get("body"):
        context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app):
    """Have each page pass through `mend`."""
    app.connect("html-page-context", mend)
    return {"version": "1", "parallel_read_safe": True}
