"""The runner, interrupted anywhere and resumed: the record is the uninterrupted one."""

import copy

import numpy as np
import pytest
import torch

from companion.evidence import records
from companion.experiments import packs, runner, sources, stack_training
from companion.training.many_runs import Stack
from companion.training.settings import Run, Settings
from tests.references import tiny
from tests.references.toy import (
    CODE,
    EPOCHS,
    RUNS,
    SIZE,
    TABLES,
    Interrupt,
    assert_same,
    train,
)

pytestmark = pytest.mark.usefixtures("toy_size")


@pytest.fixture
def epochs_trained(monkeypatch) -> list[int]:
    """The number of runs in each epoch that any stack trains."""
    trained, original = [], Stack.train_epoch

    def count(stack, stop=None):
        complete = original(stack, stop)
        trained.append(len(stack.runs))
        return complete

    monkeypatch.setattr(Stack, "train_epoch", count)
    return trained


def assert_close(record: records.Record, other: records.Record) -> None:
    """Equal to the rounding of float32 sums in another order, over the 16 steps of a run."""
    for name in TABLES:
        mine, theirs = getattr(record, name), getattr(other, name)
        assert list(mine.columns) == list(theirs.columns)
        for column in mine:
            if mine[column].dtype == np.float32:
                np.testing.assert_allclose(mine[column], theirs[column], rtol=1e-3, atol=1e-4)
            else:
                assert mine[column].tolist() == theirs[column].tolist(), column


def test_progress_goes_on_from_where_it_was(tmp_path):
    with pytest.raises(RuntimeError, match="stop"):
        train(tmp_path, progress=Interrupt(8, RuntimeError))  # 5 of the first stack, epoch 2
    started, reported = [], []

    def progress(total, done):
        started.append((total, done))
        return reported.append

    train(tmp_path, progress=progress)
    assert started == [(RUNS * EPOCHS, SIZE * EPOCHS)]
    assert reported[0] == 2 * SIZE  # two epochs of the stack are in its checkpoint
    assert sum(reported) == (RUNS - SIZE) * EPOCHS


@pytest.mark.parametrize(
    ("after", "error"),
    [
        (1, RuntimeError),  # before anything
        (3, KeyboardInterrupt),  # in the first stack
        (6, RuntimeError),  # between the first and the second
        (8, RuntimeError),  # in the second
        (15, KeyboardInterrupt),  # when all is trained and the last stack is not stored
    ],
)
def test_interrupted_and_resumed_equals_uninterrupted(
    tmp_path, whole, epochs_trained, after, error
):
    with pytest.raises(error, match="stop"):
        train(tmp_path, progress=Interrupt(after, error))
    partial = tmp_path / "toy-made-quick.partial"
    assert partial.is_dir()
    assert not (tmp_path / "toy-made-quick").exists()
    with pytest.raises(ValueError, match="is not finished; run the same command again"):
        records.load(tmp_path / "toy-made-quick")
    record = train(tmp_path)
    assert_same(record, whole)
    assert len(epochs_trained) == 3 * EPOCHS  # no epoch was trained twice
    assert not partial.exists()


def test_interrupted_in_the_middle_of_an_epoch(tmp_path, whole, monkeypatch, epochs_trained):
    steps, original = [], Stack.step

    def step(stack, *batch):
        steps.append(1)
        if len(steps) in (7, 30):  # 4 steps an epoch: in the 2nd epoch of a stack, then of another
            raise KeyboardInterrupt
        original(stack, *batch)

    monkeypatch.setattr(Stack, "step", step)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path)
    assert_same(train(tmp_path), whole)
    assert len(epochs_trained) == 3 * EPOCHS


def test_without_a_checkpoint_the_stack_starts_again(tmp_path, whole, monkeypatch, epochs_trained):
    monkeypatch.setattr(stack_training, "CHECKPOINT_SECONDS", 3600)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, progress=Interrupt(8, KeyboardInterrupt))
    assert_same(train(tmp_path), whole)
    assert len(epochs_trained) == 3 * EPOCHS + 2


def test_after_an_interruption_the_folder_is_free_even_while_the_error_is_kept(tmp_path):
    """A notebook keeps the last error with its frames; the next Run must work all the same."""
    with pytest.raises(KeyboardInterrupt) as kept:
        train(tmp_path, progress=Interrupt(3, KeyboardInterrupt))
    assert train(tmp_path).epochs is not None
    assert kept.value.__traceback__ is not None


@pytest.mark.parametrize("sizes", [(2, 3), (4, 1), (1, 2, 5)])
def test_the_packing_may_change_at_a_resume(tmp_path, whole, monkeypatch, sizes):
    *before, last = sizes
    for size in before:
        monkeypatch.setattr(packs, "stack_size", lambda run, device, size=size: size)
        with pytest.raises(RuntimeError, match="stop"):
            train(tmp_path, progress=Interrupt(EPOCHS + 3, RuntimeError))
    monkeypatch.setattr(packs, "stack_size", lambda run, device: last)
    record = train(tmp_path)
    assert len(record.provenance["stacks"]) >= len(sizes)
    assert_close(record, whole)


def test_a_damaged_part_is_trained_again(tmp_path, whole, epochs_trained):
    with pytest.raises(RuntimeError, match="stop"):
        train(tmp_path, progress=Interrupt(12, RuntimeError))  # in the third stack
    part = tmp_path / "toy-made-quick.partial" / "parts" / "00000-00001" / "epochs.parquet"
    part.write_bytes(part.read_bytes()[:-10])
    del epochs_trained[:]
    assert_same(train(tmp_path), whole)
    assert len(epochs_trained) == EPOCHS + EPOCHS - 1


def test_a_finished_record_is_not_run_again(whole, monkeypatch):
    def never(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(Stack, "__init__", never)
    before = {path: path.stat().st_mtime_ns for path in whole.path.iterdir()}
    started = []
    again = train(whole.path.parent, progress=lambda *counts: started.append(counts))
    assert started == [(RUNS * EPOCHS, RUNS * EPOCHS)]
    assert {path: path.stat().st_mtime_ns for path in whole.path.iterdir()} == before
    assert_same(again, whole)


def test_another_commit_or_machine_may_finish_what_trains_the_same(tmp_path, whole, monkeypatch):
    with pytest.raises(RuntimeError, match="stop"):
        train(tmp_path, progress=Interrupt(8, RuntimeError))
    code = {**CODE, "commit": "another", "version": "9.9"}
    monkeypatch.setattr(sources, "code", lambda: code)
    monkeypatch.setattr(runner.machine, "describe", lambda device: {"device": "cpu", "cores": 99})
    assert_same(train(tmp_path), whole)


def test_other_training_code_may_not(tmp_path, monkeypatch):
    with pytest.raises(RuntimeError, match="stop"):
        train(tmp_path, progress=Interrupt(8, RuntimeError))
    files = sorted(tmp_path.rglob("*"))
    code = {**CODE, "source": "1" * 64}
    with monkeypatch.context() as patch:
        patch.setattr(sources, "code", lambda: code)
        with pytest.raises(ValueError, match=r"code\.source is .* now; choose another --out"):
            train(tmp_path)
    assert sorted(tmp_path.rglob("*")) == files


# --- a checkpoint that is whole and of something else ---------------------------------------------


@pytest.fixture(scope="module")
def stack():
    """Runs that share a stack, and its checkpoint after the first of three epochs."""
    base = Settings(
        widths=(tiny.INPUTS, 7, 5, tiny.CLASSES), learning_rate=0.05, batch_size=8, epochs=3
    )
    runs, saved = [Run(number, "a", number, base) for number in range(2)], []

    class Enough(Exception):
        pass

    def keep(state):
        saved.append(copy.deepcopy(state))
        raise Enough

    with pytest.raises(Enough):
        stack_training.train_stack(runs, tiny.split(), save=keep, period=0)
    return runs, saved[0]


def tensor(kind, change):
    return lambda state: state["stack"][kind].__setitem__(0, change(state["stack"][kind][0]))


def count(name, value):
    return lambda state: state["stack"].__setitem__(name, value)


@pytest.mark.parametrize(
    "change",
    [
        *(
            tensor(kind, other)
            for kind in ("network", "optimizer")
            for other in (
                lambda value: value[:1],  # which would spread over all the runs
                lambda value: value.new_zeros(()),
                lambda value: value.long(),
                lambda value: value.double(),
                lambda value: value.to(torch.complex64),
                lambda value: None,
            )
        ),
        lambda state: state["stack"]["network"].pop(),
        *(count("epoch", value) for value in (-1, 99, 0, 2, "x", None, 1.5, True)),
        *(count("steps", value) for value in (-1, 99, "x", None, 4.0)),
        *(count("taken", value) for value in (-1, 1, 99, "x", None, 0.0)),
        lambda state: state.update(tables={}),
        lambda state: state["tables"]["epochs"].update(run=[9] * 4),
        lambda state: state["tables"]["epochs"].pop("run"),
        lambda state: state["tables"]["epochs"].update(epoch=[0] * 4),
        lambda state: state.pop("stack"),
    ],
)
def test_a_checkpoint_of_another_stack_is_refused_before_it_trains(stack, change):
    runs, saved = stack
    state = copy.deepcopy(saved)
    change(state)
    message = "a checkpoint must be of its stack, and that of runs 0 to 1 is not; delete it to"
    with pytest.raises(ValueError, match=message):
        stack_training.train_stack(runs, tiny.split(), checkpoint=state)
