"""Exercise sheets to print: a students' notebook on paper, with room for each answer.

The notebook is run, so that a class's tables and plots stand on the sheet; imports, checks and the
numbers behind the tables do not. Formulas are set in the browser by the book's own MathJax, which
lies beside the sheets: they open and print without a network.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

MATHJAX = Path(__file__).resolve().parents[2] / "book" / "vendor" / "mathjax"
"""The copy that the book's pages use, in a checkout."""

STYLE = """
@page { size: A4; margin: 18mm 20mm; }
body { font: 11pt/1.4 "Source Serif 4", Georgia, serif; color: #24231f; max-width: 170mm;
  margin: 2rem auto; padding: 0 1rem; }
h1, h2 { font-weight: 600; line-height: 1.2; break-after: avoid; }
h1 { font-size: 20pt; } h2 { font-size: 13.5pt; margin-top: 1.6em; }
pre { font: 9pt/1.35 "Source Code Pro", ui-monospace, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; background: #f5f3ee; padding: .5em .8em; break-inside: avoid; }
.jp-OutputArea pre { background: none; border: 1px solid #ddd9ce; }
img { max-width: 100%; break-inside: avoid; }
a { color: inherit; text-decoration: none; } a.anchor-link { display: none; }
.name { display: flex; gap: 2rem; border-bottom: 1px solid #24231f; padding-bottom: 2.2rem; }
.name span { flex: 1; }
.answer { height: 5.6cm; border: 1px solid #ddd9ce; break-inside: avoid; background:
  repeating-linear-gradient(#fff 0 calc(.7cm - 1px), #ddd9ce calc(.7cm - 1px) .7cm); }
@media print { body { margin: 0; padding: 0; max-width: none; }
  pre, .answer { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<script>window.MathJax = {{tex: {{inlineMath: [["$", "$"]]}}}};</script>
<script defer src="mathjax/tex-mml-chtml.js"></script>
</head>
<body>
<p class="name"><span>Name</span><span>Date</span></p>
{body}
</body>
</html>
"""

_MACHINERY = re.compile(r"^(import|from|given = |check\.)", re.M)
_STUB = re.compile(r"(^\s*|= )\.\.\.\s*$", re.M)


def formulas(out: Path) -> None:
    """Put MathJax beside the sheets; ValueError where this is no checkout of the book."""
    if not MATHJAX.is_dir():
        raise ValueError(
            f"a sheet's formulas need the book's MathJax, and {MATHJAX} is not here; run this in a "
            "checkout of the book"
        )
    shutil.copytree(MATHJAX, out / "mathjax", dirs_exist_ok=True)


def sheet(notebook: dict[str, Any], title: str) -> str:
    """The page of a students' notebook, which is run in a kernel of its own.

    ValueError where the parts of Jupyter that run and show a notebook are not installed.
    """
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbconvert import HTMLExporter
    except ImportError as error:
        raise ValueError(
            f"sheets are made by Jupyter's nbconvert, and {error.name} is not installed; in a "
            "checkout, `make lab` installs it"
        ) from None
    whole = nbformat.from_dict(notebook)
    quiet = ["--log-level=ERROR"]
    NotebookClient(whole, timeout=300, kernel_name="python3", extra_arguments=quiet).execute()
    kept = []
    for cell in whole.cells:
        if cell.cell_type == "code" and _MACHINERY.search(cell.source):
            continue
        kept.append(cell)
        if cell.cell_type == "code" and _STUB.search(cell.source):
            kept.append(nbformat.v4.new_markdown_cell('<div class="answer"></div>'))
    whole.cells = kept
    exporter = HTMLExporter(
        template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True
    )
    body, _ = exporter.from_notebook_node(whole)
    return PAGE.format(title=title, style=STYLE, body=body)
