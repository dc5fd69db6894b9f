"""The notebooks as Colab can show them, written beside the pages: `_build/colab/notebooks/*.ipynb`.

Colab renders plain Markdown. In these copies a citation is a link, an admonition or a theorem a
quoted block with a bold title, an exercise and its solution fold, an equation bears the number that
it has in the book, and a cross-reference leads to the published page. Nothing is written twice: the
blocks of a cell are those that MyST's own parser finds, and numbers, citations and addresses are
those of the pages just built. A launch button leads to the copy, on the branch that BRANCH names.

What has no translation here stops the build: a role or directive must never reach a reader raw.
"""

import json
import re
from pathlib import Path
from urllib.parse import urljoin

from docutils import nodes
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from sphinx.addnodes import pending_xref
from sphinx.errors import SphinxError

BRANCH = "colab"
QUOTED = {"admonition", "hint", "important", "note", "tip", "warning", "margin", "seealso"}
PROVED = ("prf:", "proof:")
EXTENSIONS = ("amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath", "substitution",
              "tasklist")  # fmt: skip
DIRECTIVE = re.compile(r"^\{([\w:-]+)\}\s*(.*)$")
OPTION = re.compile(r"^:([\w-]+):\s*(.*)$")
INLINE = re.compile(
    r"(?P<role>\{(?P<name>[a-z:]+)\}(?P<tick>`+)(?P<body>.+?)(?P=tick))"
    r"|(?P<code>(?P<ticks>`+).+?(?P=ticks)(?!`))"
    r"|(?P<math>\$\$.+?\$\$|(?<![\\$])\$(?![\s$]).+?(?<![\\\s])\$)"
    r"|\[\]\((?P<bare>[^)\s]+)\)"
    r"|\]\((?P<target>[^)\s]+)\)"
    r'|<a href="#(?P<figure>fig-[^"]+)">(?P<words>.*?)</a>',
    re.S,
)


class Untranslated(SphinxError):
    """Markup that Colab would show as raw text."""

    category = "Colab copies"


def blocks(text: str) -> list[tuple[str, list[str], str]]:
    """Return (kind, lines, info) of each top-level block, with the empty lines between them.

    >>> blocks("(here)=\\n# A title")
    [('myst_target', ['(here)='], ''), ('heading_open', ['# A title'], '')]
    """
    parser = create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)
    lines, found, last = text.split("\n"), [], 0
    for token in parser.parse(text):
        if token.level or token.nesting < 0 or not token.map or token.map[0] < last:
            continue
        start, end = token.map
        if start > last:
            found.append(("between", lines[last:start], ""))
        found.append((token.type, lines[start:end], token.info))
        last = end
    return found + [("between", lines[last:], "")] * (last < len(lines))


def quoted(title: str, text: str) -> str:
    """Return a quoted block with a bold title."""
    return "\n".join(f"> {line}".rstrip() for line in f"**{title}**\n\n{text}".split("\n"))


def folded(title: str, text: str, is_open: bool = False) -> str:
    """Return a block that folds; the empty lines let Markdown inside it be read."""
    return (
        f"<details{' open' * is_open}><summary><b>{title}</b></summary>\n\n{text}\n\n</details>\n"
    )


class Pages:
    """What the pages just built know: addresses, numbers and citations, seen from one page."""

    def __init__(self, app, page: str):
        self.app, self.env, self.page = app, app.env, page
        self.site = app.config.html_baseurl.rstrip("/") + "/"
        self.here = urljoin(self.site, app.builder.get_target_uri(page))

    def number(self, kind: str, label: str) -> str:
        """Return the number of an exercise or theorem of this page."""
        found = self.env.toc_fignumbers.get(self.page, {}).get(kind, {})
        return ".".join(map(str, found[label])) if label in found else ""

    def link(self, domain: str, kind: str, target: str) -> tuple[str, str]:
        """Return the text and the address of what a role refers to."""
        wanted = pending_xref(
            "", refdomain=domain, reftype=kind, reftarget=target, refdoc=self.page,
            refexplicit=False,
        )  # fmt: skip
        found = self.env.get_domain(domain).resolve_xref(
            self.env, self.page, self.app.builder, kind, target, wanted, nodes.inline("", target)
        )
        links = list(found.findall(nodes.reference)) if found is not None else []
        if not links:
            raise Untranslated(f"{self.page}: {{{domain}:{kind}}} finds no {target!r}")
        where = links[0]
        address = where.get("refuri") or f"#{where['refid']}"
        return found.astext(), urljoin(self.here, address)

    def address(self, target: str) -> tuple[str, str]:
        """Return the title and the address of a link's target: a page, a label or an address."""
        if re.match(r"\w+:", target):
            return target, target
        if target.startswith("#"):
            return target, self.here + target
        file, _, part = target.partition("#")
        document, _ = self.env.relfn2path(file, self.page)
        name = self.env.path2doc(self.env.srcdir / document)
        if name in self.env.titles and Path(file).suffix in (".md", ".ipynb"):
            title, place = self.env.titles[name].astext(), part
        else:
            labels = self.env.get_domain("std").labels
            if target not in labels:
                raise Untranslated(f"{self.page}: no page or label {target!r}")
            name, place, title = labels[target]
        address = urljoin(self.site, self.app.builder.get_target_uri(name))
        return title, address + (f"#{place}" if place else "")


def cell(text: str, pages: Pages) -> str:
    """Return a Markdown cell as plain Markdown."""
    return "\n".join(_block(*block, pages) for block in blocks(text)).strip("\n")


def _block(kind: str, lines: list[str], info: str, pages: Pages) -> str:
    text = "\n".join(lines)
    directive = DIRECTIVE.match(info.strip()) if kind in ("fence", "colon_fence") else None
    if directive:
        return _directive(directive[1], directive[2], lines, pages)
    if kind in ("fence", "code_block", "between"):
        return text
    if kind in ("myst_target", "myst_line_comment", "myst_block_break"):
        return ""
    if kind == "math_block_label":
        body, _, label = text.rpartition("$$")
        number, _ = pages.link("math", "eq", label.strip(" ()"))
        return f"{body.rstrip()}\n\\tag{{{number.strip('()')}}}\n$$"
    if kind in ("math_block", "amsmath"):
        return text
    return inline(text, pages)


def _directive(name: str, title: str, lines: list[str], pages: Pages) -> str:
    options, body = {}, lines[1:-1]
    while body and (option := OPTION.match(body[0])):
        options[option[1]] = option[2]
        body = body[1:]
    text = cell("\n".join(body), pages)
    title, label = inline(title, pages), options.get("label", "")
    if name == "exercise":
        heading = f"Exercise {pages.number('exercise', label)}".rstrip()
        return folded(f"{heading} · {title}" if title else heading, text, is_open=True)
    if name == "solution":
        return folded(f"Solution to exercise {pages.number('exercise', title)}".rstrip(), text)
    if name.startswith(PROVED):
        kind = name.partition(":")[2]
        heading = f"{kind.capitalize()} {pages.number(kind, label)}".rstrip()
        return quoted(f"{heading} ({title})." if title else f"{heading}.", text)
    if name in QUOTED:
        return quoted(title or name.capitalize(), text)
    raise Untranslated(
        f"{pages.page}: directive {{{name}}} has no form for Colab; give it one in colab.py"
    )


def inline(text: str, pages: Pages) -> str:
    """Return a paragraph, list or table without roles, its links leading to the site."""

    def one(match: re.Match) -> str:
        if match["role"]:
            return _role(match["name"], match["body"], pages)
        if match["bare"]:
            return "[{}]({})".format(*pages.address(match["bare"]))
        if match["target"]:
            return f"]({pages.address(match['target'])[1]})"
        if match["figure"]:
            return f"[{match['words']}]({pages.here}#{match['figure']})"
        return match[0]

    return INLINE.sub(one, text)


def _role(name: str, body: str, pages: Pages) -> str:
    if name.startswith("cite"):
        kind = name.partition(":")[2] or "p"
        links = [pages.link("cite", kind, key.strip()) for key in body.split(",")]
        shown = "; ".join(f"[{text.strip('[]')}]({address})" for text, address in links)
        return shown if kind == "t" else f"({shown})"
    if name == "eq":
        text, address = pages.link("math", "eq", body)
        return f"[{text}]({address})"
    if name in ("ref", "doc", "prf:ref"):
        explicit = re.fullmatch(r"(.+?)\s*<([^>]+)>", body, re.S)
        target = explicit[2] if explicit else body
        proved = name == "prf:ref"
        text, address = pages.link("prf", "ref", target) if proved else pages.address(target)
        return f"[{explicit[1] if explicit else text}]({address})"
    if name == "kbd":
        return f"<kbd>{body}</kbd>"
    raise Untranslated(
        f"{pages.page}: role {{{name}}} has no form for Colab; give it one in colab.py"
    )


def notebook(content: dict, pages: Pages) -> dict:
    """Return a notebook (as JSON) as Colab can show it."""
    made = []
    for old in content["cells"]:
        new = {**old, "metadata": {}}
        source, tags = "".join(old["source"]), old["metadata"].get("tags", [])
        if old["cell_type"] == "markdown":
            source = cell(source, pages)
        elif set(tags) & {"remove-cell", "remove-input", "hide-input"}:
            new["metadata"] = {"cellView": "form", "jupyter": {"source_hidden": True}}
        made.append({**new, "source": source.splitlines(keepends=True)})
    whole = f"This notebook is a page of [{pages.app.config.html_title}]({pages.here})."
    made.insert(1, {"cell_type": "markdown", "id": "of-the-book", "metadata": {},
                    "source": [whole]})  # fmt: skip
    kernel = content["metadata"]["kernelspec"]
    return {**content, "cells": made, "metadata": {"kernelspec": kernel}}


def write(app, exception) -> None:
    """Write the copies of all notebooks of the book."""
    if exception is not None or app.builder.format != "html":
        return
    for page in sorted(app.env.found_docs):
        source = Path(app.env.doc2path(page))
        if source.suffix == ".ipynb":
            made = notebook(json.loads(source.read_text(encoding="utf-8")), Pages(app, page))
            path = Path(app.outdir).parent / "colab" / f"{page}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(made, indent=1, ensure_ascii=False)
            path.write_text(text + "\n", encoding="utf-8")


def launch(app, pagename, templatename, context, doctree) -> None:
    """Lead the launch buttons to the copies; a page without one has no button."""
    groups = context.get("header_buttons", [])
    launchers = [group for group in groups if group.get("label") == "launch-buttons"]
    if pagename in app.env.found_docs and app.env.doc2path(pagename).endswith(".ipynb"):
        main = app.config.html_theme_options["repository_branch"]
        for button in (button for group in launchers for button in group["buttons"]):
            button["url"] = button["url"].replace(f"/blob/{main}/", f"/blob/{BRANCH}/")
    elif launchers:
        context["header_buttons"] = [group for group in groups if group not in launchers]


def setup(app):
    """Write the copies when the pages are built, and lead the buttons to them."""
    app.connect("html-page-context", launch, priority=900)  # after the theme has made its buttons
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True}
