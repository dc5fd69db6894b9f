"""What README and CONTRIBUTING tell a newcomer to do is there, runs, and says what they say."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from companion.cli import app
from companion.experiments.performance import shipped
from tests.book.test_book import PROJECT, ROOT, URL

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SITE = PROJECT["urls"]["Documentation"]
TARGETS = set(
    re.search(r"^\.PHONY:((?:.|\\\n)*?)(?<!\\)$", MAKEFILE, re.M)[1].replace("\\", "").split()
)
COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands}


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


def commands() -> list[str]:
    """Return every command that the two files print, in a block or in a sentence."""
    text = README + CONTRIBUTING
    said = [line for block in blocks(text, "bash") for line in block.splitlines()]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    first = r"(?:make|companion|bash|git|python|\.venv/bin/\w+)"
    return [*dict.fromkeys(said + re.findall(rf"`({first} [^`]+)`", prose))]


@pytest.mark.parametrize("command", commands())
def test_a_command_exists(command):
    words = shlex.split(command)
    program, rest = Path(words[0]).name, [word for word in words[1:] if not word.startswith("-")]
    if program == "make":
        rest = [word for word in rest if "=" not in word and word != "weights-in-scale"]
        assert rest
        assert set(rest) <= TARGETS
    elif program == "git":
        assert words == ["git", "clone", URL]
    elif program == "companion":
        assert words[1] in {*COMMANDS, "--help"}
    elif words[1:3] == ["-m", "venv"]:
        assert words[3:] == [".venv"]
    elif words[1:3] == ["-m", "pip"]:
        assert words[3] == "install"
        assert all((ROOT / word).exists() for word in rest[2:])
    elif program == "jupyter-book":
        assert rest[:2] == ["build", "."]
        assert f"$(BIN)/{program} {' '.join(words[1:])}\n" in MAKEFILE
    elif program == "nbstripout":
        assert all(list(ROOT.glob(word)) for word in rest)
    else:
        assert program == "bash", command
        assert (ROOT / words[1]).is_file()


def test_the_run_that_the_readme_shows_leaves_a_record(tmp_path):
    (command,) = [one for one in commands() if one.startswith("companion run")]
    words = [sys.executable, "-m", "companion.cli", *shlex.split(command)[1:], "--out", tmp_path]
    subprocess.run(words, check=True, capture_output=True, timeout=120)
    assert [path.name for path in tmp_path.iterdir()] == ["weight-rescaling-mlp-digits-quick"]


def test_the_twelve_lines_say_what_is_printed_under_them():
    (code,), (said,) = blocks(README, "python"), blocks(README, "text")
    assert len([line for line in code.splitlines() if line]) == 12
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    number = re.compile(r"[\d.]+(?= %)")
    assert number.sub("", found.stdout) == number.sub("", said)
    # an image of the 360 is .28 points; torch versions round differently, so two may change sides
    for mine, printed in zip(number.findall(found.stdout), number.findall(said), strict=True):
        assert abs(float(mine) - float(printed)) <= 0.6


def test_the_speed_is_that_of_the_performance_files():
    networks = {
        "the digits": "mlp 64-64-32-10, batch 32",
        "CIFAR-10": "mlp 3072-64-32-10, batch 32",
    }
    rows = re.findall(
        r"^\| (\d+) networks for (.+?) \| (.+?) \| ([\d.]+) times \| ([\d.]+) times", README, re.M
    )
    assert len(rows) == 3
    for runs, images, hardware, memory, loader in rows:
        (measured,) = [one for one in shipped() if one.machine["hardware"] == hardware]
        lines = {one.contender: one for one in measured.lines if one.case == networks[images]}
        assert lines["stack"].runs == int(runs)
        for contender, said in (("in memory, one run", memory), ("DataLoader, transforms", loader)):
            assert float(said) == pytest.approx(lines[contender].ratio, rel=0.1), contender


def test_links_lead_to_files_and_pages_that_are_there():
    pages = re.findall(r"file: (\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    prose = re.sub(r"^```.*?^```", "", README + CONTRIBUTING, flags=re.S | re.M)
    for address in re.findall(r"\]\(([^)]+)\)", prose):
        if address.startswith(SITE):
            page = address.removeprefix(SITE).partition("#")[0].removesuffix(".html")
            assert not page or page in pages, address
        elif address.startswith("https://colab"):
            place = URL.replace("github.com", "colab.research.google.com/github")
            notebook = address.removeprefix(f"{place}/blob/colab/")
            assert (ROOT / notebook).is_file(), address
        elif not address.startswith("https://"):
            assert (ROOT / address).is_file(), address
        else:
            assert address.startswith((URL, "https://creativecommons.org/")), address


def test_the_citation_is_that_of_the_citation_file():
    (entry,) = blocks(README, "bibtex")
    given = dict(re.findall(r"(\w+)\s*= \{+(.*?)\}+,?$", entry, re.M))
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert given == {
        "title": citation["title"], "author": citation["authors"][0]["name"],
        "version": citation["version"], "url": citation["repository-code"],
    }  # fmt: skip


def test_the_changelog_starts_with_this_version():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)", changes, re.M)[1] == PROJECT["version"]
