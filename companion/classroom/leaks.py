"""Whether a text gives a solution away, whatever its spaces, comments and quotes."""

from __future__ import annotations

import functools
import re

SIGNS = 40
"""So many signs of code in a row, in one line or two, are a leak; fewer are common speech."""


def found(solution: str, text: str) -> str:
    """The first part of a solution that stands in a text; empty if none does.

    >>> found("mean = w.mean()  # first\\nreturn mean + sigma / w.std() * (w - mean)",
    ...       "    mean=w.mean()\\n    return mean+sigma/w.std()*(w-mean)")
    'mean = w.mean()  # first'
    >>> found("return w / 2", "return w / 2")
    ''
    """
    where = normal(text)
    lines = [line for line in solution.splitlines() if normal(line)]
    for i, line in enumerate(lines):
        for part in (normal(line), normal(line) + normal("\n".join(lines[i + 1 : i + 2]))):
            if len(part) >= SIGNS and part in where:
                return line
    return ""


@functools.lru_cache(maxsize=256)  # one page is held against many solutions
def normal(text: str) -> str:
    """Code without comments and spaces, with one kind of quote.

    >>> normal("a = 'b'  # c")
    'a="b"'
    """
    lines = (re.sub(r"(^|\s)#\s.*", "", line) for line in text.splitlines())
    return re.sub(r"\s", "", "".join(lines)).replace("'", '"')
