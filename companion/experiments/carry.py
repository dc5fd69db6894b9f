"""Finished stacks as files, to carry them from one machine to another.

A file is an uncompressed zip: `manifest.json` (the record's header, the origin of each part as far
as it is known, and each member's digest) and `parts/<first run>-<last run>/<table>.parquet`. It
has 16 MiB and four million rows at most; what needs more is split into several files, each of which
can be brought in alone. A file comes from elsewhere: what it says of its size is checked before
anything of it is read.
"""

from __future__ import annotations

import io
import json
import re
import stat
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from companion.evidence import checks, files, partial, provenance, records, tables
from companion.evidence.writer import Writer

LIMIT = 16 * 2**20
ROWS = 4_000_000
MEMBERS = 4_000
"""What a file holds at most: bytes, rows of all its tables, and members."""
FORMAT = 1

Tables = dict[str, pa.Table]
Origins = dict[int, tuple[str, dict]]
"""Run -> the key of the part it was trained in, and that part's origin with this run's share of
the seconds."""


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

    More than `LIMIT` bytes become ``<out stem>-1of2<suffix>`` and so on. Reads only, no lock.
    Raises ValueError when nothing is finished or a file is there already.
    """
    header, stored, origins = _stored(Path(path))
    numbers = _runs(stored)
    if not numbers:
        raise ValueError(f"{path} has no finished stack to export; train one first")
    packed = _packed(header, stored, origins, numbers)
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
    read = [_read(Path(path)) for path in paths]
    header = read[0][0]
    for path, (other, _, _) in zip(paths, read, strict=True):
        found = partial.first_difference(provenance.identity(header), provenance.identity(other))
        if found:
            raise ValueError(
                f"files must be of one record, and {path} differs from {paths[0]}: "
                f"{partial.sentence(found)}; import them apart"
            )
    layout = tables.of(header)
    stored, origins = _joined([], layout), {}
    for path, (_, more, theirs) in zip(paths, read, strict=True):
        fresh = _new(stored, more, str(path))
        stored = _joined([stored, _only(more, fresh)], layout)
        origins |= {number: theirs[number] for number in fresh if number in theirs}
    faults = checks.content(header, {n: t.to_pandas() for n, t in stored.items()}, complete=False)
    if faults:
        raise ValueError(f"{paths[0]} cannot be imported: {faults[0]}")
    with Writer(Path(out) / header["name"], header) as writer:
        here = _stored(writer.folder)[1]
        fresh = _new(here, stored, str(writer.folder))
        for numbers in _stretches(fresh, origins):
            rows = _pandas(_only(stored, numbers))
            writer.add(partial.key(numbers), rows, _origin(numbers, origins), elsewhere=True)
        wanted = len(header["arms"]) * header["runs_per_arm"]
        full = len(_runs(here)) + len(fresh) == wanted
        record = writer.finish() if full else None
    return Brought(header["name"], len(fresh), len(_runs(stored)) - len(fresh), record)


def _stored(path: Path) -> tuple[dict, Tables, Origins]:
    """Header, rows and origins of what is finished of a record."""
    path = path.with_name(path.name.removesuffix(".partial"))
    folder = partial.folder_of(path)
    if (path / "record.json").is_file() or not folder.is_dir():
        record = records.load(path)
        stored = {
            name: tables.encode(name, getattr(record, name), record.layout)
            for name in record.layout
        }
        origins = _record_origins(record.provenance, _runs(stored))
        return provenance.declared(record.provenance), stored, origins
    header = provenance.check_header(files.read_json(folder / "header.json"))
    layout = tables.of(header)
    parts = {part: partial.read_part(part, layout) for part in partial.parts(folder)}
    origins = {}
    for part, rows in parts.items():
        origins |= _shared(part.name, _runs(rows), partial.read_origin(part))
    return header, _joined(list(parts.values()), layout), origins


def _record_origins(said: dict, numbers: Sequence[int]) -> Origins:
    """The origins in a finished record; one that says none was trained by its machine alone."""
    if "trained" not in said:
        code = {key: said["code"].get(key, "unknown") for key in ("version", "commit")}
        whole = {"machine": said["machine"], "code": code, "seconds": said["wall_seconds"]}
        return _shared("all", numbers, whole)
    origins = {}
    for entry in said["trained"]:
        for key, seconds in entry["parts"].items():
            if partial.is_key(key):
                whole = {"machine": entry["machine"], "code": entry["code"], "seconds": seconds}
                origins |= _shared(key, partial.runs(key), whole)
    return origins


def _shared(key: str, numbers: Sequence[int], origin: dict | None) -> Origins:
    """The origin of each run of a part, with its share of the seconds."""
    if origin is None:
        return {}
    share = {**origin, "seconds": origin["seconds"] / len(numbers)}
    return dict.fromkeys(numbers, (key, share))


def _origin(numbers: Sequence[int], origins: Origins) -> dict | None:
    """The origin of consecutive runs out of one part, all or some of its runs."""
    if numbers[0] not in origins:
        return None
    seconds = sum(origins[number][1]["seconds"] for number in numbers)
    return {**origins[numbers[0]][1], "seconds": round(seconds, 3)}


def _joined(parts: Sequence[Tables], layout: tables.Layout) -> Tables:
    return {
        name: pa.concat_tables(
            [tables.schema(name, layout).empty_table(), *(one[name] for one in parts)]
        )
        for name in layout
    }


def _runs(stored: Tables) -> list[int]:
    return sorted(set(stored["epochs"]["run"].to_pylist()))


def _only(stored: Tables, numbers: Iterable[int]) -> Tables:
    """The rows of these runs, in the order of their keys."""
    chosen = pa.array(numbers, pa.int32())
    return {
        name: table.filter(pc.is_in(table["run"], value_set=chosen)).sort_by(
            [(key, "ascending") for key in tables.KEYS[name]]
        )
        for name, table in stored.items()
    }


def _pandas(stored: Tables) -> dict:
    return {name: table.to_pandas() for name, table in stored.items()}


def _new(here: Tables, more: Tables, where: str) -> list[int]:
    """The runs of `more` that are not `here`; ValueError when a run is in both and differs."""
    both = sorted(set(_runs(here)) & set(_runs(more)))
    old, new = _pandas(_only(here, both)), _pandas(_only(more, both))
    for name in old:
        if not old[name].equals(new[name]):
            raise ValueError(
                f"a stored run is never replaced, and among runs {both[0]} to {both[-1]} the "
                f"{name} differ between {where} and what came before; leave one of the two out"
            )
    return sorted(set(_runs(more)) - set(both))


def _stretches(numbers: Sequence[int], origins: Origins) -> list[list[int]]:
    """Consecutive numbers together, unless they were trained in different parts.

    >>> _stretches([0, 1, 2, 7, 8], {1: ("1-2", {}), 2: ("1-2", {})})
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


def _packed(header: dict, stored: Tables, origins: Origins, numbers: Sequence[int]) -> list[bytes]:
    """Files of at most `LIMIT` bytes and `ROWS` rows with these runs, halved until they fit."""
    content = _zipped(header, stored, origins, numbers)
    rows = sum(table.num_rows for table in _only(stored, numbers).values())
    if len(content) <= LIMIT and rows <= ROWS:
        return [content]
    if len(numbers) == 1:
        raise ValueError(
            f"a file holds at most {LIMIT} bytes and {ROWS} rows, and run {numbers[0]} alone has "
            f"{len(content)} and {rows}; copy the record's folder instead"
        )
    half = len(numbers) // 2
    return [
        content
        for some in (numbers[:half], numbers[half:])
        for content in _packed(header, stored, origins, some)
    ]


def _zipped(header: dict, stored: Tables, origins: Origins, numbers: Sequence[int]) -> bytes:
    members, known = {}, {}
    for stretch in _stretches(numbers, origins):
        origin = _origin(stretch, origins)
        if origin is not None:
            known[partial.key(stretch)] = origin
        for name, table in _only(stored, stretch).items():
            members[f"parts/{partial.key(stretch)}/{name}.parquet"] = tables.to_parquet(table)
    digests = {name: files.digest(content) for name, content in members.items()}
    manifest = {"format": FORMAT, "header": header, "origins": known, "sha256": digests}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("manifest.json", json.dumps(manifest, sort_keys=True))
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _read(path: Path) -> tuple[dict, Tables, Origins]:
    """Header, rows and origins of an exported file; ValueError when it is not as written."""
    try:
        content = _members(path)
        manifest = files.parsed(content.pop("manifest.json"))
        if not isinstance(manifest, dict):
            raise ValueError(f"manifest.json is {type(manifest).__name__} and not a dict")
        if manifest["format"] != FORMAT:
            raise ValueError(f"format {manifest['format']} and not {FORMAT}")
        if {name: files.digest(data) for name, data in content.items()} != manifest["sha256"]:
            raise ValueError("a member differs from its digest")
        header = provenance.check_header(manifest["header"])
        if header["name"] != provenance.folder_name(header):
            raise ValueError("the record's name is not that of its experiment, images and scale")
        layout, rows = tables.of(header), ROWS
        parts: dict[str, Tables] = {}
        for name, data in content.items():
            named = re.fullmatch(r"parts/([^/]+)/([^/]+)\.parquet", name)
            if not named:
                raise ValueError(f"{name!r} is no part of a record")
            key, table = named.groups()
            found = tables.from_parquet(table, data, layout, rows)
            rows -= found.num_rows
            parts.setdefault(key, {})[table] = found
        for key, rows_of in parts.items():
            if set(rows_of) != set(layout) or _runs(rows_of) != list(partial.runs(key)):
                raise ValueError(f"part {key} has other tables or other runs than its name")
        origins = {}
        for key, origin in manifest.get("origins", {}).items():
            origins |= _shared(key, _runs(parts[key]), provenance.check_origin(origin))
        return header, _joined(list(parts.values()), layout), origins
    except (
        OSError,
        zipfile.BadZipFile,
        RuntimeError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        EOFError,
    ) as error:
        fault = f"it lacks {error}" if isinstance(error, LookupError) else str(error)
        raise ValueError(
            f"{path} is no whole export of a record ({fault.rstrip('.')}); export or copy it again"
        ) from None


def _members(path: Path) -> dict[str, bytes]:
    """The members of a file, whose table of contents promises no more than the file holds."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):  # a device or a pipe may never end
        raise ValueError("no plain file")
    if about.st_size > LIMIT:
        raise ValueError(f"more than {LIMIT} bytes")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("compressed members")
        if len(members) > MEMBERS:
            raise ValueError(f"more than {MEMBERS} members")
        if len({member.filename for member in members}) != len(members):
            raise ValueError("two members of one name")
        if sum(member.file_size for member in members) > about.st_size:
            raise ValueError("members that overlap")
        return {member.filename: archive.read(member) for member in members}
