"""A fresh environment that borrows packages of the Python that runs this, by links.

It holds what is asked for, all that this requires, and nothing else, so that what is installed into
it must get along with that. It takes a second and no network.
"""

import os
import subprocess
import venv
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed(names: list[str]) -> dict[str, metadata.Distribution]:
    """Return these distributions and all that they require here, by name."""
    found, seen, open_ = {}, set(), [(name, "") for name in names]
    while open_:
        text, extra = open_.pop()
        wanted = Requirement(text)
        applies = wanted.marker is None or wanted.marker.evaluate({"extra": extra})
        if (text, extra) in seen or not applies:
            continue
        seen.add((text, extra))
        one = found.setdefault(canonicalize_name(wanted.name), metadata.distribution(wanted.name))
        open_ += [(more, extra) for more in one.requires or [] for extra in {"", *wanted.extras}]
    return found


def make(folder: Path, names: list[str]) -> Path:
    """Make an environment with these packages in a folder; return its Python."""
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    say = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.check_output([python, "-c", say], text=True).strip())
    for one in needed([*names, "pip"]).values():
        for top in {Path(file).parts[0] for file in one.files or []} - {"..", "__pycache__"}:
            link = site / top
            if not link.exists():
                link.symlink_to(Path(one.locate_file(top)).resolve())
    return python
