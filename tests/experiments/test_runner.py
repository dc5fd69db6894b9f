"""The runner: what a record holds, its progress, its stacks, and what it refuses."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from companion import data
from companion.chapters import find
from companion.evidence import records
from companion.experiments import packs, runner, sources
from companion.measure import accuracy, catalogue, curvature
from companion.training import one_run
from companion.training.settings import Run
from tests.references import tiny
from tests.references.toy import (
    BASE,
    CODE,
    EPOCHS,
    RUNS,
    TABLES,
    TOY,
    Interrupt,
    small,
    train,
)

LAYER_COLUMNS = [
    column.name for one in catalogue.EACH_EPOCH if one.per == "layer" for column in one.columns
]


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    small(monkeypatch)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> records.Record:
    """The record of a training that nothing interrupts."""
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        return train(tmp_path_factory.mktemp("whole"))


# --- a record --------------------------------------------------------------------------------


def test_a_record_is_sound_and_says_what_it_is(whole):
    assert records.verify(whole.path) == []
    assert whole.path.name == whole.name == "toy-made-quick"
    assert not whole.path.with_name("toy-made-quick.partial").exists()
    said, split = whole.provenance, tiny.split()
    assert said["dataset_digest"] == tiny.image_set().digest == split.digest
    assert (said["experiment"], said["scale"], said["dataset"]) == ("toy", "quick", "made")
    assert (said["runs_per_arm"], said["epochs"]) == (2, EPOCHS)
    assert said["seeds"] == [0, 1, 1000, 1001, 2000, 2001]
    assert (
        said["arms"]["wrs"]
        == replace(TOY.arms["wrs"].settings, widths=(18, 7, 5, 3), epochs=EPOCHS).as_dict()
    )
    assert said["split"] == {"train": 32, "validation": 8, "test": 9, "seed": 0}
    assert said["deviations"] == ["made images"]
    assert said["code"] == CODE
    assert said["machine"]["device"] == "cpu"
    assert said["stacks"] == ["00000-00001", "00002-00003", "00004-00005"]


def test_a_record_has_a_row_for_every_run_epoch_and_layer(whole):
    rows = {name: len(getattr(whole, name)) for name in TABLES}
    assert rows == {
        "epochs": RUNS * (EPOCHS + 1),
        "layers": RUNS * (EPOCHS + 1) * 3,
        "histograms": RUNS * 2 * 3 * 80,
    }
    assert set(whole.histograms["epoch"]) == {0, EPOCHS}


def test_the_counts_of_a_histogram_are_the_weights_of_its_layer(whole):
    counts = whole.histograms.groupby(["run", "epoch", "layer"])["count"].sum()
    for (_, _, layer), count in counts.items():
        assert count == {1: 18 * 7, 2: 7 * 5, 3: 5 * 3}[layer]


def test_the_rows_are_those_of_one_run(whole):
    split = data.split(tiny.image_set(), seed=0)
    for run in TOY.runs("quick", (2, 3, 3), 3):
        _, rows = one_run.train(run.settings, split, run.seed)
        mine = whole.epochs[whole.epochs["run"] == run.number]
        layers = whole.layers[whole.layers["run"] == run.number]
        assert set(mine["arm"]) == {run.arm}
        for row in rows:
            ours = mine[mine["epoch"] == row["epoch"]].iloc[0]
            for name in ("train_loss", "validation_loss", "test_loss", "test_accuracy"):
                assert ours[name] == pytest.approx(row[name], rel=1e-3, abs=1e-4)
            at = layers[layers["epoch"] == row["epoch"]].sort_values("layer")
            for name in LAYER_COLUMNS:
                np.testing.assert_allclose(at[name], row[name], rtol=1e-3, atol=1e-4)


def test_an_experiment_may_leave_the_histograms_out(tmp_path, whole):
    experiment = replace(TOY, measures=catalogue.EACH_EPOCH)
    with pytest.raises(RuntimeError, match="stop"):
        train(tmp_path, experiment, progress=Interrupt(8, RuntimeError))
    record = train(tmp_path, experiment)
    assert records.verify(record.path) == []
    assert record.histograms.empty
    assert list(record.histograms.columns) == list(whole.histograms.columns)
    for name in ("epochs", "layers"):
        pd.testing.assert_frame_equal(getattr(record, name), getattr(whole, name), check_exact=True)
    assert set(record.provenance["tables"]) == {"epochs", "layers"}
    assert set(runner.train(experiment, "quick", device="cpu", arms=["wr"])) == {"epochs", "layers"}


def test_training_without_a_record_gives_the_same_tables(whole):
    tables = runner.train(TOY, "quick", device="cpu")
    for name in TABLES:
        theirs = getattr(whole, name)
        keys = [k for k in ("run", "epoch", "layer", "left") if k in theirs]
        mine = tables[name].sort_values(keys, ignore_index=True)[list(theirs.columns)]
        pd.testing.assert_frame_equal(mine.astype(theirs.dtypes), theirs, check_exact=True)


def test_the_papers_experiment_runs_on_the_digits(tmp_path, monkeypatch):
    monkeypatch.undo()
    experiment = find("weight-rescaling-mlp")
    record = runner.run(experiment, "quick", out=tmp_path, device="cpu", runs=1, epochs=2)
    assert records.verify(record.path) == []
    assert record.name == "weight-rescaling-mlp-digits-quick"
    assert len(record.epochs) == 5 * 3
    assert record.provenance["code"]["source"] == sources.source_digest()
    last = record.epochs[record.epochs["epoch"] == 2]
    assert last["test_accuracy"].between(0.2, 1).all()


def test_runs_epochs_and_arms_can_be_chosen(tmp_path, whole):
    record = train(tmp_path, runs=1, epochs=2, arms=["wrs", "none"])
    assert record.provenance["arms"].keys() == {"none", "wrs"}
    both = record.epochs.merge(whole.epochs, on=["arm", "seed", "epoch"], suffixes=("", "_whole"))
    assert len(both) == len(record.epochs) == 2 * 3
    np.testing.assert_allclose(both["test_loss"], both["test_loss_whole"], rtol=1e-3)


# --- progress --------------------------------------------------------------------------------


def test_progress_counts_every_run_epoch_once(tmp_path):
    started, reported = [], []

    def progress(total, done):
        started.append((total, done))
        return reported.append

    train(tmp_path, progress=progress)
    assert started == [(RUNS * EPOCHS, 0)]
    assert sum(reported) == RUNS * EPOCHS


# --- divergence ------------------------------------------------------------------------------


@pytest.mark.parametrize("rescale", ["none", "wr"])
def test_a_diverged_run_is_recorded_and_its_stack_goes_on(tmp_path, whole, monkeypatch, rescale):
    wild = replace(BASE, learning_rate=1e25, rescale=rescale)
    monkeypatch.setattr(packs, "stack_size", lambda run, device: 4)
    experiment = replace(TOY, arms={"none": TOY.arms["none"], "wild": wild})
    with pytest.raises(RuntimeError, match="stop"):  # NaN passes through a checkpoint too
        train(tmp_path, experiment, progress=Interrupt(4, RuntimeError))
    record = train(tmp_path, experiment)
    assert records.verify(record.path) == []
    last = record.epochs[record.epochs["epoch"] == EPOCHS].set_index("arm")
    assert not np.isfinite(last.loc["wild", "train_loss"]).any()
    counts = record.histograms.groupby(["arm", "epoch"])["count"].sum()
    assert counts["wild", EPOCHS] == 0 < counts["wild", 0] == counts["none", EPOCHS]
    for name in ("epochs", "layers"):
        mine, theirs = (
            table[table["arm"] == "none"].select_dtypes("float32")
            for table in (getattr(record, name), getattr(whole, name))
        )
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4)


# --- packing ---------------------------------------------------------------------------------


def plan(*widths: int) -> list[Run]:
    return [
        Run(number, "a", number, replace(BASE, widths=(18, width, 3)))
        for number, width in enumerate(widths)
    ]


@pytest.mark.parametrize(
    ("widths", "size", "packed"),
    [
        ([], 3, []),
        ([4], 3, [[0]]),
        ([4] * 7, 3, [[0, 1, 2], [3, 4, 5], [6]]),
        ([4, 4, 5, 5, 5, 4], 2, [[0, 1], [2, 3], [4], [5]]),
    ],
)
def test_a_stack_holds_runs_of_one_shape_up_to_its_size(monkeypatch, widths, size, packed):
    monkeypatch.setattr(packs, "stack_size", lambda run, device: size)
    stacks = list(packs.pack(plan(*widths), torch.device("cpu")))
    assert [[run.number for run in stack] for stack in stacks] == packed


def test_a_key_names_the_runs_of_its_stack():
    stack = plan(*[4] * 12)[3:9]
    key = packs.stack_key(stack)
    assert key == "00003-00008"
    assert packs.finished_runs([key, "00011-00011"]) == {3, 4, 5, 6, 7, 8, 11}


def test_a_stack_never_spans_runs_that_are_finished_already(monkeypatch):
    """Else its key claims them too, and a damaged part under it would never be trained again."""
    monkeypatch.setattr(packs, "stack_size", lambda run, device: 6)
    waiting = [run for run in plan(*[4] * 6) if run.number not in (2, 3)]
    keys = [packs.stack_key(stack) for stack in packs.pack(waiting, torch.device("cpu"))]
    assert packs.finished_runs(keys) == {0, 1, 4, 5}


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"runs": 0}, r"runs must be from 1 to 1000, got 0"),
        ({"epochs": 0}, r"epochs must be from 1 to 32767, got 0"),
        ({"arms": ["wd"]}, r"arm must be one of none, wr, wrs for .*, got 'wd'"),
        ({"device": "tpu"}, r"device must be auto, cpu, cuda"),
        ({"scale": "huge"}, r"scale must be one of quick for toy, got 'huge'"),
    ],
)
def test_a_refused_run_writes_nothing(tmp_path, options, sentence):
    out = tmp_path / "records"
    with pytest.raises(ValueError, match=sentence):
        runner.run(TOY, **{"scale": "quick", "out": out, "device": "cpu", **options})
    assert not out.exists()


def test_an_unknown_image_set_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"image set must be one of digits, .* got 'letters'"):
        train(tmp_path / "records", dataset="letters")
    assert not (tmp_path / "records").exists()


def test_an_experiment_may_keep_more_or_fewer_images_aside(tmp_path):
    """The record says how many, from where a rerun takes it."""
    usual = train(tmp_path / "usual", runs=1).provenance["split"]
    kept = train(tmp_path / "kept", replace(TOY, validation=7), runs=1).provenance["split"]
    assert kept["validation"] == 7 != usual["validation"]
    assert kept["train"] + 7 == usual["train"] + usual["validation"]
    scales = {name: replace(one, validation=5) for name, one in TOY.scales.items()}
    own = replace(TOY, validation=7, scales=scales)
    assert train(tmp_path / "own", own, runs=1).provenance["split"]["validation"] == 5


def test_a_measure_of_the_start_is_taken_there_alone(tmp_path):
    measures = (accuracy.ACCURACY, curvature.hessian(0.5))
    rows = train(tmp_path, replace(TOY, measures=measures), runs=1).epochs
    norms = rows.set_index("epoch")["hessian_norm"]
    assert norms[0].gt(0).all()
    assert norms[norms.index > 0].isna().all()
    assert rows["train_loss"].notna().all()
