"""A lab's work in the background: rows that grow, a stop at any step, and the way on from there."""

import threading
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.chapters.rescaling.experiments import scale_grid
from companion.display import labs
from companion.display.labs import mlp
from companion.display.labs.control import Refusal
from companion.display.labs.full import Cost, FullRun
from companion.display.labs.jobs import DONE, FAILED, NEW, RUNNING, STOPPED, Job, reason
from companion.display.labs.mlp import EPOCH, NEVER, STEPS
from companion.display.labs.record import Recorded, interval, prediction
from companion.display.labs.session import Training
from companion.evidence import records
from companion.experiments import packs
from companion.experiments.header import SPLIT_SEED
from companion.training.many_runs import Stack
from tests.references import arms, tiny
from tests.references.labs import choice, plan

SMALL = choice(width=8, depth=2, runs=3, epochs=3, device="cpu")
LONG = dict(SMALL, epochs=5000)
PATIENCE = 60


def trained(chosen) -> Training:
    training = Training(plan(chosen))
    training.start()
    assert training.wait(PATIENCE)
    return training


def until(condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


# --- a stack that is stopped within an epoch ---------------------------------------------------


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_stack_stopped_between_two_steps_goes_on_bit_for_bit(after):
    whole, halted = (Stack(arms.runs(epochs=3), tiny.split()) for _ in range(2))
    for _ in range(3):
        assert whole.train_epoch() is True
    for epoch in range(3):
        asked = iter([*[False] * after, True])
        assert halted.train_epoch(lambda asked=asked: next(asked)) is False
        assert (halted.epoch, halted.steps) == (epoch, 4 * epoch + after)
        assert halted.train_epoch(lambda: False) is True
    assert (whole.epoch, whole.steps) == (halted.epoch, halted.steps)
    for name in ("network", "optimizer"):
        pairs = zip(whole.state()[name], halted.state()[name], strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


# --- a training ----------------------------------------------------------------------------------


def test_rows_are_those_of_the_same_stack():
    training = trained(dict(SMALL, frequency=EPOCH))
    stack = Stack(training.plan.members(), labs.session.split_of("digits", "cpu"))
    for epoch in range(4):
        if epoch:
            stack.train_epoch()
        ours = training.epochs[training.epochs["epoch"] == epoch]
        values = stack.measure()
        assert ours["test_accuracy"].tolist() == values["test_accuracy"].tolist()
        layers = training.layers[training.layers["epoch"] == epoch].sort_values(["run", "layer"])
        assert layers["weight_std"].tolist() == values["weight_std"].flatten().tolist()
    assert (training.state, training.epoch) == (DONE, 3)
    sigma = mlp.sigma(training.plan.settings)
    assert sigma == pytest.approx((2 / 8) ** 0.5)
    assert training.curve("weight_std", 2)[-1] == pytest.approx(sigma, rel=1e-5)
    last = training.layers[training.layers["layer"] == 3]["weight_std"]
    assert training.curve("weight_std", -1).flatten().tolist() == last.tolist()


def test_a_stop_keeps_what_is_measured_and_the_way_on_is_the_same(monkeypatch):
    training = Training(plan(dict(SMALL, epochs=6)))
    watched = []

    def watch(job):
        watched.append(job.state)
        if job.epoch == 2 and job.state == RUNNING:
            job.stop()

    training.watch = watch
    training.start()
    assert training.wait(PATIENCE)
    assert (training.state, training.epoch, training.resumable) == (STOPPED, 2, True)
    assert watched[-1] == STOPPED
    partial = training.epochs
    assert len(partial) == 3 * 3
    training.watch = lambda _: None
    training.start()
    assert training.wait(PATIENCE)
    assert (training.state, training.epoch) == (DONE, 6)
    pd.testing.assert_frame_equal(training.epochs, trained(dict(SMALL, epochs=6)).epochs)
    pd.testing.assert_frame_equal(training.epochs.head(9), partial)
    training.start()  # nothing is left to do
    assert training.state == DONE


def test_a_stop_within_an_epoch_answers_at_once(monkeypatch):
    """Steps of 50 ms: the answer comes before the step under way has ended, the thread after it."""
    step = Stack.step
    monkeypatch.setattr(Stack, "step", lambda *given: (time.sleep(0.05), step(*given)))
    training = Training(plan(SMALL))
    training.start()
    until(lambda: training.done >= 3)
    began = time.monotonic()
    training.stop()
    answered = time.monotonic() - began
    assert training.state == STOPPED
    assert training.wait(PATIENCE)
    assert answered < 0.1
    assert time.monotonic() - began < 1
    assert training.epoch == 0
    assert training.done < training.total


def test_after_a_stop_nothing_is_added():
    training = Training(plan(LONG))
    training.start()
    until(lambda: training.epoch >= 1)
    training.stop()
    measured = training.epoch
    assert training.wait(PATIENCE)
    assert training.epoch == measured


def test_a_forgotten_training_begins_anew():
    training = Training(plan(LONG))
    training.start()
    until(lambda: training.epoch >= 2)
    training.forget()
    assert training.stacks  # not while it runs
    training.stop()
    training.wait(PATIENCE)
    training.forget()
    assert not training.resumable
    assert training.epoch >= 2  # what was measured stays
    before = training.curve("test_accuracy")[:2]
    training.start()
    until(lambda: training.epoch >= 1 and training.stacks)
    training.stop()
    training.wait(PATIENCE)
    assert (training.curve("test_accuracy")[:2] == before).all()


def test_runs_beyond_one_stack_train_in_turn(monkeypatch):
    whole = trained(SMALL)
    monkeypatch.setattr(labs.session, "stack_size", lambda *_: 2)
    parts = trained(SMALL)
    assert parts.total == 2 * whole.total
    assert parts.done == parts.total
    columns = ["run", "seed", "epoch"]
    assert parts.epochs[columns].equals(whole.epochs[columns])
    assert np.allclose(parts.epochs["test_loss"], whole.epochs["test_loss"], rtol=1e-4)


def test_a_training_that_explodes_has_rows_and_no_error():
    training = trained(dict(SMALL, depth=12, gain=1000, learning_rate=100))
    assert training.state == DONE
    assert not np.isfinite(training.curve("weight_std", 2)[-1]).all()
    assert np.isnan(interval(training.curve("weight_std", 2)).mean[-1])


def test_the_time_that_is_left_is_known_while_it_runs():
    training = Training(plan(LONG))
    assert training.seconds_left is None
    training.start()
    until(lambda: training.seconds_left is not None)
    assert 0 < training.seconds_left < 3600
    training.stop()
    assert training.seconds_left is None
    training.wait(PATIENCE)


def test_a_failure_is_one_sentence_and_the_next_start_is_clean(monkeypatch):
    def broken(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried\nfar too much")

    training = Training(plan(SMALL))
    with monkeypatch.context() as patch:
        patch.setattr(Stack, "step", broken)
        training.start()
        training.wait(PATIENCE)
    assert training.state == FAILED
    assert training.note == reason(MemoryError())
    training.start()
    training.wait(PATIENCE)
    assert (training.state, training.epoch) == (DONE, 3)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("k must be 1, got 2; take 1"), "k must be 1, got 2; take 1."),
        (KeyError("x"), "It ended with a KeyError: 'x'; change a setting and run again."),
        (ZeroDivisionError(), "It ended with a ZeroDivisionError; change a setting and run again."),
    ],
)
def test_reasons(error, sentence):
    assert reason(error) == sentence


def test_a_job_that_is_started_again_waits_for_its_first_thread():
    """Two threads of one job never work at the same time."""
    inside, worst, gate = [], [], threading.Event()

    class Slow(Job):
        def work(self, halted):
            inside.append(1)
            worst.append(len(inside))
            gate.wait(PATIENCE)
            inside.pop()

    job = Slow()
    assert (job.state, job.wait()) == (NEW, True)
    for _ in range(3):
        job.start()
        until(lambda: worst)
        job.stop()
    assert not job.wait(0.01)
    gate.set()
    assert job.wait(PATIENCE)
    assert max(worst) == 1
    assert job.state == STOPPED


NEAR = st.builds(
    choice,
    width=st.sampled_from([1, 2, 16, 4096, "-1", "x"]),
    gain=st.sampled_from([0.001, 1, 1000, "0"]),
    frequency=st.sampled_from([NEVER, STEPS, EPOCH]),
    period=st.sampled_from([1, 7, 37, "0"]),
    depth=st.sampled_from([1, 2, 6]),
    activation=st.sampled_from(["relu", "tanh", "linear"]),
    scheme=st.sampled_from(["kaiming", "xavier", "constant"]),
    rule=st.sampled_from(["wr", "wrs"]),
    optimizer=st.sampled_from(["sgd", "sgdw", "adam", "adamw"]),
    learning_rate=st.sampled_from([1e-7, 0.02, 100]),
    weight_decay=st.sampled_from([0, 10]),
    runs=st.sampled_from([1, 2]),
    epochs=st.just(1),
    device=st.just("cpu"),
)


@settings(max_examples=25)
@given(NEAR)
def test_what_is_planned_is_trained_without_an_error(chosen):
    """Settings at the ends of their ranges: the run may diverge, the lab may not."""
    if chosen["width"] == 4096:
        chosen = dict(chosen, width=128)  # seconds, not minutes
    try:
        made = plan(chosen)
    except Refusal:
        return
    training = Training(made)
    training.start()
    assert training.wait(PATIENCE)
    assert (training.state, training.note, training.epoch) == (DONE, "", 1)
    assert training.curve("test_accuracy").shape == (2, made.runs)


# --- the record behind ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded():
    return Recorded(records.recorded("scale-grid-digits-book"))


def test_an_arm_is_found_by_its_settings_whatever_the_runs_and_the_epochs(recorded):
    name = scale_grid.arm_name(64, 1.4, 12)
    chosen = choice(gain="1.4", frequency=STEPS, period=12, runs=2, epochs=5)
    assert recorded.arm(plan(chosen)) == name
    for change in ({"gain": 1.41}, {"learning_rate": 0.03}, {"depth": 3}, {"rule": "wrs"}):
        assert recorded.arm(plan(dict(chosen, **change))) is None
    assert recorded.arm(plan(dict(chosen, dataset="mnist"))) is None
    assert recorded.arm(plan(dict(chosen, frequency=NEVER, period=3))) == scale_grid.arm_name(
        64, 1.4, None
    )


def test_the_band_holds_95_percent_of_new_means():
    """Normal draws: the share of 4000 new means of n runs inside is 0.95 within five standard
    errors of that many yes-or-no draws, for each n (a record is drawn anew each time)."""
    random = np.random.default_rng(0)
    trials, m = 4000, 6
    for n in (1, 4, 20):
        table = pd.DataFrame(random.normal(3, 2, (trials, m)))
        band = prediction(table, n)
        new = random.normal(3, 2, (trials, n)).mean(axis=1)
        share = ((band.low <= new) & (new <= band.high)).mean()
        assert share == pytest.approx(0.95, abs=5 * (0.95 * 0.05 / trials) ** 0.5)


def test_a_row_that_is_not_finite_has_no_band():
    band = prediction(pd.DataFrame([[1.0, 2.0], [1.0, np.inf]]), 3)
    assert np.isfinite(band.low[0])
    assert np.isnan([band.low[1], band.mean[1], band.high[1]]).all()
    assert np.isnan(prediction(pd.DataFrame([[1.0]]), 3).low).all()
    assert np.isnan(interval(np.array([[0.5]])).low).all()
    assert interval(np.array([[0.5]])).mean == 0.5


def test_the_verdict_says_inside_or_outside_by_the_band(recorded):
    made = plan(choice(runs=4))
    band = recorded.band(recorded.arm(made), "test_accuracy", 4)
    good = np.tile(band.mean[:, None], (1, 4))
    said = recorded.verdict(made, good)
    low, high = 100 * band.low[20], min(100 * band.high[20], 100)
    assert said.startswith("Inside: after epoch 20 your 4 runs have a mean test accuracy of")
    assert (
        f"the recorded band, {low:.1f} to {high:.1f} %, holds 95 % of new means of 4 runs." in said
    )
    bad = recorded.verdict(made, good[:8] - 0.3)
    assert bad.startswith("Outside: after epoch 7 your 4 runs have")
    outside, _, machine = bad.partition("; one honest repetition in twenty falls outside")
    assert outside
    assert machine.startswith((".", ". It was recorded with"))
    one = recorded.verdict(plan(choice(runs=1)), good[:, :1])
    assert "your run has a test accuracy of" in one
    assert "of new single runs" in one
    assert recorded.verdict(plan(choice(width=65)), good) == ""
    assert recorded.verdict(made, good[:0]) == ""


def test_a_record_of_another_split_has_no_band_and_the_lab_says_so(recorded):
    made, whole = plan(choice(runs=4)), recorded.record.provenance
    accuracy = np.full((3, 4), 0.9)
    assert recorded.arm(made)
    assert recorded.apart("digits") == ""
    other = {"train": 1297, "validation": 140, "test": 360, "seed": 0}
    for split in (other, {**whole["split"], "seed": 1}):
        moved = Recorded(records.Record(recorded.record.path, whole | {"split": split}))
        assert moved.arm(made) is None
        said = moved.verdict(made, accuracy)
        assert said.startswith("No recorded band is drawn, since the images are divided otherwise")
        train = split["train"]
        assert f"seed {split['seed']}, test 360, train {train}, validation" in said
        assert said.endswith("yours seed 0, test 360, train 1150, validation 287.")
        assert moved.verdict(plan(choice(width=65)), accuracy) == ""


def test_a_lab_trains_on_the_split_that_it_says(recorded):
    split = labs.session.split_of("digits", "cpu")
    assert {**split.sizes, "seed": SPLIT_SEED} == recorded.record.provenance["split"]


# --- the full experiment -------------------------------------------------------------------------


def small_experiment(epochs=2):
    names = [scale_grid.arm_name(16, 1.0, period) for period in (None, 0)]
    grid = scale_grid.GRID
    return replace(
        grid,
        arms={name: grid.arms[name] for name in names},
        scales={"full": replace(grid.scales["full"], runs=2, epochs=epochs)},
    )


def test_the_cost_is_told_before_and_the_record_is_the_runners(tmp_path):
    full = FullRun(small_experiment(), "full", "digits", tmp_path, "cpu")
    cost = Cost(full)
    cost.start()
    assert cost.wait(PATIENCE)
    assert cost.sentence.startswith("4 runs of 2 epochs (2 settings, 2 runs each) on digits: about")
    assert "There is no GPU here; on one it is faster." in cost.sentence
    assert full.command == f"companion run scale-grid --data digits --scale full --out {tmp_path}"
    full.start()
    assert full.wait(PATIENCE)
    assert (full.state, full.done, full.total) == (DONE, 8, 8)
    assert records.verify(tmp_path / "scale-grid-digits-full") == []
    assert Recorded(full.record).arm(plan(choice(width=16))) is not None


def test_a_full_experiment_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(labs.jobs, "SPEAK", 0)
    monkeypatch.setattr(packs, "stack_size", lambda *_: 2)
    full = FullRun(small_experiment(3), "full", "digits", tmp_path, "cpu")
    full.watch = lambda job: job.stop() if job.done >= 8 else None
    full.start()
    assert full.wait(PATIENCE)
    assert full.state == STOPPED
    assert not (tmp_path / "scale-grid-digits-full").exists()
    begun = []
    full.watch = lambda job: begun.append(job.done)
    full.start()
    assert full.wait(PATIENCE)
    assert full.state == DONE
    assert begun[0] == 6  # the first stack was kept
    assert records.verify(full.record.path) == []


def test_a_full_experiment_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "scale-grid-digits-full").mkdir()
    full = FullRun(small_experiment(), "full", "digits", tmp_path, "cpu")
    full.start()
    assert full.wait(PATIENCE)
    assert full.state == FAILED
    assert full.note.endswith("exists and is no record; choose another --out.")
