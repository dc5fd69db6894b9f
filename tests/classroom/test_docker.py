"""The other sandbox: what Docker is asked for, and that an answer comes back through it.

The ``docker`` here is a script that notes its arguments and starts the runner without walls; the
walls themselves are Docker's to hold.
"""

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from companion.classroom import sandbox
from companion.classroom.grading import grade
from companion.classroom.sandbox import HIDDEN, IMAGE, PACKAGE, Limits

SCRIPT = f"""#!{sys.executable}
import json, os, sys
with open(os.environ["NOTES"], "a") as notes:
    notes.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1] == "image":
    sys.exit(1)
if sys.argv[1] == "import":
    sys.stdin.buffer.read()
if sys.argv[1] == "run":
    command = sys.argv[sys.argv.index("{IMAGE}") + 1:]
    values = [sys.argv[i + 1] for i, one in enumerate(sys.argv) if one == "--env"]
    os.execve(command[0], command, dict(value.split("=", 1) for value in values))
"""


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Put the script before all else on PATH, and bubblewrap out of it; gives what was asked."""
    script, notes = tmp_path / "docker", tmp_path / "notes"
    script.write_text(SCRIPT)
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NOTES", str(notes))
    which = sandbox.shutil.which
    monkeypatch.setattr(
        sandbox.shutil, "which", lambda name: None if name == "bwrap" else which(name)
    )
    # the script needs NOTES, which the runner's own environment does not have
    environment = sandbox._environment()
    monkeypatch.setattr(sandbox, "_environment", lambda: environment | {"NOTES": str(notes)})
    return lambda: [json.loads(line) for line in notes.read_text().splitlines()]


def test_without_bubblewrap_docker_is_found_and_an_empty_image_made(asked):
    assert sandbox.find() is sandbox.docker
    assert [words[:3] for words in asked()[:2]] == [
        ["image", "inspect", IMAGE],
        ["import", "-", IMAGE],
    ]


def test_a_container_has_no_network_no_rights_and_sees_only_python(asked, assignment):
    graded = grade(
        "s", ["def double(x):\n    return 2 * x"], assignment, b"k", sandbox.docker, Limits()
    )
    assert graded.marks["double"].share == 1
    run, kill = asked()
    assert kill == ["kill", run[run.index("--name") + 1]]
    text = " ".join(run)
    for words in (
        "--network none",
        "--read-only",
        "--cap-drop ALL",
        "--security-opt no-new-privileges",
        "--user 65534:65534",
        f"--memory {2 << 30} --memory-swap {2 << 30}",
        "--pids-limit 64",
        f"--mount type=tmpfs,target={HIDDEN},tmpfs-mode=0555",
    ):
        assert words in text
    mounts = [run[i + 1] for i, word in enumerate(run) if word == "--mount"]
    binds = [one for one in mounts if one.startswith("type=bind")]
    assert all(one.endswith(",readonly") for one in binds)
    shown = {Path(one.split(",")[1].removeprefix("source=")) for one in binds}
    assert PACKAGE in shown
    assert not any(
        place in shown for place in (Path("/"), PACKAGE.parent, Path.home(), Path("/etc"))
    )
