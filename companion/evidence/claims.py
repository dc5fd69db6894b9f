"""Claims: sentences built from numbers, each with a verdict by a stated rule.

*reproduced*: the intervals of our mean and the paper's overlap, and our difference between arms
has the paper's sign with an interval that excludes 0. *direction*: only the latter, and at most
this when the scale is reduced. *undecided*: our interval holds both 0 and the paper's difference,
or our run is shorter than what it must show. *not reproduced*: our interval excludes the paper's
difference, or has the other sign without 0. *not run* and *not built* say why.

`require` guards a plain sentence of prose: it stops a build whose record no longer supports it.
"""

import html
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.evidence.records import Record
from companion.evidence.summaries import Interval, Summary, difference

MEANINGS = {
    "reproduced": "the intervals overlap, and our difference has the paper's sign, without 0",
    "direction": "our difference between arms has the paper's sign, and its interval excludes 0",
    "undecided": "our interval holds both 0 and the paper's difference, or our run is too short",
    "not reproduced": "our interval excludes the paper's difference, or has the other sign",
    "not run": "this code can run it and has not",
    "not built": "this code cannot run it",
    "holds": "what is printed follows from the printed numbers",
    "does not hold": "what is printed does not follow from the printed numbers",
    "left open": "the print does not settle it",
}
"""The verdicts and what each says: six on a result that is repeated, three (the last) on what a
paper prints, recomputed from its own numbers (see `findings`)."""
SCALES = ("quick", "book", "full")
_UNITS = {
    "percent": (100, " %", " points"),
    "epoch": (1, "", " epochs"),
    "number": (1, "", ""),
}


@dataclass(frozen=True)
class Claim:
    """A checked sentence, its verdict, the two summaries compared, and the records it rests on."""

    sentence: str
    verdict: str
    ours: Summary | None = None
    theirs: Summary | None = None
    records: tuple[str, ...] = ()

    def __post_init__(self):
        if self.verdict not in MEANINGS:
            raise ValueError(
                f"a verdict is one of {', '.join(MEANINGS)}, got {self.verdict!r}; use one."
            )


def verdict(
    ours: Summary,
    theirs: Summary,
    difference: Interval,
    published: float,
    scale: str,
    short: bool = False,
) -> str:
    """Return "reproduced", "direction", "undecided" or "not reproduced".

    `difference` is ours between two arms, `published` the same difference in the paper. A scale
    other than "full" earns at most "direction". short: our runs end before what they must show can
    be seen, so that a difference which they do not show is undecided.
    """
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {scale!r}; use one.")
    if not published or not math.isfinite(published):
        raise ValueError(
            f"the paper's difference must be a finite number other than 0, got {published}; "
            "a verdict needs a difference that the paper printed."
        )
    if difference.excludes_zero and difference.estimate * published > 0:
        overlap = ours.low <= theirs.high and theirs.low <= ours.high
        return "reproduced" if overlap and scale == "full" else "direction"
    open_ = not difference.excludes_zero and difference.low <= published <= difference.high
    return "undecided" if open_ or short else "not reproduced"


def compare(
    name: str,
    ours: Summary,
    theirs: Summary,
    *,
    baseline: tuple[Summary, Summary],
    baseline_name: str,
    scale: str,
    unit: str = "percent",
    short: bool = False,
    gap: Interval | None = None,
    records: Iterable[Record | str] = (),
) -> Claim:
    """Return the claim that sets our mean of one arm beside the paper's.

    `name` opens the sentence ("Test accuracy of WR"); `baseline` holds our and the paper's summary
    of the arm it is measured against, called `baseline_name`; short as in `verdict`. `gap` is our
    difference to it where the runs are pairs, which the summaries do not tell; None: Welch's.
    With unit "percent" the summaries are fractions, as in a record; "epoch" and "number" are taken
    as they are.
    """
    if unit not in _UNITS:
        raise ValueError(f"unit must be one of {', '.join(_UNITS)}, got {unit!r}; use one.")
    printed = theirs.mean - baseline[1].mean
    gap = gap or difference(ours, baseline[0], ours.confidence)
    result = verdict(ours, theirs, gap, printed, scale, short)
    factor, sign, points = _UNITS[unit]
    sentence = (
        f"{name}: ours {_estimate(ours, factor, sign)}, "
        f"paper {_estimate(theirs, factor, sign, printed=True)}; difference to {baseline_name}: "
        f"ours {_gap(gap, factor, points)}, paper {printed * factor:+.2f}{points}."
    )
    if result == "undecided":
        sentence += (
            " Our runs end too early to show it."
            if short
            else f" {_runs(ours.runs)} each cannot tell the paper's difference from none."
        )
    elif scale != "full":
        sentence += f" At {scale} scale the verdict is at most direction."
    return Claim(sentence, result, ours, theirs, _names(records))


def direction(
    sentence: str, ours: Interval, published_sign: int, records: Iterable[Record | str] = ()
) -> Claim:
    """Return the claim about a difference of which the paper gives only the sign.

    The verdict is "direction" when our interval excludes 0 on the paper's side, "not reproduced"
    when it does on the other, else "undecided"; without the paper's own interval it cannot be more.
    """
    if published_sign not in (-1, 1):
        raise ValueError(
            f"published_sign must be 1 or -1, got {published_sign}; give the paper's direction."
        )
    agrees = ours.estimate * published_sign > 0
    found = "direction" if agrees else "not reproduced"
    return Claim(sentence, found if ours.excludes_zero else "undecided", records=_names(records))


class Unsupported(Exception):
    """A sentence of prose that its record does not support."""


def require(sentence: str, condition: bool, *records: Record | str) -> None:
    """Guard a plain sentence: raise `Unsupported`, with the sentence and the records it rests on,
    unless the condition holds.

    condition: a bool or NumPy's; anything else is refused, since a number or NaN would pass.

    >>> require("two is more than one", 2 > 1)
    """
    if not isinstance(condition, bool | np.bool_):
        raise TypeError(
            f"condition must be True or False, got {condition!r} for {sentence!r}; compare "
            "something."
        )
    if not condition:
        rests = "; ".join(_names(records)) or "no record"
        raise Unsupported(
            f"the page says {sentence!r}, which its numbers no longer support ({rests}); "
            "rewrite the sentence"
        )


def not_run(name: str, command: str, cost: str) -> Claim:
    """Return the claim that `name` was not run, with the command that would and what it costs."""
    return Claim(f"{name}: not run; `{command}` runs it ({cost}).", "not run")


def not_built(name: str, reason: str) -> Claim:
    """Return the claim that this code cannot run `name`, and why."""
    return Claim(f"{name}: not built, because {reason}.", "not built")


def _names(records: Iterable[Record | str]) -> tuple[str, ...]:
    return tuple(r if isinstance(r, str) else f"{r.name}: {r.label()}" for r in records)


def _decimals(half_width: float) -> int:
    """Return how many decimals show a half width's first digit (two digits when it is a 1)."""
    if not (math.isfinite(half_width) and half_width > 0):
        return 2
    first = math.floor(math.log10(half_width))
    return min(max(-first + (half_width < 2 * 10**first), 0), 4)


def _estimate(s: Summary, factor: float, sign: str, printed: bool = False) -> str:
    """Return "50.1 % (95 % interval 49.8 to 50.4, 6 runs)"; what was printed keeps 2 decimals."""
    runs = _runs(s.runs)
    half = (s.high - s.low) / 2 * factor
    places = 2 if printed else _decimals(half)
    mean = f"{s.mean * factor:.{places}f}{sign}"
    if not math.isfinite(half):
        return f"{mean} ({runs}, so no interval)"
    low, high = (f"{x * factor:.{places}f}" for x in (s.low, s.high))
    return f"{mean} ({s.confidence * 100:g} % interval {low} to {high}, {runs})"


def _runs(count: int) -> str:
    return f"{count} run{'s' if count != 1 else ''}"


def _gap(gap: Interval, factor: float, points: str) -> str:
    """Return "+1.4 points (1.0 to 1.8)"."""
    half = (gap.high - gap.low) / 2 * factor
    places = _decimals(half)
    estimate = f"{gap.estimate * factor:+.{places}f}{points}"
    if not math.isfinite(half):
        return f"{estimate} (no interval)"
    return f"{estimate} ({gap.low * factor:+.{places}f} to {gap.high * factor:+.{places}f})"


class Shown:
    """Claims as a notebook shows them: a list of sentences, each with a badge for its verdict."""

    def __init__(self, claims: tuple[Claim, ...]):
        self.claims = claims

    def __repr__(self) -> str:
        return "\n".join(f"[{c.verdict}] {c.sentence}" for c in self.claims)

    def _repr_markdown_(self) -> str:
        return "\n".join(
            f"- **{c.verdict}**: {_plain(c.sentence)}"
            + "".join(f"\n  *{_plain(r)}*" for r in c.records)
            for c in self.claims
        )

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{_badge(c.verdict)} {_sentence(c)}</li>" for c in self.claims)
        return f'<ul class="claims">{items}</ul>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {
            "text/plain": repr(self),
            "text/markdown": self._repr_markdown_(),
            "text/html": self._repr_html_(),
        }


def _badge(name: str) -> str:
    kind = f"verdict-{name.replace(' ', '-')}"
    title = html.escape(MEANINGS[name])
    return f'<span class="verdict {kind}" title="{title}">{name}</span>'


def _sentence(claim: Claim) -> str:
    text = re.sub("`(.+?)`", r"<code>\1</code>", html.escape(claim.sentence))
    records = "; ".join(html.escape(record) for record in claim.records)
    return text + (f' <small class="claim-records">{records}</small>' if records else "")


def _plain(text: str) -> str:
    """Escape what Markdown would read as markup, except code between backticks."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_<>\[\]$|])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def show(*claims: Claim) -> Shown:
    """Return the claims as an object that a notebook displays as sentences with their verdicts."""
    if not claims:
        raise ValueError("show needs at least one claim, got none; build one with compare().")
    return Shown(claims)
