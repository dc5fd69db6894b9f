"""A class's own numbers, hidden and shown, drawn from a secret that no repository holds.

The sources of assignments are public, so grading rests on this secret alone. From it and the names
of assignment, exercise and purpose HMAC-SHA-256 makes the seed of a generator, so that one file of
32 bytes gives the same class everywhere.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from companion.classroom.exercise import Assignment, Exercise
from companion.evidence import files

PUBLIC = b"the instance that everyone may see"
"""In place of a secret, where a build tries an assignment."""
SIZE = 32


def generator(key: bytes, assignment: Assignment, exercise: Exercise, purpose: str) -> Any:
    """A NumPy generator that belongs to these names and to the key."""
    name = "\0".join((assignment.stem, exercise.name, purpose)).encode()
    seed = hmac.new(key, name, hashlib.sha256).digest()
    return np.random.default_rng(int.from_bytes(seed, "big"))


def inputs(key: bytes, assignment: Assignment) -> dict[str, list[dict[str, Any]]]:
    """All inputs of a class's instance, by exercise."""
    return {
        one.name: one.draw(generator(key, assignment, one, one.kind))
        for one in assignment.exercises
    }


def given(key: bytes, assignment: Assignment) -> dict[str, dict[str, Any]]:
    """The inputs that the class's notebook shows: those of exercises that ask for a value."""
    drawn = inputs(key, assignment)
    return {one.name: drawn[one.name][0] for one in assignment.exercises if one.kind == "value"}


def named(shown: dict[str, dict[str, Any]]) -> str:
    """A name for the numbers that a notebook shows, which tells classes apart; empty for none.

    >>> named({}), named({"third": {"n": 12}})
    ('', '3fe9f39c5075')
    """
    return files.digest(files.canonical(shown))[:12] if shown else ""


def digest(key: bytes, text: bytes) -> str:
    """A name for a text that only the key's holder can make, in hexadecimal."""
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def make(path: Path) -> bool:
    """Write a new secret, readable by its owner alone, unless there is one; whether it is new."""
    outside_repositories(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        read(path)
        return False
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(SIZE))
    except OSError as error:  # as of a full disk: half a secret is none, and the next try makes one
        path.unlink()
        error.filename = str(path)
        raise
    return True


def read(path: Path) -> bytes:
    """The secret in a file; ValueError if it is missing, of another size, or open to others."""
    if not path.is_file():
        raise ValueError(
            f"--secret must be a class's file, and {path} is none; "
            f"`companion classroom new --secret {path}` makes one"
        )
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        raise ValueError(
            f"a secret must be readable by its owner alone, and {path} has mode {mode:o}; "
            f"chmod 600 {path}, and make another if somebody may have read it"
        )
    key = path.read_bytes()
    if len(key) != SIZE:
        raise ValueError(
            f"a secret must have {SIZE} bytes, and {path} has {len(key)}; restore it from a copy, "
            "or make another for the next class"
        )
    return key


def outside_repositories(path: Path) -> None:
    """ValueError if a repository could come to hold this file or folder."""
    whole = path.absolute().resolve()
    tree = next((up for up in (whole, *whole.parents) if (up / ".git").exists()), None)
    if tree is None or _ignored(whole, tree):
        return
    raise ValueError(
        f"what belongs to a class must stay out of repositories, and {path} is inside {tree}; "
        "choose a place outside, or one that its .gitignore names"
    )


def _ignored(path: Path, tree: Path) -> bool:
    if shutil.which("git") is None or path == tree:
        return False
    asked = ["git", "-C", str(tree), "check-ignore", "--quiet", str(path)]
    return subprocess.run(asked, capture_output=True).returncode == 0
