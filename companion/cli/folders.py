"""The records that a command is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from companion.cli import texts


def folders(given: Sequence[str]) -> list[Path]:
    """The folders of records given by path or recorded name, or by a folder that holds them; of
    all that ship when none is given."""
    from companion.evidence import records

    shipped = records.recorded_names()
    if not (given or shipped):
        raise ValueError("a record must be named, as none ships yet; give a record's folder")
    paths = []
    for text in given or shipped:
        path = Path(text)
        if not path.exists() and text in shipped:
            path = records.recorded(text).path
        elif not path.exists() and not path.with_name(f"{path.name}.partial").exists():
            raise ValueError(
                "record must be a folder or a recorded name "
                f"({texts.some(shipped) or 'none yet'}), got {text!r}; `companion list` shows the "
                "names"
            )
        paths += _records(path)
    return paths


def _records(path: Path) -> list[Path]:
    """The path itself where it is a record, finished or in the making; else those inside it."""
    if not path.is_dir() or (path / "record.json").exists() or (path / "parts").exists():
        return [path]
    inside = (one for one in sorted(path.iterdir()) if (one / "record.json").is_file())
    return list(inside) or [path]
