"""Weights in Scale: the companion library of the book on the size of neural-network weights.

Import the rooms you need, for example ``from companion.methods import rescaling``.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("weights-in-scale")
except PackageNotFoundError:  # imported from a bare copy of the sources
    __version__ = "0+unknown"
