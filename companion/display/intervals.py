"""Means with their intervals: a dot and a bar each, upright or in rows."""

from __future__ import annotations

from collections.abc import Sequence

from companion.display import style
from companion.evidence.summaries import Summary


def intervals(
    axes,
    places: Sequence[float],
    found: Sequence[Summary],
    family: str,
    dash: str | None = None,
    rows: bool = False,
) -> list[float]:
    """Draw a dot at each mean, its interval as a bar through it, and return the means.

    places: where on the x axis each stands; with rows, where on the y axis each lies. found: one
    summary a place, in the axis' unit. family: the kind of method, for the colour. dash: that of
    the line which joins the means (`style.DASHES`), None for none.
    """
    colour, means = style.colour(family), [one.mean for one in found]

    def plot(along, values, *mark, **look) -> None:
        axes.plot(*((values, along) if rows else (along, values)), *mark, color=colour, **look)

    for place, one in zip(places, found, strict=True):
        plot([place] * 2, [one.low, one.high], lw=2 if dash is None else 1.1)
    if dash is not None:
        plot(places, means, lw=1.6, ls=style.linestyle(dash))
    plot(places, means, "o", ms=5)
    return means
