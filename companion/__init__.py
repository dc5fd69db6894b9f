"""Weights in Scale: the companion library of the book on the size of neural-network weights.

Import the rooms you need, for example ``from companion.methods import rescaling``.
"""

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

try:
    __version__ = version("weights-in-scale")
except PackageNotFoundError:  # imported from a bare copy of the sources
    _project = Path(__file__).parents[1] / "pyproject.toml"
    _found = (
        tomllib.loads(_project.read_text(encoding="utf-8"))["project"] if _project.is_file() else {}
    )
    __version__ = _found.get("version", "0+unknown")
