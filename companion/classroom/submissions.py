"""What students handed in, read with care: a folder of notebooks, of zips, or of folders of either.

A student's name is that of the file or folder, with an accent and its letter as one sign, as most
systems write them. Nothing is unpacked onto the disk, no link is
followed, and what is too large, damaged or written for another kernel is a line in the marks.
"""

from __future__ import annotations

import json
import os
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.evidence import files

BYTES = 20 << 20
"""The largest notebook, packed or not, that is read."""
CELLS = 1000
"""The most code cells that a notebook may have."""
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Unusable(ValueError):
    """A submission that cannot run; its message says why, without a full stop."""


@dataclass(frozen=True)
class Submission:
    """A student and what is known of the file: its code cells, or why there are none; and which
    assignment the notebook says it is, and with which numbers (`secret.named`), None where it says
    nothing."""

    student: str
    cells: tuple[str, ...] = ()
    digest: str = ""
    problem: str = ""
    assignment: int | None = None
    numbers: str | None = None


def found(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each student's name and file or folder; ValueError if there is none."""
    if not folder.is_dir():
        raise ValueError(
            f"SUBMISSIONS must be a folder of notebooks, zips or students' folders, got {folder}; "
            "unpack what the course system gave, and name that folder"
        )
    entries = sorted(one for one in folder.iterdir() if one.name[0] not in "._")
    names: dict[str, Path] = {}
    for entry in entries:
        if entry.is_dir() or entry.is_symlink() or entry.suffix.lower() in (".ipynb", ".zip"):
            name = plain_name(entry.name if entry.is_dir() else entry.stem)
            names[entry.name if name in names else name] = entry
    if not names:
        raise ValueError(
            f"SUBMISSIONS must hold a notebook, a zip or a folder for each student, and {folder} "
            "holds none; name the folder in which they lie"
        )
    yield from names.items()


def plain_name(text: str) -> str:
    """A student's name, so that those of a file and of a roster are the same.

    >>> plain_name(" Rene\u0301e ") == "Ren\u00e9e"
    True
    """
    return unicodedata.normalize("NFC", text).strip()


def read(student: str, path: Path) -> Submission:
    """Read what a student handed in; what cannot be used is said in ``problem``."""
    try:
        data = _notebook(path)
        whole = parsed(data)
        number, numbers = _said(whole, "assignment", int), _said(whole, "numbers", str)
        return Submission(student, tuple(code(whole)), files.digest(data), "", number, numbers)
    except Unusable as error:
        return Submission(student, problem=str(error))
    except OSError as error:
        return Submission(student, problem=f"it cannot be read ({error.strerror})")


def parsed(data: bytes) -> dict[str, Any]:
    """A notebook's bytes as what they say."""
    if not data.strip():
        raise Unusable("the notebook is empty")
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError):
        raise Unusable("the notebook is damaged: it is no JSON") from None
    if not isinstance(whole, dict) or not isinstance(whole.get("cells"), list):
        raise Unusable("the file is no notebook: it has no cells")
    return whole


def code(whole: dict[str, Any]) -> list[str]:
    """The code cells of a notebook."""
    kernel = _language(whole.get("metadata"))
    if kernel != "python":
        raise Unusable(f"the notebook is for the kernel {kernel[:40]!r}, and Python was asked for")
    cells = [
        _source(cell)
        for cell in whole["cells"]
        if isinstance(cell, dict) and cell.get("cell_type") == "code"
    ]
    if len(cells) > CELLS:
        raise Unusable(f"the notebook has {len(cells)} code cells, and at most {CELLS} are run")
    if not any(cell.strip() for cell in cells):
        raise Unusable("the notebook has no code")
    return cells


def _said(whole: dict[str, Any], what: str, kind: type) -> Any:
    """What our notebooks carry under a name, if it is still there."""
    for part in ("metadata", "companion", what):
        whole = whole.get(part) if isinstance(whole, dict) else None
    return whole if isinstance(whole, kind) else None


def _language(about: Any) -> str:
    """The kernel's language, lower case; python where none is said."""
    kernel = about.get("kernelspec") if isinstance(about, dict) else None
    if not isinstance(kernel, dict):
        return "python"
    language = str(kernel.get("language") or kernel.get("name") or "python").lower()
    return "python" if language.startswith("python") else language


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _notebook(path: Path) -> bytes:
    if path.is_symlink():
        raise Unusable("it is a link, and links are not followed")
    if path.is_dir():
        inside = [one for one in sorted(path.rglob("*")) if not one.is_symlink()]
        notebooks = [one for one in inside if _counts(one.relative_to(path).as_posix(), ".ipynb")]
        zips = [one for one in inside if _counts(one.relative_to(path).as_posix(), ".zip")]
        if not notebooks and len(zips) == 1:
            return _from_zip(zips[0])
        return _bytes(_only(notebooks))
    return _from_zip(path) if path.suffix.lower() == ".zip" else _bytes(path)


def _counts(name: str, ending: str) -> bool:
    """Whether a file inside a folder or zip is one that a student made."""
    parts = [part for part in name.split("/") if part not in (".", "..")]
    hidden = any(part[:1] == "." or part == "__MACOSX" for part in parts)
    return name.lower().endswith(ending) and not hidden


def _only(notebooks: list[Any]) -> Any:
    if len(notebooks) != 1:
        said = "no notebook was" if not notebooks else f"{len(notebooks)} notebooks were"
        raise Unusable(f"{said} handed in, and one was asked for")
    return notebooks[0]


def _bytes(path: Path) -> bytes:
    handle = os.open(path, _OPEN)
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise Unusable("it is no ordinary file")
        return _bounded(file, about.st_size)


def _from_zip(path: Path) -> bytes:
    with os.fdopen(os.open(path, _OPEN), "rb") as file:
        if os.fstat(file.fileno()).st_size > BYTES:
            raise _too_large()
        try:
            with zipfile.ZipFile(file) as archive:
                entry = _only(
                    [one for one in archive.infolist() if _counts(one.filename, ".ipynb")]
                )
                _check_entry(entry)
                with archive.open(entry) as packed:
                    return _bounded(packed, entry.file_size)
        except Unusable:
            raise
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError):
            raise Unusable("the zip is damaged, or locked with a password") from None
        except Exception as error:  # zlib.error and the like, from hostile bytes
            raise Unusable(f"the zip is damaged ({type(error).__name__})") from None


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/"):
        raise Unusable("the zip holds a path that leads out of it")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise Unusable("it is a link, and links are not followed")


def _bounded(file: Any, size: int) -> bytes:
    data = b"" if size > BYTES else file.read(BYTES + 1)
    if size > BYTES or len(data) > BYTES:
        raise _too_large()
    return data


def _too_large() -> Unusable:
    return Unusable(f"it is larger than {BYTES >> 20} MB")
