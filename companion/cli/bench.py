"""``companion bench``: a stack of runs against the loops that people write."""

from __future__ import annotations

from typing import Annotated

import typer

from companion.cli import texts


def bench(
    rounds: Annotated[int, typer.Option(help="Times each contender takes its turn.")] = 7,
) -> None:
    """Time a stack against one-run loops, side by side, and print the ratios."""
    from companion import machine
    from companion.experiments import benchmark

    if rounds < 1:
        raise ValueError(f"--rounds must be >= 1, got {rounds}; 7 give a steady median")
    facts = machine.describe("cpu")
    typer.echo(f"{facts['hardware']}, {facts['threads']} threads, torch, float32, medians")
    typer.echo("ratio: how many times longer a run-step takes than in the stack\n")
    for settings, shape, runs in benchmark.CASES:
        lines = benchmark.compare(settings, shape, runs, rounds)
        typer.echo(lines[0].case)
        rows = [
            [
                line.contender,
                f"{line.milliseconds:.4f} ms",
                f"{line.ratio:.2f}",
                "" if line.share is None else f"{100 * line.share:.0f} % of the 2048-cubed product",
            ]
            for line in lines
        ]
        typer.echo(texts.columns([["", "per run-step", "ratio", ""], *rows], "  ") + "\n")
