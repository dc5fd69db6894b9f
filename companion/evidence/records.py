"""Records: what was run, on disk, with where it came from.

A finished record is a folder with `epochs.parquet` and, as far as they were measured,
`layers.parquet`, `histograms.parquet`, `steps.parquet`, and `record.json`: name, experiment, scale,
dataset and its digest, arms, seeds, the columns of the tables, code, machine, wall time and how the
setting differs from the paper's. Its `trained` says which machine trained which part, and in how
many seconds, its `sha256` is the digest of all the rest; older records have neither, and do not
declare their columns, which are `tables.TABLES`.
"""

from functools import cached_property
from pathlib import Path

import pandas as pd

from companion.evidence import checks, files, partial, provenance, tables

_CHAPTERS = Path(__file__).parents[1] / "chapters"


class Record:
    """A finished record; the tables are read, and checked against their digests, when asked for.

    `path` is its folder, `name` its name, `provenance` the content of record.json.
    """

    def __init__(self, path: Path, content: dict):
        self.path, self.provenance = path, content
        self.name: str = content["name"]
        self.layout = tables.of(content)

    def __repr__(self) -> str:
        return f"<Record {self.name}: {self.label()}>"

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self.layout:
            return tables.empty(name, {**tables.TABLES, **self.layout})
        path = self.path / f"{name}.parquet"
        try:
            data = path.read_bytes()
        except OSError:
            raise ValueError(f"{path} is missing; restore it or run the record again.") from None
        said = self.provenance["tables"][name]
        if files.digest(data) != said["sha256"]:
            raise ValueError(
                f"{path} differs from its digest in record.json; "
                "restore it or run the record again."
            )
        return tables.from_parquet(name, data, self.layout, said["rows"]).to_pandas()

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """One row per run and epoch: losses, accuracies and what else was measured."""
        return self._table("epochs")

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row per run, epoch and layer; without rows where no measure is one a layer."""
        return self._table("layers")

    @cached_property
    def histograms(self) -> pd.DataFrame:
        """One row per run, epoch, layer and bin: weights before and after training; without rows
        where the experiment leaves them out."""
        return self._table("histograms")

    @cached_property
    def steps(self) -> pd.DataFrame:
        """One row per run, step and layer; `ValueError` where nothing was measured at steps."""
        if "steps" not in self.layout:
            raise ValueError(
                f"{self.name} must have a measure taken at steps, and has none; run an experiment "
                "that names one."
            )
        return self._table("steps")

    @property
    def is_sealed(self) -> bool:
        """Whether record.json holds a digest of itself; those of older records do not."""
        return "sha256" in self.provenance

    def label(self) -> str:
        """Return one line that says what was run: runs of each way of training, epochs, dataset,
        scale, hardware. It stands in captions, where a reader may not know yet what an arm is."""
        p = self.provenance
        runs = f"{p['runs_per_arm']} run{'s' if p['runs_per_arm'] != 1 else ''}"
        runs += " each" if len(p["arms"]) > 1 else ""
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
        if partial.folder_of(path).is_dir():
            raise ValueError(f"{path} is not finished; run the same command again to finish it.")
        raise ValueError(f"{path} must hold record.json and does not; give a record's folder.")
    content = files.read_json(path / "record.json")
    faults = provenance.problems(content)
    if faults:
        raise ValueError(f"{path}: {faults[0]}")
    return Record(path, content)


def recorded_names() -> list[str]:
    """Return the names of the records that ship with the package."""
    return sorted(_shipped())


def recorded(name: str) -> Record:
    """Open a record that ships with the package; `ValueError` lists the names there are."""
    shipped = _shipped()
    if name not in shipped:
        names = ", ".join(sorted(shipped)) or "none yet"
        raise ValueError(f"the recorded experiments are: {names}; got {name!r}; use one of them.")
    return load(shipped[name])


def _shipped() -> dict[str, Path]:
    """Name -> folder of the records that lie in the chapters' folders."""
    return {p.parent.name: p.parent for p in _CHAPTERS.glob("*/records/*/record.json")}


def verify(path: str | Path) -> list[str]:
    """Return one sentence for each fault of a record, finished or in the making; [] is sound.

    Checked are the keys, types and digest of record.json, the digest, columns, types and row counts
    of each table, and what the rows say: runs per arm, epochs, what each column may hold, and the
    laws between columns (`consistency`).
    """
    path = Path(path)
    try:
        if (path / "header.json").is_file():
            return partial.problems(path)
        record = load(path)
    except OSError as error:
        return [files.unusable(error)]
    except ValueError as error:
        return [str(error)]
    problems, frames = provenance.false(record.provenance), {}
    for name in record.layout:
        try:
            frames[name] = getattr(record, name)
        except ValueError as error:
            problems.append(str(error))
            continue
        rows = record.provenance["tables"][name]["rows"]
        if rows != len(frames[name]):
            problems.append(f"{name} has {len(frames[name])} rows, record.json says {rows}.")
    if len(frames) == len(record.layout):
        problems += checks.order(frames)
        problems += checks.content(record.provenance, frames)
    return problems
