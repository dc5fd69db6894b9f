"""Finished runs as a file, to carry them from one machine to another.

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
from collections.abc import Sequence
from pathlib import Path

from companion.evidence import files, headers, partial, tables, trainers
from companion.experiments import stored_runs
from companion.experiments.stored_runs import Origins, Tables

LIMIT = 16 * 2**20
ROWS = 4_000_000
MEMBERS = 4_000
"""What a file holds at most: bytes, rows of all its tables, and members."""
FORMAT = 1


def packed(header: dict, stored: Tables, origins: Origins, numbers: Sequence[int]) -> list[bytes]:
    """Files of at most `LIMIT` bytes and `ROWS` rows with these runs, halved until they fit."""
    content = zipped(header, stored, origins, numbers)
    rows = sum(table.num_rows for table in stored_runs.only(stored, numbers).values())
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
        for content in packed(header, stored, origins, some)
    ]


def zipped(header: dict, stored: Tables, origins: Origins, numbers: Sequence[int]) -> bytes:
    """These runs as one file, a part for each stretch of them that was trained together."""
    members, known = {}, {}
    for stretch in stored_runs.stretches(numbers, origins):
        origin = stored_runs.origin_of(stretch, origins)
        if origin is not None:
            known[partial.key(stretch)] = origin
        for name, table in stored_runs.only(stored, stretch).items():
            members[f"parts/{partial.key(stretch)}/{name}.parquet"] = tables.to_parquet(table)
    digests = {name: files.digest(content) for name, content in members.items()}
    manifest = {"format": FORMAT, "header": header, "origins": known, "sha256": digests}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("manifest.json", json.dumps(manifest, sort_keys=True))
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def read(path: Path) -> tuple[dict, Tables, Origins]:
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
        header = headers.check_header(manifest["header"])
        if header["name"] != headers.folder_name(header):
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
            if set(rows_of) != set(layout) or stored_runs.runs_of(rows_of) != list(
                partial.runs(key)
            ):
                raise ValueError(f"part {key} has other tables or other runs than its name")
        origins = {}
        for key, origin in manifest.get("origins", {}).items():
            origins |= stored_runs.shared(
                key, stored_runs.runs_of(parts[key]), trainers.check_origin(origin)
            )
        return header, stored_runs.joined(list(parts.values()), layout), origins
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
        fault = getattr(error, "strerror", None) or fault  # an OSError's, without its number
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
