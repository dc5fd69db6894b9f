"""The command line: run an experiment, list what there is, report a record, verify records.

The commands about a machine and about records under way are files of their own in this folder.

Exit codes: 0, 2 for bad input or a record that fails its check (one sentence on stderr, nothing
written), 130 after Ctrl-C. Torch and the like are imported inside the commands, so that
``companion --help`` answers at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from companion import __version__
from companion.cli import texts
from companion.cli.bench import bench
from companion.cli.carry import export, import_
from companion.cli.doctor import doctor
from companion.cli.errors import BAD_INPUT, OneSentence, leave
from companion.cli.folders import folders
from companion.cli.progress import Progress
from companion.cli.status import status

app = typer.Typer(
    cls=OneSentence,
    help="Weights in Scale: run the book's experiments, and read and check their records.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line on `arguments` (None: those of the process) and exit with its code."""
    app(args=arguments, prog_name="companion")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"weights-in-scale {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Hold the options that come before a command."""


@app.command()
def run(
    experiment: Annotated[str, typer.Argument(help="Its name; `companion list` shows them.")],
    data: Annotated[
        str | None, typer.Option(help="Image set; default: the scale's first that is here.")
    ] = None,
    scale: Annotated[str, typer.Option(help="quick, book or full.")] = "book",
    out: Annotated[Path, typer.Option(help="Folder that receives the record.")] = Path("records"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:<number>.")] = "auto",
    runs: Annotated[int | None, typer.Option(help="Runs an arm, instead of the scale's.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs, instead of the scale's.")] = None,
    arm: Annotated[
        list[str] | None, typer.Option(help="Train this arm only; may be given several times.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="Train on a Ray cluster: local, auto or the host:port of its head."),
    ] = None,
    gpus_per_stack: Annotated[
        float | None, typer.Option(help="Of a cluster's GPU, for a stack; default: by its size.")
    ] = None,
) -> None:
    """Train an experiment and write its record; the same command goes on after a stop."""
    from companion import data as image_sets
    from companion import experiments
    from companion.experiments import runner

    chosen = experiments.find(experiment)
    plan = chosen.runs(
        scale, (1, 1, 1), 2, runs, epochs, arm
    )  # a wrong number shows before images load
    meant = chosen.scale(scale).datasets
    if data is None:
        here = image_sets.names()
        data = next((name for name in meant if name in here), meant[0])
    arms = len({one.arm for one in plan})
    title = (
        f"{chosen.name}, {scale} scale, {data}: {texts.count(arms, 'arm')}, "
        f"{texts.count(len(plan) // arms, 'run')} an arm, "
        f"{texts.count(plan[0].settings.epochs, 'epoch')} a run"
    )
    if gpus_per_stack is not None and cluster is None:
        raise ValueError(f"--gpus-per-stack needs --cluster, got {gpus_per_stack:g} alone; add it")
    with contextlib.ExitStack() as stack:
        engine = None
        if cluster is not None:
            from companion.experiments.cluster import connect

            engine, device = stack.enter_context(connect(cluster, device, gpus_per_stack)), "cpu"
        progress = stack.enter_context(Progress(title))
        try:
            record = runner.run(
                chosen,
                scale,
                data,
                out,
                device,
                runs,
                epochs,
                arm,
                progress.begin,
                progress.notice,
                engine,
            )
        except OSError as error:
            raise ValueError(
                f"--out must be a folder that can be written, got {out} "
                f"({error.strerror or type(error).__name__}); choose another or make room there"
            ) from error
    typer.echo(f"{record.path}: {record.label()}")
    typer.echo(f"`companion report {record.path}` shows the results.")


@app.command("list")
def list_() -> None:
    """Show the experiments and their scales, the image sets here, and the recorded results."""
    from companion import data, experiments
    from companion.data.downloads import DOWNLOADS
    from companion.evidence import records

    typer.echo("Experiments")
    for experiment in experiments.EXPERIMENTS.values():
        names = list(experiment.arms)
        typer.echo(f"\n  {experiment.name}: {experiment.title}\n    source: {experiment.source}")
        typer.echo(f"    {texts.count(len(names), 'arm')}: {texts.some(names)}")
        rows = [
            [
                size.name,
                texts.count(len(size.arms or names), "arm"),
                f"{texts.count(size.runs, 'run')} an arm",
                texts.count(size.epochs, "epoch"),
                " or ".join(size.datasets),
                size.note,
            ]
            for size in experiment.scales.values()
        ]
        typer.echo(texts.columns(rows, "    "))
    local = [name for name in data.names() if name not in ("digits", *DOWNLOADS)]
    rows = [
        ["built in", "digits"],
        ["in COMPANION_DATA", ", ".join(local) or "none"],
        ["found there or downloaded", ", ".join(DOWNLOADS)],
    ]
    typer.echo(f"\nImage sets\n\n{texts.columns(rows, '  ')}")
    rows = [[name, records.recorded(name).label()] for name in records.recorded_names()]
    typer.echo(f"\nRecords that ship\n\n{texts.columns(rows or [['none yet']], '  ')}")


app.command()(status)
app.command()(doctor)
app.command()(bench)
app.command()(export)
app.command("import")(import_)


@app.command()
def report(
    record: Annotated[
        str | None, typer.Argument(help="A record's folder or name; default: all that ship.")
    ] = None,
) -> None:
    """Show a record's results beside the paper's, how it deviates, and where it comes from."""
    from companion.evidence import records

    loaded = [records.load(path) for path in folders([record] if record else [])]
    for one in loaded:
        problems = records.verify(one.path)
        if problems:
            raise ValueError(f"{one.path} fails its check: {problems[0]}")
    typer.echo("\n\n".join(texts.report(one) for one in loaded))


@app.command()
def verify(
    record: Annotated[
        list[str] | None, typer.Argument(help="Folders or names; default: all that ship.")
    ] = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Retrain one run of each too.")] = False,
    seed: Annotated[int | None, typer.Option(help="Picks the run; default: chance.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Retrain this many; default: all.")] = None,
) -> None:
    """Check records against their digests and rules; exit code 2 when one fails."""
    from companion.cli.rerun import rerun as retrain
    from companion.evidence import records

    paths = folders(record or [])
    failed = retrained = 0
    for path in paths:
        problems = records.verify(path)
        failed += bool(problems)
        state = texts.count(len(problems), "problem") if problems else "sound"
        about = "" if problems else f" ({records.load(path).label()})"
        typer.echo("\n  - ".join([f"{path.name}: {state}{about}", *problems]))
        if rerun and not problems:
            agrees = retrain(records.load(path), seed, epochs)
            failed += agrees is False
            retrained += agrees is not None
    if rerun and not (failed or retrained):
        leave("no run could be retrained here; the reasons are above", BAD_INPUT)
    if failed:
        leave(
            f"{failed} of {texts.count(len(paths), 'record')} failed the check; "
            "restore what is damaged or run it again",
            BAD_INPUT,
        )
