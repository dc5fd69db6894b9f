"""Finished stacks, carried from one folder to another in files."""

import copy
import io
import json
import os
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from companion import cli
from companion.evidence import files, partial, provenance, records, tables
from companion.experiments import carry, packs, parcel, runner, status, stored_runs
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


@pytest.mark.parametrize("limit", [parcel.LIMIT, 30_000])
def test_a_finished_record_there_and_back(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(parcel, "LIMIT", limit)
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
    header, stored, origins = stored_runs.read(record.path)
    changed = stored["epochs"].to_pandas()
    changed["test_loss"] *= 1.001
    stored["epochs"] = tables.encode("epochs", changed)
    file.write_bytes(parcel.zipped(header, stored, origins, range(RUNS)))
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


@pytest.mark.parametrize("limit", [parcel.LIMIT, 30_000])
def test_origins_pass_through_a_finished_record_and_through_halved_files(
    tmp_path, monkeypatch, limit
):
    machine(monkeypatch, "Old GPU")
    begun(tmp_path / "a", after=11)
    machine(monkeypatch, "New CPU")
    record = train(tmp_path / "a")
    monkeypatch.setattr(parcel, "LIMIT", limit)
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


# --- files that promise more than they are, or say what is not ----------------------------------


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The members of an exported file."""
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        folder = tmp_path_factory.mktemp("exported")
        [file] = carry.export(begun(folder), folder / "x.zip")
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path, members, **said):
    """A file of these members, whose digests are right; said: what the manifest says else."""
    manifest = json.loads(members["manifest.json"])
    digests = {
        name: files.digest(data) for name, data in members.items() if name != "manifest.json"
    }
    manifest = {**manifest, "sha256": digests, **said}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**members, "manifest.json": json.dumps(manifest)}.items():
            archive.writestr(name, data)
    return path


def no_export(path, fault, out):
    with pytest.raises(
        ValueError, match=rf"is no whole export of a record \({fault}.*\); export o"
    ):
        carry.bring_in([path], out)
    assert not out.exists()


EPOCHS_TABLE = "parts/00000-00001/epochs.parquet"


def test_sixty_million_rows_in_a_small_file_are_not_read(tmp_path, exported):
    table = pq.read_table(io.BytesIO(exported[EPOCHS_TABLE])).slice(0, 1)
    rows = table.take(pa.array(np.zeros(100_000, np.int64)))
    monster = io.BytesIO()
    with pq.ParquetWriter(monster, table.schema, compression="zstd") as writer:
        writer.write_table(rows, row_group_size=100_000)
    monkey = pytest.MonkeyPatch()
    monkey.setattr(parcel, "ROWS", 60_000)
    monkey.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("must not be read"))
    file = packed(tmp_path / "a.zip", {**exported, EPOCHS_TABLE: monster.getvalue()})
    no_export(file, "table epochs must have at most 60,000 rows, got 100,000", tmp_path / "b")
    monkey.undo()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_twice_too_many_or_over_each_other(tmp_path, exported, monkeypatch):
    file = packed(tmp_path / "a.zip", exported)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(EPOCHS_TABLE, exported[EPOCHS_TABLE])
    no_export(file, "two members of one name", tmp_path / "b")
    file = packed(tmp_path / "c.zip", exported)
    with zipfile.ZipFile(file, "a") as archive:  # three hundred names for the same bytes
        for number in range(300):
            other = copy.copy(archive.getinfo(EPOCHS_TABLE))
            other.filename = other.orig_filename = f"parts/{number:05d}-{number:05d}/x.parquet"
            archive.filelist.append(other)
        archive._didModify = True
    no_export(file, "members that overlap", tmp_path / "b")
    monkeypatch.setattr(parcel, "MEMBERS", 2)
    no_export(packed(tmp_path / "d.zip", exported), "more than 2 members", tmp_path / "b")
    monkeypatch.setattr(parcel, "LIMIT", 1000)
    no_export(packed(tmp_path / "e.zip", exported), "more than 1000 bytes", tmp_path / "b")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name")
def test_what_never_ends_is_no_plain_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for path in (tmp_path / "pipe", tmp_path / "link", tmp_path):
        no_export(path, "no plain file", tmp_path / "b")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"arms": {"none": 7}}, "an arm must be a dict of settings, and none is 7"),
        ({"arms": {"none": {"widths": "x"}}}, "widths of an arm must be a list of whole numbers"),
        ({"runs_per_arm": 10**9}, "runs_per_arm must be >= 1 and at most 100000, got 1000000000"),
        ({"runs_per_arm": 5}, "a header lists the seed of each run, 15, or those that all arms"),
        ({"classes": "x"}, "a record's header needs classes as int, got 'x'"),
        ({"classes": -3}, "classes must be >= 1 and at most 2147483648, got -3"),
        ({"machine": {"hardware": [7]}}, r"a record's header needs machine.hardware as str, got"),
        ({"code": {"version": 7}}, "a record's header needs code.version as str, got 7"),
        ({"title": "a\x1b[31mb"}, r"a record's header must be of printable text, got 'a\\x1b"),
        ({"source": ["x"]}, "a record's header needs source as str"),
        ({"name": "other"}, "the record's name is not that of its experiment, images and scale"),
    ],
)
def test_a_header_from_elsewhere_is_not_trusted(tmp_path, exported, change, fault):
    header = {**json.loads(exported["manifest.json"])["header"], **change}
    no_export(packed(tmp_path / "a.zip", exported, header=header), fault, tmp_path / "b")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"seconds": 1e300}, "a part's origin has machine and code as dict and seconds >= 0"),
        ({"machine": {"hardware": "a\x1b[31m"}}, "a part's origin has machine and code as dict"),
        ({"machine": {"hardware": 7}}, "a part's origin has machine and code as dict"),
    ],
)
def test_an_origin_from_elsewhere_is_not_trusted(tmp_path, exported, change, fault):
    origins = json.loads(exported["manifest.json"])["origins"]
    origins["00000-00001"] |= change
    no_export(packed(tmp_path / "a.zip", exported, origins=origins), fault, tmp_path / "b")


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        (lambda name: name.replace("00000-00001", "00004-00005"), "part 00004-00005 has other"),
        (lambda name: name.replace("00000-00001", "00000-999999999"), "a stack's key is its first"),
        (lambda name: name.replace("layers", "steps"), "table steps must be a parquet file"),
        (
            lambda name: name.replace("parts/00000-00001", "../.."),
            r"'../../epochs.parquet' is no",
        ),
        (lambda name: "parts" if "layers" in name else name, "'parts' is no part of a record"),
        (lambda name: None if "layers" in name else name, "part 00000-00001 has other tables"),
    ],
)
def test_a_part_is_what_its_name_says(tmp_path, exported, names, fault):
    members = {names(name): data for name, data in exported.items() if names(name)}
    no_export(packed(tmp_path / "a.zip", members, origins={}), fault, tmp_path / "b")


@pytest.mark.parametrize(
    ("manifest", "fault"),
    [
        ("[" * 100_000, "it nests too deep"),
        ("[]", "manifest.json is list and not a dict"),
        ("{}", "it lacks 'format'"),
        ('{"format": 1, "format": NaN}', "NaN is no number"),
    ],
)
def test_a_manifest_that_is_none(tmp_path, exported, manifest, fault):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, data in {**exported, "manifest.json": manifest}.items():
            archive.writestr(name, data)
    no_export(tmp_path / "a.zip", fault, tmp_path / "b")


def test_bytes_that_were_changed_anywhere_end_in_a_sentence(tmp_path, exported):
    whole = packed(tmp_path / "a.zip", exported).read_bytes()
    order = np.random.default_rng(0)
    for _ in range(100):
        data = bytearray(whole)
        for place in order.integers(0, len(data), 3):
            data[place] ^= int(order.integers(1, 256))
        (tmp_path / "b.zip").write_bytes(data[: order.integers(1, len(data) + 1)])
        with pytest.raises(ValueError, match="is no whole export of a record"):
            parcel.read(tmp_path / "b.zip")


def test_a_name_in_any_script_goes_there_and_back(tmp_path, capsys):
    record = train(tmp_path / "söme out", dataset="my dätä")
    file = tmp_path / "ein zîp.zip"
    code, (out, err) = command(capsys, "export", record.path, "--out", file)
    assert (code, err) == (0, "")
    assert out.startswith(f"{file}: ")
    code, (out, err) = command(capsys, "import", file, "--out", tmp_path / "日本")
    assert (code, err) == (0, "")
    assert out.startswith("toy-my dätä-quick: 6 new runs, 0 there already; the record is finished")
    assert_same(records.load(tmp_path / "日本" / "toy-my dätä-quick"), record)


def test_a_folder_that_takes_nothing_is_one_sentence(tmp_path, capsys, exported):
    file = packed(tmp_path / "a.zip", exported)
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "deep", "/proc/nothing"):
        code, (_, err) = command(capsys, "import", file, "--out", out)
        assert code == 2
        assert f"--out must be a folder that can be written, got {out} (" in err
        assert err.count("\n") == 1


@pytest.mark.parametrize("out", ["", ".", "..", "/dev/null"])
def test_an_export_needs_a_name_of_its_own(tmp_path, capsys, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    code, (_, err) = command(capsys, "export", records.recorded_names()[0], "--out", out)
    assert code == 2
    assert "--out must be a new file, " in err
    assert list(tmp_path.iterdir()) == []
