"""The command line: run an experiment, list what there is, report a record, verify records.

The commands about a machine and about records under way are files of their own in this folder.

Exit codes: 0, 2 for bad input or a record that fails its check (one sentence on stderr, nothing
written), 130 after Ctrl-C. Torch and the like are imported inside the commands, so that
``companion --help`` answers at once.
"""

from __future__ import annotations

import contextlib
import math
import shlex
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from companion import __version__
from companion.cli import texts
from companion.cli.bench import bench
from companion.cli.carry import export, import_
from companion.cli.classroom import classroom
from companion.cli.doctor import doctor
from companion.cli.errors import BAD_INPUT, OneSentence, leave
from companion.cli.folders import folders
from companion.cli.grade import grade
from companion.cli.progress import Progress
from companion.cli.say import say
from companion.cli.status import status

app = typer.Typer(
    cls=OneSentence,
    help="Weights in Scale: run the book's experiments, and read and check their records.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line on `arguments` (None: those of the process) and exit with its code."""
    app(args=arguments, prog_name="companion")


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"weights-in-scale {__version__}")
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
    experiment: Annotated[
        list[str] | None,
        typer.Argument(help="Names, trained in this order; `companion list` has them."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Train every experiment.")] = False,
    data: Annotated[
        str | None, typer.Option(help="Image set; default: the scale's first that is here.")
    ] = None,
    scale: Annotated[str, typer.Option(help="quick, book or full.")] = "book",
    out: Annotated[Path, typer.Option(help="Folder that receives the record.")] = Path("records"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:<number>.")] = "auto",
    runs: Annotated[
        int | None, typer.Option(parser=texts.whole, help="Runs an arm, instead of the scale's.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(parser=texts.whole, help="Epochs, instead of the scale's.")
    ] = None,
    arm: Annotated[
        list[str] | None, typer.Option(help="Train this arm only; may be given several times.")
    ] = None,
    limit: Annotated[
        str | None,
        typer.Option("--for", help="Stop after this time, for example 90s, 9m or 1h30m."),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="Train on a Ray cluster: local, auto or the host:port of its head."),
    ] = None,
    gpus_per_stack: Annotated[
        float | None,
        typer.Option(
            parser=texts.number, help="Of a cluster's GPU, for a stack; default: by its size."
        ),
    ] = None,
) -> None:
    """Train experiments and write their records; the same command goes on after a stop."""
    from companion import chapters
    from companion import data as image_sets
    from companion.experiments import runner, stack_training

    if bool(experiment) == every:
        raise ValueError("run needs names or --all, and not both; `companion list` has the names")
    chosen = [chapters.find(name) for name in experiment or chapters.experiments()]
    titles, sets = [], []
    for one in chosen:
        # a wrong number shows before images load
        plan = one.runs(scale, (1, 1, 1), 2, runs, epochs, arm)
        meant, here = one.scale(scale).datasets, image_sets.names()
        usual = next((name for name in meant if name in here), meant[0])
        sets.append(usual if data is None else data)
        arms = len({run.arm for run in plan})
        titles.append(
            f"{one.name}, {scale} scale, {sets[-1]}: {texts.count(arms, 'arm')}, "
            f"{texts.count(len(plan) // arms, 'run')} an arm, "
            f"{texts.count(plan[0].settings.epochs, 'epoch')} a run"
        )
    until = math.inf if limit is None else time.monotonic() + texts.seconds(limit)
    if limit is not None and cluster is not None:
        raise ValueError(f"--for is for this machine alone, got {limit} with --cluster; leave one")
    if gpus_per_stack is not None and cluster is None:
        raise ValueError(f"--gpus-per-stack needs --cluster, got {gpus_per_stack:g} alone; add it")
    for one, title, images in zip(chosen, titles, sets, strict=True):
        with contextlib.ExitStack() as stack:
            engine, where = None, device
            if cluster is not None:
                from companion.experiments.cluster import connect

                engine = stack.enter_context(connect(cluster, device, gpus_per_stack))
                where = "cpu"
            progress = stack.enter_context(Progress(title))
            try:
                record = runner.run(
                    one,
                    scale,
                    images,
                    out,
                    where,
                    progress.begin,
                    progress.notice,
                    engine,
                    until,
                    runs=runs,
                    epochs=epochs,
                    arms=arm,
                )
            except stack_training.TimeIsUp:
                say(f"{limit} are over; the same command goes on where {one.name} stopped.")
                return
            except OSError as error:
                raise ValueError(
                    f"--out must be a folder that can be written, got {out} "
                    f"({error.strerror or type(error).__name__}); choose another or make room there"
                ) from error
        say(f"{record.path}: {record.label()}")
        say(f"`companion report {shlex.quote(str(record.path))}` shows the results.")


@app.command("list")
def list_() -> None:
    """Show the experiments and their scales, the image sets here, and the recorded results."""
    from companion import chapters, data
    from companion.data.downloads import DOWNLOADS
    from companion.evidence import records

    local = [name for name in data.names() if name not in ("digits", *DOWNLOADS)]
    say("Experiments")
    for experiment in chapters.experiments().values():
        names = list(experiment.arms)
        say(f"\n  {experiment.name}: {experiment.title}\n    source: {experiment.source}")
        say(f"    {texts.count(len(names), 'arm')}: {texts.some(names)}")
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
        say(texts.columns(rows, "    "))
    rows = [
        ["built in", "digits"],
        ["in COMPANION_DATA", ", ".join(local) or "none"],
        ["found there or downloaded", ", ".join(DOWNLOADS)],
    ]
    say(f"\nImage sets\n\n{texts.columns(rows, '  ')}")
    rows = [[name, records.recorded(name).label()] for name in records.recorded_names()]
    say(f"\nRecords that ship\n\n{texts.columns(rows or [['none yet']], '  ')}")


app.command()(status)
app.command()(doctor)
app.command()(bench)
app.command()(export)
app.command("import")(import_)
app.add_typer(classroom, name="classroom")
app.command()(grade)


@app.command()
def report(
    record: Annotated[
        str | None, typer.Argument(help="A record's folder or name; default: all that ship.")
    ] = None,
    sources: Annotated[
        bool, typer.Option("--sources", help="What became of each of the papers' tables instead.")
    ] = False,
) -> None:
    """Show a record's results beside the paper's, how it deviates, and where it comes from."""
    from companion.evidence import records

    if sources:
        from companion.chapters import contents

        if record is not None:
            raise ValueError(f"--sources is about all records, got {record} too; leave one out")
        say(repr(contents.contents()))
        return

    loaded = [records.load(path) for path in folders([] if record is None else [record])]
    for one in loaded:
        problems = records.verify(one.path)
        if problems:
            raise ValueError(f"{one.path} fails its check: {problems[0]}")
    say("\n\n".join(texts.report(one) for one in loaded))


@app.command()
def verify(
    record: Annotated[
        list[str] | None, typer.Argument(help="Folders or names; default: all that ship.")
    ] = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Retrain one run of each too.")] = False,
    seed: Annotated[
        int | None, typer.Option(parser=texts.whole, help="Picks the run; default: chance.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(parser=texts.whole, help="Retrain this many; default: all.")
    ] = None,
) -> None:
    """Check records against their digests, their rules and their experiments; exit code 2 when
    one fails."""
    from companion import chapters
    from companion.cli.rerun import rerun as retrain
    from companion.evidence import records
    from companion.experiments import soundness
    from companion.experiments.rerun import check_epochs

    if not rerun and (seed, epochs) != (None, None):
        raise ValueError("--seed and --epochs say how to retrain; add --rerun, or leave them out")
    check_epochs(epochs)
    paths = folders(record or [])
    failed = retrained = 0
    remarks: Counter[str] = Counter()
    for path in paths:
        problems = soundness.verify(path, chapters.experiments())
        failed += bool(problems)
        state, about = texts.count(len(problems), "problem"), ""
        if not problems:
            loaded = records.load(path)
            state, about = "sound", f" ({loaded.label()})"
            remarks.update(soundness.remarks(loaded, chapters.experiments()))
        say("\n  - ".join([f"{path.name or path}: {state}{about}", *problems]))
        if rerun and not problems:
            agrees = retrain(records.load(path), seed, epochs)
            failed += agrees is False
            retrained += agrees is not None
    for remark, count in remarks.items():
        say(f"{count} of {texts.count(len(paths), 'record')}: {remark}.")
    if rerun and not (failed or retrained):
        leave("no run could be retrained here; the reasons are above", BAD_INPUT)
    if failed:
        leave(
            f"{failed} of {texts.count(len(paths), 'record')} failed the check; "
            "restore what is damaged or run it again",
            BAD_INPUT,
        )
