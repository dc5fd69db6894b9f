"""Where a reader without a kernel can run a notebook of the book."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata


def address(notebook: str) -> str:
    """Where Colab opens a notebook of the book, ``notebooks/...ipynb``: the copy made for it."""
    try:
        urls = metadata("weights-in-scale").get_all("Project-URL") or []
    except PackageNotFoundError:
        urls = []
    known = dict(url.split(", ", 1) for url in urls)
    path = known.get("Repository", "").removeprefix("https://github.com/")
    base = "https://colab.research.google.com"
    return f"{base}/github/{path}/blob/colab/{notebook}" if path else base
