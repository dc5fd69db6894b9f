"""A class of good, late, broken and hostile files: each gets its line, none disturbs another."""

import csv
import io
import json
import os
import stat
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from companion.classroom import gradebook, reports, secret, sources, submissions
from companion.classroom.exercise import Mark
from companion.classroom.grading import Graded, nothing
from companion.classroom.sandbox import Limits

KEY = b"k" * 32
DOUBLE = "def double(x):\n    return 2 * x"
SCRIPT = "<script>alert(1)</script>"


def notebook(*cells, **metadata):
    whole = [{"cell_type": "code", "source": cell.splitlines(True)} for cell in cells]
    return json.dumps({"cells": whole, "metadata": metadata, "nbformat": 4}).encode()


def zipped(path, **entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


def hand_in(folder):
    """One file of each kind; what is said of it, empty where it can run."""
    folder.mkdir()
    said = {}

    def put(name, data, why):
        (folder / f"{name}.ipynb").write_bytes(data)
        said[name] = why

    good = notebook(DOUBLE)
    put("good", good, "")
    put("odd metadata", notebook(DOUBLE, companion=[3], kernelspec=4), "")
    put("no metadata", json.dumps({"cells": json.loads(good)["cells"]}).encode(), "")
    put("empty", b"", "the notebook is empty")
    put("cut", good[:40], "the notebook is damaged: it is no JSON")
    put("deep", b"[" * 10**6, "the notebook is damaged: it is no JSON")
    put("no notebook", b'{"cells": 3}', "the file is no notebook: it has no cells")
    put("a list", b"[1, 2]", "the file is no notebook: it has no cells")
    put("no code", notebook(), "the notebook has no code")
    julia = notebook("1", kernelspec={"name": "julia-1.9", "language": "julia"})
    put("julia", julia, "the notebook is for the kernel 'julia', and Python was asked for")
    many = "the notebook has 10000 code cells, and at most 1000 are run"
    put("many cells", notebook(*["1"] * 10_000), many)
    with open(folder / "large.ipynb", "wb") as file:
        file.truncate(200 << 20)
    said["large"] = "it is larger than 20 MB"

    linked = "it is a link, and links are not followed"
    (folder / "link.ipynb").symlink_to(folder / "good.ipynb")
    (folder / "linked folder").symlink_to(folder)
    said |= {"link": linked, "linked folder": linked}
    (folder / "inner link").mkdir()
    (folder / "inner link" / "a.ipynb").symlink_to(folder / "good.ipynb")
    (folder / "inner link" / "up").symlink_to(folder)
    said["inner link"] = "no notebook was handed in, and one was asked for"
    (folder / "two").mkdir()
    for name in "ab":
        (folder / "two" / f"{name}.ipynb").write_bytes(good)
    said["two"] = "2 notebooks were handed in, and one was asked for"
    os.mkfifo(folder / "pipe.ipynb")
    said["pipe"] = "it is no ordinary file"

    zipped(folder / "zip.zip", **{"work/a.ipynb": good, "__MACOSX/work/._a.ipynb": b"x"})
    zipped(folder / "out of it.zip", **{"../../a.ipynb": good})
    zipped(folder / "absolute.zip", **{"/etc/a.ipynb": good})
    zipped(folder / "bomb.zip", **{"a.ipynb": b"0" * (300 << 20)})
    link = zipfile.ZipInfo("a.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(folder / "zipped link.zip", "w") as archive:
        archive.writestr(link, str(folder / "good.ipynb"))
    (folder / "no zip.zip").write_bytes(b"PK\3\4 and no more")
    leads = "the zip holds a path that leads out of it"
    said |= {"zip": "", "out of it": leads, "absolute": leads, "zipped link": linked}
    said["bomb"] = "it is larger than 20 MB"
    said["no zip"] = "the zip is damaged, or locked with a password"
    lying = bytearray((folder / "bomb.zip").read_bytes())
    where = lying.rindex(b"PK\1\2") + 24  # the size in the directory: a small one is believed
    lying[where : where + 4] = (100).to_bytes(4, "little")
    (folder / "lying bomb.zip").write_bytes(lying)
    said["lying bomb"] = None  # refused by size or by the library, and read only up to the bound
    return said


def test_each_file_gets_its_line_and_only_what_can_run_is_run(tmp_path):
    said = hand_in(tmp_path / "in")
    found = dict(submissions.found(tmp_path / "in"))
    assert set(found) == set(said)
    for name, path in found.items():
        read = submissions.read(name, path)
        if said[name] is None:
            assert read.problem
        else:
            assert read.problem == said[name], name
        assert bool(read.cells) == (read.problem == "")


def test_a_class_is_graded_at_once_resumed_and_reported(tmp_path, assignment, box):
    folder, out = tmp_path / "in", tmp_path / "grades.csv"
    folder.mkdir()
    shout = f"print({SCRIPT!r})\nraise ValueError({SCRIPT!r})"
    files = {
        "=cmd|' C calc'!A1": notebook(DOUBLE),
        "<img src=x onerror=alert(1)>": notebook(DOUBLE, shout),
        "loops": notebook("while True:\n    pass", DOUBLE),
        "empty": b"",
        "another": notebook(DOUBLE, companion={"assignment": 4}),
        "half": notebook("print('\\ud800')", "third = 4", "'\ud800'"),
    }
    for name, data in files.items():
        (folder / f"{name}.ipynb").write_bytes(data)
    limits = Limits(seconds=20, cell_seconds=2, call_seconds=2)
    calls, ran = [], []

    def counted(limits):
        ran.append(1)
        return box(limits)

    def go():
        return gradebook.grade_all(
            folder,
            assignment,
            KEY,
            counted,
            limits,
            out,
            jobs=2,
            roster=["absent", "loops"],
            done=lambda graded, total: calls.append((graded.student, total)),
        )

    everyone = {one.student: one for one in go()}
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert {total for _, total in calls} == {7} == {len(rows)}
    assert [row["points"] for row in rows if "cmd" in row["student"]] == ["4"]
    assert next(row for row in rows if "cmd" in row["student"])["student"][0] == "'"
    assert everyone["absent"].note == "nothing was handed in"
    assert everyone["another"].note == "the notebook is that of assignment 4"
    assert everyone["loops"].points(assignment) == 4
    assert everyone["half"].points(assignment) == 1
    pages = gradebook.reports_of(out)
    for page in pages.glob("*.html"):
        text = page.read_text()
        assert "<script" not in text
        assert "<img" not in text
        assert "default-src 'none'" in text
    attack = (pages / f"{gradebook.slug('<img src=x onerror=alert(1)>')}.html").read_text()
    assert attack.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3  # printed, raised, the note
    assert "Students by points: " in (pages / "summary.html").read_text()

    assert len(ran) == 4
    (folder / "loops.ipynb").write_bytes(notebook(DOUBLE))  # handed in again
    again = {one.student: one for one in go()}
    assert len(ran) == 5
    assert again["loops"].note == ""
    assert {**again, "loops": 0} == {**everyone, "loops": 0}
    for damage in ("{}", "no JSON"):
        (pages / f"{gradebook.slug('half')}.json").write_text(damage)
        go()
    assert len(ran) == 7


def test_a_fault_in_grading_one_leaves_the_others(tmp_path, assignment, monkeypatch):
    for name in "ab":
        (tmp_path / f"{name}.ipynb").write_bytes(notebook(DOUBLE))

    def graded(student, *rest):
        if student == "a":
            raise KeyError("a fault of ours")
        return Graded(student, {one.name: Mark(1) for one in assignment.exercises}, {})

    monkeypatch.setattr(gradebook, "grade", graded)
    got = gradebook.grade_all(tmp_path, assignment, KEY, None, Limits(), tmp_path / "out" / "g.csv")
    assert [one.points(assignment) for one in got] == [0, 7]
    assert got[0].note == "grading itself failed (KeyError: 'a fault of ours')"


def test_only_a_table_of_marks_is_replaced_by_one(tmp_path, assignment):
    handed_in, other = tmp_path / "class", tmp_path / "thesis.csv"
    (handed_in / "ada").mkdir(parents=True)
    other.write_text("student,points of view\n")
    for out in (handed_in, other):
        with pytest.raises(ValueError, match=rf"a table of marks, and {out} is neither; choose"):
            gradebook.grade_all(handed_in, assignment, KEY, None, Limits(), out)
    assert other.read_text() == "student,points of view\n"
    assert {one.name for one in tmp_path.iterdir()} == {"class", "thesis.csv"}
    fresh = tmp_path / "out" / "marks.csv"
    for roster in ([], ["Bob"]):
        gradebook.grade_all(handed_in, assignment, KEY, None, Limits(), fresh, roster=roster)
        assert fresh.read_text().count("\n") == 2 + len(roster)


def graded_at_once(monkeypatch, assignment, share=1.0):
    """Grading without a sandbox: every submission earns this share, and each is counted."""
    ran = []

    def graded(student, *rest):
        ran.append(student)
        return Graded(student, {one.name: Mark(share) for one in assignment.exercises}, {})

    monkeypatch.setattr(gradebook, "grade", graded)
    return ran


def marked(folder, assignment, out, roster=(), key=KEY):
    return gradebook.grade_all(folder, assignment, key, None, Limits(), out, roster=roster)


def handed_in(folder, *names, **metadata):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.ipynb").write_bytes(notebook(DOUBLE, **metadata))
    return folder


def test_marks_of_another_assignment_stay(tmp_path, assignment, monkeypatch):
    graded_at_once(monkeypatch, assignment)
    out = tmp_path / "grades.csv"
    folder = handed_in(tmp_path / "in", "Ada")
    marked(folder, assignment, out)
    before = out.read_bytes()
    other = replace(assignment, number=98, exercises=assignment.exercises[:2])
    with pytest.raises(ValueError, match=r"a table of assignment 98, and .* of another; choose"):
        marked(folder, other, out)
    assert out.read_bytes() == before


def test_a_table_loses_no_student(tmp_path, assignment, monkeypatch):
    """Late submissions in a folder of their own would take the place of all others."""
    graded_at_once(monkeypatch, assignment)
    out = tmp_path / "grades.csv"
    marked(handed_in(tmp_path / "in", "Ada", "=Bob"), assignment, out)
    before = out.read_bytes()
    late = handed_in(tmp_path / "late", "Zoe")
    with pytest.raises(ValueError, match=r"keeps its students, and of '=Bob in .* put all subm"):
        marked(late, assignment, out)
    assert out.read_bytes() == before
    assert len(marked(handed_in(tmp_path / "in", "Zoe"), assignment, out)) == 3
    assert len(marked(late, assignment, out, roster=["Ada", "=Bob"])) == 3


def test_what_was_changed_by_hand_stays(tmp_path, assignment, monkeypatch):
    graded_at_once(monkeypatch, assignment)
    out, folder = tmp_path / "grades.csv", handed_in(tmp_path / "in", "Ada")
    marked(folder, assignment, out)
    table = out.read_text()
    # a spreadsheet may write the same table in another way
    again = "\ufeff" + table.replace("Ada", '"Ada"').replace("\n", "\r\n")
    out.write_bytes(again.encode())
    marked(folder, assignment, out)
    assert out.read_text() == table
    out.write_text(table.replace("Ada,7", "Ada,6.5"))
    with pytest.raises(ValueError, match=r"must not be lost, and .* since it was written; rename"):
        marked(folder, assignment, out)
    assert "Ada,6.5" in out.read_text()
    out.rename(tmp_path / "mine.csv")
    marked(folder, assignment, out)
    assert out.read_text() == table


def test_reports_among_the_submissions_are_nobodys(tmp_path, assignment, monkeypatch):
    """As where a teacher grades the folder that they are in."""
    graded_at_once(monkeypatch, assignment)
    folder = handed_in(tmp_path / "in", "Ada")
    monkeypatch.chdir(folder)
    for _ in range(2):
        everyone = marked(Path("."), assignment, Path("grades.csv"))
        assert [one.student for one in everyone] == ["Ada"]


def test_a_name_is_the_same_in_a_file_and_in_a_roster(tmp_path, assignment, monkeypatch):
    graded_at_once(monkeypatch, assignment)
    folder = handed_in(tmp_path / "in", "Rene\u0301e", "Zoe ")  # as a Mac writes the first
    everyone = marked(folder, assignment, tmp_path / "g.csv", roster=["Ren\u00e9e", "Zoe", "Zoe"])
    assert [(one.student, one.note) for one in everyone] == [("Ren\u00e9e", ""), ("Zoe", "")]


def test_numbers_of_another_class_are_graded_and_named(tmp_path, assignment, monkeypatch):
    """Another secret gives other numbers: all answers to shown ones would be wrong, in silence."""
    ran = graded_at_once(monkeypatch, assignment)
    folder = tmp_path / "in"
    for name, key in (("own", KEY), ("foreign", b"o" * 32)):
        shown = secret.named(secret.given(key, two := with_numbers(assignment)))
        handed_in(folder, name, companion={"assignment": two.number, "numbers": shown})
    handed_in(folder, "unsaid")
    for _ in range(2):  # the second time from what was kept
        notes = {one.student: one.note for one in marked(folder, two, tmp_path / "g.csv")}
        assert notes == {"own": "", "unsaid": "", "foreign": gradebook.OTHER_NUMBERS}
    assert len(ran) == 3


def with_numbers(assignment):
    """The same with a shown number that a key draws."""
    *others, last = assignment.exercises
    last = replace(last, draw=lambda generator: [{"n": int(generator.integers(10**9))}])
    return replace(assignment, exercises=(*others, last))


def test_a_made_notebook_says_its_numbers(assignment):
    shown = secret.given(KEY, assignment)
    source = [{"cell_type": "markdown", "metadata": {}, "source": "# T"}]
    source += [
        {"cell_type": "raw", "metadata": {}, "source": f"# {word} QUESTION{name}"}
        for one in assignment.exercises
        for word, name in (("BEGIN", f"\nname: {one.name}"), ("END", ""))
    ]
    for i in range(len(assignment.exercises)):
        source.insert(2 + 3 * i, {"cell_type": "markdown", "metadata": {}, "source": "?"})
    made = sources.student(source, assignment, shown)
    assert made["metadata"]["companion"] == {
        "assignment": 97,
        "numbers": secret.named(shown),
    }


def test_a_folder_without_submissions_is_refused(tmp_path):
    with pytest.raises(ValueError, match="SUBMISSIONS must hold a notebook, a zip or a folder"):
        list(submissions.found(tmp_path))
    with pytest.raises(ValueError, match="SUBMISSIONS must be a folder of notebooks"):
        list(submissions.found(tmp_path / "none"))


def test_a_report_says_what_was_missed_and_a_histogram_counts_everyone(assignment):
    one = nothing("Ada", assignment, "the notebook is empty")
    page = reports.student(one, assignment)
    assert "The notebook is empty." in page
    assert "0 of 7 points" in page
    drawn = reports.histogram([0, 7, 7, 3.5], 7)
    assert "1 from 0 to 0.7, 1 from 3.5 to 4.2, 2 from 6.3 to 7" in drawn


def command(*arguments, here):
    return subprocess.run(
        [sys.executable, "-m", "companion.cli", *map(str, arguments)],
        cwd=here,
        capture_output=True,
        text=True,
    )


def test_the_command_makes_a_class_and_grades_it(tmp_path, box):
    secret, out = tmp_path / "secret", tmp_path / "out"
    made = command("classroom", "new", "--secret", secret, "--out", out, here=tmp_path)
    assert made.returncode == 0, made.stderr
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    notebooks = {path: path.read_bytes() for path in out.iterdir()}
    again = ["classroom", "new", "--secret", secret, "--out", out]
    assert command(*again, here=tmp_path).returncode == 0
    assert {path: path.read_bytes() for path in out.iterdir()} == notebooks
    worked, *_, last = sorted(notebooks)
    last.write_bytes(notebooks[last] + b" ")  # somebody worked in it
    worked.unlink()
    refused = command(*again, here=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("a notebook that somebody may have worked in must not be lost")
    assert not worked.exists()  # all or nothing
    folder = tmp_path / "in"
    folder.mkdir()
    (out / "03-decay-and-rescaling.ipynb").rename(folder / "Ada.ipynb")
    roster = tmp_path / "roster.txt"
    roster.write_bytes(b"\xef\xbb\xbfAda\r\n\r\n")  # as Windows writes a text file
    arguments = ["grade", folder, "--assignment", 3, "--secret", secret, "--out", "g.csv"]
    arguments += ["--roster", roster]
    done = command(*arguments, here=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "1 of 1: Ada: 0 of 20\n"
    assert (tmp_path / "g.csv").read_text().splitlines()[1].startswith("Ada,0,20,")
    for wrong, said in (
        (["--assignment", 95], "--assignment must be one of "),
        (["--secret", tmp_path / "none"], "--secret must be a class's file, and "),
        (["--jobs", 0], "--jobs must be >= 1, got 0"),
    ):
        refused = command(*arguments, *wrong, here=tmp_path)
        assert refused.returncode == 2
        assert refused.stderr.startswith(said)
        assert refused.stderr.count("\n") == 1
