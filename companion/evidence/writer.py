"""Writing a record stack by stack, so that a kill loses at most the epoch in progress."""

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from companion.evidence import (
    checkpoints,
    checks,
    files,
    headers,
    partial,
    provenance,
    records,
    tables,
    trainers,
)
from companion.evidence.records import Record


class Writer:
    """The one who writes a record; another gets a `ValueError` as long as it is open.

    `folder` is the record's final folder; until `finish`, all is in `<folder>.partial/`. Opening
    the same folder with an equal header goes on where it stopped, and does nothing more when the
    record is complete (`complete` is then True). With another header it is a `ValueError` that
    names the first differing key, and nothing is touched.

        with Writer(folder, header) as writer:
            for key in stacks:
                if key not in writer.finished():
                    writer.add(key, train(key, state=writer.load_checkpoint(key)))
            record = writer.finish()
    """

    def __init__(self, folder: str | Path, header: dict):
        self.folder, self.header = Path(folder), headers.check_header(header)
        self.layout = tables.of(self.header)
        self.partial = partial.folder_of(self.folder)
        self._lock: files.Lock | None = None
        self._record = self._existing()
        if self._record is None:
            self._begin()
            self._record = self._existing()  # another writer may have finished it meanwhile
        if self._record:
            self.close()
            shutil.rmtree(self.partial, ignore_errors=True)  # left by a kill during its removal

    # --- opening --------------------------------------------------------------------------------

    def _existing(self) -> Record | None:
        """Return the finished record in the folder if it is this one; refuse anything else."""
        if not os.path.lexists(self.folder):
            return None
        if not (self.folder / "record.json").is_file():
            raise ValueError(f"{self.folder} exists and is no record; choose another --out.")
        record = records.load(self.folder)
        old = headers.declared(record.provenance)
        difference = partial.first_difference(headers.identity(old), headers.identity(self.header))
        if difference:
            raise ValueError(
                f"{self.folder} holds a finished record with another header: "
                f"{partial.sentence(difference)}; choose another --out or delete that folder."
            )
        return record

    def _begin(self) -> None:
        """Take hold of the working folder, or make it."""
        for path in (self.partial, self.partial / "parts", self.partial / "checkpoints"):
            if path.is_symlink():
                raise ValueError(
                    f"{path} must be a folder of its own, and is a link; remove it or choose "
                    "another --out."
                )
        try:
            self.partial.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise ValueError(
                f"{self.partial} must be a folder, and is a file; remove it or choose another "
                "--out."
            ) from None
        self._lock = files.Lock(self.partial / "lock")
        try:
            self._check_header()
        except ValueError:
            self.close()
            raise
        for kind in ("parts", "checkpoints"):
            (self.partial / kind).mkdir(exist_ok=True)
        for leftover in (self.partial / "parts").glob(".*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)
        for leftover in (self.partial / "checkpoints").glob(".*.tmp"):
            leftover.unlink()
        for key in self.finished():  # a kill between the part and the removal leaves one behind
            self.drop_checkpoint(key)
        self._before, self._damaged = partial.worked(self.partial)
        self._opened = time.monotonic()

    def _check_header(self) -> None:
        path = self.partial / "header.json"
        if not path.exists() and not partial.parts(self.partial):
            files.write_json(path, self.header)
        begun = files.read_json(path)
        difference = partial.first_difference(
            headers.identity(begun), headers.identity(self.header)
        )
        if difference:
            raise ValueError(
                f"{self.partial} was begun with another header: {partial.sentence(difference)}; "
                "choose another --out or delete that folder."
            )

    # --- what is there --------------------------------------------------------------------------

    @property
    def complete(self) -> bool:
        """Whether the finished record is there."""
        return self._record is not None

    def finished(self) -> set[str]:
        """Return the keys of the stacks that are stored and whole."""
        if self._record:
            return set(self._record.provenance["stacks"])
        return {part.name for part, _ in partial.whole(self.partial, self.layout)}

    def damaged(self) -> list[str]:
        """Return one sentence for each stored part, checkpoint or time that cannot be used, and
        for what lies among them and is not ours."""
        if self.complete:
            return []
        return [*self._damaged, *partial.damaged(self.partial, self.layout)]

    def checkpoints(self) -> list[str]:
        """Return the keys of the stacks that have a checkpoint, whole or damaged."""
        return [] if self.complete else [p.stem for p in partial.checkpoints_in(self.partial)]

    def load_checkpoint(self, key: str) -> Any:
        """Return the stored state of a stack on the CPU, or None; `ValueError` when it is
        damaged."""
        path = self._path("checkpoints", key)
        return None if self.complete or not path.exists() else checkpoints.read(path)

    def elapsed(self, now: float | None = None) -> float:
        """Return the seconds worked before and `now` (since opening, measured when None).

        Work that a kill lost, after the last part or checkpoint, is not counted.
        """
        return self._before + (time.monotonic() - self._opened if now is None else float(now))

    # --- what is added --------------------------------------------------------------------------

    def _path(self, kind: str, key: str) -> Path:
        partial.runs(key)
        return self.partial / kind / (f"{key}.pt" if kind == "checkpoints" else key)

    def _open(self) -> None:
        if self.complete:
            raise ValueError(f"the record {self.folder} is complete; nothing can be added to it.")

    def add(
        self,
        key: str,
        frames: dict[str, pd.DataFrame],
        origin: dict | None = None,
        elsewhere: bool = False,
    ) -> None:
        """Store the tables of a finished stack in one step and drop its checkpoint.

        key: of `partial.key`. origin: machine, code and seconds, as in `trainers.ORIGIN`, if
        they are known. elsewhere: those seconds were not worked here; they are added to the time
        worked.
        """
        self._open()
        part = self._path("parts", key)
        if key in self.finished():
            raise ValueError(f"stack {key} is in {self.partial} already; skip what is finished().")
        encoded = self._encoded(key, frames)
        origin = None if origin is None else trainers.check_origin(origin)
        temporary = part.with_name(f".{key}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        digests = {}
        for name, table in encoded.items():
            data = tables.to_parquet(table)
            files.write_bytes(temporary / f"{name}.parquet", data)
            digests[name] = files.digest(data)
        if origin is not None:
            files.write_json(temporary / "origin.json", origin)
            digests["origin"] = files.digest((temporary / "origin.json").read_bytes())
        files.write_json(temporary / "digests.json", digests)
        if part.exists():  # a damaged one
            shutil.rmtree(part)
        os.replace(temporary, part)
        files.sync_folder(part.parent)
        self.drop_checkpoint(key)
        if origin is not None and elsewhere:
            self._before += origin["seconds"]
        self._save_elapsed()

    def _encoded(self, key: str, frames: dict[str, pd.DataFrame]) -> partial.Tables:
        """Return the tables as they are stored; `ValueError` when they are not of this stack."""
        if set(frames) != set(self.layout):
            raise ValueError(
                f"a stack has the tables {', '.join(self.layout)}, "
                f"got {', '.join(sorted(frames)) or 'none'}; give all of them."
            )
        found = {name: tables.encode(name, frames[name], self.layout) for name in self.layout}
        faults = checks.content(
            self.header, {n: t.to_pandas() for n, t in found.items()}, complete=False
        )
        numbers = sorted(set(found["epochs"]["run"].to_pylist()))
        if not faults and numbers != list(partial.runs(key)):
            faults = [f"its rows must be of the runs in its name, got {numbers}; rename it."]
        if faults:
            raise ValueError(f"stack {key} cannot be recorded: {faults[0]}")
        return found

    def save_checkpoint(self, key: str, state: Any) -> None:
        """Store where a stack stands, replacing the checkpoint before it in one step: nested dicts
        and lists of tensors, numbers and text."""
        self._open()
        files.write_bytes(self._path("checkpoints", key), checkpoints.encode(state))
        self._save_elapsed()

    def drop_checkpoint(self, key: str) -> None:
        """Delete a checkpoint that no stack will go on from."""
        self._path("checkpoints", key).unlink(missing_ok=True)

    def _save_elapsed(self) -> None:
        files.write_json(self.partial / "elapsed.json", {"wall_seconds": round(self.elapsed(), 3)})

    # --- the end --------------------------------------------------------------------------------

    def finish(self, wall_seconds: float | None = None) -> Record:
        """Merge the parts, put the record in place in one step, and return it.

        `wall_seconds` is the time since this writer was opened (measured when not given); what
        was worked before a resume, or elsewhere, is added to it. A damaged or missing part is a
        `ValueError`, and nothing is lost.
        """
        if self._record:
            return self._record
        stacks = dict(partial.whole(self.partial, self.layout))
        merged = self._merged(list(stacks.values()))
        temporary = self.partial / "record.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        entries = {}
        for name, table in merged.items():
            data = tables.to_parquet(table)
            files.write_bytes(temporary / f"{name}.parquet", data)
            entries[name] = {"rows": table.num_rows, "sha256": files.digest(data)}
        result = {
            "schema": provenance.SCHEMA,
            "tables": entries,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_seconds": round(self.elapsed(wall_seconds), 1),
            "stacks": [part.name for part in stacks],
        }
        trained = trainers.trained({part.name: partial.read_origin(part) for part in stacks})
        if trained:
            result["trained"] = trained
        content = provenance.sealed({**self.header, **result})
        files.write_json(temporary / "record.json", content)
        os.replace(temporary, self.folder)
        files.sync_folder(self.folder.parent)
        self._record = records.load(self.folder)
        shutil.rmtree(self.partial)
        self.close()
        return self._record

    def _merged(self, stacks: list[partial.Tables]) -> partial.Tables:
        """Return all rows, in order; `ValueError` when they are no whole record."""
        if not stacks:
            raise self._unfinished("it has no finished stack; add at least one")
        merged = {}
        for name in self.layout:
            rows = pa.concat_tables([stack[name] for stack in stacks])
            merged[name] = rows.sort_by([(key, "ascending") for key in tables.KEYS[name]])
        faults = checks.content(self.header, {n: t.to_pandas() for n, t in merged.items()})
        if faults:
            raise self._unfinished(faults[0])
        return merged

    def _unfinished(self, fault: str) -> ValueError:
        """Return the error of a record that lacks something, which damage may be the cause of."""
        damaged = partial.damaged(self.partial, self.layout)
        return ValueError(damaged[0] if damaged else f"{self.partial} cannot be finished: {fault}")

    def close(self) -> None:
        """Let another writer in; what is stored stays and can be resumed."""
        if self._lock:
            self._lock.release()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
