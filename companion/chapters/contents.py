"""What the five sources hold, item by item: every table and figure, and what became of it here.

A chapter's ``contents.csv`` lists its source's: `source`, `item` (as it is called in print; of
slides without numbers, what they claim), `shows`, and `answer` with `where`:

* ``cells``: a table whose cells `reproduction` judges one by one;
* ``shown``: repeated on the page ``where``, and judged where the chapter's ``repeated`` has claims
  that begin with the item's name;
* ``record``, ``not run``: the experiment ``where`` repeats it, and has a record, or has none;
* ``not built``, ``settings``, ``nothing to repeat``: ``where`` says why.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from companion import chapters
from companion.chapters import repeated, reproduction
from companion.chapters.ledger import badge

ANSWERS = (
    "cells", "shown", "record", "not run", "not built", "settings", "nothing to repeat",
)  # fmt: skip


ORDER = "NCALS"
"""The letters of the sources, in the order in which the reproduction page names them."""


@cache
def listed() -> pd.DataFrame:
    """The rows of every chapter's ``contents.csv``, source by source in the order of `ORDER`;
    ValueError for an answer that is none."""
    files = sorted(Path(chapters.__file__).parent.glob("*/contents.csv"))
    rows = pd.concat([pd.read_csv(file, dtype=str) for file in files], ignore_index=True)
    unknown = sorted(set(rows["answer"]) - set(ANSWERS))
    if unknown:
        raise ValueError(
            f"an item's answer must be one of {', '.join(ANSWERS)}, got {unknown[0]!r}; use one"
        )
    places = rows["source"].map(ORDER.index)
    return rows.fillna("").iloc[places.argsort(kind="stable")].reset_index(drop=True)


def answered() -> pd.DataFrame:
    """One row an item: source, item, shows, verdicts (a tuple of words) and note."""
    cells = reproduction.table()
    claims = {source: repeated.claims(source) for source in _with_claims()}
    rows = []
    for row in listed().itertuples():
        said = [one for one in claims.get(row.source, []) if _is_of(row.item, one.sentence)]
        rows.append(
            {"source": row.source, "item": row.item, "shows": row.shows}
            | _answer(row, cells, [one.verdict for one in said])
        )
    return pd.DataFrame(rows)


def _with_claims() -> list[str]:
    found = [chapters.part(chapter, "repeated") for chapter in chapters.names()]
    return sorted({module.SOURCE for module in found if module})


def _is_of(item: str, sentence: str) -> bool:
    """Whether a claim is about an item: Figure 1 is not Figure 10."""
    return sentence.startswith(item) and not sentence[len(item) : len(item) + 1].isdigit()


def _answer(row, cells: pd.DataFrame, claimed: list[str]) -> dict:
    if row.answer == "cells":
        table = row.item.removeprefix("Table ")
        mine = cells[(cells["source"] == row.source) & (cells["table"] == table)]
        words = tuple(mine.loc[mine["verdict"] != "", "verdict"]) or ("no verdict",)
        return {"verdicts": words, "note": "cell by cell, below"}
    if row.answer == "shown":
        return {"verdicts": tuple(claimed) or ("shown",), "note": row.where}
    if row.answer in ("record", "not run"):
        command, cost = chapters.find(row.where).full_run()
        made = "recorded at book scale; " if row.answer == "record" else ""
        verdict = "shown" if row.answer == "record" else row.answer
        return {"verdicts": (verdict,), "note": f"{made}`{command}`, {cost}"}
    return {"verdicts": (row.answer,), "note": row.where}


@dataclass(frozen=True)
class Contents:
    """The items of all sources as a table, for the page and for a terminal."""

    rows: pd.DataFrame

    def __repr__(self) -> str:
        lines = [
            f"{row.source}, {row.item} ({row.shows}): "
            f"{', '.join(_counted(row.verdicts))}; {row.note}"
            for row in self.rows.itertuples()
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        shown = pd.DataFrame(
            {
                "item": self.rows["source"] + ", " + self.rows["item"],
                "what it shows": self.rows["shows"],
                "here": [_badges(words) for words in self.rows["verdicts"]],
                "where, or why not": [_linked(note) for note in self.rows["note"]],
            }
        )
        table = shown.style.hide(axis="index").set_table_attributes('class="cards"')
        return table.to_html()


def _counted(words: tuple[str, ...]) -> list[str]:
    """Each verdict once, with how often where it is more than once.

    >>> _counted(("direction", "not run", "direction"))
    ['direction 2', 'not run']
    """
    return [f"{word} {n}" if n > 1 else word for word, n in Counter(words).items()]


def _badges(words: tuple[str, ...]) -> str:
    counted = Counter(words).items()
    return ", ".join(f"{badge(word)} {n}" if n > 1 else badge(word) for word, n in counted)


def _linked(note: str) -> str:
    if note.startswith("notebooks/"):
        return f'<a href="../{note}.html">{note.removeprefix("notebooks/")}</a>'
    before, *code = note.split("`")
    return before + (f"<code>{code[0]}</code>{code[1]}" if code else "")


def contents() -> Contents:
    """The table of the reproduction page, which ``companion report --sources`` prints."""
    return Contents(answered())
