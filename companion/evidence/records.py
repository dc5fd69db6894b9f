"""Records: what was run, on disk, with where it came from.

A finished record is a folder with `epochs.parquet`, `layers.parquet`, `histograms.parquet`
(columns in `tables`) and `record.json`: name, experiment, scale, dataset and its digest, arms,
seeds, code, machine, wall time and how the setting differs from the paper's. Its `trained` says
which machine trained which part, and in how many seconds; older records do not have it.
"""

import os
import shutil
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa

from companion.evidence import checks, files, provenance, tables, working

_RECORDED = Path(__file__).parent / "recorded"


class Record:
    """A finished record; the tables are read, and checked against their digests, when asked for.

    `path` is its folder, `name` its name, `provenance` the content of record.json.
    """

    def __init__(self, path: Path, content: dict):
        self.path, self.provenance = path, content
        self.name: str = content["name"]

    def __repr__(self) -> str:
        return f"<Record {self.name}: {self.label()}>"

    def _table(self, name: str) -> pd.DataFrame:
        path = self.path / f"{name}.parquet"
        try:
            data = path.read_bytes()
        except OSError:
            raise ValueError(f"{path} is missing; restore it or run the record again.") from None
        if files.digest(data) != self.provenance["tables"][name]["sha256"]:
            raise ValueError(
                f"{path} differs from its digest in record.json; "
                "restore it or run the record again."
            )
        return tables.from_parquet(name, data).to_pandas()

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """One row per run and epoch: losses and accuracies."""
        return self._table("epochs")

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row per run, epoch and layer: weight statistics, pre-activation variance."""
        return self._table("layers")

    @cached_property
    def histograms(self) -> pd.DataFrame:
        """One row per run, epoch, layer and bin: weights before and after training."""
        return self._table("histograms")

    def label(self) -> str:
        """Return one line that says what was run: runs, epochs, dataset, scale, hardware."""
        p = self.provenance
        runs = f"{p['runs_per_arm']} run{'s' if p['runs_per_arm'] != 1 else ''} an arm"
        epochs = f"{p['epochs']} epoch{'s' if p['epochs'] != 1 else ''}"
        return f"{runs}, {epochs}, {p['dataset']}, {p['scale']} scale, {self._hardware()}"

    def _hardware(self) -> str:
        """Return what trained: each kind of machine once, or their number where they are many."""
        machines = [entry["machine"] for entry in self.provenance.get("trained", [])]
        machines = machines or [self.provenance["machine"]]
        kinds = list(dict.fromkeys(m.get("hardware", "unknown hardware") for m in machines))
        return " and ".join(kinds) if len(kinds) < 3 else f"{len(kinds)} kinds of hardware"


def load(path: str | Path) -> Record:
    """Open a finished record; `ValueError` when there is none or its record.json is damaged."""
    path = Path(path)
    if not (path / "record.json").is_file():
        if working.folder_of(path).is_dir():
            raise ValueError(f"{path} is not finished; run the same command again to finish it.")
        raise ValueError(f"{path} must hold record.json and does not; give a record's folder.")
    content = files.read_json(path / "record.json")
    faults = provenance.problems(content)
    if faults:
        raise ValueError(f"{path}: {faults[0]}")
    return Record(path, content)


def recorded_names() -> list[str]:
    """Return the names of the records that ship with the package."""
    return sorted(p.parent.name for p in _RECORDED.glob("*/record.json"))


def recorded(name: str) -> Record:
    """Open a record that ships with the package; `ValueError` lists the names there are."""
    if name not in recorded_names():
        names = ", ".join(recorded_names()) or "none yet"
        raise ValueError(f"the recorded experiments are: {names}; got {name!r}; use one of them.")
    return load(_RECORDED / name)


def verify(path: str | Path) -> list[str]:
    """Return one sentence for each fault of a record, finished or in the making; [] is sound.

    Checked are the keys and types of record.json, the digest, columns, types and row counts of
    each table, and what the rows say: runs per arm, epochs, ranges, no NaN before training.
    """
    path = Path(path)
    if (path / "header.json").is_file():
        return working.problems(path)
    try:
        record = load(path)
    except ValueError as error:
        return [str(error)]
    problems, frames = [], {}
    for name in tables.TABLES:
        try:
            frames[name] = getattr(record, name)
        except ValueError as error:
            problems.append(str(error))
            continue
        declared = record.provenance["tables"][name]["rows"]
        if declared != len(frames[name]):
            problems.append(f"{name} has {len(frames[name])} rows, record.json says {declared}.")
    if len(frames) == len(tables.TABLES):
        problems += checks.content(record.provenance, frames)
    return problems


class Writer:
    """Write a record stack by stack, so that a kill loses at most the epoch in progress.

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
        self.folder = Path(folder)
        self.header = provenance.check_header(header)
        self._work = None
        partial = working.folder_of(self.folder)
        if self._existing() is None:
            self._work = working.WorkingFolder(partial, self.header)
        self._record = self._existing()  # once more: another writer may have finished it meanwhile
        if self._record:
            self.close()
            self._work = None
            shutil.rmtree(partial, ignore_errors=True)  # left by a kill during its removal

    def _existing(self) -> Record | None:
        """Return the finished record in the folder if it is this one; refuse anything else."""
        if not self.folder.exists():
            return None
        if not (self.folder / "record.json").is_file():
            raise ValueError(f"{self.folder} exists and is no record; choose another --out.")
        record = load(self.folder)
        old = provenance.declared(record.provenance)
        difference = working.first_difference(
            provenance.identity(old), provenance.identity(self.header)
        )
        if difference:
            raise ValueError(
                f"{self.folder} holds a finished record with another header: "
                f"{working.sentence(difference)}; choose another --out or delete that folder."
            )
        return record

    @property
    def complete(self) -> bool:
        """Whether the finished record is there."""
        return self._record is not None

    def _open(self) -> working.WorkingFolder:
        if self._work is None:
            raise ValueError(f"the record {self.folder} is complete; nothing can be added to it.")
        return self._work

    def finished(self) -> set[str]:
        """Return the keys of the stacks that are stored and whole."""
        return set(self._record.provenance["stacks"]) if self._record else self._open().finished()

    def damaged(self) -> list[str]:
        """Return one sentence for each stored part or checkpoint that is damaged."""
        return [] if self.complete else self._open().damaged()

    def add(
        self,
        key: str,
        frames: dict[str, pd.DataFrame],
        origin: dict | None = None,
        elsewhere: bool = False,
    ) -> None:
        """Store the three tables of a finished stack, all or nothing; its checkpoint goes.

        origin: the machine, code and seconds of the training, as in `provenance.ORIGIN`, if they
        are known. elsewhere: they were not worked here, and are added to the time worked.
        """
        self._open().add(key, frames, origin, elsewhere)

    def save_checkpoint(self, key: str, state: object) -> None:
        """Store where a stack stands, replacing the checkpoint before it in one step."""
        self._open().save_checkpoint(key, state)

    def load_checkpoint(self, key: str) -> object:
        """Return the stored state on the CPU, or None; `ValueError` when it is damaged."""
        return None if self.complete else self._open().load_checkpoint(key)

    def checkpoints(self) -> list[str]:
        """Return the keys of the stacks that have a checkpoint."""
        return [] if self.complete else self._open().checkpoints()

    def drop_checkpoint(self, key: str) -> None:
        """Delete a checkpoint that no stack will go on from."""
        self._open().drop_checkpoint(key)

    def finish(self, wall_seconds: float | None = None) -> Record:
        """Merge the parts, put the record in place in one step, and return it.

        `wall_seconds` is the time since this writer was opened (measured when not given); what
        was worked before a resume, or elsewhere, is added to it. A damaged or missing part is a
        `ValueError`, and nothing is lost.
        """
        if self._record:
            return self._record
        work = self._open()
        parts = sorted((work.folder / "parts").glob("[!.]*"))
        stacks = [working.read_part(part) for part in parts]
        if not stacks:
            raise ValueError(f"{work.folder} has no finished stack; add at least one.")
        merged = {}
        for name in tables.TABLES:
            whole = pa.concat_tables([stack[name] for stack in stacks])
            merged[name] = whole.sort_by([(key, "ascending") for key in tables.KEYS[name]])
        faults = checks.content(self.header, {n: t.to_pandas() for n, t in merged.items()})
        if faults:
            raise ValueError(f"{work.folder} cannot be finished: {faults[0]}")
        temporary = work.folder / "record.tmp"
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
            "wall_seconds": round(work.elapsed(wall_seconds), 1),
            "stacks": [part.name for part in parts],
        }
        trained = provenance.trained({part.name: working.read_origin(part) for part in parts})
        if trained:
            result["trained"] = trained
        files.write_json(temporary / "record.json", {**self.header, **result})
        os.replace(temporary, self.folder)
        files.sync_folder(self.folder.parent)
        self._record, self._work = load(self.folder), None
        work.remove()
        return self._record

    def close(self) -> None:
        """Let another writer in; what is stored stays and can be resumed."""
        if self._work:
            self._work.close()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
