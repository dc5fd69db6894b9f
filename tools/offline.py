"""The book to take along, and the sums that tell a whole file from a damaged one.

python tools/offline.py zip dist     # dist/weights-in-scale-<version>-book.zip: unzip, open
python tools/offline.py sums dist    # dist/SHA256SUMS, over all that lies there
"""

import argparse
import hashlib
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "_build" / "html"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME = f"{PROJECT['name']}-{PROJECT['version']}"
SUMS = "SHA256SUMS"


def pack(folder: Path, pages: Path = PAGES) -> Path:
    """Pack the built pages into one file, in a folder of their own; return its path."""
    files = sorted(path for path in pages.rglob("*") if path.is_file())
    if not files:
        raise SystemExit(f"there must be pages in {pages}, and there are none: make book")
    folder.mkdir(parents=True, exist_ok=True)
    packed = folder / f"{NAME}-book.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, f"{NAME}/{path.relative_to(pages).as_posix()}")
    return packed


def sums(folder: Path) -> Path:
    """Write the SHA-256 of every file of a folder as `sha256sum --check` reads it."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != SUMS)
    if not files:
        raise SystemExit(f"there must be files in {folder}, and there are none: make release")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")
    return folder / SUMS


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("zip", "sums"))
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    made = {"zip": pack, "sums": sums}[given.what](given.folder)
    sys.stdout.write(f"{made}: {made.stat().st_size / 2**20:.1f} MiB\n")
