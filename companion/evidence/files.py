"""Files that are either whole or absent: digests, atomic writes and a lock.

A file is first written under a temporary name in its own folder, forced to the disk, and then
renamed. A rename is one step, so a process killed at any moment leaves the old file or the new
one, never half of one.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
try:
    import msvcrt
except ImportError:  # every other system
    msvcrt = None


def digest(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal.

    >>> digest(b"weights")[:12]
    '9a129038d9a0'
    """
    return hashlib.sha256(data).hexdigest()


def sync_folder(folder: Path) -> None:
    """Force a folder's list of names to the disk, so that a rename survives a power cut."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically: temporary file, fsync, rename. What a full disk cuts short
    does not stay there to fill it."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        error.filename = str(path)  # a write that finds no room names none
        raise
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as sorted, indented JSON, atomically; NaN and infinity are refused."""
    text = json.dumps(value, sort_keys=True, indent=2, allow_nan=False, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def parsed(data: bytes | str) -> Any:
    """Return what JSON says; `ValueError` where it says it not, nests too deep, or has NaN or
    infinity, which are no JSON."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number")

    try:
        return json.loads(data, parse_constant=refuse)
    except RecursionError:
        raise ValueError("it nests too deep") from None


def canonical(value: Any) -> bytes:
    """Return the one way to write a JSON value, to take a digest of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def read_json(path: Path) -> dict:
    """Read a JSON object; raise `ValueError` with one sentence when it is missing or damaged."""
    try:
        value = parsed(path.read_bytes())
    except OSError:
        raise ValueError(f"{path} must be readable and is not; restore it from a copy.") from None
    except ValueError as error:
        raise ValueError(
            f"{path} must hold JSON and does not ({error}); restore it from a copy."
        ) from None
    if not isinstance(value, dict):
        raise ValueError(
            f"{path} must hold a JSON object, got {type(value).__name__}; restore it from a copy."
        )
    return value


def unusable(error: OSError) -> str:
    """Return the sentence on a file, folder or stream that the system refuses to give."""
    place = error.filename or "what a command reads and writes"
    reason = error.strerror or type(error).__name__
    return (
        f"{place} must be usable and is not ({reason}); correct its rights, make room there or "
        "choose another."
    )


class Lock:
    """Hold `path` for this process; a second holder gets a `ValueError`.

    The system lets go of the lock when the process ends, also when it is killed, so a stale lock
    file never blocks anybody.
    """

    def __init__(self, path: Path):
        try:
            self._file = open(path, "ab")  # noqa: SIM115 (it stays open while the lock is held)
        except (IsADirectoryError, PermissionError) as error:
            raise ValueError(
                f"{path} must be a file that can be written and is not ({error.strerror}); "
                "move it away or correct its rights."
            ) from None
        try:
            self._hold()
            same = path.exists() and os.path.samestat(os.fstat(self._file.fileno()), path.stat())
        except OSError:
            same = False
        if not same:  # held by another process, or removed by one that has just finished
            self._file.close()
            raise ValueError(
                f"a folder has one writer at a time and {path.parent} is in use by another; "
                "wait until it ends, or choose another --out."
            )

    def _hold(self) -> None:
        """Ask the system for the lock; `OSError` where another process has it."""
        if fcntl is not None:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:  # Windows locks a range of bytes, also one that no byte has been written to
            self._file.seek(0)
            msvcrt.locking(self._file.fileno(), msvcrt.LK_NBLCK, 1)

    def release(self) -> None:
        """Let go of the lock; the file stays. A second call does nothing."""
        self._file.close()
