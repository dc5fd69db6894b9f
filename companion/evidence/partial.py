"""The working folder of a record that is being made, read: `<record>.partial/`.

    header.json              what is being run; the same as in the finished record
    elapsed.json             seconds worked so far, over all resumes
    parts/<runs>/            the tables of a finished stack, with origin.json (who trained it, in
                             what time; may be absent) and digests.json
    checkpoints/<runs>.pt    where a stack that still trains can go on
    lock                     held by the one process that writes

<runs> is the first and the last run of the stack, which are consecutive, as in 00004-00011. Each
file and each part appears in one step, so that a kill at any moment loses no finished stack. What
has no such name is not ours: it is left alone, and named.
"""

import re
import reprlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from companion.evidence import checkpoints, files, headers, tables, trainers

_KEY = re.compile(r"(\d{5,9})-(\d{5,9})")
Tables = dict[str, pa.Table]


def folder_of(record: Path) -> Path:
    """Return the working folder of the record folder `record`.

    >>> folder_of(Path("records/mlp")).name
    'mlp.partial'
    """
    named = record if record.name else record.absolute()  # as of "."
    return named.parent / f"{named.name}.partial"


def key(numbers: Sequence[int]) -> str:
    """Return the key of a stack of consecutive runs.

    >>> key([4, 5, 6])
    '00004-00006'
    """
    return f"{numbers[0]:05d}-{numbers[-1]:05d}"


def runs(key: str) -> range:
    """Return the runs of a stack's key; `ValueError` when it is none.

    >>> list(runs("00004-00006"))
    [4, 5, 6]
    """
    found = _KEY.fullmatch(key)
    numbers = range(int(found[1]), int(found[2]) + 1) if found else range(0)
    if not 0 < len(numbers) <= headers.MOST_RUNS or key != f"{numbers[0]:05d}-{numbers[-1]:05d}":
        raise ValueError(
            "a stack's key is its first and last run, as in 00004-00011, of at most "
            f"{headers.MOST_RUNS:,} runs, got {key!r}; rename it."
        )
    return numbers


def is_key(key: str) -> bool:
    """Return whether a stack may have that key."""
    try:
        return bool(runs(key))
    except ValueError:
        return False


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


def parts(folder: Path) -> list[Path]:
    """Return the parts of a working folder, whole or damaged, in the order of their runs."""
    found = (path for path in (folder / "parts").glob("*") if is_key(path.name) and path.is_dir())
    return sorted(found, key=lambda path: runs(path.name)[0])


def checkpoints_in(folder: Path) -> list[Path]:
    """Return the checkpoints of a working folder, whole or damaged."""
    found = (path for path in (folder / "checkpoints").glob("*.pt") if is_key(path.stem))
    return sorted(path for path in found if path.is_file())


def foreign(folder: Path) -> list[str]:
    """Return one sentence for each thing among parts and checkpoints that is not ours; hidden ones
    are left alone in silence."""
    ours = {*parts(folder), *checkpoints_in(folder)}
    found = (path for kind in ("parts", "checkpoints") for path in (folder / kind).glob("[!.]*"))
    return [
        f"{path} is no part of a record and is left alone; move it away."
        for path in sorted(set(found) - ours)
    ]


def read_part(part: Path, layout: tables.Layout) -> Tables:
    """Return the tables of a finished stack; `ValueError` with one sentence when it is damaged."""
    digests = _digests(part)
    if "origin" in digests:
        _content(part, "origin.json", digests["origin"])
    found = {
        name: tables.from_parquet(
            name, _content(part, f"{name}.parquet", digests.get(name)), layout
        )
        for name in layout
    }
    numbers = sorted(set(found["epochs"]["run"].to_pylist()))
    if numbers != list(runs(part.name)):
        raise damage(part, f"it holds {_said(numbers)}")
    return found


def _said(numbers: Sequence[int]) -> str:
    return f"runs {numbers[0]} to {numbers[-1]}" if numbers else "no run"


def read_origin(part: Path) -> dict | None:
    """Return who trained a finished stack and in what time, or None when it does not say.

    `ValueError` as in `read_part`.
    """
    digests = _digests(part)
    if "origin" not in digests:
        return None
    return trainers.check_origin(files.parsed(_content(part, "origin.json", digests["origin"])))


def _digests(part: Path) -> dict:
    try:
        return files.read_json(part / "digests.json")
    except ValueError:
        raise damage(part, "digests.json cannot be read") from None


def _content(part: Path, file: str, digest: str | None) -> bytes:
    try:
        data = (part / file).read_bytes()
    except OSError:
        raise damage(part, f"{file} is missing") from None
    if files.digest(data) != digest:
        raise damage(part, f"{file} differs from its digest")
    return data


def damage(part: Path, fault: str) -> ValueError:
    """Return the error of a part that cannot be used."""
    return ValueError(
        f"part {part.name} in {part.parent.parent} is damaged ({fault}); "
        "run the same command again to train this stack anew."
    )


def worked(folder: Path) -> tuple[float, list[str]]:
    """Return the seconds worked so far, and a sentence where the file that says them is damaged:
    they count as 0 then, as no result rests on them."""
    path = folder / "elapsed.json"
    if not path.exists():
        return 0.0, []
    try:
        seconds = float(files.read_json(path)["wall_seconds"])
        if 0 <= seconds <= trainers.MOST_SECONDS:
            return seconds, []
    except (ValueError, TypeError, LookupError):
        pass
    return 0.0, [f"{path} is damaged; the time worked before counts as 0."]


def damaged(folder: Path, layout: tables.Layout) -> list[str]:
    """Return one sentence for each part, checkpoint or time that cannot be used, and for what is
    not ours."""
    found = []
    for part in parts(folder):
        try:
            read_part(part, layout)
        except ValueError as error:
            if part.is_dir():  # else it was finished, and removed, meanwhile
                found.append(str(error))
    for path in checkpoints_in(folder):
        try:
            checkpoints.read(path)
        except ValueError as error:
            if path.is_file():
                found.append(str(error))
    return [*found, *worked(folder)[1], *foreign(folder)]


def problems(folder: Path) -> list[str]:
    """Return one sentence for each damaged file of a working folder, after one that names it."""
    found, layout = [], tables.TABLES
    try:
        layout = tables.of(headers.check_header(files.read_json(folder / "header.json")))
    except ValueError as error:
        found = [str(error)]
    done = sum(1 for _ in whole(folder, layout))
    state = (
        f"{folder} is a record in the making with {done} finished stacks; "
        "run the same command again to finish it."
    )
    return [state, *found, *damaged(folder, layout)]


def whole(folder: Path, layout: tables.Layout) -> Iterable[tuple[Path, Tables]]:
    """Yield the parts whose files are whole, with their tables."""
    for part in parts(folder):
        try:
            found = read_part(part, layout)
        except ValueError:
            continue  # named by `damaged`
        yield part, found
