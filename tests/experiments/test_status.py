"""How far a record is, from what its working folder holds."""

import json
import multiprocessing
import os
import shutil
import time

import pytest

from companion import cli
from companion.experiments import status
from tests.references.toy import EPOCHS, RUNS, TOY, Interrupt, small, train

pytestmark = pytest.mark.usefixtures("toy_size")


def begun(out, after=8):
    """5 reports a stack of two runs: after 8, one stack is stored and the next is at epoch 2."""
    with pytest.raises(RuntimeError, match="stop"):
        train(out, progress=Interrupt(after, RuntimeError))
    return out / "toy-made-quick.partial"


def spoken(capsys, out):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["status", "--out", str(out)])
    assert exit_.value.code == 0
    return capsys.readouterr().out


def test_a_record_in_the_making(tmp_path, capsys):
    partial = begun(tmp_path)
    (partial / "elapsed.json").write_text('{"wall_seconds": 120.0}')
    _, [one], faults = status.read(tmp_path)
    assert (one.name, faults, one.damaged) == ("toy-made-quick", [], ())
    assert one.runs == (2, RUNS)
    assert one.run_epochs == (2 * EPOCHS + 2 * 2, RUNS * EPOCHS)
    assert one.seconds == 120
    assert one.remaining == pytest.approx(120)  # half of equal work is done
    text = spoken(capsys, tmp_path)
    assert "toy-made-quick: 50 %, 12 of 24 epochs trained, 2 of 6 runs stored\n" in text
    assert "worked 2 min 0 s, about 2.0 min to go\n" in text
    assert "last stored " in text


def test_nothing_stored_gives_no_estimate(tmp_path, capsys):
    begun(tmp_path, after=1)
    _, [one], _ = status.read(tmp_path)
    assert (one.runs, one.run_epochs, one.remaining) == ((0, RUNS), (0, RUNS * EPOCHS), None)
    assert "no estimate yet" in spoken(capsys, tmp_path)


def test_a_larger_network_counts_for_more(tmp_path):
    partial = begun(tmp_path, after=6)
    header = json.loads((partial / "header.json").read_text())
    header["arms"]["wr"]["widths"] = [18, 1000, 500, 3]
    (partial / "header.json").write_text(json.dumps(header))
    (partial / "elapsed.json").write_text('{"wall_seconds": 10.0}')
    _, [one], _ = status.read(tmp_path)
    assert one.remaining > 10 * (RUNS - 2)


def test_a_finished_record(tmp_path, capsys):
    record = train(tmp_path)
    [mine], making, faults = status.read(tmp_path)
    assert (mine.name, making, faults) == (record.name, [], [])
    text = spoken(capsys, tmp_path)
    assert text.startswith("toy-made-quick: finished in ")
    assert record.label() in text


def test_a_leftover_beside_a_finished_record_is_not_shown(tmp_path):
    partial = begun(tmp_path)
    shutil.copytree(partial, tmp_path / "copy")
    train(tmp_path)
    shutil.move(tmp_path / "copy", partial)
    assert [len(kind) for kind in status.read(tmp_path)] == [1, 0, 0]


def test_damage_is_named(tmp_path, capsys):
    partial = begun(tmp_path)
    file = partial / "parts" / "00000-00001" / "epochs.parquet"
    file.write_bytes(file.read_bytes()[:-9])
    checkpoint = partial / "checkpoints" / "00002-00003.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    (tmp_path / "new.partial").mkdir()  # begun a moment ago
    (tmp_path / "other.partial" / "parts" / "00000-00001").mkdir(parents=True)
    _, [one], [fault] = status.read(tmp_path)
    assert one.runs == (0, RUNS)
    assert ["part 00000-00001" in one.damaged[0], "checkpoint" in one.damaged[1]] == [True, True]
    assert "other.partial/header.json must be readable" in fault
    text = spoken(capsys, tmp_path)
    assert "  - part 00000-00001 in" in text
    assert "\ndamaged: " in text


def _write(out, enough):
    """Train one record after the other until the reader has seen enough; four at least."""
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        for number in range(100):
            train(out / str(number), epochs=6)
            if number >= 3 and enough.is_set():
                return


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writer is a fork of this process")
def test_reading_while_another_process_writes(tmp_path):
    fork = multiprocessing.get_context("fork")
    enough = fork.Event()
    writer = fork.Process(target=_write, args=(tmp_path, enough))
    writer.start()
    seen = set()
    while writer.is_alive():
        time.sleep(0.005)
        for folder in tmp_path.iterdir():
            finished, making, faults = status.read(folder)
            seen |= {one.run_epochs[0] for one in making}
            assert faults == []
            assert len(finished) + len(making) <= 1
            assert not any(one.damaged for one in making)
        if len(seen) > 2:
            enough.set()
    writer.join()
    assert writer.exitcode == 0
    assert len(seen) > 2
    assert all(len(status.read(folder)[0]) == 1 for folder in tmp_path.iterdir())


def test_reading_writes_nothing(tmp_path):
    begun(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    status.read(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_no_folder_and_an_empty_one(tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["status", "--out", str(tmp_path / "none")])
    assert exit_.value.code == 2
    assert "must be the folder that holds the records" in capsys.readouterr().err
    assert spoken(capsys, tmp_path) == f"{tmp_path} holds no record.\n"


def test_every_experiment_of_the_toy_has_widths():
    assert all(status._work(arm.settings.as_dict()) > status.SMALL for arm in TOY.arms.values())
