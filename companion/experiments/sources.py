"""Which code produced a record: package version, commit, and a digest of what trains."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

from companion import __version__

PACKAGE = Path(__file__).resolve().parents[1]
TRAINING_ROOMS = ("theory", "streams.py", "methods", "models", "data", "measure", "training")


def source_digest() -> str:
    """sha256 over the files that decide a run's numbers (floors 1 to 5)."""
    digest = hashlib.sha256()
    for room in TRAINING_ROOMS:
        path = PACKAGE / room
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0")
            digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()


def code() -> dict[str, str]:
    """Version, commit (``COMPANION_COMMIT``, which names it where the sources were copied; else the
    checkout's, ``+changes`` for an unclean one, or ``unknown``) and the digest of what trains."""
    commit = os.environ.get("COMPANION_COMMIT") or _commit()
    return {"version": __version__, "commit": commit, "source": source_digest()}


def origin(header: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What a part says of itself, from a header made on the machine that trained it."""
    code = {key: header["code"][key] for key in ("version", "commit")}
    return {"machine": header["machine"], "code": code, "seconds": round(seconds, 3)}


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(PACKAGE), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != PACKAGE.parent:
            return "unknown"
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
