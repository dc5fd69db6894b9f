"""The working folder of a record that is being made: `<record>.partial/`.

    header.json              what is being run; the same as in the finished record
    elapsed.json             seconds worked so far, over all resumes
    parts/<stack>/           the three tables of a finished stack, with origin.json (who trained
                             it, in what time; may be absent) and digests.json
    checkpoints/<stack>.pt   where a stack that still trains can go on
    lock                     held by the one process that writes

Each file and each part appears in one step, so that a kill at any moment loses no finished stack.
"""

import json
import os
import re
import reprlib
import shutil
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from companion.evidence import checkpoints, checks, files, provenance, tables

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def folder_of(record: Path) -> Path:
    """Return the working folder of the record folder `record`.

    >>> folder_of(Path("records/mlp")).name
    'mlp.partial'
    """
    return record.with_name(f"{record.name}.partial")


def first_difference(old: Any, new: Any, key: str = "") -> tuple[str, Any, Any] | None:
    """Return the first differing key (dotted, in sorted order) with its two values, or None.

    >>> first_difference({"arms": {"wr": {"lr": 1}}}, {"arms": {"wr": {"lr": 2}}})
    ('arms.wr.lr', 1, 2)
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            path = f"{key}.{name}" if key else name
            if name not in old or name not in new:
                return path, old.get(name, "nothing"), new.get(name, "nothing")
            found = first_difference(old[name], new[name], path)
            if found:
                return found
        return None
    return None if old == new else (key, old, new)


def sentence(difference: tuple[str, Any, Any]) -> str:
    """Say a difference in words, long values cut."""
    key, old, new = difference
    return f"{key} is {reprlib.repr(old)} there and {reprlib.repr(new)} now"


def read_part(part: Path) -> dict[str, pa.Table]:
    """Return the tables of a finished stack; `ValueError` with one sentence when it is damaged."""
    digests = _digests(part)
    if "origin" in digests:
        _content(part, "origin.json", digests["origin"])
    return {
        name: tables.from_parquet(name, _content(part, f"{name}.parquet", digests.get(name)))
        for name in tables.TABLES
    }


def read_origin(part: Path) -> dict | None:
    """Return who trained a finished stack and in what time, or None when it does not say.

    `ValueError` as in `read_part`.
    """
    digests = _digests(part)
    if "origin" not in digests:
        return None
    return provenance.check_origin(json.loads(_content(part, "origin.json", digests["origin"])))


def _digests(part: Path) -> dict:
    try:
        return files.read_json(part / "digests.json")
    except ValueError:
        raise _damaged(part, "digests.json cannot be read") from None


def _content(part: Path, file: str, digest: str | None) -> bytes:
    try:
        data = (part / file).read_bytes()
    except OSError:
        raise _damaged(part, f"{file} is missing") from None
    if files.digest(data) != digest:
        raise _damaged(part, f"{file} differs from its digest")
    return data


def _damaged(part: Path, fault: str) -> ValueError:
    return ValueError(
        f"part {part.name} in {part.parent.parent} is damaged ({fault}); "
        "run the same command again to train this stack anew."
    )


def problems(folder: Path) -> list[str]:
    """Return one sentence for each damaged file of a working folder, after one that names it."""
    try:
        files.read_json(folder / "header.json")
        found = []
    except ValueError as error:
        found = [str(error)]
    done = 0
    for part in _parts(folder):
        try:
            read_part(part)
            done += 1
        except ValueError as error:
            found.append(str(error))
    for path in sorted((folder / "checkpoints").glob("[!.]*.pt")):
        try:
            checkpoints.read(path)
        except ValueError as error:
            found.append(str(error))
    state = (
        f"{folder} is a record in the making with {done} finished stacks; "
        "run the same command again to finish it."
    )
    return [state, *found]


def _parts(folder: Path) -> list[Path]:
    parts = folder / "parts"
    return sorted(p for p in parts.glob("[!.]*") if p.is_dir()) if parts.is_dir() else []


class WorkingFolder:
    """Parts and checkpoints of one record in the making, held by one writer.

    Raises `ValueError`, with nothing touched, when the folder belongs to another header or to
    another process.
    """

    def __init__(self, folder: Path, header: dict):
        self.folder, self.header = folder, header
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = files.Lock(folder / "lock")
        try:
            self._check_header()
        except ValueError:
            self._lock.release()
            raise
        (folder / "parts").mkdir(exist_ok=True)
        (folder / "checkpoints").mkdir(exist_ok=True)
        for leftover in (folder / "parts").glob(".*"):
            shutil.rmtree(leftover)
        for leftover in (folder / "checkpoints").glob(".*"):
            leftover.unlink()
        for key in self.finished():  # a kill between the part and the removal leaves one behind
            self._checkpoint(key).unlink(missing_ok=True)
        elapsed = folder / "elapsed.json"
        self._before = files.read_json(elapsed)["wall_seconds"] if elapsed.exists() else 0.0
        self._opened = time.monotonic()

    def _check_header(self) -> None:
        path = self.folder / "header.json"
        if not path.exists() and not _parts(self.folder):
            files.write_json(path, self.header)
        begun = files.read_json(path)
        difference = first_difference(provenance.identity(begun), provenance.identity(self.header))
        if difference:
            raise ValueError(
                f"{self.folder} was begun with another header: {sentence(difference)}; "
                "choose another --out or delete that folder."
            )

    def _path(self, kind: str, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(
                f"a stack key has 1 to 100 letters, digits, '.', '_' or '-', got {key!r}; "
                "rename it."
            )
        return self.folder / kind / key

    def _checkpoint(self, key: str) -> Path:
        path = self._path("checkpoints", key)
        return path.with_name(f"{path.name}.pt")

    def finished(self) -> set[str]:
        """Return the keys of the finished stacks whose files are whole."""
        done = set()
        for part in _parts(self.folder):
            try:
                read_part(part)
                done.add(part.name)
            except ValueError:
                continue  # named by `damaged`
        return done

    def damaged(self) -> list[str]:
        """Return one sentence for each part or checkpoint that no longer fits its digest."""
        return problems(self.folder)[1:]

    def add(
        self,
        key: str,
        frames: dict[str, pd.DataFrame],
        origin: dict | None = None,
        elsewhere: bool = False,
    ) -> None:
        """Store the tables of a finished stack in one step and drop its checkpoint.

        origin: machine, code and seconds, as in `provenance.ORIGIN`. elsewhere: another working
        folder counted those seconds; they are added to the time worked here.
        """
        part = self._path("parts", key)
        if key in self.finished():
            raise ValueError(f"stack {key} is in {self.folder} already; skip what is finished().")
        if set(frames) != set(tables.TABLES):
            raise ValueError(
                f"a stack has the tables {', '.join(tables.TABLES)}, "
                f"got {', '.join(sorted(frames)) or 'none'}; give all three."
            )
        encoded = {name: tables.encode(name, frames[name]) for name in tables.TABLES}
        found = checks.content(
            self.header, {n: t.to_pandas() for n, t in encoded.items()}, complete=False
        )
        if found:
            raise ValueError(f"stack {key} cannot be recorded: {found[0]}")
        origin = None if origin is None else provenance.check_origin(origin)
        temporary = part.with_name(f".{key}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        data = {name: tables.to_parquet(table) for name, table in encoded.items()}
        for name in data:
            files.write_bytes(temporary / f"{name}.parquet", data[name])
        digests = {name: files.digest(data[name]) for name in data}
        if origin is not None:
            files.write_json(temporary / "origin.json", origin)
            digests["origin"] = files.digest((temporary / "origin.json").read_bytes())
        files.write_json(temporary / "digests.json", digests)
        if part.exists():  # a damaged one
            shutil.rmtree(part)
        os.replace(temporary, part)
        files.sync_folder(part.parent)
        self._checkpoint(key).unlink(missing_ok=True)
        if origin is not None and elsewhere:
            self._before += origin["seconds"]
        self._save_elapsed()

    def save_checkpoint(self, key: str, state: Any) -> None:
        """Store where a stack stands: nested dicts and lists of tensors, numbers and text."""
        files.write_bytes(self._checkpoint(key), checkpoints.encode(state))
        self._save_elapsed()

    def load_checkpoint(self, key: str) -> Any:
        """Return the stored state of a stack, on the CPU, or None when there is none."""
        path = self._checkpoint(key)
        return checkpoints.read(path) if path.exists() else None

    def checkpoints(self) -> list[str]:
        """Return the keys of the stacks that have a checkpoint, whole or damaged."""
        return sorted(path.stem for path in (self.folder / "checkpoints").glob("[!.]*.pt"))

    def drop_checkpoint(self, key: str) -> None:
        """Delete a checkpoint that no stack will go on from."""
        self._checkpoint(key).unlink(missing_ok=True)

    def elapsed(self, now: float | None = None) -> float:
        """Return the seconds worked before and `now` (since opening, measured when None).

        Work that a kill lost, after the last part or checkpoint, is not counted.
        """
        return self._before + (time.monotonic() - self._opened if now is None else float(now))

    def _save_elapsed(self) -> None:
        files.write_json(self.folder / "elapsed.json", {"wall_seconds": round(self.elapsed(), 3)})

    def close(self) -> None:
        """Let another writer in; what is stored stays."""
        self._lock.release()

    def remove(self) -> None:
        """Delete the folder, once its record stands, and let go of the lock."""
        shutil.rmtree(self.folder)
        self._lock.release()
