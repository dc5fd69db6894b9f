"""Records: the schema, the working folder, a kill at every step, verification."""

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from companion.evidence import checks, files, headers, partial, provenance, records, tables
from companion.evidence.writer import Writer
from companion.experiments import status
from companion.measure import catalogue, geometry
from companion.measure.declare import Column

NAME = "weight-rescaling-mlp-digits-quick"
SEEDS = [7, 8]
EPOCHS = 2


def header(**changes) -> dict:
    return {
        "name": NAME,
        "experiment": "weight-rescaling-mlp",
        "scale": "quick",
        "dataset": "digits",
        "dataset_digest": "d" * 64,
        "arms": {"none": {"decay": 0.0}, "wr": {"decay": 0.0, "rescale": "wr"}},
        "seeds": SEEDS,
        "runs_per_arm": 2,
        "epochs": EPOCHS,
        "code": {"version": "0.1.0", "commit": "abc", "source": "clean"},
        "machine": {"hardware": "2-core Test CPU", "device": "cpu"},
        "deviations": ["2 epochs instead of 100"],
        **changes,
    }


def measured(rng) -> dict:
    """What is measured once a run and epoch, as it may be: a wrong image costs at least ln 2."""
    names = [c.name for c in tables.TABLES["epochs"]][4:]
    return {name: rng.uniform() + name.endswith("loss") for name in names}


def frames(arm: str, first_run: int, seeds=SEEDS, epochs: int = EPOCHS) -> dict:
    """Tables of one stack, in float64 and out of order, as an engine may hand them over."""
    rng = np.random.default_rng(first_run)
    base = [
        {"run": first_run + i, "arm": arm, "seed": seed, "epoch": epoch}
        for epoch in reversed(range(epochs + 1))
        for i, seed in enumerate(seeds)
    ]
    rows = [{**row, **measured(rng)} for row in base]
    weights = [c.name for c in tables.TABLES["layers"]][5:]
    layers = [
        {**row, "layer": layer, **{name: rng.uniform() for name in weights}}
        for row in base
        for layer in (1, 2)
    ]
    bins = [
        {**row, "layer": 1, "left": left, "right": left + 0.5, "count": 3}
        for row in base
        if row["epoch"] in (0, epochs)
        for left in (0.5, 0.0)
    ]
    result = {"epochs": rows, "layers": layers, "histograms": bins}
    return {name: pd.DataFrame(value) for name, value in result.items()}


KEY = "00000-00001"
STACKS = {"00000-00001": ("none", 0), "00002-00003": ("wr", 2)}


def run(folder: Path, trained: list | None = None, origin: str | None = None) -> records.Record:
    """What a runner does: resume, train what is missing (noted in `trained`), finish.

    origin: the key of the stack that says who trained it.
    """
    with Writer(folder, header()) as writer:
        for key, (arm, first) in STACKS.items():
            if key in writer.finished():
                continue
            state = writer.load_checkpoint(key)
            if state is None:
                writer.save_checkpoint(key, {"epoch": 1, "weights": torch.arange(3.0)})
            writer.add(key, frames(arm, first), ORIGIN if key == origin else None)
            if trained is not None:
                trained.append(key)
        return writer.finish()


def flip(path: Path, place: float = 0.5) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 1
    path.write_bytes(data)


def reseal(folder: Path, **change) -> None:
    """Change record.json as one does who knows that it has a digest."""
    content = files.read_json(folder / "record.json")
    files.write_json(folder / "record.json", provenance.sealed({**content, **change}))


# The finished record


def test_a_record_reads_back_what_was_written_sorted_and_typed(tmp_path):
    record = run(tmp_path / "toy")
    assert record.name == NAME
    assert record.path == tmp_path / "toy"
    expected = pd.concat([frames(arm, first)["epochs"] for arm, first in STACKS.values()])
    expected = expected.sort_values(["run", "epoch"]).reset_index(drop=True)
    assert record.epochs[["run", "arm", "seed", "epoch"]].values.tolist() == (
        expected[["run", "arm", "seed", "epoch"]].values.tolist()
    )
    np.testing.assert_array_equal(
        record.epochs["test_loss"], expected["test_loss"].to_numpy(np.float32)
    )
    for name in tables.TABLES:
        on_disk = pq.read_table(record.path / f"{name}.parquet")
        assert on_disk.schema.equals(tables.schema(name))
        keys = on_disk.to_pandas()[tables.KEYS[name]]
        assert keys.equals(keys.sort_values(tables.KEYS[name], ignore_index=True))
    assert record.layers.dtypes["weight_std"] == np.float32
    assert record.histograms.dtypes["count"] == np.int32
    assert records.verify(record.path) == []
    assert not (tmp_path / "toy.partial").exists()
    assert sorted(p.name for p in record.path.iterdir()) == [
        "epochs.parquet", "histograms.parquet", "layers.parquet", "record.json",
    ]  # fmt: skip


def test_provenance_holds_the_header_and_the_result_as_sorted_indented_json(tmp_path):
    record = run(tmp_path / "toy")
    text = (record.path / "record.json").read_text()
    content = json.loads(text)
    assert text == json.dumps(content, sort_keys=True, indent=2) + "\n"
    assert {key: content[key] for key in header()} == header()
    assert set(content) == {*headers.HEADER, *headers.RESULT, "sha256"}
    assert content["tables"]["epochs"]["rows"] == len(record.epochs) == 12
    assert content["stacks"] == ["00000-00001", "00002-00003"]
    assert content["created"].endswith("+00:00")


def test_label_says_what_was_run(tmp_path):
    record = run(tmp_path / "toy")
    assert record.label() == "2 runs each, 2 epochs, digits, quick scale, 2-core Test CPU"
    assert repr(record) == f"<Record {NAME}: {record.label()}>"
    alone = {"none": {"learning_rate": 0.1}}
    one = records.Record(tmp_path, header(arms=alone, runs_per_arm=1, epochs=1, machine={}))
    assert one.label() == "1 run, 1 epoch, digits, quick scale, unknown hardware"


def test_recorded_is_tolerant_of_no_records_and_names_what_there_is(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "_CHAPTERS", tmp_path)
    assert records.recorded_names() == []
    with pytest.raises(ValueError, match=r"are: none yet; got 'toy'; use one"):
        records.recorded("toy")
    run(tmp_path / "a" / "records" / "toy")
    assert records.recorded_names() == ["toy"]
    assert records.recorded("toy").name == NAME
    with pytest.raises(ValueError, match=r"are: toy; got '\.\./toy'; use one"):
        records.recorded("../toy")


@pytest.mark.parametrize("name", records.recorded_names())
def test_committed_records_are_sound(name):
    assert records.verify(records.recorded(name).path) == []


def test_load_says_what_is_wrong(tmp_path):
    with pytest.raises(ValueError, match=r"must hold record.json and does not; give a record's"):
        records.load(tmp_path / "nothing")
    with Writer(tmp_path / "toy", header()):
        pass
    with pytest.raises(ValueError, match="is not finished; run the same command again"):
        records.load(tmp_path / "toy")


# The schema


def test_describe_documents_every_column():
    for name in tables.TABLES:
        table = tables.describe(name)
        assert table["column"].tolist() == tables.schema(name).names
        assert table["meaning"].str.len().min() > 5
    with pytest.raises(ValueError, match="tables are epochs, layers, histograms, got 'runs'"):
        tables.describe("runs")


def test_encode_keeps_nan_and_infinity_of_a_diverged_run():
    frame = frames("none", 0)["epochs"]
    frame.loc[0, "train_loss"] = np.nan
    frame.loc[1, "train_loss"] = 1e300
    back = tables.from_parquet("epochs", tables.to_parquet(tables.encode("epochs", frame)))
    losses = back.to_pandas()["train_loss"]
    assert back["train_loss"].null_count == 0
    assert np.isnan(losses).sum() == 1
    assert np.isinf(losses).sum() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="seed"), "'seed' is missing"),
        (lambda f: f.assign(extra=1), "'extra' is unknown"),
        (lambda f: f.assign(epoch=40_000), r"epoch of epochs must hold int16 \(.*got 40000"),
        (lambda f: f.assign(run=0.5), "run of epochs must hold int32 .*got 0.5; give whole"),
        (lambda f: f.assign(seed=np.nan), "seed of epochs must hold int32 .*got nan"),
        (lambda f: f.assign(arm=3), "arm of epochs must hold string, got 3; name the arm"),
        (lambda f: f.assign(test_loss="low"), "test_loss of epochs must hold float, got .*numbers"),
    ],
)
def test_encode_refuses_what_the_schema_does_not_hold(change, message):
    with pytest.raises(ValueError, match=message):
        tables.encode("epochs", change(frames("none", 0)["epochs"]))


def test_from_parquet_refuses_another_schema():
    good = tables.encode("epochs", frames("none", 0)["epochs"])
    wide = good.set_column(1 + 3, "train_loss", good["train_loss"].cast(pa.float64()))
    for table, message in [
        (wide, "train_loss of epochs must hold float, got double"),
        (good.drop_columns("seed"), "seed of epochs must hold int32, got no such column"),
        (good.append_column("extra", good["run"]), "must have the columns run, arm.*got run"),
    ]:
        with pytest.raises(ValueError, match=message):
            tables.from_parquet("epochs", tables.to_parquet(table))
    with pytest.raises(ValueError, match="must be a parquet file and cannot be read"):
        tables.from_parquet("epochs", b"not parquet")


# The header


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": None}, "header needs seeds as list, got None; add it"),
        ({"epochs": True}, "header needs epochs as int, got True"),
        ({"epochs": 0}, "epochs must be >= 1 and at most 32767, got 0"),
        ({"epochs": 40_000}, "epochs must be >= 1 and at most 32767, got 40000"),
        ({"runs_per_arm": 0}, "runs_per_arm must be >= 1 and at most 100000, got 0"),
        (
            {"runs_per_arm": 3},
            "lists the seed of each run, 6, or those that all arms share, 3, got 2",
        ),
        ({"seeds": [1.5, 2]}, "seeds must be different whole numbers >= 0"),
        ({"seeds": [7, 7]}, "seeds must be different whole numbers >= 0"),
        ({"detailed_seeds": [9]}, "detailed_seeds must be among the seeds"),
        ({"arms": {"none": 7}}, "an arm must be a dict of settings, and none is 7"),
        ({"title": "a\x1b[2Jb"}, r"must be of printable text, got 'a\\x1b\[2Jb'"),
        ({"deviations": [3]}, "deviations must be sentences"),
        ({"columns": {}}, "columns must say name, meaning and type"),
        ({"columns": {"epochs": [{"name": "x"}]}}, "columns must say name, meaning and type"),
        ({"columns": {"epochs": [], "other": []}}, "columns must say name, meaning and type"),
        ({"arms": {}}, "at least one arm, got none"),
        ({"wall_seconds": 3.0}, "header key wall_seconds is set by the writer"),
        ({"machine": {"free": float("nan")}}, "must be plain JSON"),
        ({"code": {"path": Path()}}, "must be plain JSON"),
    ],
)
def test_a_bad_header_is_refused_and_nothing_is_written(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        Writer(tmp_path / "toy", header(**change))
    assert list(tmp_path.iterdir()) == []
    lacking = header()
    del lacking["scale"]
    with pytest.raises(ValueError, match="header needs scale as str, got nothing"):
        Writer(tmp_path / "toy", lacking)


def contents(folder: Path) -> dict:
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arms": {"none": {"decay": 0.1}, "wr": {}}}, "arms.none.decay is 0.0 there and 0.1 now"),
        ({"epochs": 3, "seeds": [1, 2]}, "epochs is 2 there and 3 now"),
        ({"note": "x"}, "note is 'nothing' there and 'x' now"),
    ],
)
@pytest.mark.parametrize("finished", [False, True])
def test_another_header_is_refused_and_nothing_is_touched(tmp_path, change, message, finished):
    folder = tmp_path / "toy"
    if finished:
        run(folder)
    else:
        with Writer(folder, header()) as writer:
            writer.add("00000-00001", frames("none", 0))
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=f"{message}; choose another --out or delete"):
        Writer(folder, header(**change))
    assert contents(tmp_path) == before


def test_a_complete_record_says_so_and_is_left_alone(tmp_path):
    run(tmp_path / "toy")
    before = contents(tmp_path)
    writer = Writer(tmp_path / "toy", header())
    assert writer.complete
    assert writer.finished() == set(STACKS)
    assert writer.damaged() == []
    assert writer.load_checkpoint("00002-00003") is None
    assert writer.finish().name == NAME
    for act in (
        lambda: writer.add("00009-00009", {}),
        lambda: writer.save_checkpoint("00009-00009", {}),
    ):
        with pytest.raises(ValueError, match="is complete; nothing can be added"):
            act()
    assert contents(tmp_path) == before


def test_a_folder_that_is_no_record_is_left_alone(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match="photos exists and is no record; choose another --out"):
        Writer(tmp_path / "photos", header())


# Who trained what

ORIGIN = {"machine": {"hardware": "a GPU"}, "code": {"commit": "abc"}, "seconds": 12.5}


def test_parts_say_who_trained_them_and_the_record_lists_them(tmp_path):
    with Writer(tmp_path / "toy", header()) as writer:
        writer.add("00000-00001", frames("none", 0))
        writer.add("00002-00003", frames("wr", 2), ORIGIN)
        record = writer.finish()
    assert record.provenance["trained"] == [{**ORIGIN, "parts": {"00002-00003": 12.5}}]
    assert record.provenance["wall_seconds"] < 12
    assert record.label().endswith(", a GPU")
    assert records.verify(record.path) == []
    assert Writer(tmp_path / "toy", header()).complete


def test_many_kinds_of_hardware_are_counted(tmp_path):
    kinds = [{"machine": {"hardware": kind}, "parts": {}} for kind in "abca"]
    record = records.Record(tmp_path, header(trained=kinds))
    assert record.label().endswith(", 3 kinds of hardware")


def test_seconds_worked_elsewhere_are_added(tmp_path):
    with Writer(tmp_path / "toy", header()) as writer:
        writer.add("00000-00001", frames("none", 0), {**ORIGIN, "seconds": 100.0}, elsewhere=True)
    with Writer(tmp_path / "toy", header()) as writer:
        writer.add("00002-00003", frames("wr", 2), ORIGIN, elsewhere=True)
        seconds = writer.finish(wall_seconds=0).provenance["wall_seconds"]
    assert 112.4 < seconds < 115  # the first writer was open for a moment


@pytest.mark.parametrize(
    "origin",
    [
        {},
        {**ORIGIN, "seconds": -1},
        {**ORIGIN, "seconds": float("nan")},
        {**ORIGIN, "machine": "mine"},
        {**ORIGIN, "more": 1},
        "mine",
    ],
)
def test_a_bad_origin_is_refused_and_nothing_is_stored(tmp_path, origin):
    with Writer(tmp_path / "toy", header()) as writer:
        with pytest.raises(ValueError, match=r"a part's origin has machine and code as dict"):
            writer.add("00000-00001", frames("none", 0), origin)
        assert writer.finished() == set()


@pytest.mark.parametrize("damage", ["flip", "missing"])
def test_a_damaged_origin_damages_its_part(tmp_path, damage):
    with Writer(tmp_path / "toy", header()) as writer:
        writer.add("00002-00003", frames("wr", 2), ORIGIN)
        part = tmp_path / "toy.partial" / "parts" / "00002-00003"
        flip(part / "origin.json") if damage == "flip" else (part / "origin.json").unlink()
        assert writer.finished() == set()
        assert "part 00002-00003 in" in writer.damaged()[0]
        assert "origin.json" in writer.damaged()[0]


@pytest.mark.parametrize(
    "trained",
    [
        [{**ORIGIN, "parts": {"other": 12.5}}],
        [{**ORIGIN, "parts": {"00002-00003": 12.6}}],
        [{**ORIGIN, "parts": {"00002-00003": "long"}}],
        [{"parts": {"00002-00003": 12.5}}],
        [3],
        3,
    ],
)
def test_verify_names_a_false_word_on_who_trained(tmp_path, trained):
    folder = run(tmp_path / "toy").path
    reseal(folder, trained=trained)
    [fault] = records.verify(folder)
    assert "record.json's trained must say machine, code, seconds and parts" in fault


# The working folder


def test_two_writers_are_refused(tmp_path):
    with Writer(tmp_path / "toy", header()) as first:
        with pytest.raises(ValueError, match=r"one writer at a time and .*toy\.partial is in use"):
            Writer(tmp_path / "toy", header())
        first.add("00000-00001", frames("none", 0))
    with Writer(tmp_path / "toy", header()) as second:
        assert second.finished() == {"00000-00001"}


def test_a_lock_file_removed_by_another_is_not_held(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "exists", lambda path: False)
    with pytest.raises(ValueError, match="is in use by another"):
        files.Lock(tmp_path / "lock")


def test_a_record_finished_while_waiting_is_taken_as_complete(tmp_path):
    source = run(tmp_path / "source").path

    class Slow(Writer):
        def _begin(self):
            super()._begin()
            shutil.copytree(source, tmp_path / "toy")

    writer = Slow(tmp_path / "toy", header())
    assert writer.complete
    assert not (tmp_path / "toy.partial").exists()


def test_checkpoints_come_back_exactly_and_go_with_their_stack(tmp_path):
    state = {
        "epoch": 3,
        "rows": [{"loss": 0.5, "arm": "wr", "last": None, "ok": True}],
        "model": {"0.weight": torch.randn(2, 3, dtype=torch.float64), "steps": (1, 2)},
    }
    with Writer(tmp_path / "toy", header()) as writer:
        assert writer.load_checkpoint("00000-00001") is None
        writer.save_checkpoint("00000-00001", {"epoch": 1})
        writer.save_checkpoint("00000-00001", state)
    with Writer(tmp_path / "toy", header()) as writer:
        back = writer.load_checkpoint("00000-00001")
        assert torch.equal(back["model"]["0.weight"], state["model"]["0.weight"])
        assert back["rows"] == state["rows"]
        assert back["model"]["steps"] == (1, 2)
        writer.add("00000-00001", frames("none", 0))
        assert writer.load_checkpoint("00000-00001") is None
        with pytest.raises(ValueError, match=r"got ndarray at state\['a'\]\[0\]; convert it"):
            writer.save_checkpoint("00002-00003", {"a": [np.zeros(2)]})


def test_a_checkpoint_left_beside_its_finished_stack_goes_at_the_next_opening(tmp_path):
    with Writer(tmp_path / "toy", header()) as writer:
        writer.add("00000-00001", frames("none", 0))
        writer.save_checkpoint("00000-00001", {"epoch": 1})
    with Writer(tmp_path / "toy", header()) as writer:
        assert writer.load_checkpoint("00000-00001") is None


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "replace"])
def test_a_damaged_checkpoint_is_refused_and_reported(tmp_path, damage):
    with Writer(tmp_path / "toy", header()) as writer:
        writer.save_checkpoint("00002-00003", {"weights": torch.ones(1000)})
        path = tmp_path / "toy.partial" / "checkpoints" / "00002-00003.pt"
        if damage == "flip":
            flip(path)
        elif damage == "truncate":
            path.write_bytes(path.read_bytes()[:-100])
        elif damage == "empty":
            path.write_bytes(b"")
        else:
            torch.save(torch.ones(3), path)
        message = r"00002-00003.pt is damaged \(it differs from its digest\); delete it to train"
        with pytest.raises(ValueError, match=message):
            writer.load_checkpoint("00002-00003")
        assert len(writer.damaged()) == 1
    (state, fault) = records.verify(tmp_path / "toy.partial")
    assert "a record in the making with 0 finished stacks" in state
    assert "00002-00003.pt is damaged" in fault


@pytest.mark.parametrize("damage", ["flip", "missing", "digests"])
def test_a_damaged_part_is_reported_not_merged_and_can_be_trained_anew(tmp_path, damage):
    with Writer(tmp_path / "toy", header()) as writer:
        for key, (arm, first) in STACKS.items():
            writer.add(key, frames(arm, first))
        part = tmp_path / "toy.partial" / "parts" / "00002-00003"
        if damage == "flip":
            flip(part / "layers.parquet")
        elif damage == "missing":
            (part / "layers.parquet").unlink()
        else:
            (part / "digests.json").write_text("{")
        assert writer.finished() == {"00000-00001"}
        with pytest.raises(
            ValueError, match=r"part 00002-00003 in .* is damaged \(.*train this stack"
        ):
            writer.finish()
        assert not (tmp_path / "toy").exists()
        assert len(writer.damaged()) == 1
        assert "part 00002-00003" in records.verify(tmp_path / "toy.partial")[1]
        writer.add("00002-00003", frames("wr", 2))
        assert writer.damaged() == []
        assert records.verify(writer.finish().path) == []


def test_add_refuses_bad_stacks_and_stores_nothing(tmp_path):
    with Writer(tmp_path / "toy", header()) as writer:
        good = frames("none", 0)
        for key, tabs, message in [
            ("../up", good, r"key is its first and last run, .* got '\.\./up'; rename"),
            ("00001-00000", good, "key is its first and last run"),
            ("000000-00001", good, "key is its first and last run"),
            (KEY, {"epochs": good["epochs"]}, "has the tables .*got epochs; give all of them"),
            (KEY, {}, "got none; give all of them"),
            (KEY, frames("wrs", 0), f"{KEY} cannot be recorded: epochs: arm wrs is not among"),
            (KEY, frames("none", 0, epochs=1), "has epochs 0 to 2; in run 0 2 is missing"),
            (KEY, frames("none", 5), r"must be of the runs in its name, got \[5, 6\]; rename"),
        ]:
            with pytest.raises(ValueError, match=message):
                writer.add(key, tabs)
        assert list((tmp_path / "toy.partial" / "parts").iterdir()) == []
        writer.add(KEY, good)
        with pytest.raises(ValueError, match=rf"stack {KEY} is in .* already; skip what is"):
            writer.add(KEY, good)


def test_finish_refuses_an_incomplete_record(tmp_path):
    with Writer(tmp_path / "toy", header()) as writer:
        with pytest.raises(ValueError, match="has no finished stack; add at least one"):
            writer.finish()
        writer.add("00000-00001", frames("none", 0))
        with pytest.raises(ValueError, match="each arm has 2 runs and wr has 0"):
            writer.finish()
        assert writer.finished() == {"00000-00001"}
        assert not (tmp_path / "toy").exists()


def test_wall_time_adds_up_over_resumes(tmp_path):
    with Writer(tmp_path / "toy", header()) as writer:
        writer.add("00000-00001", frames("none", 0))
    (tmp_path / "toy.partial" / "elapsed.json").write_text('{"wall_seconds": 100.0}')
    with Writer(tmp_path / "toy", header()) as writer:
        writer.add("00002-00003", frames("wr", 2))
        assert writer.finish(wall_seconds=20).provenance["wall_seconds"] == 120.0


def test_a_working_folder_without_a_readable_header_is_refused(tmp_path):
    with Writer(tmp_path / "toy", header()) as writer:
        writer.add("00000-00001", frames("none", 0))
    path = tmp_path / "toy.partial" / "header.json"
    for text, message in [("{", "must hold JSON and does not"), ("[]", "a JSON object, got list")]:
        path.write_text(text)
        assert any(message in fault for fault in records.verify(path.parent))
        with pytest.raises(ValueError, match=message):
            Writer(tmp_path / "toy", header())
    path.unlink()
    with pytest.raises(ValueError, match=r"header.json must be readable and is not"):
        Writer(tmp_path / "toy", header())


# A kill at every step


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it, nothing cleans up."""


@pytest.fixture
def kill_at(monkeypatch):
    """Make the n-th change on disk the last one that does not happen."""
    steps, locks = {"left": None}, []

    def guard(name):
        real = getattr(os, name)

        def step(*args, **options):
            if steps["left"] is not None:
                if steps["left"] == 0:
                    if name == "fsync":  # not forced yet: half of the file may be lost
                        os.ftruncate(args[0], os.fstat(args[0]).st_size // 2)
                    raise Killed
                steps["left"] -= 1
            return real(*args, **options)

        monkeypatch.setattr(os, name, step)

    for name in ("replace", "fsync", "unlink", "rmdir", "mkdir"):
        guard(name)
    make = files.Lock.__init__

    def remember(lock, path):
        locks.append(lock)
        make(lock, path)

    monkeypatch.setattr(files.Lock, "__init__", remember)

    def attempt(n, act):
        steps["left"] = n
        try:
            act()
        except Killed:
            return False
        finally:
            steps["left"] = None
            for lock in locks:
                lock.release()
            locks.clear()
            gc.collect()
        return True

    return attempt


def test_a_kill_at_any_step_loses_no_finished_stack(tmp_path, kill_at, monkeypatch):
    wanted = run(tmp_path / "reference")
    monkeypatch.setattr(checks, "content", lambda *_, **__: [])  # sound, and tested elsewhere
    monkeypatch.setattr(files, "sync_folder", lambda folder: None)  # a kill is no power cut
    for n in range(1000):
        folder = tmp_path / str(n) / "toy"
        stored, trained = [], []
        survived = kill_at(n, lambda f=folder, done=stored: run(f, done, "00002-00003"))
        for fault in records.verify(folder) if folder.exists() else []:
            pytest.fail(f"step {n}: {fault}")
        making = partial.folder_of(folder)
        if (making / "header.json").exists():
            assert len(partial.problems(making)) == 1
        record = run(folder, trained, "00002-00003")
        assert record.provenance["trained"] == [{**ORIGIN, "parts": {"00002-00003": 12.5}}]
        assert not set(stored) & set(trained)
        pd.testing.assert_frame_equal(record.epochs, wanted.epochs)
        pd.testing.assert_frame_equal(record.histograms, wanted.histograms)
        assert sorted(p.name for p in folder.parent.iterdir()) == ["toy"]
        if survived:
            break
    assert 40 < n < 999


def test_a_real_kill_frees_the_lock_and_keeps_the_stack(tmp_path):
    script = (
        "import sys, time\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_records as t\n"
        f"writer = t.Writer({str(tmp_path / 'toy')!r}, t.header())\n"
        "writer.add('00000-00001', t.frames('none', 0))\n"
        "print('stored', flush=True)\n"
        "time.sleep(60)\n"
    )
    root = Path(records.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        try:
            assert child.stdout.readline() == "stored\n"
            with pytest.raises(ValueError, match="is in use by another"):
                Writer(tmp_path / "toy", header())
        finally:
            child.send_signal(signal.SIGKILL)
    assert records.verify(run(tmp_path / "toy").path) == []


# Verification


def rewrite(folder: Path, name: str, change) -> None:
    """Write a changed table with a matching digest, as only a faulty writer would."""
    frame = tables.from_parquet(name, (folder / f"{name}.parquet").read_bytes()).to_pandas()
    data = tables.to_parquet(tables.encode(name, change(frame)))
    (folder / f"{name}.parquet").write_bytes(data)
    content = files.read_json(folder / "record.json")
    content["tables"][name]["sha256"] = files.digest(data)
    files.write_json(folder / "record.json", provenance.sealed(content))


def without_last_row(frame):
    return frame.iloc[:-1]


def put(column, where, value):
    def change(frame):
        frame.loc[frame.query(where).index[0], column] = value
        return frame

    return change


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("epochs", without_last_row, "epochs has 11 rows, record.json says 12"),
        ("epochs", without_last_row, "each run has epochs 0 to 2; in run 3 2 is missing"),
        ("epochs", put("epoch", "epoch == 2", 3), "in run 0 2 is missing"),
        ("epochs", put("epoch", "epoch == 2", 1), "named by run, epoch and 1 are there twice"),
        ("epochs", put("test_loss", "epoch == 0", np.nan), "test_loss must be finite before"),
        (
            "epochs",
            put("test_accuracy", "epoch == 1", 50.0),
            "test_accuracy must be from 0 to 1, got 50",
        ),
        ("epochs", lambda f: f.query("run != 3"), "each arm has 2 runs and wr has 1"),
        ("epochs", put("seed", "run == 1", 99), "seed 99 is not among the record's 7, 8"),
        ("epochs", put("arm", "run == 1", "wrs"), "arm wrs is not among the record's none, wr"),
        ("epochs", put("seed", "run == 1", 7), "a run has one arm and one seed and run 1 has more"),
        ("epochs", put("seed", "run == 1", 7), "none with seed 7 has more"),
        ("layers", put("weight_std", "epoch == 0", np.inf), "weight_std must be finite before"),
        ("layers", lambda f: f.query("run != 3"), r"run 3 \(wr, seed 8\) is only in epochs"),
        ("layers", put("run", "run == 3", 9), r"run 9 \(wr, seed 8\) is only in layers"),
        ("histograms", put("right", "run == 1", -9.0), "a bin has left < right, and one has not"),
    ],
)
def test_verify_names_each_fault_of_the_rows(tmp_path, name, change, message):
    folder = run(tmp_path / "toy").path
    rewrite(folder, name, change)
    faults = records.verify(folder)
    assert any(pd.Series(faults).str.contains(message)), faults


def test_verify_names_each_fault_of_the_files(tmp_path):
    folder = run(tmp_path / "toy").path
    flip(folder / "layers.parquet")
    (folder / "histograms.parquet").unlink()
    faults = records.verify(folder)
    assert len(faults) == 2
    assert "layers.parquet differs from its digest in record.json" in faults[0]
    assert "histograms.parquet is missing" in faults[1]
    with pytest.raises(ValueError, match="differs from its digest"):
        _ = records.load(folder).layers
    assert len(records.load(folder).epochs) == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "must have schema 1, got 2; use the version"),
        ({"tables": {}}, "record.json needs tables with rows and sha256 of epochs"),
        ({"wall_seconds": "long"}, "record.json needs wall_seconds as float"),
        ({"dataset": 3}, "header needs dataset as str, got 3"),
    ],
)
def test_verify_names_each_fault_of_record_json(tmp_path, change, message):
    folder = run(tmp_path / "toy").path
    reseal(folder, **change)
    (fault,) = records.verify(folder)
    assert message in fault


def test_verify_of_what_is_no_record():
    (fault,) = records.verify("no/such/folder")
    assert "must hold record.json and does not" in fault


HEADER_EDITS = [
    {"dataset": "cifar10"},
    {"name": "../../x"},
    {"scale": "full"},
    {"experiment": "weight-rescaling-lenet5"},
]


@pytest.mark.parametrize("change", [{"wall_seconds": 1.0}, {"arms": {"none": {}, "wr": {}}}])
def test_an_edit_of_record_json_breaks_its_digest(tmp_path, change):
    folder = run(tmp_path / "toy").path
    content = files.read_json(folder / "record.json")
    files.write_json(folder / "record.json", {**content, **change})
    assert records.verify(folder) == [
        "record.json differs from its own digest; restore it or run the record again."
    ]


@pytest.mark.parametrize("change", HEADER_EDITS)
def test_what_record_json_says_must_fit_together(tmp_path, change):
    folder = run(tmp_path / "toy").path
    reseal(folder, **change)
    [fault] = records.verify(folder)
    assert "a record is named by its experiment, image set and scale" in fault


@pytest.mark.parametrize("dataset", ["a/b", "..", "a:b", "x" * 300])
def test_a_name_that_is_no_folder_is_refused(tmp_path, dataset):
    folder = run(tmp_path / "toy").path
    experiment = "." if dataset == ".." else "toy"
    reseal(folder, dataset=dataset, experiment=experiment)
    assert "must make a folder's name, got" in records.verify(folder)[0]


def test_an_older_record_has_no_digest_and_is_sound(tmp_path):
    folder = run(tmp_path / "toy").path
    content = files.read_json(folder / "record.json")
    del content["sha256"]
    files.write_json(folder / "record.json", content)
    assert records.verify(folder) == []
    assert not records.load(folder).is_sealed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"wall_seconds": NaN}', "must hold JSON and does not (NaN is no number)"),
        ("[" * 100_000, "must hold JSON and does not (it nests too deep)"),
    ],
)
def test_what_is_no_json_is_no_record(tmp_path, text, message):
    folder = run(tmp_path / "toy").path
    (folder / "record.json").write_text(text)
    [fault] = records.verify(folder)
    assert message in fault


def test_verify_sees_rows_out_of_order(tmp_path):
    folder = run(tmp_path / "toy").path
    for name in tables.TABLES:
        table = pq.read_table(folder / f"{name}.parquet")
        data = tables.to_parquet(table.take(list(reversed(range(len(table))))))
        (folder / f"{name}.parquet").write_bytes(data)
        content = files.read_json(folder / "record.json")
        content["tables"][name]["sha256"] = files.digest(data)
        reseal(folder, tables=content["tables"])
    assert [fault.split(":")[0] for fault in records.verify(folder)] == list(tables.TABLES)
    assert "rows are in the order of run, epoch, and these are not" in records.verify(folder)[0]


# Laws between the columns


def every(column, value):
    return lambda frame: frame.assign(**{column: value})


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("epochs", every("test_loss", -1.0), "test_loss must be from 0 to inf, got -1"),
        ("epochs", every("test_accuracy", 0.0), None),
        ("epochs", every("test_loss", 0.01), "test_loss 0.01 and test_accuracy .* cannot be of"),
        ("epochs", every("train_accuracy", 1.0), None),
        ("layers", lambda f: f.iloc[:0], r"run 0 \(none, seed 7\) is only in epochs"),
        ("layers", lambda f: f.query("epoch != 1"), "epochs 0 to 2 of none must be there, got 2"),
        ("layers", put("layer", "run == 0", 52), "same layers at the same epochs, and those of no"),
        ("layers", lambda f: f.assign(layer=f["layer"] - 1), "layer must be from 1 to inf, got 0"),
        ("layers", every("weight_std", -0.1), "weight_std must be from 0 to inf, got -0.1"),
        ("histograms", lambda f: f.iloc[:0], None),
        ("histograms", every("count", 0), "layer 1 of none has 0 in run 0 at epoch 0"),
        ("histograms", put("count", "run == 3", 4), "layer 1 of wr has 6 in run 2 at epoch 0"),
        ("histograms", lambda f: f.query("epoch == 0"), "before and after training must be there"),
    ],
)
def test_verify_holds_the_laws_between_columns(tmp_path, name, change, message):
    folder = run(tmp_path / "toy").path
    rewrite(folder, name, change)
    content = files.read_json(folder / "record.json")
    rows = pq.read_table(folder / f"{name}.parquet").num_rows
    content["tables"][name]["rows"] = rows
    reseal(folder, tables=content["tables"])
    faults = records.verify(folder)
    if message is None:
        assert faults == []
    else:
        assert any(pd.Series(faults).str.contains(message)), faults


def test_all_right_cannot_cost_more_than_a_guess(tmp_path):
    folder = run(tmp_path / "toy").path
    rewrite(folder, "epochs", every("test_accuracy", 1.0))
    assert records.verify(folder) == []  # the header does not say how many classes there are
    reseal(folder, classes=2)
    [fault] = records.verify(folder)
    assert "and test_accuracy 1 of run 0 at epoch 0 cannot be of the same images" in fault


# Declared columns

STEPS = geometry.TURNING.each(2)


def test_a_record_may_hold_any_declared_column(tmp_path):
    shape = geometry.SHAPE
    measures = (*catalogue.EACH_EPOCH, shape, STEPS)
    head = header(columns=tables.declared(measures))
    assert list(tables.of(head)) == ["epochs", "layers", "steps"]
    with Writer(tmp_path / "toy", head) as writer:
        for key, (arm, first) in STACKS.items():
            stack = frames(arm, first)
            rows = stack["layers"].drop(columns=[c.name for c in catalogue.STANDARD[1].columns])
            rows = rows[["run", "arm", "seed", "epoch", "layer"]]
            steps = rows.query("epoch > 0").assign(step=2 * rows["epoch"], angle=0.1, weight_norm=1)
            stack = {
                "epochs": stack["epochs"],
                "layers": stack["layers"].assign(weight_shape=2.0, weight_shape_error=0.1),
                "steps": steps,
            }
            with pytest.raises(ValueError, match="has the tables epochs, layers, steps, got"):
                writer.add(key, frames(arm, first))
            writer.add(key, stack)
        record = writer.finish()
    assert records.verify(record.path) == []
    assert (record.layers["weight_shape"] == 2).all()
    assert list(record.steps.columns) == [
        "run", "arm", "seed", "epoch", "step", "layer", "angle", "weight_norm",
    ]  # fmt: skip
    assert record.histograms.empty
    assert tables.of(files.read_json(record.path / "record.json")) == tables.layout(measures)


def test_the_declared_range_holds(tmp_path):
    turned = geometry.SHAPE.columns[0]
    assert turned == Column("weight_shape", turned.meaning, low=0.2, high=turned.high, start=False)
    head = header(columns=tables.declared((*catalogue.EACH_EPOCH, geometry.SHAPE)))
    stack = frames("none", 0)
    del stack["histograms"]
    with Writer(tmp_path / "toy", head) as writer:
        stack["layers"] = stack["layers"].assign(weight_shape=-1.0, weight_shape_error=0.1)
        with pytest.raises(ValueError, match=r"weight_shape must be from 0.2 to 20, got -1"):
            writer.add(KEY, stack)
        writer.add(KEY, {**stack, "layers": stack["layers"].assign(weight_shape=np.nan)})


def test_a_record_without_steps_says_so(tmp_path):
    record = run(tmp_path / "toy")
    with pytest.raises(ValueError, match="must have a measure taken at steps, and has none"):
        _ = record.steps


# What is not ours


def test_foreign_files_are_left_alone_and_named(tmp_path):
    with Writer(tmp_path / "toy", header()) as writer:
        writer.add(KEY, frames("none", 0))
    parts = tmp_path / "toy.partial" / "parts"
    shutil.copytree(parts / KEY, parts / f"{KEY} copy")
    for name in (".DS_Store", "Thumbs.db"):
        (parts / name).write_text("x")
    (parts.parent / "checkpoints" / "notes.pt").write_text("x")
    with Writer(tmp_path / "toy", header()) as writer:
        assert writer.finished() == {KEY}
        said = writer.damaged()
        assert [Path(text.split(" is no")[0]).name for text in said] == [
            "notes.pt", f"{KEY} copy", "Thumbs.db",
        ]  # fmt: skip
        assert all("is no part of a record and is left alone; move it away" in x for x in said)
        assert records.verify(writer.partial)[1:] == said
        writer.add("00002-00003", frames("wr", 2))
        assert records.verify(writer.finish().path) == []


def test_a_renamed_part_is_damaged(tmp_path):
    with Writer(tmp_path / "toy", header()) as writer:
        writer.add(KEY, frames("none", 0))
        parts = writer.partial / "parts"
        (parts / KEY).rename(parts / "00002-00003")
        assert writer.finished() == set()
        [said] = writer.damaged()
        assert "part 00002-00003" in said
        assert "is damaged (it holds runs 0 to 1); run the same command again" in said
        with pytest.raises(ValueError, match="it holds runs 0 to 1"):
            writer.finish()
        for key, (arm, first) in STACKS.items():
            writer.add(key, frames(arm, first))
        assert records.verify(writer.finish().path) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"wall_seconds": "x"}', "{}", '{"wall_seconds": -3}'])
def test_a_damaged_clock_counts_as_0_and_is_named(tmp_path, text):
    with Writer(tmp_path / "toy", header()) as writer:
        writer.add(KEY, frames("none", 0))
    path = tmp_path / "toy.partial" / "elapsed.json"
    path.write_text(text)
    assert records.verify(path.parent)[1:] == [
        f"{path} is damaged; the time worked before counts as 0."
    ]
    with Writer(tmp_path / "toy", header()) as writer:
        assert "the time worked before counts as 0" in writer.damaged()[0]
        writer.add("00002-00003", frames("wr", 2))
        assert writer.finish(wall_seconds=20).provenance["wall_seconds"] == 20.0


def test_links_and_folders_in_the_way_are_named(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a.partial").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"a.partial must be a folder of its own, and is a link"):
        Writer(tmp_path / "a", header())
    (tmp_path / "b").symlink_to(tmp_path / "nothing")
    with pytest.raises(ValueError, match="b exists and is no record; choose another --out"):
        Writer(tmp_path / "b", header())
    (tmp_path / "c.partial" / "lock").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"lock must be a file that can be written and is not"):
        Writer(tmp_path / "c", header())
    (tmp_path / "d.partial").write_text("x")
    with pytest.raises(ValueError, match=r"d.partial must be a folder, and is a file; remove it"):
        Writer(tmp_path / "d", header())


def test_a_clock_that_goes_backwards_takes_no_time_away(tmp_path, monkeypatch):
    with Writer(tmp_path / "toy", header()) as writer:
        monkeypatch.setattr("time.time", lambda: 0.0)  # only steady time is counted
        for key, (arm, first) in STACKS.items():
            writer.add(key, frames(arm, first))
        assert 0 <= writer.finish().provenance["wall_seconds"] < 60


# Files that promise more than they are


def test_a_table_is_measured_before_it_is_read():
    table = tables.encode("epochs", frames("none", 0)["epochs"])
    many = pa.concat_tables([table.slice(0, 1)] * 1000)
    data = tables.to_parquet(many)
    assert len(data) < 10_000
    with pytest.raises(ValueError, match="must have at most 999 rows, got 1,000"):
        tables.from_parquet("epochs", data, rows=999)
    assert tables.from_parquet("epochs", data, rows=1000).num_rows == 1000


def test_a_table_is_limited_in_bytes_too(monkeypatch):
    data = tables.to_parquet(tables.encode("epochs", frames("none", 0)["epochs"]))
    monkeypatch.setattr(tables, "LARGEST", 100)
    with pytest.raises(ValueError, match="at most 100 bytes before compression, got"):
        tables.from_parquet("epochs", data)


def test_first_difference_and_columns_stay_plain():
    assert partial.first_difference({"a": [1, 2]}, {"a": [1, 2]}) is None
    assert partial.first_difference({"a": 1}, {}) == ("a", 1, "nothing")
    assert replace(tables.TABLES["epochs"][0], name="x").name == "x"
    assert checks.content(header(), {k: v.astype({"run": int}) for k, v in both().items()}) == []


def both() -> dict:
    stacks = [frames(arm, first) for arm, first in STACKS.values()]
    return {name: pd.concat([s[name] for s in stacks]) for name in tables.TABLES}


# What record.json says of things that no chart needs, and names that promise too much


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"created": "a\x1b[2Jb"}, r"record.json must be of printable text, got 'a\x1b[2Jb'"),
        ({"wall_seconds": 1e300}, "wall_seconds must be from 0 to 1e+10, got 1e+300"),
        ({"wall_seconds": -1.0}, "wall_seconds must be from 0 to 1e+10, got -1"),
        ({"stacks": [7]}, "record.json needs stacks as text"),
        ({"classes": True}, "header needs classes as int, got True"),
        ({"split": 7}, "header needs split as dict, got 7"),
        ({"machine": {"hardware": ["x"]}}, "header needs machine.hardware as str, got ['x']"),
        ({"machine": {"versions": 3}}, "header needs machine.versions as dict, got 3"),
        ({"code": {"commit": 7}}, "header needs code.commit as str, got 7"),
        ({"arms": {"none": {"widths": 7}, "wr": {}}}, "and those of none are 7; declare them"),
        ({"arms": {"none": {"widths": [4, "x"]}, "wr": {}}}, "a list of whole numbers > 0, and"),
    ],
)
def test_what_others_read_in_record_json_is_of_its_kind(tmp_path, change, message):
    folder = run(tmp_path / "toy").path
    reseal(folder, **change)
    [fault] = records.verify(folder)
    assert message in fault


def test_a_count_of_rows_that_is_none_is_said(tmp_path):
    folder = run(tmp_path / "toy").path
    entries = files.read_json(folder / "record.json")["tables"]
    reseal(folder, tables={**entries, "layers": {**entries["layers"], "rows": "12"}})
    [fault] = records.verify(folder)
    assert "record.json needs tables with rows and sha256 of layers; run the record" in fault


def test_a_part_that_claims_a_billion_runs_is_not_ours(tmp_path):
    with Writer(tmp_path / "toy", header()) as writer:
        writer.add(KEY, frames("none", 0))
        parts = writer.partial / "parts"
        shutil.copytree(parts / KEY, parts / "00000-999999999")
        assert writer.finished() == {KEY}
        [said] = writer.damaged()
        assert "00000-999999999 is no part of a record and is left alone; move it away." in said
    with pytest.raises(ValueError, match="of at most 100,000 runs, got '00000-999999999'"):
        partial.runs("00000-999999999")


def test_a_record_of_a_later_day_than_now_is_as_good(tmp_path):
    with Writer(tmp_path / "toy", header()) as writer:
        for key, (arm, first) in STACKS.items():
            writer.add(key, frames(arm, first))
    path = tmp_path / "toy.partial" / "elapsed.json"
    os.utime(path, (2**33, 2**33))  # written by a clock that was centuries ahead
    assert partial.worked(path.parent)[1] == []
    assert status.progress(path.parent).last_stored == 0
    with Writer(tmp_path / "toy", header()) as writer:
        assert records.verify(writer.finish().path) == []
