"""``companion doctor``: what this machine has, and what the experiments would take on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from companion.cli import texts
from companion.cli.say import say


def doctor(
    out: Annotated[Path, typer.Option(help="Folder that would receive records.")] = Path("records"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:<number>.")] = "auto",
    times: Annotated[
        bool, typer.Option("--times", help="Time some steps of every experiment, in a minute.")
    ] = False,
) -> None:
    """Show this machine, the image sets on it, and, with --times, what experiments take here."""
    from companion import chapters, machine
    from companion.data import sizes
    from companion.experiments import estimate

    where = machine.pick_device(device)
    facts = machine.describe(where)
    memory = facts["memory_gib"]
    rows = [
        ["device", f"{facts['device']}: {facts['hardware']}"],
        ["memory", "unknown" if memory is None else f"{memory:g} GiB"],
        ["precision", ", ".join(facts["precision"])],
        ["CPU threads", str(facts["threads"])],
        ["versions", ", ".join(f"{name} {value}" for name, value in facts["versions"].items())],
        ["free disk", f"{estimate.free_gib(out):.1f} GiB where {out} is or would be"],
        ["grading", _grading()],
    ]
    places = [[name, sizes.place(name) or "not here"] for name in sizes.known()]
    say(f"This machine\n\n{texts.columns(rows, '  ')}")
    say(f"\nImage sets\n\n{texts.columns(places, '  ')}")
    if not times:
        say("\n`companion doctor --times` says what each experiment would take here.")
        return
    say(
        "\nExperiments: the time each scale would take, from a few of its steps timed now on made "
        "images"
    )
    clock = estimate.Clock(where)
    for experiment in chapters.experiments().values():
        rows = []
        for size in experiment.scales.values():
            here = next((name for name in size.datasets if sizes.place(name)), None)
            seconds = clock.scale(experiment, size.name, here or size.datasets[0])
            images = here or f"{' or '.join(size.datasets)}: not here"
            rows.append([size.name, texts.about(seconds), images])
        say(f"\n  {experiment.name}\n{texts.columns(rows, '    ')}")


def _grading() -> str:
    """The sandbox in which submissions would run here."""
    from companion.classroom import sandbox

    try:
        return f"in a sandbox of {sandbox.find().__name__}"
    except ValueError:
        return "not here: it needs bubblewrap or Docker"
