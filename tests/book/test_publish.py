"""What is published: workflows made of make targets, whole archives, a book to take along."""

import hashlib
import re
import subprocess
import sys
import tarfile
import zipfile
from types import SimpleNamespace

import pytest
import yaml

from tests.book.test_book import PROJECT, ROOT
from tests.book.test_readme import COMMANDS, README, TARGETS
from tools import archive, offline

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PLAIN = {"git", "mkdir", "test", "gh", "curl", "cat"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_made_of_steps_that_anyone_can_run(path):
    flow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert flow["permissions"] == {"contents": "read"}  # a job that writes says so
    assert flow[True]  # YAML reads `on` as a truth
    for job in flow["jobs"].values():
        assert job["runs-on"]
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(flow["jobs"])
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert re.fullmatch(r"[\w-]+/[\w./-]+@(v\d+|release/v1)", step.get("uses", "a/b@v1"))
            for line in step.get("run", "").replace("\\\n", " ").splitlines():
                words = line.split()
                if words[0] == "make":
                    target = words[1]
                    targets = job["strategy"]["matrix"]["torch"] if "matrix" in line else [target]
                    assert set(targets) <= TARGETS, line
                elif words[0] == "bash":
                    assert (ROOT / words[1]).is_file(), line
                elif words[0] == "companion":
                    assert words[1] in COMMANDS
                elif words[:2] == ["python", "-m"]:
                    assert words[2] in ("pip", "pytest")
                    files = [w for w in words[3:] if w.startswith(("tests/", "requirements"))]
                    assert all((ROOT / name).exists() for name in files), line
                elif words[0] == "python":
                    assert (ROOT / words[1]).is_file(), line
                elif words[0] == "jupyter-book":
                    assert f".venv/bin/{line}" in README
                else:
                    assert words[0] in PLAIN, line


def test_every_supported_python_is_checked():
    flow = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text(encoding="utf-8"))
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert flow["jobs"]["check"]["strategy"]["matrix"]["python"] == named
    assert flow["jobs"]["systems"]["strategy"]["matrix"]["system"] == [
        "windows-latest", "macos-latest",
    ]  # fmt: skip
    lowest = {re.match(r"torch\w*", text)[0]: text for text in PROJECT["dependencies"]
              if text.startswith("torch")}  # fmt: skip
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name, text in lowest.items():
        assert f'"{name}=={text.removeprefix(f"{name}>=")}.*"' in makefile


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return source archive and wheel of this checkout."""
    return archive.build(tmp_path_factory.mktemp("dist"))


def test_the_wheel_holds_the_library_with_its_records_and_nothing_else(built):
    version = PROJECT["version"]
    assert built[1].name == f"weights_in_scale-{version}-py3-none-any.whl"
    names = {name for name in zipfile.ZipFile(built[1]).namelist() if ".dist-info/" not in name}
    data = ("records/**/*", "published.csv", "contents.csv")
    wanted = [
        path
        for pattern in ("companion/**/*.py", "companion/evidence/performance/**/*.json",
                        *(f"companion/chapters/*/{name}" for name in data))
        for path in ROOT.glob(pattern) if path.is_file() and "__pycache__" not in path.parts
    ]  # fmt: skip
    assert names == {path.relative_to(ROOT).as_posix() for path in wanted}
    assert built[1].stat().st_size <= 16 * 2**20


def test_the_source_archive_holds_all_that_the_tests_need(built):
    with tarfile.open(built[0]) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    for name in ("README.md", "Makefile", "requirements.txt", "_config.yml", "CITATION.cff",
                 "tests/conftest.py", "book/references.bib", "tools/archive.py",
                 "notebooks/02-variance-propagation.ipynb", "CHANGELOG.md"):  # fmt: skip
        assert name in names
    assert not [name for name in names if name.startswith(("_build", ".venv", "dist"))]


def test_an_unpacked_archive_packs_the_same_files(monkeypatch):
    known = set(archive._files())
    nothing = SimpleNamespace(returncode=128, stdout=b"")
    monkeypatch.setattr(archive.subprocess, "run", lambda *_, **__: nothing)
    found = {name for name in archive._files() if "__pycache__" not in name}
    left = {name for name in found - known if not name.endswith((".pyc", ".egg-info"))}
    assert not known - found
    assert not [name for name in left if name.startswith((".", "_build", "dist"))]


def test_a_build_that_fails_says_why(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'a'\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"(?s)must build the wheel and cannot: .*version"):
        archive._backend("wheel", tmp_path, tmp_path)


def test_the_book_to_take_along_unpacks_to_its_pages(tmp_path):
    (tmp_path / "html/book").mkdir(parents=True)
    (tmp_path / "html/index.html").write_text("a", encoding="utf-8")
    (tmp_path / "html/book/index.html").write_text("b", encoding="utf-8")
    packed = offline.pack(tmp_path / "dist", tmp_path / "html")
    assert packed.name == f"weights-in-scale-{PROJECT['version']}-book.zip"
    with zipfile.ZipFile(packed) as book:
        book.extractall(tmp_path)
    assert (tmp_path / offline.NAME / "book/index.html").read_text(encoding="utf-8") == "b"
    with pytest.raises(SystemExit, match=r"there must be pages in .*: make book"):
        offline.pack(tmp_path, tmp_path / "nowhere")


def test_sums_name_every_file_once(tmp_path):
    (tmp_path / "b.zip").write_bytes(b"b")
    (tmp_path / "a.whl").write_bytes(b"a")
    offline.sums(tmp_path)
    said = offline.sums(tmp_path).read_text(encoding="utf-8")  # a second time: not its own file
    assert said == "".join(
        f"{hashlib.sha256(name[:1].encode()).hexdigest()}  {name}\n" for name in ("a.whl", "b.zip")
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match=r"there must be files in .*, and there are none"):
        offline.sums(tmp_path / "empty")


def test_colab_s_versions_become_constraints_for_what_is_ours(tmp_path):
    (tmp_path / "frozen.txt").write_text(
        "torch==2.9.0+cu126\nflask==3.0\nscikit-learn==1.6.1\nipykernel @ file:///a\n",
        encoding="utf-8",
    )
    command = [sys.executable, ROOT / "tools/colab-versions", tmp_path / "frozen.txt"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout == "torch==2.9.0\nscikit-learn==1.6.1\n"


def test_the_branch_for_colab_holds_the_copies_and_nothing_else(tmp_path):
    def git(*words, at=tmp_path / "house"):
        return subprocess.run(["git", *words], cwd=at, check=True, capture_output=True, text=True)

    (tmp_path / "house/tools").mkdir(parents=True)
    script = "tools/publish-colab"
    (tmp_path / "house" / script).write_bytes((ROOT / script).read_bytes())
    git("init", "--quiet", "--bare", tmp_path / "far.git", at=tmp_path)
    git("init", "--quiet")
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "a")
    git("remote", "add", "origin", tmp_path / "far.git")
    for text in ("one", "two"):
        (tmp_path / "copies/notebooks").mkdir(parents=True, exist_ok=True)
        (tmp_path / "copies/notebooks/a.ipynb").write_text(text, encoding="utf-8")
        subprocess.run(["bash", tmp_path / "house" / script, tmp_path / "copies"], check=True,
                       capture_output=True)  # fmt: skip
        listed = git("ls-tree", "-r", "--name-only", "colab", at=tmp_path / "far.git").stdout
        assert listed == "notebooks/a.ipynb\n"
        shown = git("show", "colab:notebooks/a.ipynb", at=tmp_path / "far.git").stdout
        assert shown == text
    assert git("rev-list", "--count", "colab", at=tmp_path / "far.git").stdout == "1\n"
    assert not git("status", "--porcelain").stdout


@pytest.mark.parametrize(
    "path",
    [".ci/run", "tools/gpu", "tools/publish-colab"],
)
def test_a_script_can_be_read_to_its_end(path):
    """A shell finds a fault in a script's last line only when it comes there."""
    read = subprocess.run(["bash", "-n", ROOT / path], capture_output=True, text=True)
    assert (read.returncode, read.stderr) == (0, "")
