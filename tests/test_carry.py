"""Finished stacks, carried from one folder to another in files."""

import json
import zipfile

import pytest

from companion import cli
from companion.evidence import files, partial, provenance, records
from companion.experiments import carry, packs, runner, status
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
    header, stored, origins = carry._stored(record.path)
    changed = stored["epochs"].to_pandas()
    changed["test_loss"] *= 1.001
    stored["epochs"] = carry.tables.encode("epochs", changed)
    file.write_bytes(carry._zipped(header, stored, origins, range(RUNS)))
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


# --- who trained what ----------------------------------------------------------------------------


def machine(monkeypatch, hardware):
    monkeypatch.setattr(
        runner.machine, "describe", lambda device: {"device": "cpu", "hardware": hardware}
    )


def set_seconds(folder, seconds):
    """Say that each part took so long, as an honest writer would."""
    for part in (folder / "parts").iterdir():
        origin = {**partial.read_origin(part), "seconds": seconds}
        files.write_json(part / "origin.json", origin)
        digests = files.read_json(part / "digests.json")
        digests["origin"] = files.digest((part / "origin.json").read_bytes())
        files.write_json(part / "digests.json", digests)


def test_a_record_says_which_machine_trained_which_runs(tmp_path, monkeypatch, capsys):
    machine(monkeypatch, "Old GPU")
    path = begun(tmp_path / "a")
    set_seconds(tmp_path / "a" / f"{NAME}.partial", 500.0)
    [file] = carry.export(path, tmp_path / "x.zip")
    machine(monkeypatch, "New CPU")
    begun(tmp_path / "b", after=1)
    carry.bring_in([file], tmp_path / "b")
    _, [one], _ = status.read(tmp_path / "b")
    assert 500 < one.seconds < 560  # the seconds count here too, and so does the estimate
    assert one.remaining == pytest.approx(2 * one.seconds)
    record = train(tmp_path / "b")
    old, new = record.provenance["trained"]
    assert (old["machine"]["hardware"], new["machine"]["hardware"]) == ("Old GPU", "New CPU")
    assert old["parts"] == {"00000-00001": 500.0}
    assert old["seconds"] == 500
    assert list(new["parts"]) == ["00002-00003", "00004-00005"]
    assert 0 < new["seconds"] < 60
    assert new["seconds"] == pytest.approx(sum(new["parts"].values()))
    assert old["code"] == new["code"] == {"version": "0.1", "commit": "abc"}
    assert 500 < record.provenance["wall_seconds"] < 560
    assert record.label().endswith("quick scale, Old GPU and New CPU")
    assert records.verify(record.path) == []
    code, (out, _) = command(capsys, "report", record.path)
    assert code == 0
    assert "  trained on  Old GPU, device cpu, runs 00000-00001, in 8 min 20 s\n" in out
    assert "  trained on  New CPU, device cpu, runs 00002-00003, 00004-00005, in " in out


@pytest.mark.parametrize("limit", [carry.LIMIT, 30_000])
def test_origins_pass_through_a_finished_record_and_through_halved_files(
    tmp_path, monkeypatch, limit
):
    machine(monkeypatch, "Old GPU")
    begun(tmp_path / "a", after=11)
    machine(monkeypatch, "New CPU")
    record = train(tmp_path / "a")
    monkeypatch.setattr(carry, "LIMIT", limit)
    machine(monkeypatch, "a third one")
    found = carry.bring_in(carry.export(record.path, tmp_path / "x.zip"), tmp_path / "b")
    before, after = (one.provenance["trained"] for one in (record, found.record))
    assert [one["machine"] for one in after] == [one["machine"] for one in before]
    for old, new in zip(before, after, strict=True):
        assert new["seconds"] == pytest.approx(old["seconds"], abs=0.01)
        runs = [packs.finished_runs(one["parts"]) for one in (old, new)]
        assert runs[0] == runs[1]
    assert len(after[0]["parts"]) == (2 if limit > 2**20 else 4)


def test_a_record_without_origins_still_loads_and_gives_what_it_knows(tmp_path):
    record = train(tmp_path / "a")
    content = files.read_json(record.path / "record.json")
    del content["trained"]
    content["wall_seconds"] = 60.0
    content = provenance.sealed(content)
    files.write_json(record.path / "record.json", content)
    assert records.verify(record.path) == []
    assert records.load(record.path).label() == record.label()
    found = carry.bring_in(carry.export(record.path, tmp_path / "x.zip"), tmp_path / "b")
    [only] = found.record.provenance["trained"]
    assert only["machine"] == content["machine"]
    assert only["parts"] == {"00000-00005": 60.0}


def test_a_part_without_an_origin_stays_without(tmp_path):
    path = begun(tmp_path / "a")
    part = tmp_path / "a" / f"{NAME}.partial" / "parts" / "00000-00001"
    digests = files.read_json(part / "digests.json")
    del digests["origin"]
    files.write_json(part / "digests.json", digests)
    (part / "origin.json").unlink()
    carry.bring_in(carry.export(path, tmp_path / "x.zip"), tmp_path / "b")
    [one] = train(tmp_path / "b").provenance["trained"]
    assert list(one["parts"]) == ["00002-00003", "00004-00005"]


def test_an_origin_that_is_none_makes_a_bad_file(tmp_path):
    [file] = carry.export(begun(tmp_path / "a"), tmp_path / "x.zip")
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members["manifest.json"])
    manifest["origins"]["00000-00001"]["seconds"] = "long"
    members["manifest.json"] = json.dumps(manifest)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"is no whole export of a record .a part's origin has"):
        carry.bring_in([file], tmp_path / "b")


def test_a_shipped_record_is_exported_by_its_name(tmp_path, capsys):
    name = records.recorded_names()[0]
    code, (out, err) = command(capsys, "export", name, "--out", tmp_path / "x.zip")
    assert (code, err) == (0, "")
    assert out.startswith(f"{tmp_path / 'x.zip'}: ")
    code, (_, err) = command(capsys, "export", "nothing", "--out", tmp_path / "y.zip")
    assert code == 2
    assert "record must be a folder or a recorded name (" in err
