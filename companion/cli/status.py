"""``companion status``: what is done and what remains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from companion.cli import texts
from companion.cli.say import say


def status(
    out: Annotated[Path, typer.Option(help="Folder that holds the records.")] = Path("records"),
) -> None:
    """Show what is done and what remains of every record in a folder, also while it is written."""
    from companion.experiments import status as standing

    finished, making, faults = standing.read(out)
    for one in making:
        (runs, all_runs), (epochs, all_epochs) = one.runs, one.run_epochs
        left = "no estimate yet" if one.remaining is None else _to_go(one.remaining)
        say(
            f"{one.name}: {100 * epochs // all_epochs} %, {epochs} of {all_epochs} epochs trained, "
            f"{runs} of {texts.count(all_runs, 'run')} stored"
        )
        say(f"  worked {texts.duration(one.seconds)}, {left}")
        if one.last_stored is not None:
            say(f"  last stored {texts.duration(one.last_stored)} ago")
        for sentence in one.damaged:
            say(f"  - {sentence}")
    for record in finished:
        seconds = texts.duration(record.provenance["wall_seconds"])
        say(f"{record.name}: finished in {seconds} ({record.label()})")
    for sentence in faults:
        say(f"damaged: {sentence}")
    if not (making or finished or faults):
        say(f"{out} holds no record.")


def _to_go(seconds: float) -> str:
    return f"{texts.about(seconds)} to go" if seconds else "all trained, not yet put together"
