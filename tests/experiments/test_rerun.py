"""One run of a record trained again: what agrees, what does not, and what cannot be trained."""

import json
from dataclasses import replace

import numpy as np
import pytest

from companion import chapters, cli, data
from companion.evidence import files, provenance, records, tables
from companion.experiments import rerun
from tests.references.toy import EPOCHS, RUNS, TOY, small, train


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    small(monkeypatch)
    monkeypatch.setitem(chapters.experiments(), "toy", TOY)


@pytest.fixture
def record(tmp_path):
    return train(tmp_path)


def plan(record, *arguments, **options):
    """`rerun.plan` with the record's experiment, as the command line finds it."""
    own = chapters.experiments().get(record.provenance["experiment"])
    return rerun.plan(record, own, *arguments, **options)


def change(record, table, row, **values):
    """The record with other values in the rows that `row` names, and its digests set right."""
    frame = getattr(record, table).copy()
    here = (frame[list(row)] == list(row.values())).all(axis=1)
    assert here.any()
    for column, value in values.items():
        frame.loc[here, column] += value
    raw = tables.to_parquet(tables.encode(table, frame))
    (record.path / f"{table}.parquet").write_bytes(raw)
    said = json.loads((record.path / "record.json").read_text())
    said["tables"][table]["sha256"] = files.digest(raw)
    (record.path / "record.json").write_text(json.dumps(provenance.sealed(said)))
    return records.load(record.path)


def again(record, seed=0, **options):
    planned = plan(record, seed, device="cpu", **options)
    return planned, rerun.compare(planned, rerun.train(planned))


def verified(capsys, record, *options):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["verify", str(record.path), "--rerun", *options])
    return exit_.value.code, capsys.readouterr()


def test_every_run_agrees_when_it_is_trained_alone(record):
    picked = set()
    for seed in range(20):
        planned = plan(record, seed, device="cpu")
        if planned.run.number not in picked:
            picked.add(planned.run.number)
            found = rerun.compare(planned, rerun.train(planned))
            assert (found.agrees, found.strict, found.first_wrong) == (True, EPOCHS, None)
            assert found.last[0] == pytest.approx(found.last[1], abs=0.01)
    assert picked == set(range(RUNS))


def test_a_seed_picks_the_same_run(record):
    assert plan(record, 3).run == plan(record, 3).run
    assert plan(record).run.number in range(RUNS)


def test_fewer_epochs(record):
    counted = []
    planned = plan(record, 0, epochs=2, device="cpu")
    assert planned.run.settings.epochs == EPOCHS
    rows = rerun.train(planned, counted.append)
    assert (planned.epochs, len(rows["epochs"]), counted) == (2, 3, [1, 1])
    assert rerun.compare(planned, rows).strict == 2
    assert plan(record, 0, epochs=99).epochs == EPOCHS


@pytest.mark.parametrize(
    ("table", "row", "values", "wrong"),
    [
        ("epochs", {"epoch": 0}, {"test_loss": 0.01}, "test_loss after epoch 0: recorded"),
        ("layers", {"epoch": 1, "layer": 2}, {"weight_std": 0.01}, "weight_std after epoch 1"),
        (
            "epochs",
            {"epoch": EPOCHS},
            {"train_accuracy": -0.3},
            f"train_accuracy after epoch {EPOCHS}",
        ),
    ],
)
def test_a_changed_number_disagrees(record, table, row, values, wrong):
    changed = change(record, table, row, **values)
    runs = changed.epochs.groupby("arm")["run"]
    assert runs.nunique().eq(2).all()
    _, found = again(changed)
    assert not found.agrees
    assert wrong in found.first_wrong
    assert found.strict == row["epoch"] - 1
    assert not found.identical


@pytest.mark.parametrize(("points", "agrees"), [(0.05 + 5e-7, True), (0.051, False)])
def test_five_points_are_not_more_than_five_however_they_are_rounded(record, points, agrees):
    recorded = record.epochs.assign(train_accuracy=np.float32(0.5))
    record.epochs = recorded  # in place of what lies in the folder
    planned = plan(record, 0, device="cpu")
    now = recorded[recorded["run"] == planned.run.number].copy()
    now.loc[now["epoch"] > 1, "train_accuracy"] += np.float32(points)
    assert rerun.compare(planned, {"epochs": now}).agrees == agrees


def test_a_late_difference_is_reported_and_not_judged(record):
    changed = change(record, "epochs", {"epoch": 3}, test_loss=0.01)
    _, found = again(changed)
    assert (found.agrees, found.strict, found.identical) == (True, 2, False)


def test_a_renamed_field_is_answered_by_the_experiments_own_arm(record):
    for fields in record.provenance["arms"].values():
        fields["rescale_every"] = fields.pop("tau")
    for seed in range(4):
        planned, found = again(record, seed)
        assert found.agrees
        assert "The record's rescale_every is unknown now" in planned.notes[0]
        assert planned.run.settings.tau == TOY.arms[planned.run.arm].settings.tau


def test_a_missing_field_takes_the_default(record):
    for fields in record.provenance["arms"].values():
        del fields["momentum"]
    planned, found = again(record)
    assert found.agrees
    assert planned.notes[0] == "The record does not have momentum: today's default is taken."


def test_what_cannot_be_trained(record, monkeypatch):
    with pytest.raises(ValueError, match="--epochs must be >= 1, got 0"):
        plan(record, epochs=0)
    with monkeypatch.context() as patch:
        patch.setitem(record.provenance, "split", {"train": 20})
        with pytest.raises(ValueError, match="must say its split, seed and validation, to be"):
            plan(record)
    with monkeypatch.context() as patch:
        patch.delitem(chapters.experiments(), "toy")
        with pytest.raises(ValueError, match="experiment 'toy', which this code does not have"):
            plan(record)
    with monkeypatch.context() as patch:
        images = replace(data.load("made"), digest="f" * 64)
        patch.setattr(data, "load", lambda name: images)
        with pytest.raises(ValueError, match=r"images with digest .*, got ffffffffffff for made"):
            plan(record)
    monkeypatch.setitem(
        chapters.experiments(), "toy", replace(TOY, arms={"other": TOY.arms["none"]})
    )
    for fields in record.provenance["arms"].values():
        fields["rescale_every"] = 0
    with pytest.raises(ValueError, match="by rescale_every, which this code does not know"):
        plan(record)


def test_the_command_agrees(record, capsys):
    code, (out, err) = verified(capsys, record, "--seed", "1", "--epochs", "2")
    assert (code, err) == (0, "")
    assert ": sound (" in out
    assert ", 2 of 4 epochs: about " in out
    assert "The code that trains has changed since" in out  # the toy's digest is made up
    assert rerun.RULE in out
    assert out.endswith("  agrees\n")


def test_the_command_disagrees(record, capsys):
    changed = change(record, "epochs", {"epoch": 1}, train_loss=0.5)
    code, (out, err) = verified(capsys, changed)
    assert code == 2
    assert "  disagrees: train_loss after epoch 1: recorded " in out
    assert err.startswith("1 of 1 record failed the check")


def test_the_command_says_when_nothing_can_be_retrained(record, capsys, monkeypatch):
    monkeypatch.delitem(chapters.experiments(), "toy")
    code, (out, err) = verified(capsys, record)
    assert code == 2
    assert "  not retrained: toy-made-quick is of the experiment 'toy'" in out
    assert err == "no run could be retrained here; the reasons are above.\n"
