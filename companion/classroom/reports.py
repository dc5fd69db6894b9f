"""What a student and a teacher read: HTML pages that stand alone, in which nothing acts.

All that comes from a submission is escaped, and the page forbids scripts besides.
"""

from __future__ import annotations

import html
import statistics
from collections.abc import Sequence

from companion.classroom.exercise import Assignment
from companion.classroom.grading import Graded

_STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0;
  border-bottom: 1px solid #ccc }
td.number, th.number { text-align: right; white-space: nowrap }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f4f4; padding: .6rem;
  max-height: 20rem; overflow-y: auto }
.error { border-left: 4px solid #D55E00 }
svg { width: 100%; height: auto }
rect { fill: #0072B2 }
"""
_SHOWN = 2000
"""Signs of a cell's output that a report shows."""


def student(graded: Graded, assignment: Assignment) -> str:
    """A student's page: the marks, what was missed and why, and what the cells printed."""
    rows = [
        [
            f"{html.escape(one.goal)} <code>{one.name}</code>",
            f"{one.points * graded.marks[one.name].share:.3g} of {one.points}",
            html.escape(graded.marks[one.name].why) or "right",
        ]
        for one in assignment.exercises
    ]
    points = graded.points(assignment)
    parts = [
        f"<p><strong>{points:.3g} of {assignment.points} points.</strong></p>",
        f"<p>{html.escape(_sentence(graded.note))}</p>" if graded.note else "",
        _table(["exercise", "points", "what was missed"], rows),
    ]
    if graded.cells:
        parts.append("<h2>What the cells printed</h2>")
    for i, (text, error) in sorted(graded.cells.items()):
        parts.append(f"<h3>Code cell {i + 1}</h3>")
        if text:
            cut = "\n…" if len(text) > _SHOWN else ""
            parts.append(f"<pre>{html.escape(text[:_SHOWN])}{cut}</pre>")
        if error:
            parts.append(f'<pre class="error">{html.escape(error[:_SHOWN])}</pre>')
    return _page(f"{graded.student}: {_title(assignment)}", "\n".join(parts))


def summary(everyone: Sequence[Graded], assignment: Assignment) -> str:
    """The class's page: a histogram of the points, the exercises, and a line a student."""
    points = [one.points(assignment) for one in everyone]
    middle = statistics.median(points)
    per_exercise = [
        [
            f"{html.escape(one.goal)} <code>{one.name}</code>",
            f"{100 * statistics.mean(each.marks[one.name].share for each in everyone):.0f} %",
            str(sum(each.marks[one.name].share == 1 for each in everyone)),
        ]
        for one in assignment.exercises
    ]
    per_student = [
        [html.escape(one.student), f"{got:.3g}", html.escape(one.note)]
        for one, got in zip(everyone, points, strict=True)
    ]
    parts = [
        f"<p>{len(everyone)} students; of {assignment.points} points the median is "
        f"{middle:.3g}, the mean {statistics.mean(points):.3g}.</p>",
        histogram(points, assignment.points),
        "<h2>Exercises</h2>",
        _table(["exercise", "mean", "all right"], per_exercise, numbers=(1, 2)),
        "<h2>Students</h2>",
        _table(["student", "points", "what went wrong"], per_student),
    ]
    return _page(_title(assignment), "\n".join(parts))


def histogram(points: Sequence[float], most: int, bins: int = 10) -> str:
    """Bars of how many reach each tenth of the points, as SVG that says the same in words.

    >>> drawn = histogram([0, 10, 9.5], 10)
    >>> drawn.count("<rect"), "2 from 9 to 10" in drawn
    (10, True)
    """
    counts = [0] * bins
    for got in points:
        counts[min(bins - 1, int(bins * got / most))] += 1
    high, wide = 140, 46
    ends = [f"{most * i / bins:g}" for i in range(bins + 1)]
    said = ", ".join(f"{n} from {ends[i]} to {ends[i + 1]}" for i, n in enumerate(counts) if n)
    parts = []
    for i, n in enumerate(counts):
        tall = high * n / max(1, *counts)
        left, top = 20 + wide * i, 20 + high - tall
        parts.append(f'<rect x="{left}" y="{top:.1f}" width="{wide - 6}" height="{tall:.1f}"/>')
        if n:
            parts.append(f'<text x="{left + wide / 2 - 3:.0f}" y="{top - 4:.1f}">{n}</text>')
    for i, end in enumerate(ends):
        parts.append(f'<text x="{17 + wide * i}" y="{high + 38}">{end}</text>')
    parts.append(f'<text x="{20 + wide * bins / 2:.0f}" y="{high + 58}">points</text>')
    return (
        f'<svg viewBox="0 0 {wide * bins + 40} {high + 66}" role="img" aria-label="Students by '
        f'points: {said}" font-size="13" text-anchor="middle">{"".join(parts)}</svg>'
    )


def _title(assignment: Assignment) -> str:
    return f"Assignment {assignment.number} · {assignment.title}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _table(heads: list[str], rows: list[list[str]], numbers: tuple[int, ...] = (1,)) -> str:
    def row(cells: list[str], tag: str) -> str:
        kinds = (' class="number"' if i in numbers else "" for i in range(len(cells)))
        whole = zip(cells, kinds, strict=True)
        return f"<tr>{''.join(f'<{tag}{kind}>{cell}</{tag}>' for cell, kind in whole)}</tr>"

    lines = "\n".join([row(heads, "th"), *(row(cells, "td") for cells in rows)])
    return f"<table>\n{lines}\n</table>"


def _page(title: str, body: str) -> str:
    safe = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{safe}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{safe}</h1>\n"
        f"{body}\n</body>\n</html>\n"
    )
