"""Colab's situation, rebuilt on this machine: does a lone notebook run there?

    python tools/colab.py [--wheel FILE] [--python FILE] [--save FILE] [NOTEBOOK ...]

A notebook of `_build/colab` (all, if none is named) lies alone in an empty folder. Its environment
is a fresh one, in which the packages that the library needs and Jupyter's kernel are present, as
they are in Colab, and nothing of ours. Its first cell installs the wheel in place of the release of
the same number, without an index: what Colab has must be enough. Every cell must run, within
SECONDS in all and INSTALL for the first, with no output on stderr and no file left behind.

The environment borrows the packages of the Python that runs this, by links. --python names the
Python of another one, such as one with Colab's own versions; there the library is uninstalled
before each notebook, and is installed in the end. --save keeps day, versions and seconds as a file,
which the book's status page shows.
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tools import archive  # noqa: E402
from tools import environment as borrowed  # noqa: E402

COPIES = ROOT / "_build" / "colab" / "notebooks"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RELEASE = f"{PROJECT['name']} @ git+{PROJECT['urls']['Repository']}@v{PROJECT['version']}"
SECONDS, INSTALL = 180, 20
NOTE = "Note: you may need to restart the kernel to use updated packages."
COLAB = """\
import sys
import types

output = types.SimpleNamespace(enable_custom_widget_manager=lambda: None)
sys.modules.setdefault("google", types.ModuleType("google"))
sys.modules["google.colab"] = types.ModuleType("google.colab")
sys.modules["google.colab"].output = output
"""


def environment(folder: Path) -> Path:
    """Make an environment like Colab's in a folder; return its Python."""
    names = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["notebook"]]
    return borrowed.make(folder, names)


def pointed(notebook: dict, wheel: Path) -> dict:
    """Return the notebook with its first code cell installing a wheel in place of the release."""
    changed = json.loads(json.dumps(notebook))
    cell = next(cell for cell in changed["cells"] if cell["cell_type"] == "code")
    source = "".join(cell["source"])
    if source.count(RELEASE) != 1:
        raise ValueError(f"the first code cell must install {RELEASE}, got {source!r}")
    cell["source"] = source.replace(RELEASE, f"{PROJECT['name']} @ {wheel.resolve().as_uri()}")
    return changed


def run(path: Path, wheel: Path, python: Path, folder: Path) -> tuple[float, float]:
    """Run a notebook alone; return the seconds of its first cell and of all."""
    import nbclient
    import nbformat

    alone, home = folder / "alone", folder / "home"
    kernel = home / "kernels" / "colab"
    startup = home / "ipython" / "profile_default" / "startup"
    for made in (alone, kernel, startup):
        made.mkdir(parents=True)
    (startup / "colab.py").write_text(COLAB, encoding="utf-8")
    spec = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Colab", "language": "python",
        "env": {"IPYTHONDIR": str(home / "ipython"), "PYTHONPATH": "", "PIP_NO_INDEX": "1",
                "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1",
                "PIP_ROOT_USER_ACTION": "ignore"},
    }  # fmt: skip
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    os.environ["JUPYTER_PATH"] = str(home)
    changed = pointed(json.loads(path.read_text(encoding="utf-8")), wheel)
    content = nbformat.reads(json.dumps(changed), as_version=4)
    client = nbclient.NotebookClient(
        content, timeout=SECONDS, kernel_name="colab", resources={"metadata": {"path": alone}}
    )
    began, first = time.monotonic(), None
    with client.setup_kernel():
        for number, cell in enumerate(content.cells):
            client.execute_cell(cell, number)
            if first is None and cell.cell_type == "code":
                first = time.monotonic() - began
                said = "".join(one.get("text", "") for one in cell.outputs)
                if said.replace(NOTE, "").strip():
                    raise ValueError(f"the first cell must install without a word, got {said!r}")
    took = time.monotonic() - began
    outputs = [output for cell in content.cells for output in cell.get("outputs", [])]
    noise = [output.text for output in outputs if output.get("name") == "stderr"]
    left = [found.name for found in alone.iterdir()]
    if noise or left:
        raise ValueError(f"{path.name} must be silent and leave nothing, got {noise} and {left}")
    if first > INSTALL or took > SECONDS:
        raise ValueError(
            f"{path.name} must install within {INSTALL} s and end within {SECONDS} s, "
            f"got {first:.0f} s and {took:.0f} s"
        )
    return first, took


def versions(python: Path) -> dict[str, str]:
    """Return the versions of an environment's Python and of what the library requires there."""
    names = [re.match(r"[\w-]+", text)[0] for text in PROJECT["dependencies"]]
    code = (
        "import json, platform, sys; from importlib.metadata import version; "
        "print(json.dumps({'python': platform.python_version()} | "
        "{name: version(name) for name in sys.argv[1:]}))"
    )
    return json.loads(subprocess.check_output([python, "-c", code, *names], text=True))


def main(arguments: list[str] | None = None) -> None:
    """Run the notebooks named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--wheel", type=Path, help="built here where none is given")
    parser.add_argument("--python", type=Path, help="use this environment as it stands")
    parser.add_argument("--save", type=Path, help="write versions and seconds as JSON")
    given = parser.parse_args(arguments)
    notebooks = given.notebooks or sorted(COPIES.glob("*.ipynb"))
    if not notebooks:
        raise SystemExit(f"there must be notebooks in {COPIES}, and there are none: make book")
    seconds = {}
    with tempfile.TemporaryDirectory() as scratch:
        built = given.wheel or archive.build(Path(scratch))[1]
        for number, path in enumerate(notebooks):
            folder = Path(scratch) / str(number)
            python = given.python or environment(folder / "environment")
            if given.python:
                gone = [python, "-m", "pip", "uninstall", "--quiet", "--yes", PROJECT["name"]]
                subprocess.run(gone, check=True)
            first, took = run(path, built, python, folder)
            seconds[path.stem] = round(took, 1)
            sys.stdout.write(f"{path.name}: installs in {first:.1f} s, ends after {took:.1f} s\n")
            sys.stdout.flush()
        if given.save:
            today = datetime.date.today().isoformat()
            tested = {"day": today, "versions": versions(python), "seconds": seconds}
            given.save.write_text(json.dumps(tested, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
