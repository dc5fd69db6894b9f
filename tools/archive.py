"""Source archive and wheel: built from a clean copy, installed and tested from the archive.

    python tools/archive.py build dist     # dist/*.tar.gz and dist/*.whl
    python tools/archive.py test dist      # in a fresh environment, with the archive's own tests

The wheel is built from the unpacked archive, so the archive must hold all that it needs. The copy
holds the files that git knows, so nothing left lying about is packed.
"""

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tools import environment  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BUILT, HIDDEN = {"build", "dist", "_build", "records"}, {".ci", ".github", ".gitignore"}
TESTED = ("theory", "evidence/test_records.py", "methods/test_rescaling.py", "test_streams.py")
"""What is run against the installed wheel: formulas, records that ship, weights and streams."""


def build(folder: Path) -> tuple[Path, Path]:
    """Build archive and wheel into a folder; return their paths."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy"
        for name in _files():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
        archive = _backend("sdist", copy, folder)
        with tarfile.open(archive) as packed:
            packed.extractall(scratch, filter="data")
        unpacked = Path(scratch) / archive.name.removesuffix(".tar.gz")
        return archive, _backend("wheel", unpacked, folder)


def _files() -> list[str]:
    """The files that git knows or does not ignore; all but what is built where git does not say."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    names = found.stdout.decode().split("\0") if found.returncode == 0 else []
    if not names:
        tops = [path for path in ROOT.iterdir() if path.name not in BUILT]
        tops = [path for path in tops if path.name[0] != "." or path.name in HIDDEN]
        names = [
            path.relative_to(ROOT).as_posix()
            for top in tops
            for path in ([top] if top.is_file() else top.rglob("*"))
        ]
    return [name for name in names if name and (ROOT / name).is_file()]


def _backend(kind: str, source: Path, folder: Path) -> Path:
    """Let setuptools build, in a process of its own, as its interface asks."""
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(folder)!r}))"
    made = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True,
                          check=False)  # fmt: skip
    if made.returncode:
        raise RuntimeError(f"setuptools must build the {kind} and cannot: {made.stderr[-1000:]}")
    return folder / made.stdout.split()[-1]


def test(folder: Path) -> None:
    """Install the wheel of a folder into a fresh environment, and run the archive's tests on it."""
    (archive,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    with tempfile.TemporaryDirectory() as scratch:
        names = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["notebook"]]
        python = environment.make(Path(scratch) / "environment", [*names, "pytest", "hypothesis"])
        pip = [python, "-m", "pip", "--isolated", "install", "--quiet", "--no-index", wheel]
        subprocess.run(pip, check=True)
        with tarfile.open(archive) as packed:
            packed.extractall(scratch, filter="data")
        unpacked = Path(scratch) / archive.name.removesuffix(".tar.gz")
        shutil.rmtree(unpacked / "companion")  # the installed one is meant
        command = [python, "-m", "pytest", "-q", *(f"tests/{name}" for name in TESTED)]
        subprocess.run(command, cwd=unpacked, check=True)


def main(arguments: list[str] | None = None) -> None:
    """Build or test, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("build", "test"))
    parser.add_argument("folder", type=Path)
    given = parser.parse_args(arguments)
    if given.what == "test":
        test(given.folder)
        return
    for path in build(given.folder):
        sys.stdout.write(f"{path}: {path.stat().st_size / 2**20:.1f} MiB\n")


if __name__ == "__main__":
    main()
