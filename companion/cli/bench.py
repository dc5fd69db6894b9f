"""``companion bench``: a stack of runs against the loops that people write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from companion.cli import texts
from companion.cli.say import say

if TYPE_CHECKING:
    from companion.experiments.benchmark import Line
    from companion.experiments.overhead import Share


def bench(
    rounds: Annotated[
        int, typer.Option(parser=texts.whole, help="Times each contender takes its turn.")
    ] = 7,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:<number>.")] = "auto",
    save: Annotated[
        Path | None, typer.Option(help="Folder for the measurement as a file.", metavar="FOLDER")
    ] = None,
    overhead: Annotated[
        bool, typer.Option("--overhead", help="Time what a curve on every weight adds, only.")
    ] = False,
) -> None:
    """Time a stack against one-run loops, side by side, and print the ratios."""
    from companion import machine
    from companion.experiments import performance

    if rounds < 1:
        raise ValueError(f"--rounds must be >= 1, got {rounds}; 7 give a steady median")
    if save:
        save.mkdir(parents=True, exist_ok=True)  # refused before minutes of measuring, not after
    where = machine.pick_device(device)
    facts = machine.describe(where)
    say(f"{facts['hardware']}, {facts['threads']} CPU threads, medians of {rounds}")
    if overhead:
        say("what arctan, and a mere factor, on every weight add to a training step\n")
        found = performance.measure_overhead(where, rounds, _show_share)
        if save:
            say(f"\nwrote {performance.save(found, save)}")
        return
    say("ratio: how many times longer a run-step takes than in the stack\n")
    measured = performance.measure(where, rounds, _show)
    rows = [
        [
            point.along,
            str(point.value),
            f"{point.milliseconds:.3f} ms",
            f"{point.kept_mib:.2f} MiB",
            "" if point.peak_mib is None else f"{point.peak_mib:.0f} MiB at most",
        ]
        for point in measured.growth
    ]
    say("how a step of a whole stack of digits MLPs grows")
    say(texts.columns([["along", "", "a step", "kept", ""], *rows], "  "))
    if save:
        say(f"\nwrote {performance.save(measured, save)}")


def _show_share(share: Share) -> None:
    least = "" if share.least is None else f"; a factor {share.least:+.1%}"
    step = f"{share.network}, batch {share.batch}: {share.milliseconds:.3f} ms"
    say(f"{step}, arctan {share.added:+.1%}{least}")


def _show(lines: list[Line]) -> None:
    say(f"{lines[0].case}, {texts.count(lines[0].runs, 'run')} in the stack")
    rows = [
        [
            line.contender,
            f"{line.milliseconds:.4f} ms",
            f"{line.ratio:.3f}",
            ""
            if line.share is None
            else f"{line.teraflops:.3g} TFLOP/s, {line.share:.0%} of the 2048-cubed product",
        ]
        for line in lines
    ]
    say(texts.columns([["", "per run-step", "ratio", ""], *rows], "  ") + "\n")
