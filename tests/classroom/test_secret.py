"""A class's numbers come from its secret, and the secret stays out of repositories."""

import errno
import stat
import subprocess

import numpy as np
import pytest

from companion.classroom import secret


def test_a_disk_without_room_leaves_no_half_secret(tmp_path, monkeypatch):
    def full(size):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "class.key"
    with monkeypatch.context() as patch:
        patch.setattr(secret.os, "urandom", full)
        with pytest.raises(OSError, match=r"No space left on device: .*class\.key"):
            secret.make(path)
    assert not path.exists()
    assert secret.make(path)


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "deep" / "secret"
    assert secret.make(path)
    key = secret.read(path)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not secret.make(path)
    assert secret.read(path) == key
    path.chmod(0o640)
    with pytest.raises(ValueError, match=r"readable by its owner alone, and .* has mode 640"):
        secret.read(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match=r"must have 32 bytes, and .* has 5"):
        secret.read(path)


def test_a_class_has_its_own_numbers_and_always_the_same(assignment):
    one, again, other = (
        secret.inputs(key, assignment) for key in (b"a" * 32, b"a" * 32, b"b" * 32)
    )
    assert one == again
    assert one["double"] != other["double"]
    assert set(secret.given(b"a", assignment)) == {"third"}
    double, ones = assignment.exercises[:2]
    first, second = (
        secret.generator(b"a", assignment, one, "function").random() for one in (double, ones)
    )
    assert first != second


def test_nothing_of_a_class_enters_a_repository(tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("/class/\n")
    secret.outside_repositories(tmp_path / "class" / "secret")
    for place in (tmp_path / "secret", tmp_path / "deep" / "er" / "out", tmp_path):
        with pytest.raises(ValueError, match=r"must stay out of repositories, and .* is inside"):
            secret.outside_repositories(place)
    with pytest.raises(ValueError, match=r"must stay out of repositories"):
        secret.make(tmp_path / "secret")
    assert not (tmp_path / "secret").exists()


def test_hidden_inputs_do_not_depend_on_the_order_of_drawing(assignment):
    drawn = secret.inputs(b"a" * 32, assignment)
    alone = assignment.exercises[0]
    generator = secret.generator(b"a" * 32, assignment, alone, "function")
    assert drawn["double"] == alone.draw(generator)
    assert isinstance(generator, np.random.Generator)
