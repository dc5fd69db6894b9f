"""A record against its experiment: what digests made anew and ranges do not see."""

import shutil

import pytest

from companion import chapters
from companion.evidence import files, provenance, records, tables
from companion.experiments import soundness

MOVED = "variance-in-training-digits-book"
DRAWN = "weight-rescaling-mlp-small-inputs-cifar10-jpeg-book"


def forged(folder, name, table=None, change=None, said=None):
    """The faults of a shipped record that somebody changed who knows of its digests."""
    shutil.copytree(records.recorded(name).path, folder / name)
    record = records.load(folder / name)
    content = files.read_json(record.path / "record.json")
    if table:
        rows = tables.encode(table, change(getattr(record, table).copy()), record.layout)
        data = tables.to_parquet(rows)
        (record.path / f"{table}.parquet").write_bytes(data)
        content["tables"][table] = {"rows": rows.num_rows, "sha256": files.digest(data)}
    if said:
        said(content)
    files.write_json(record.path / "record.json", provenance.sealed(content))
    return soundness.verify(record.path, chapters.experiments())


def every(column, value):
    return lambda frame: frame.assign(**{column: value})


@pytest.mark.parametrize("name", [MOVED, DRAWN])
def test_what_was_not_changed_is_sound(tmp_path, name):
    assert forged(tmp_path, name, "epochs", lambda frame: frame) == []


@pytest.mark.parametrize(
    ("name", "table", "change", "message"),
    [
        (MOVED, "epochs", lambda f: f.iloc[:0], "each arm has 10 runs"),
        (MOVED, "layers", lambda f: f.iloc[:0], "is only in epochs"),
        (MOVED, "epochs", every("test_loss", -1.0), "test_loss must be from 0 to inf, got -1"),
        (MOVED, "epochs", every("test_accuracy", 1.0), "cannot be of the same images"),
        (MOVED, "epochs", every("test_accuracy", 2.0), "test_accuracy must be from 0 to 1, got 2"),
        (MOVED, "layers", lambda f: f.assign(layer=f["layer"] + 50), "and the table speaks of [51"),
        (MOVED, "layers", every("weight_norm", 0.0), "weight_norm 0, weight_mean"),
        (MOVED, "layers", every("weight_mean", 1e30), "weight_mean 1e+30 and weight_std"),
        (MOVED, "layers", every("weight_std", 1e30), "and weight_std 1e+30 of layer 1 of"),
        (
            MOVED,
            "layers",
            every("variance_bias", 1e30),
            "parts of the variance add up to 1e+30",
        ),
        (MOVED, "layers", every("preactivation_variance", 0.0), "and it is 0 in layer 1 of run 0"),
        (DRAWN, "histograms", every("count", 0), "has 0 in run 0 at epoch 0"),
        (DRAWN, "histograms", every("count", 1), "weights, and 80 in run 0."),
    ],
)
def test_a_forged_table_is_found_behind_its_new_digest(tmp_path, name, table, change, message):
    faults = forged(tmp_path, name, table, change)
    assert any(message in fault for fault in faults), faults


def settings(**changes):
    def change(content):
        next(iter(content["arms"].values())).update(changes)

    return change


def columns(**changes):
    return lambda content: content["columns"]["epochs"][1].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(classes=3), "classes of digits must be 10, got 3; restore record.json"),
        (lambda c: c["split"].update(train=5), "split of digits must be {'train': 1150, 'valida"),
        (lambda c: c.update(dataset="mnist"), "a record is named by its experiment, image set and"),
        (settings(learning_rate=9), "learning_rate of "),
        (settings(activation="zz"), "must make a network, and they do not: activation must be one"),
        (columns(high=9.0), "train_accuracy must be declared from 0 to 1, got 0 to 9"),
    ],
)
def test_a_forged_header_is_found_behind_its_new_digest(tmp_path, change, message):
    faults = forged(tmp_path, MOVED, said=change)
    assert any(message in fault for fault in faults), faults


def test_an_experiments_own_split_is_what_its_record_must_have(tmp_path):
    kept = "early-stopping-digits-book"
    assert forged(tmp_path, kept, "epochs", lambda frame: frame) == []
    usual = {"train": 1150, "validation": 287}
    [fault] = forged(tmp_path / "usual", kept, said=lambda c: c["split"].update(usual))
    assert "split of digits must be {'train': 1297, 'validation': 140, 'test': 360}" in fault


def test_an_unknown_experiment_is_said(tmp_path):
    name = "zz-digits-book"
    assert forged(tmp_path, MOVED, said=lambda c: c.update(experiment="zz", name=name)) == []
    [remark] = soundness.remarks(records.load(tmp_path / MOVED), chapters.experiments())
    assert remark == (
        "of 'zz', an experiment that this code does not have, so that its settings cannot be "
        "compared"
    )
