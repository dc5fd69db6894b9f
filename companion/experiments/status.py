"""How far the records of a folder are, read from outside while another process may write them.

Nothing is locked and nothing is written. Every file appears in one step, so what is read is whole;
it may be a moment old.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.evidence import checkpoints, files, headers, partial, records, tables


@dataclass(frozen=True)
class Progress:
    """A record in the making: what is stored, of how much, and the time it took and still takes.

    runs: stored and wanted. run_epochs: trained (stored, or in the checkpoint of a stack under
    way) and wanted. seconds: worked so far, over all resumes. remaining: seconds to go, None
    before anything is stored. last_stored: seconds since a part or a checkpoint was written.
    damaged: one sentence for each stored file that no longer fits its digest.
    """

    name: str
    runs: tuple[int, int]
    run_epochs: tuple[int, int]
    seconds: float
    remaining: float | None
    last_stored: float | None
    damaged: tuple[str, ...]


def read(out: str | Path) -> tuple[list[records.Record], list[Progress], list[str]]:
    """The finished records of a folder, those in the making, and a sentence for each damaged one.

    Raises ValueError when `out` is no folder.
    """
    folder = Path(out)
    if not folder.is_dir():
        raise ValueError(
            f"--out must be the folder that holds the records, got {out}, which is none; "
            "`companion run` makes one"
        )
    paths = sorted(
        {path.with_name(path.name.removesuffix(".partial")) for path in folder.iterdir()}
    )
    states = [_state(path) for path in paths]
    return tuple([one for one in states if isinstance(one, kind)] for kind in _STATES)


_STATES = (records.Record, Progress, str)


def _state(record: Path) -> records.Record | Progress | str | None:
    """One of `read`'s three, or None for what is no record or has only just begun."""
    folder = partial.folder_of(record)
    try:
        if not (record / "record.json").is_file():
            if not (folder / "header.json").is_file() and not any(folder.glob("parts/*")):
                return None
            try:
                found = progress(folder)
            except ValueError as error:
                found = str(error)
            if not (record / "record.json").is_file():  # else it was finished meanwhile
                return found
        return records.load(record)
    except OSError as error:
        return files.unusable(error)
    except ValueError as error:
        return str(error)


def progress(folder: Path) -> Progress:
    """How far the record in a working folder is; ValueError when its header is damaged.

    The remaining time is the seconds worked so far times the ratio of the work that remains to
    the work that is stored, where a run-epoch's work grows with the weights of its network.
    """
    header = headers.check_header(files.read_json(folder / "header.json"))
    layout = tables.of(header)
    work = {arm: _work(fields) for arm, fields in header["arms"].items()}
    length = header["epochs"]
    damaged = partial.damaged(folder, layout)
    stored, trained, done = set(), 0, 0.0
    for _, found in partial.whole(folder, layout):
        runs = found["epochs"].to_pandas().drop_duplicates("run")
        stored |= set(runs["run"])
        trained += len(runs) * length
        done += length * sum(work.get(arm, 0) for arm in runs["arm"])
    for path in partial.checkpoints_in(folder):
        fresh = _fresh(path, stored)
        trained += len(fresh)
        done += sum(work.get(arm, 0) for arm in fresh)
    wanted = len(work) * header["runs_per_arm"]
    total = header["runs_per_arm"] * length * sum(work.values())
    elapsed, (seconds, _) = folder / "elapsed.json", partial.worked(folder)
    return Progress(
        header["name"],
        (len(stored), wanted),
        (trained, wanted * length),
        seconds,
        max(0.0, seconds * (total - done) / done) if done and seconds else None,
        max(0.0, time.time() - elapsed.stat().st_mtime) if elapsed.is_file() else None,
        tuple(damaged),
    )


def _fresh(path: Path, stored: set[int]) -> list[str]:
    """The arm of each run-epoch in a checkpoint of runs that are not stored."""
    try:
        rows = checkpoints.read(path)["tables"]["epochs"]
        cells = zip(rows["run"], rows["arm"], rows["epoch"], strict=True)
        return [arm for run, arm, epoch in cells if epoch and run not in stored]
    except (ValueError, TypeError, LookupError):
        return []  # damaged, and named


SMALL = 8_000
"""Weights below which a network's run-epoch costs the same: what is not arithmetic dominates."""


def _work(fields: dict[str, Any]) -> float:
    """The work of a run-epoch of an arm, in weights; the same for all where widths are unknown."""
    pairs = itertools.pairwise(fields.get("widths", ()))
    return SMALL + sum(fan_in * units for fan_in, units in pairs)
