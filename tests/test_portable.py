"""Windows and macOS: what one system alone has is simulated away, and has its counterpart."""

import ast
import ctypes
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from companion import machine
from companion.cli.say import say
from companion.evidence import files
from companion.training import memory

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [path for room in ("companion", "book/extensions", "tools")
           for path in sorted((ROOT / room).glob("**/*.py"))]  # fmt: skip
POSIX = {"fcntl", "resource", "pwd", "grp", "pty", "termios", "posix"}
OF_LINUX = {
    f"companion/{name}.py" for name in ("training/memory", "classroom/runner", "classroom/running")
}
"""They read /proc and /sys, which are ASCII, or run in the sandbox, which is Linux everywhere."""


class Msvcrt:
    """Windows' locks of ranges of bytes, by file, as `msvcrt.locking` gives them."""

    LK_NBLCK = 2

    def __init__(self):
        self.held = {}

    def locking(self, number, mode, count):
        """Lock, or raise `OSError` where another open file has it."""
        assert (mode, count) == (self.LK_NBLCK, 1)
        assert os.lseek(number, 0, os.SEEK_CUR) == 0
        key = os.fstat(number).st_ino
        if key in self.held:
            raise OSError(36, "Resource deadlock avoided")
        self.held[key] = number


def test_on_windows_a_folder_has_one_writer_too(tmp_path, monkeypatch):
    windows = Msvcrt()
    monkeypatch.setattr(files, "fcntl", None)
    monkeypatch.setattr(files, "msvcrt", windows)
    first = files.Lock(tmp_path / "lock")
    with pytest.raises(ValueError, match=r"one writer at a time and .* is in use by another"):
        files.Lock(tmp_path / "lock")
    first.release()
    windows.held.clear()  # closing a file gives its locks back
    files.Lock(tmp_path / "lock").release()


def test_a_folder_s_names_are_not_forced_to_the_disk_where_a_folder_cannot_be_opened(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(files.os, "name", "nt")
    monkeypatch.setattr(files.os, "open", lambda *_: pytest.fail("Windows opens no folder"))
    files.sync_folder(tmp_path)


def test_windows_says_how_much_memory_it_has_and_has_free(tmp_path, monkeypatch):
    def ask(reference):
        status = reference._obj
        assert status.length == ctypes.sizeof(status) == 64  # what the system checks
        status.total, status.free = 16 * 2**30, 9 * 2**30
        return 1

    kernel = SimpleNamespace(kernel32=SimpleNamespace(GlobalMemoryStatusEx=ask))
    monkeypatch.setattr(ctypes, "windll", kernel, raising=False)
    monkeypatch.delattr(machine.os, "sysconf", raising=False)
    monkeypatch.setattr(memory, "_MEMORY", tmp_path / "none")
    monkeypatch.setattr(memory, "_LIMITS", tmp_path)
    cpu = torch.device("cpu")
    assert machine.describe("cpu")["memory_gib"] == 16
    assert memory.free_bytes(cpu) == 9 * 2**30
    kernel.kernel32.GlobalMemoryStatusEx = lambda reference: 0
    assert machine.describe("cpu")["memory_gib"] is None
    assert memory.free_bytes(cpu) == 4 * 2**30  # what any machine has that can run this


def test_a_narrow_console_gets_what_it_can_show(monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", newline="\n")
    monkeypatch.setattr(sys, "stdout", console)
    say("σ = 0.1 ± 0.02")
    console.flush()
    assert console.buffer.getvalue().decode("cp1252") == "\\u03c3 = 0.1 ± 0.02\n"


def imports_of(tree, guarded=False):
    """Return the modules that a file imports outside `try`."""
    found = set()
    for node in ast.iter_child_nodes(tree):
        if not guarded and isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        if not guarded and isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
        found |= imports_of(node, guarded or isinstance(node, ast.Try))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_imports_nothing_of_one_system_and_says_how_its_text_is_written(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.relative_to(ROOT).as_posix() in OF_LINUX:
        return
    assert not imports_of(tree) & POSIX, "guard it by try, and give Windows its counterpart"
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", None) or getattr(call.func, "id", None)
        given = {keyword.arg for keyword in call.keywords}
        where = f"line {call.lineno}: on Windows text is not UTF-8 unless one says so"
        if name in ("read_text", "write_text"):
            assert "encoding" in given or len(call.args) > (name == "write_text"), where
        if name == "open" and getattr(call.func, "id", "") == "open":
            mode = call.args[1].value if len(call.args) > 1 else "r"
            assert "b" in mode or "encoding" in given, where


def test_the_rule_about_imports_sees_what_it_should():
    assert imports_of(ast.parse("def f():\n    import fcntl")) == {"fcntl"}
    assert not imports_of(
        ast.parse("try:\n    import fcntl\nexcept ImportError:\n    fcntl = None")
    )
