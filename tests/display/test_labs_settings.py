"""What a lab's controls may say: a wrong value gets one sentence, and the nearest that works."""

import math
import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import machine
from companion.chapters.rescaling.experiments import scale_grid
from companion.data import catalogue
from companion.display import labs
from companion.display.labs.control import Refusal
from companion.display.labs.mlp import EPOCH, NEVER, SETUP, STEPS
from companion.display.labs.settings import Plan
from companion.display.labs.setup import corrected
from companion.display.labs.trained import trained
from companion.training import memory
from tests.references.labs import CONTROLS, RANGES, choice, plan

GIB = 2**30


@pytest.fixture(autouse=True)
def roomy(monkeypatch):
    """Eight GiB free, whatever else this machine does."""
    monkeypatch.setattr(labs.settings, "free_bytes", lambda _: 8 * GIB)


@pytest.mark.parametrize("period", scale_grid.PERIODS)
def test_a_choice_of_the_grid_is_the_grids_setting(period):
    frequency = {None: NEVER, 0: EPOCH}.get(period, STEPS)
    chosen = choice(width="32", gain="1.4", frequency=frequency, period=period or 12)
    made = plan(chosen)
    expected = scale_grid.GRID.arms[scale_grid.arm_name(32, 1.4, period)].settings
    assert made.settings == replace(expected, epochs=20)
    assert (made.dataset, made.runs, made.device) == ("digits", 10, str(machine.pick_device()))


def test_typed_text_and_numbers_make_the_same_plan():
    typed = choice(width=" 64 ", gain="1.0", runs="10", learning_rate="2e-2", period="no number")
    assert plan(typed) == plan(choice())
    assert SETUP.settled(typed) == choice()
    assert hash(plan(typed)) == hash(plan(choice()))


def test_seeds_are_no_recorded_runs():
    seeds = {run.seed for run in plan(choice(runs=3)).members()}
    recorded = {run.seed for run in scale_grid.GRID.runs("full", (1, 8, 8), 10)}
    assert len(seeds) == 3
    assert not seeds & recorded


@pytest.mark.parametrize(
    ("change", "field", "nearest", "message"),
    [
        ({"width": "0"}, "width", 1, "whole number from 1 to 4,096, got 0; the nearest .* is 1"),
        ({"width": 1e9, "runs": 1}, "width", 4096, "1,000,000,000; the nearest .* works is 4,096"),
        ({"width": 1e9}, "width", 2401, "to 4,096, got 1,000,000,000; the nearest .* is 2,401"),
        ({"width": "12.5"}, "width", 12, "got 12.5; the nearest that works is 12"),
        ({"width": "abc"}, "width", 64, "got 'abc'; the nearest that works is 64"),
        ({"width": ""}, "width", 64, "got ''; the nearest that works is 64"),
        ({"gain": "-1"}, "gain", 0.001, "a number from 0.001 to 1,000, got -1"),
        ({"gain": "nan"}, "gain", 1, "got 'nan'; the nearest that works is 1"),
        ({"gain": "inf"}, "gain", 1000, "got inf; the nearest that works is 1,000"),
        ({"gain": "0,5"}, "gain", 0.5, "got '0,5'; the nearest that works is 0.5"),
        ({"runs": 1001}, "runs", 1000, "Runs must be .* to 1,000, got 1,001"),
        ({"weight_decay": -0.1}, "weight_decay", 0, "got -0.1; the nearest that works is 0"),
        ({"batch": "0"}, "batch", 1, "Batch size must be .* from 1 to 60,000, got 0"),
        ({"batch": 1151}, "batch", 1150, "at most 1,150, the training images, got 1,151"),
        ({"optimizer": "sdg"}, "optimizer", "sgd", "one of sgd, .* got sdg"),
        ({"dataset": "faces"}, "dataset", "digits", "Images must be one of digits, .* got faces"),
        ({"device": "tpu"}, "device", "auto", "Device must be one of auto, cpu.* got tpu"),
        (
            {"frequency": STEPS, "period": "721"},
            "period",
            720,
            "k must be at most 720, the steps of the whole training, got 721",
        ),
        (
            {"frequency": EPOCH, "scheme": "constant"},
            "scheme",
            "kaiming",
            "Rescaling needs weights that differ",
        ),
    ],
)
def test_a_wrong_value_gets_rule_value_and_the_nearest_that_works(change, field, nearest, message):
    chosen = choice(**change)
    with pytest.raises(Refusal, match=message) as caught:
        plan(chosen)
    assert (caught.value.field, caught.value.nearest) == (field, nearest)
    assert str(caught.value).count(".\n") == 0
    assert plan(corrected(chosen, caught.value))


def test_thousands_are_read():
    assert plan(choice(epochs="1,000")).settings.epochs == 1000


def test_what_is_too_large_for_the_memory_gets_the_widest_that_fits(monkeypatch):
    monkeypatch.setattr(labs.settings, "free_bytes", lambda _: GIB)
    chosen = choice(width=4096)
    with pytest.raises(Refusal, match=r"needs about .* and 0\.5 GiB may be") as caught:
        plan(chosen)
    widest = caught.value.nearest
    assert caught.value.field == "width"
    assert plan(dict(chosen, width=widest))
    with pytest.raises(Refusal):
        plan(dict(chosen, width=widest + 1))


def test_where_no_width_fits_the_runs_are_fewer_and_then_the_images(monkeypatch):
    monkeypatch.setattr(labs.settings, "free_bytes", lambda _: 40e6)
    with pytest.raises(Refusal, match="Runs must be at most") as caught:
        plan(choice(runs=1000, width=1))
    assert plan(choice(runs=caught.value.nearest, width=1))
    with pytest.raises(Refusal, match=r"Images must be a smaller set, got mnist; .* digits"):
        plan(choice(runs=1, width=1, dataset="mnist"))


def test_the_estimate_is_above_what_a_stack_holds():
    from companion import data
    from companion.training.many_runs import Stack

    made = plan(choice(width=32, depth=2, runs=3))
    split = data.split(data.load("digits"))
    stack = Stack(made.members(), split)
    tensors = [*stack.network.state, *stack.optimizer.state, split.train_images, split.test_images]
    held = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    assert held < memory.needed_bytes(made.settings, "digits", 3) < 100 * held


def test_free_memory_is_the_containers_where_it_is_less(monkeypatch, tmp_path):
    info = tmp_path / "meminfo"
    info.write_text("MemTotal: 4000 kB\nMemAvailable:    2000 kB\n")
    monkeypatch.setattr(memory, "_MEMORY", info)
    monkeypatch.setattr(memory, "_LIMITS", tmp_path)
    cpu = torch.device("cpu")
    assert memory.free_bytes(cpu) == 2000 * 1024
    (tmp_path / "memory.max").write_text("3000\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert memory.free_bytes(cpu) == 2000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_bytes(cpu) == 2000 * 1024
    monkeypatch.setattr(memory, "_MEMORY", tmp_path / "none")
    assert memory.free_bytes(cpu) > 2**28
    monkeypatch.delattr(memory.os, "sysconf")
    assert memory.free_bytes(cpu) == 4 * GIB


def test_a_choice_in_words():
    words = SETUP.words
    assert words(choice(frequency=STEPS, period=4)) == "width 64, gain 1, rescaled every 4 steps"
    assert words(choice(frequency=EPOCH, rule="wrs")) == "width 64, gain 1, WRS once an epoch"
    assert words(choice(depth=2, device="cpu")).endswith("never rescaled, 2 hidden layers, on cpu")


# --- a thousand random settings ----------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-5, 5000),
    st.integers(),
    st.floats(),
    st.floats(0.01, 10).map(str),
    st.text(max_size=12),
    st.sampled_from(["", "64", "1e3", "1e999", "-0", "nan", "0x10", "١٢", "1_000", "½", None]),
)


def _names(field: str):
    known = [name for _, name in CONTROLS[field].options]
    return st.sampled_from(known) | st.sampled_from(["", "none", "RELU", None])


NAMED = ("activation", "scheme", "rule", "optimizer")
CHOICES = st.builds(
    dict,
    **{field: st.just(CONTROLS[field].start) | NUMBERS for field in RANGES},
    **{field: _names(field) for field in NAMED},
    frequency=st.sampled_from([NEVER, STEPS, EPOCH]),
    dataset=st.sampled_from(["digits", "digits", "mnist", "cifar100", "", "../x"]),
    device=st.sampled_from(["auto", "cpu", "cuda:7", "", "tpu"]),
)


@settings(max_examples=1000)
@given(CHOICES)
def test_a_thousand_settings_are_a_plan_or_one_sentence(chosen):
    """And the nearest values that work, taken one after another, always end in a plan."""
    said = []
    for _ in range(20):
        try:
            made = plan(chosen)
        except Refusal as refusal:
            said.append(str(refusal))
            chosen = corrected(chosen, refusal)
            continue
        assert isinstance(made, Plan)
        assert 0 < made.settings.gain < math.inf
        assert made.dataset in catalogue.names()
        assert SETUP.words(SETUP.settled(chosen))
        assert all(re.fullmatch(r".*, got .*; the nearest that works is .*\.", s) for s in said)
        return
    raise AssertionError(f"no plan after twenty corrections: {chosen}")


def test_what_a_sentence_says_of_a_lab_is_trained_as_the_lab_trains_it():
    chosen = {"width": 8, "depth": 1, "epochs": 2}
    stack = trained(SETUP, **chosen)
    made = plan(choice(**chosen))
    assert stack.runs == tuple(made.members())
    assert stack.epoch == made.settings.epochs == 2
    with pytest.raises(Refusal):
        trained(SETUP, width=-1)
