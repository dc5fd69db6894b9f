"""Docstrings as they are written here: plain text with a few marks, not reStructuredText.

Marks are `code`, ``code``, *emphasis*, lists, and examples after >>>. Four spaces before a line
show it as it stands. Every other sign means itself: |v|, [out, in, *kernel] and fill_ need no
escape.
"""

import re

CODE = re.compile(r"(``.+?``|`.+?`)", re.S)
EMPHASIS = re.compile(r"((?<![\w*])\*(?=\S)[^*]+(?<=\S)\*(?![\w*]))")
BULLET = re.compile(r"^\s*([*-]|\d+\.)\s")


def rewrite(lines: list[str]) -> list[str]:
    """Return the lines as reStructuredText that says the same."""
    out, text, item, example = [], [], False, False
    for line in [*lines, ""]:
        verbatim = line.startswith("    ") and not item
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if line.strip() and not verbatim and not example:
            if out and out[-1].startswith("    "):
                out.append("")
            if BULLET.match(line) and text and not item:
                text.append("")
            text.append(line)
            item = bool(BULLET.match(line)) or (item and line.startswith(" "))
            continue
        out += escaped(text)
        text = []
        if verbatim and not (out and out[-1].startswith("    ")):
            shown = next((old for old in reversed(out) if old.strip()), "")
            out += [""] if out and out[-1] else []
            out += [] if shown.startswith("    ") or shown.endswith("::") else ["::", ""]
        out.append(line)
    return out[:-1]


def escaped(lines: list[str]) -> list[str]:
    """Return a paragraph in which only code and emphasis are marks."""
    pieces = CODE.split("\n".join(lines))
    made = [p if i % 2 else _text(p) for i, p in enumerate(pieces)]
    for i in range(1, len(made), 2):  # reStructuredText parts `Curve`s from its s, and x`y` too
        before, after = made[i - 1][-1:].isalnum(), made[i + 1][:1].isalnum()
        made[i] = "\\ " * before + made[i] + "\\ " * after
    return "".join(made).splitlines()


def _text(piece: str) -> str:
    kept = EMPHASIS.split(piece)
    return "".join(p if i % 2 else _signs(p) for i, p in enumerate(kept))


def _signs(piece: str) -> str:
    piece = re.sub(r"(?<!^)(?<!\n)\*|^\*(?!\s)", r"\\*", piece)
    return re.sub(r"(?<=\w)_(?!\w)", r"\\_", piece.replace("|", r"\|"))


def process(app, what, name, thing, options, lines):
    """Rewrite a docstring in place, as autodoc's event asks."""
    lines[:] = rewrite(lines)


def setup(app):
    """Have autodoc send every docstring through `rewrite`."""
    app.connect("autodoc-process-docstring", process)
    return {"version": "1", "parallel_read_safe": True}
