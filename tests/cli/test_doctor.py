"""What a training would take here, and what the doctor says of this machine."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from companion import chapters, cli, data
from companion.data import sizes
from companion.data.image_sets import split
from companion.experiments import estimate, packs, rows
from companion.experiments.plan import Scale
from companion.training.settings import Settings
from tests.references.toy import TOY

CPU = torch.device("cpu")
SIZE = sizes.Sizes((2, 3, 3), 32, 8, 9, 3)


def spoken(capsys, *arguments):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["doctor", *arguments])
    return exit_.value.code, capsys.readouterr()


def test_the_table_says_the_shapes_of_the_sets():
    images = data.load("digits")
    known = sizes.of("digits")
    assert (known.shape, known.classes) == (images.shape, images.classes)
    assert split(images).sizes == known.parts
    assert split(images, validation=140).sizes == sizes.of("digits", 140).parts
    cifar = sizes.of("cifar10")
    assert (cifar.train, cifar.validation, cifar.test) == (40_000, 10_000, 10_000)


def test_every_scale_of_every_experiment_has_a_table_entry():
    for experiment in chapters.experiments().values():
        for scale in experiment.scales.values():
            assert set(scale.datasets) <= set(sizes.SHAPES)


def test_steps_and_measuring_are_multiplied_by_what_is_left_out(monkeypatch):
    """A made clock: an image takes 1 s to train on and 0.01 s to measure, a run."""
    now = [0.0]

    def train_epoch(stack):
        now[0] += len(stack.split.train_labels)

    def epoch_tables(stack, measures):
        now[0] += 0.01 * estimate._measured(sizes.Sizes((1, 1, 1), *stack.split.sizes.values(), 3))

    monkeypatch.setattr(estimate.Stack, "train_epoch", train_epoch)
    monkeypatch.setattr(rows, "epoch_tables", epoch_tables)
    monkeypatch.setattr(estimate.Clock, "_now", lambda clock: now[0])
    size = sizes.Sizes((2, 3, 3), 8000, 2000, 3000, 3)
    [stack] = packs.pack(TOY.runs("quick", (2, 3, 3), 3, epochs=7), CPU)
    assert estimate.Clock(CPU).stack(stack, size) == pytest.approx(7 * (8000 + 0.01 * 13_000))
    assert now[0] < 8000


def test_a_stack_is_timed_once(monkeypatch):
    clock = estimate.Clock(CPU)
    plan = TOY.runs("quick", (2, 3, 3), 3)
    seconds = clock.runs(plan, SIZE)
    assert 0 < seconds < 60
    monkeypatch.setattr(clock, "_time", None)
    assert clock.runs(plan, SIZE) == seconds
    assert clock.runs(TOY.runs("quick", (2, 3, 3), 3, epochs=8), SIZE) > seconds


def test_time_grows_with_epochs_and_runs(monkeypatch):
    clock = estimate.Clock(CPU)
    monkeypatch.setattr(clock, "_time", lambda runs, size: (len(runs), 2.0 * len(runs)))
    plan = TOY.runs("quick", (2, 3, 3), 3)
    assert clock.runs(plan, SIZE) == len(plan) * (1 + 2 * 4)
    assert clock.runs(TOY.runs("quick", (2, 3, 3), 3, epochs=8), SIZE) == len(plan) * (1 + 2 * 8)
    assert clock.runs(TOY.runs("quick", (2, 3, 3), 3, runs=40), SIZE) == 3 * 40 * (1 + 2 * 4)


def test_the_time_is_that_of_the_experiments_own_split(monkeypatch):
    clock = estimate.Clock(CPU)
    monkeypatch.setattr(clock, "_time", lambda runs, size: (0.0, float(size.train)))
    usual = clock.scale(TOY, "quick", "digits")
    assert clock.scale(replace(TOY, validation=287), "quick", "digits") == usual
    assert clock.scale(replace(TOY, validation=862), "quick", "digits") == usual / 2
    with pytest.raises(ValueError, match=r"must be a whole number from 1 to 1436 .* got 1437"):
        clock.scale(replace(TOY, validation=1437), "quick", "digits")


def test_where_an_image_set_is(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    assert sizes.place("cifar10") is None
    (tmp_path / "cache/torchvision/cifar-10-batches-py").mkdir(parents=True)
    assert sizes.place("cifar10") == "downloaded"
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10/train.parquet").touch()
    assert sizes.place("cifar10") == "in COMPANION_DATA"
    monkeypatch.delenv("COMPANION_DATA")
    assert sizes.place("cifar10-jpeg") is None


def test_what_the_doctor_says(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path))
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    scales = {
        "quick": Scale("quick", 1, 3, ("digits",), ""),
        "far": Scale("far", 1, 3, ("cifar10",), ""),
    }
    monkeypatch.setattr(chapters, "experiments", lambda: {"toy": replace(TOY, scales=scales)})
    place = ("--out", str(tmp_path / "not" / "yet"), "--device", "cpu")
    _, (short, _) = spoken(capsys, *place)
    assert short.endswith("`companion doctor --times` says what each experiment would take here.\n")
    code, (text, error) = spoken(capsys, *place, "--times")
    assert (code, error) == (0, "")
    assert text.startswith(short.partition("\n`companion")[0])
    assert re.search(r"^  device +cpu: ", text, re.M)
    assert re.search(r"^  free disk +[\d.]+ GiB where ", text, re.M)
    assert re.search(
        r"^  grading +(in a sandbox of (bubblewrap|docker)|not here: it needs)", text, re.M
    )
    assert re.search(r"^  digits +built in$", text, re.M)
    assert re.search(r"^  cifar10 +not here$", text, re.M)
    assert re.search(r"^    quick +about \d\S* (s|min) +digits$", text, re.M)
    assert re.search(r"^    far +about \d\S* (s|min) +cifar10: not here$", text, re.M)
    assert not (tmp_path / "not").exists()


def test_an_unknown_device(capsys):
    code, (_, error) = spoken(capsys, "--device", "tpu")
    assert code == 2
    assert "device must be auto, cpu, cuda" in error


def test_a_large_network_pays_for_its_update_once_a_step(monkeypatch):
    """A step that takes 1 second and 0.1 for each image: an epoch of 1,000 images in batches of
    32 takes 32 seconds and 100."""
    clock, now = estimate.Clock(torch.device("cpu")), [0.0]
    monkeypatch.setattr(clock, "_now", lambda: now[0])

    def step(batch):
        now[0] += 1 + 0.1 * batch.shape[1]

    stack = SimpleNamespace(runs=[None], threads=1, step=step, settings=Settings())
    size = sizes.Sizes((3, 32, 32), 1000, 0, 0, 10)
    assert clock._training(stack, size) == pytest.approx(132)
