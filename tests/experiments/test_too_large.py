"""Stacks that turn out too large for the memory: halved, said once, and nothing lost."""

import io
import sys
import weakref

import pandas as pd
import pytest
import torch

from companion import cli
from companion.cli.progress import Progress
from companion.experiments import packs, runner, stack_training
from companion.training.many_runs import Stack
from tests.references.toy import EPOCHS, RUNS, SIZE, TABLES, TOY, assert_same, train

ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    MemoryError("Unable to allocate 20 GiB"),
]
SENTENCE = (
    "4 runs at once do not fit in the memory of cpu: from here on it trains at most 2 of this kind "
    "at once, and nothing stored is lost."
)

pytestmark = pytest.mark.usefixtures("toy_size")


@pytest.fixture
def memory(monkeypatch):
    """Let stacks of more than `most` runs fail with an error, when built or in a later epoch."""

    def limit(most: int, error: Exception = ERRORS[0], epoch: int | None = None, stacks: int = 4):
        alive = weakref.WeakSet()

        class Small(Stack):
            def __init__(self, runs, split):
                assert not alive, "the stack before this one still takes memory"
                super().__init__(runs, split)
                alive.add(self)
                if epoch is None and len(runs) > most:
                    raise type(error)(*error.args)

            def train_epoch(self, stop=None):
                if self.epoch == epoch and len(self.runs) > most:
                    raise type(error)(*error.args)
                return super().train_epoch(stop)

        monkeypatch.setattr(stack_training, "Stack", Small)
        monkeypatch.setattr(packs, "stack_size", lambda run, device: stacks)

    return limit


@pytest.mark.parametrize(
    ("error", "epoch"), [(ERRORS[0], None), (ERRORS[0], 2), *((one, 0) for one in ERRORS[1:])]
)
def test_a_stack_that_does_not_fit_is_trained_as_two_halves(tmp_path, whole, memory, error, epoch):
    memory(2, error, epoch)
    said, reported = [], []
    record = train(tmp_path, notice=said.append, progress=lambda *_: reported.append)
    assert said == [SENTENCE]  # the limit holds for what follows: no second attempt
    assert_same(record, whole)
    assert record.provenance["stacks"] == whole.provenance["stacks"]
    assert sum(reported) == RUNS * EPOCHS
    assert not tmp_path.joinpath("toy-made-quick.partial").exists()


def test_halving_goes_on_down_to_one_run(tmp_path, memory):
    memory(1, stacks=5)
    said = []
    record = train(tmp_path, notice=said.append)
    assert [sentence.split()[0] for sentence in said] == ["5", "3", "2"]
    assert len(record.provenance["stacks"]) == RUNS


def test_a_run_that_does_not_fit_alone_is_one_sentence(tmp_path, memory, monkeypatch, capsys):
    memory(0, stacks=2)
    monkeypatch.setattr("companion.chapters.find", lambda name: TOY)
    with pytest.raises(SystemExit) as end:
        cli.main(["run", "toy", "--scale", "quick", "--data", "made", "--out", str(tmp_path)])
    assert end.value.code == 2
    title, notice, sentence = capsys.readouterr().err.splitlines()
    assert title.startswith("toy, quick scale")
    assert notice.startswith("2 runs at once do not fit")
    assert sentence.startswith("a run must fit in the free memory of its device, and run 0 (none)")
    assert sentence.endswith("then give the same command again: what is stored stays.")


def test_another_error_is_no_lack_of_memory(tmp_path, memory):
    memory(2, RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes differ"):
        train(tmp_path)


def test_a_live_training_is_halved_too(whole, memory):
    memory(2)
    said = []
    tables = runner.train(TOY, "quick", device="cpu", notice=said.append)
    assert said == [SENTENCE]
    for name in TABLES:
        theirs = getattr(whole, name)
        keys = [key for key in ("run", "epoch", "layer", "left") if key in theirs]
        mine = tables[name].sort_values(keys, ignore_index=True)[list(theirs.columns)]
        pd.testing.assert_frame_equal(mine.astype(theirs.dtypes), theirs, check_exact=True)


def stop_in_epoch(monkeypatch, epoch, first):
    """Interrupt the training of the stack that begins with this run."""
    original = stack_training.Stack.train_epoch

    def train_epoch(stack, stop=None):
        if stack.epoch == epoch and stack.runs[0].number == first:
            raise KeyboardInterrupt
        return original(stack, stop)

    monkeypatch.setattr(stack_training.Stack, "train_epoch", train_epoch)


def checkpoints(out):
    return sorted(path.stem for path in (out / "toy-made-quick.partial/checkpoints").glob("*.pt"))


def test_a_checkpoint_of_a_half_is_found_again(tmp_path, whole, memory, monkeypatch):
    memory(2)
    with monkeypatch.context() as patch:
        stop_in_epoch(patch, 3, first=2)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path)
    assert checkpoints(tmp_path) == ["00002-00003"]
    reported = []
    record = train(tmp_path, progress=lambda *_: reported.append)
    assert reported[0] == 3 * SIZE  # nothing before it: its checkpoint decides the packing
    assert_same(record, whole)


def test_a_checkpoint_is_used_when_less_would_be_packed_now(tmp_path, memory, monkeypatch):
    """Free memory is never the same twice; the stack that was under way is formed again."""
    memory(RUNS, stacks=4)
    alone = train(tmp_path / "alone")
    with monkeypatch.context() as patch:
        stop_in_epoch(patch, 3, first=0)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path)
    memory(RUNS, stacks=2)
    reported = []
    record = train(tmp_path, progress=lambda *_: reported.append)
    assert reported[0] == 3 * 4
    assert_same(record, alone)


def test_a_checkpoint_that_no_longer_fits_goes_with_the_first_half(tmp_path, whole, memory):
    memory(2, epoch=2)  # two epochs are in the checkpoint of four runs when memory ends

    class Look:
        seen = ()

        def __call__(self, total, done):
            return self.report

        def report(self, epochs):
            self.seen += (checkpoints(tmp_path),)

    look = Look()
    record = train(tmp_path, progress=look)
    assert ["00000-00003"] in look.seen
    assert look.seen[-1] == ["00004-00005"]
    assert_same(record, whole)


@pytest.mark.parametrize("terminal", [False, True])
def test_a_notice_leaves_the_bar_whole(monkeypatch, terminal):
    class Stream(io.StringIO):
        encoding = "utf-8"

        def isatty(self):
            return terminal

    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress("title") as progress:
        advance = progress.begin(20, 0)
        progress.notice("before the bar")
        advance(0)
        advance(8)
        progress.notice("above the bar")
        for epochs in (-8, 10, 10):
            advance(epochs)
    lines = stream.getvalue().replace("\r", "\n").split("\n")
    assert lines[:2] == ["title", "before the bar"]
    assert "above the bar" in lines
    assert "20 of 20 epochs" in stream.getvalue().rstrip("\n").rsplit("\n", 1)[1]
