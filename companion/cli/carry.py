"""``companion export`` and ``companion import``: finished stacks from machine to machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from companion.cli import texts
from companion.cli.folders import folders
from companion.cli.say import say


def export(
    record: Annotated[
        str,
        typer.Argument(
            help="A record's folder, finished or in the making, its name, or a folder of records."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="File to write; numbered files where one is full, named after the record where "
            "there are several."
        ),
    ],
) -> None:
    """Put a record's finished stacks into a file of at most 16 MiB, or into several."""
    from companion.experiments import carry

    paths = folders([record])
    try:
        written = [
            file
            for path in paths
            for file in carry.export(
                path,
                out if len(paths) == 1 else out.with_name(f"{out.stem}-{path.name}{out.suffix}"),
            )
        ]
    except OSError as error:
        raise ValueError(
            f"--out must be a file that can be written, got {out} ({error.strerror}); choose "
            "another or make room there"
        ) from error
    for path in written:
        say(f"{path}: {path.stat().st_size / 2**20:.2f} MiB")


def import_(
    file: Annotated[list[Path], typer.Argument(help="Files that `companion export` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder that holds the records.")] = Path("records"),
) -> None:
    """Add exported stacks to their record in a folder; what is stored is never replaced."""
    from companion.experiments import carry

    try:
        found = carry.bring_in(file, out)
    except OSError as error:
        raise ValueError(
            f"--out must be a folder that can be written, got {out} ({error.strerror}); choose "
            "another or make room there"
        ) from error
    state = "the record is finished" if found.record else "`companion run` trains the rest"
    say(f"{found.name}: {texts.count(found.new, 'new run')}, {found.known} there already; {state}")
