"""The records that a command is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def folders(given: Sequence[str]) -> list[Path]:
    """The folders of records given by path or recorded name; of all that ship when none is."""
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
                f"record must be a folder or a recorded name ({', '.join(shipped) or 'none yet'}), "
                f"got {text!r}; `companion list` shows the names"
            )
        paths.append(path)
    return paths
