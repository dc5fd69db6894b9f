"""Finished stacks, carried from one folder to another in files."""

import json
import zipfile

import pytest

from companion import cli
from companion.evidence import records
from companion.experiments import carry
from tests.references.toy import RUNS, Interrupt, assert_same, small, train

NAME = "toy-made-quick"


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    small(monkeypatch)


def begun(out, after=8):
    with pytest.raises(RuntimeError, match="stop"):
        train(out, progress=Interrupt(after, RuntimeError))
    return out / NAME


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def command(capsys, *arguments):
    with pytest.raises(SystemExit) as exit_:
        cli.main([str(one) for one in arguments])
    return exit_.value.code, capsys.readouterr()


@pytest.mark.parametrize("limit", [carry.LIMIT, 30_000])
def test_a_finished_record_there_and_back(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(carry, "LIMIT", limit)
    record = train(tmp_path / "a")
    written = carry.export(record.path, tmp_path / "x.zip")
    assert (len(written) > 1) == (limit < 2**20)
    assert all(path.stat().st_size <= limit for path in written)
    found = carry.bring_in(written[::-1], tmp_path / "b")
    assert (found.new, found.known) == (RUNS, 0)
    assert_same(found.record, record)
    again = carry.bring_in(written, tmp_path / "b")
    assert (again.new, again.known) == (0, RUNS)


def test_a_record_in_the_making_is_gone_on_with(tmp_path):
    path = begun(tmp_path / "a")
    [file] = carry.export(path, tmp_path / "x.zip")
    found = carry.bring_in([file], tmp_path / "b")
    assert (found.new, found.record) == (2, None)
    assert_same(train(tmp_path / "b"), train(tmp_path / "c"))


def test_a_run_that_differs_is_never_replaced(tmp_path, monkeypatch):
    record = train(tmp_path / "a")
    [file] = carry.export(record.path, tmp_path / "x.zip")
    begun(tmp_path / "b")
    header, stored = carry._stored(record.path)
    changed = stored["epochs"].to_pandas()
    changed["test_loss"] += 1
    stored["epochs"] = carry.tables.encode("epochs", changed)
    file.write_bytes(carry._zipped(header, stored, range(RUNS)))
    before = snapshot(tmp_path / "b")
    with pytest.raises(ValueError, match="a stored run is never replaced, and among runs 0 to 1"):
        carry.bring_in([file], tmp_path / "b")
    assert snapshot(tmp_path / "b") == before


def test_another_header_is_refused(tmp_path):
    [file] = carry.export(train(tmp_path / "a").path, tmp_path / "x.zip")
    [other] = carry.export(train(tmp_path / "b", epochs=2).path, tmp_path / "y.zip")
    with pytest.raises(ValueError, match="files must be of one record"):
        carry.bring_in([file, other], tmp_path / "c")
    before = snapshot(tmp_path / "b")
    with pytest.raises(ValueError, match="another header"):
        carry.bring_in([file], tmp_path / "b")
    assert snapshot(tmp_path / "b") == before


@pytest.mark.parametrize("damage", ["cut", "flip", "no zip", "missing", "name", "compressed"])
def test_a_bad_file_writes_nothing(tmp_path, capsys, damage):
    [file] = carry.export(begun(tmp_path / "a"), tmp_path / "x.zip")
    data = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if damage == "cut":
        file.write_bytes(data[:-50])
    elif damage == "flip":
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif damage == "no zip":
        file.write_text("text")
    elif damage == "missing":
        file.unlink()
    else:
        manifest = json.loads(members["manifest.json"])
        if damage == "name":
            manifest["header"]["name"] = "../away"
        members["manifest.json"] = json.dumps(manifest)
        kind = zipfile.ZIP_DEFLATED if damage == "compressed" else zipfile.ZIP_STORED
        with zipfile.ZipFile(file, "w", kind) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    code, (out, err) = command(capsys, "import", file, "--out", tmp_path / "b")
    assert (code, out) == (2, "")
    assert "is no whole export of a record (" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "b").exists()


def test_the_commands(tmp_path, capsys):
    path = begun(tmp_path / "a")
    code, (out, err) = command(capsys, "export", path, "--out", tmp_path / "x.zip")
    assert (code, err) == (0, "")
    assert out.startswith(f"{tmp_path / 'x.zip'}: 0.")
    code, (_, err) = command(capsys, "export", path, "--out", tmp_path / "x.zip")
    assert code == 2
    assert "--out must be a new file" in err
    code, (_, err) = command(capsys, "export", path, "--out", tmp_path / "no" / "x.zip")
    assert code == 2
    assert "--out must be a file that can be written" in err
    code, (out, err) = command(capsys, "import", tmp_path / "x.zip", "--out", tmp_path / "b")
    assert (code, err) == (0, "")
    assert out == f"{NAME}: 2 new runs, 0 there already; `companion run` trains the rest\n"
    train(tmp_path / "b")
    assert records.verify(tmp_path / "b" / NAME) == []


def test_nothing_to_export(tmp_path):
    with pytest.raises(ValueError, match="has no finished stack to export"):
        carry.export(begun(tmp_path, after=1), tmp_path / "x.zip")
