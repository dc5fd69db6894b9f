"""Carry finished runs from one machine to another: out of a record into files, and back in.

What such a file holds, and how it is checked before it is believed, is in `parcel`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from companion.evidence import checks, files, headers, partial, records, tables
from companion.evidence.writer import Writer
from companion.experiments import parcel, stored_runs
from companion.experiments.stored_runs import Tables


@dataclass(frozen=True)
class Brought:
    """What an import did: runs that are new and runs that were there already; the finished record
    when all its runs are here now, else None."""

    name: str
    new: int
    known: int
    record: records.Record | None


def export(path: str | Path, out: str | Path) -> list[Path]:
    """Write the finished stacks of a record, finished or in the making, to `out`.

    What is too much for one file becomes ``<out stem>-1of2<suffix>`` and so on. Reads only, no
    lock. Raises ValueError when nothing is finished or a file is there already.
    """
    header, stored, origins = stored_runs.read(Path(path))
    numbers = stored_runs.runs_of(stored)
    if not numbers:
        raise ValueError(f"{path} has no finished stack to export; train one first")
    packed = parcel.packed(header, stored, origins, numbers)
    out = Path(out)
    if not out.name:
        raise ValueError(f"--out must be a new file, got {str(out)!r}; give it a name")
    count = len(packed)
    targets = [out.with_name(f"{out.stem}-{i}of{count}{out.suffix}") for i in range(1, count + 1)]
    targets = targets if count > 1 else [out]
    taken = [target for target in targets if target.exists()]
    if taken:
        raise ValueError(f"--out must be a new file, and {taken[0]} exists; choose another name")
    for target, content in zip(targets, packed, strict=True):
        files.write_bytes(target, content)
    return targets


def bring_in(paths: Sequence[str | Path], out: str | Path) -> Brought:
    """Add the stacks of exported files to their record in the folder `out`; begin it if need be.

    With a stack come the machine and the code that trained it and its seconds, which count as
    worked. All files are checked before anything is written. A run that is there already must
    have the same rows. When all runs are there the record is finished.

    Raises ValueError for a damaged file, files of different records, and runs that differ.
    """
    read = [parcel.read(Path(path)) for path in paths]
    header = read[0][0]
    for path, (other, _, _) in zip(paths, read, strict=True):
        found = partial.first_difference(headers.identity(header), headers.identity(other))
        if found:
            raise ValueError(
                f"files must be of one record, and {path} differs from {paths[0]}: "
                f"{partial.sentence(found)}; import them apart"
            )
    layout = tables.of(header)
    stored, origins = stored_runs.joined([], layout), {}
    for path, (_, more, theirs) in zip(paths, read, strict=True):
        fresh = _new(stored, more, str(path))
        stored = stored_runs.joined([stored, stored_runs.only(more, fresh)], layout)
        origins |= {number: theirs[number] for number in fresh if number in theirs}
    faults = checks.content(header, {n: t.to_pandas() for n, t in stored.items()}, complete=False)
    if faults:
        raise ValueError(f"{paths[0]} cannot be imported: {faults[0]}")
    with Writer(Path(out) / header["name"], header) as writer:
        here = stored_runs.read(writer.folder)[1]
        fresh = _new(here, stored, str(writer.folder))
        for numbers in stored_runs.stretches(fresh, origins):
            rows = _pandas(stored_runs.only(stored, numbers))
            writer.add(
                partial.key(numbers), rows, stored_runs.origin_of(numbers, origins), elsewhere=True
            )
        wanted = len(header["arms"]) * header["runs_per_arm"]
        full = len(stored_runs.runs_of(here)) + len(fresh) == wanted
        record = writer.finish() if full else None
    return Brought(
        header["name"], len(fresh), len(stored_runs.runs_of(stored)) - len(fresh), record
    )


def _new(here: Tables, more: Tables, where: str) -> list[int]:
    """The runs of `more` that are not `here`; ValueError when a run is in both and differs."""
    both = sorted(set(stored_runs.runs_of(here)) & set(stored_runs.runs_of(more)))
    old, new = _pandas(stored_runs.only(here, both)), _pandas(stored_runs.only(more, both))
    for name in old:
        if not old[name].equals(new[name]):
            raise ValueError(
                f"a stored run is never replaced, and among runs {both[0]} to {both[-1]} the "
                f"{name} differ between {where} and what came before; leave one of the two out"
            )
    return sorted(set(stored_runs.runs_of(more)) - set(both))


def _pandas(stored: Tables) -> dict:
    return {name: table.to_pandas() for name, table in stored.items()}
