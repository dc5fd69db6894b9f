"""The finished runs of a record, finished or in the making: their rows, and where each was trained.

An *origin* is what a part of a record says of itself: the machine and the code that trained it and
its seconds. Runs are carried one by one, so each has its share of the seconds of its part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from companion.evidence import files, headers, partial, records, tables

Tables = dict[str, pa.Table]
Origins = dict[int, tuple[str, dict]]
"""Run -> the key of the part it was trained in, and that part's origin with this run's share of
the seconds."""


def read(path: Path) -> tuple[dict, Tables, Origins]:
    """Header, rows and origins of what is finished of a record."""
    if path.name.endswith(".partial"):
        path = path.with_name(path.name.removesuffix(".partial"))
    folder = partial.folder_of(path)
    if (path / "record.json").is_file() or not folder.is_dir():
        record = records.load(path)
        stored = {
            name: tables.encode(name, getattr(record, name), record.layout)
            for name in record.layout
        }
        origins = _record_origins(record.provenance, runs_of(stored))
        return headers.declared(record.provenance), stored, origins
    header = headers.check_header(files.read_json(folder / "header.json"))
    layout = tables.of(header)
    parts = {part: partial.read_part(part, layout) for part in partial.parts(folder)}
    origins = {}
    for part, rows in parts.items():
        origins |= shared(part.name, runs_of(rows), partial.read_origin(part))
    return header, joined(list(parts.values()), layout), origins


def _record_origins(said: dict, numbers: Sequence[int]) -> Origins:
    """The origins in a finished record; one that says none was trained by its machine alone."""
    if "trained" not in said:
        code = {key: said["code"].get(key, "unknown") for key in ("version", "commit")}
        whole = {"machine": said["machine"], "code": code, "seconds": said["wall_seconds"]}
        return shared("all", numbers, whole)
    origins = {}
    for entry in said["trained"]:
        for key, seconds in entry["parts"].items():
            if partial.is_key(key):
                whole = {"machine": entry["machine"], "code": entry["code"], "seconds": seconds}
                origins |= shared(key, partial.runs(key), whole)
    return origins


def shared(key: str, numbers: Sequence[int], origin: dict | None) -> Origins:
    """The origin of each run of a part, with its share of the seconds."""
    if origin is None:
        return {}
    share = {**origin, "seconds": origin["seconds"] / len(numbers)}
    return dict.fromkeys(numbers, (key, share))


def origin_of(numbers: Sequence[int], origins: Origins) -> dict | None:
    """The origin of consecutive runs out of one part, all or some of its runs."""
    if numbers[0] not in origins:
        return None
    seconds = sum(origins[number][1]["seconds"] for number in numbers)
    return {**origins[numbers[0]][1], "seconds": round(seconds, 3)}


def stretches(numbers: Sequence[int], origins: Origins) -> list[list[int]]:
    """Consecutive numbers together, unless they were trained in different parts.

    >>> stretches([0, 1, 2, 7, 8], {1: ("1-2", {}), 2: ("1-2", {})})
    [[0], [1, 2], [7, 8]]
    """
    found: list[list[int]] = []
    part = None
    for number in numbers:
        before, part = part, origins.get(number, ("",))[0]
        if found and number == found[-1][-1] + 1 and part == before:
            found[-1].append(number)
        else:
            found.append([number])
    return found


def joined(parts: Sequence[Tables], layout: tables.Layout) -> Tables:
    """The rows of all parts, one under the other."""
    return {
        name: pa.concat_tables(
            [tables.schema(name, layout).empty_table(), *(one[name] for one in parts)]
        )
        for name in layout
    }


def runs_of(stored: Tables) -> list[int]:
    """The numbers of the runs that have rows."""
    return sorted(set(stored["epochs"]["run"].to_pylist()))


def only(stored: Tables, numbers: Iterable[int]) -> Tables:
    """The rows of these runs, in the order of their keys."""
    chosen = pa.array(numbers, pa.int32())
    return {
        name: table.filter(pc.is_in(table["run"], value_set=chosen)).sort_by(
            [(key, "ascending") for key in tables.KEYS[name]]
        )
        for name, table in stored.items()
    }
