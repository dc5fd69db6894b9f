"""The script for a GPU's few minutes, on a machine that has none: what it starts is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
MARKED = re.compile(r"^@pytest\.mark\.gpu$|^ +pytest\.mark\.gpu,$", re.M)


def script(*given: str, **environment: str) -> subprocess.CompletedProcess:
    """Run tools/gpu with this Python as its python3."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", ROOT / "tools" / "gpu", *given],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PATH": path, **environment},
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="the script itself runs them here")
def test_it_finds_the_tests_that_need_a_gpu_wherever_they_lie(tmp_path):
    done = script("1", str(tmp_path), STEPS="right")
    assert done.returncode == 0, done.stdout + done.stderr
    where = {Path(name).name for name in re.findall(r"tests/\S*?test_\w+\.py", done.stdout)}
    tests = (ROOT / "tests").rglob("test_*.py")
    assert where == {path.name for path in tests if MARKED.search(path.read_text())}
    assert "needs a CUDA GPU" in done.stdout


def test_it_says_how_it_is_called():
    done = script()
    assert done.returncode != 0
    assert "usage: tools/gpu MINUTES FOLDER [EXPERIMENT...]" in done.stderr
