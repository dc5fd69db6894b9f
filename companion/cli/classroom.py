"""``companion classroom``: a class's own notebooks, and the book's assignments built and tried."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from companion.cli import texts
from companion.cli.errors import OneSentence
from companion.cli.say import say

classroom = typer.Typer(
    cls=OneSentence,
    help="Make a class's own assignments from a secret, or build and try those of the book.",
)
Numbers = Annotated[
    list[int] | None,
    typer.Option(
        "--assignment",
        parser=texts.whole,
        help="A chapter's number; may be repeated; default: all.",
    ),
]
Sources = Annotated[
    Path | None, typer.Option(help="Folder of the sources; default: this checkout's.")
]


@classroom.command()
def new(
    secret: Annotated[Path, typer.Option(help="File of the class's secret; made if absent.")],
    out: Annotated[Path, typer.Option(help="Folder for the notebooks to hand out.")],
    assignment: Numbers = None,
    sources: Sources = None,
) -> None:
    """Make a class's own notebooks, with numbers that no other class has."""
    from companion.classroom import assignments, build
    from companion.classroom import secret as secrets
    from companion.classroom import sources as notebooks

    secrets.outside_repositories(out)
    fresh = secrets.make(secret)
    key = secrets.read(secret)
    say(f"{secret}: {'a new' if fresh else 'the same'} secret; keep it, grading needs it.")
    where = sources or assignments.SOURCES
    all_made = [
        build.make(assignments.find(number), key, where)
        for number in assignment or assignments.numbers()
    ]
    paths = [out / f"{made.assignment.stem}.ipynb" for made in all_made]
    for path, made in zip(paths, all_made, strict=True):
        notebooks.refuse_loss(path, made.student)
    for path, made in zip(paths, all_made, strict=True):
        notebooks.write(path, made.student)
        say(f"{path}: {texts.count(made.assignment.points, 'point')}")


@classroom.command("build")
def build_(
    out: Annotated[Path, typer.Option(help="Folder for what is made.")] = Path(
        "_build/assignments"
    ),
    assignment: Numbers = None,
    sources: Sources = None,
) -> None:
    """Build the book's assignments, run each to full marks and its stub to none."""
    from companion.classroom import assignments, build, secret

    for number in assignment or assignments.numbers():
        made = build.make(assignments.find(number), secret.PUBLIC, sources or assignments.SOURCES)
        stub, solved = build.tried(made, secret.PUBLIC)
        paths = build.write(made, out)
        say(
            f"{made.assignment.stem}: solved {solved.points(made.assignment):g} of "
            f"{made.assignment.points} points, untouched {stub.points(made.assignment):g}; "
            f"{texts.count(len(paths), 'file')} in {out}"
        )


@classroom.command()
def sheets(
    out: Annotated[Path, typer.Option(help="Folder for the pages.")] = Path("_build/sheets"),
    assignment: Numbers = None,
    secret: Annotated[
        Path | None, typer.Option(help="File of a class's secret; default: public numbers.")
    ] = None,
    sources: Sources = None,
) -> None:
    """Make exercise sheets to print, one page of HTML an assignment, with room for answers."""
    from companion.classroom import assignments, build
    from companion.classroom import secret as secrets
    from companion.classroom import sheets as paper
    from companion.evidence import files

    key = secrets.PUBLIC
    if secret is not None:
        secrets.outside_repositories(out)
        key = secrets.read(secret)
    asked = [assignments.find(number) for number in assignment or assignments.numbers()]
    handed = [build.make(one, key, sources or assignments.SOURCES) for one in asked]
    out.mkdir(parents=True, exist_ok=True)
    paper.formulas(out)
    for made in handed:
        path = out / f"{made.assignment.stem}.html"
        files.write_bytes(path, paper.sheet(made.student, made.assignment.title).encode())
        say(f"{path}: open it in a browser and print")
