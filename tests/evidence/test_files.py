"""Files that are whole or absent, also where there is no room for them."""

import errno
import os

import pytest

from companion.evidence import files


def test_a_disk_without_room_keeps_the_old_file_and_says_which_has_no_room(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "kept.json"
    files.write_bytes(path, b"old")
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        files.write_bytes(path, b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["kept.json"]
    assert path.read_bytes() == b"old"
    assert files.unusable(caught.value) == (
        f"{path} must be usable and is not (No space left on device); correct its rights, make "
        "room there or choose another."
    )


def test_a_folder_that_is_not_there_is_said_by_the_files_own_name(tmp_path):
    path = tmp_path / "none" / "a.json"
    with pytest.raises(FileNotFoundError) as caught:
        files.write_bytes(path, b"new")
    assert caught.value.filename == str(path)
