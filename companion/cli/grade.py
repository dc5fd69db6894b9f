"""``companion grade``: a folder of submissions becomes a table of marks."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from companion.cli import texts
from companion.cli.say import plain, say


def grade(
    submissions: Annotated[
        Path, typer.Argument(help="Folder of notebooks, zips, or students' folders.")
    ],
    assignment: Annotated[int, typer.Option(parser=texts.whole, help="The chapter's number.")],
    secret: Annotated[Path, typer.Option(help="File of the class's secret.")],
    out: Annotated[Path, typer.Option(help="Table to write; reports go beside it.")] = Path(
        "grades.csv"
    ),
    roster: Annotated[
        Path | None, typer.Option(help="Text file with a student a line, to find who is missing.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(parser=texts.whole, help="Submissions at once; default: cores.")
    ] = None,
    seconds: Annotated[
        int, typer.Option(parser=texts.whole, help="Time limit of a submission.")
    ] = 120,
) -> None:
    """Run each submission in a sandbox, and score its answers outside; the same command goes on
    after a stop."""
    from tqdm import tqdm

    from companion.classroom import assignments, gradebook, sandbox
    from companion.classroom import secret as secrets

    asked = assignments.find(assignment)
    key = secrets.read(secret)
    secrets.outside_repositories(out)
    names = roster.read_text("utf-8-sig", "replace").splitlines() if roster else []
    limits = sandbox.Limits(seconds=seconds)
    if jobs is not None and jobs < 1:
        raise ValueError(f"--jobs must be >= 1, got {jobs}; 1 grades one after the other")
    box = sandbox.find()
    out.parent.mkdir(parents=True, exist_ok=True)
    began, count = time.monotonic(), itertools.count(1)
    terminal = sys.stderr.isatty()
    columns = shutil.get_terminal_size().columns - 1
    # nrows too, so that tqdm does not ask a terminal that does not know and then stays silent
    bar = tqdm(file=sys.stderr, disable=not terminal, unit="student", ncols=columns, nrows=24)

    def show(graded: gradebook.Graded, total: int) -> None:
        bar.total = total
        bar.update()
        points = f"{graded.points(asked):.3g} of {asked.points}"
        note = f" ({graded.note})" if graded.note else ""
        line = f"{next(count)} of {total}: {graded.student}: {points}{note}"
        if terminal:
            bar.write(plain(line), file=sys.stderr)
        else:
            say(line, err=True)

    everyone = gradebook.grade_all(
        submissions,
        asked,
        key,
        box,
        limits,
        out,
        jobs or os.cpu_count() or 1,
        [name.strip() for name in names if name.strip()],
        show,
    )
    bar.close()
    took = time.monotonic() - began
    say(f"{out}: {texts.count(len(everyone), 'student')}, {took:.0f} seconds")
    say(f"{gradebook.reports_of(out) / 'summary.html'} shows the class, and beside it each student")
