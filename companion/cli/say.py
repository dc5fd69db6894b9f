"""What the command line says: words that a terminal shows, and never obeys."""

from __future__ import annotations

import sys
import unicodedata

import typer


def plain(text: str) -> str:
    """Text in which all that is no sign, but line ends, is escaped: names come from elsewhere.

    >>> print(plain("a red name: \\x1b[31mred"))
    a red name: \\x1b[31mred
    """
    return "".join(
        one if one == "\n" or unicodedata.category(one)[0] != "C" else _escaped(one) for one in text
    )


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def say(text: str, err: bool = False) -> None:
    """Print a text and a line end; what the stream cannot encode is escaped too."""
    coding = getattr(sys.stderr if err else sys.stdout, "encoding", None) or "utf-8"
    shown = plain(text).encode(coding, "backslashreplace").decode(coding)
    typer.echo(shown, err=err)
