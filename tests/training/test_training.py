"""Training: one run against NumPy, a stack against one run, and continuing bit for bit.

Float64 throughout: two orders of the same sums differ by 1e-16 a step and by less than 1e-9 after
the few steps taken here.
"""

import copy
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from companion import streams
from companion.methods.initialization import draw
from companion.models.mlp import ACTIVATIONS
from companion.training import one_run
from companion.training.many_runs import Stack
from companion.training.packing import CPU_BYTES, stack_size
from companion.training.settings import Run, Settings
from tests.references import arms, mlp, tiny

CLOSE = {"rtol": 1e-9, "atol": 1e-11}


def trained(runs, split, epochs=2) -> Stack:
    stack = Stack(runs, split, torch.float64)
    for _ in range(epochs):
        stack.train_epoch()
    return stack


def same(run: int, stack: Stack, other: int, twin: Stack) -> None:
    for mine, theirs in zip(stack.network.state, twin.network.state, strict=True):
        torch.testing.assert_close(mine[run], theirs[other], **CLOSE)


# --- one run ---------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("change", [0, 2, 6, 9, 10, 12, 14, 15, 16])
def test_one_run_takes_the_steps_that_numpy_takes(activation, change):
    """Two steps by float64 NumPy: own gradient, own SGD, own rescaling, after the same draws."""
    settings = replace(arms.runs(activation)[change].settings, epochs=1)
    if settings.rescale != "none":
        settings = replace(settings, tau=1)
    split, seed = tiny.split(train=14), 3
    model, rows = one_run.train(settings, split, seed, torch.float64)

    order = streams.permutation(seed, "order", 1, 14)
    images = split.standardize(split.train_images, torch.float64).flatten(1)
    batches = [
        (images[index].numpy(), split.train_labels[index].tolist())
        for index in (order[:8], order[8:])
    ]
    weights = [
        draw(
            seed,
            layer,
            torch.empty(units, fan_in).double(),
            settings.scheme,
            settings.gain,
            settings.distribution,
        ).numpy()
        for layer, (fan_in, units) in enumerate(itertools.pairwise(settings.widths), start=1)
    ]
    biases = [np.zeros(len(weight)) for weight in weights]
    weights, biases = mlp.train(weights, biases, batches, settings)
    for layer, weight, bias in zip(model.layers, weights, biases, strict=True):
        np.testing.assert_allclose(layer.weight.detach(), weight, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(layer.bias.detach(), bias, rtol=1e-10, atol=1e-13)

    x = split.standardize(split.test_images, torch.float64).flatten(1).numpy()
    logits = [mlp.preactivations(weights, biases, image, activation)[-1] for image in x]
    losses = [mlp.loss(z, y) for z, y in zip(logits, split.test_labels.tolist(), strict=True)]
    assert rows[-1]["test_loss"] == pytest.approx(np.mean(losses), rel=1e-9)


def test_one_run_measures_before_training_and_after_every_epoch():
    settings, seen = replace(arms.BASE, epochs=3), []
    model, rows = one_run.train(
        settings, tiny.split(), seed=1, after_epoch=lambda epoch, net: seen.append((epoch, net))
    )
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    assert [epoch for epoch, _ in seen] == [1, 2, 3]
    assert all(net is model for _, net in seen)
    expected = [draw(1, 1, model.layers[0].weight.detach(), "kaiming", 1.0)]
    assert rows[0]["weight_std"][0] == pytest.approx(expected[0].std(correction=0).item())
    assert all(len(row["weight_norm"]) == 3 for row in rows)
    assert rows[3]["train_loss"] < rows[0]["train_loss"]


def test_the_last_epoch_is_measured_after_its_rescaling():
    settings = replace(arms.BASE, rescale="wr")
    _, rows = one_run.train(settings, tiny.split(), dtype=torch.float64)
    for row in rows[1:]:
        for fan_in, std in zip(settings.widths, row["weight_std"], strict=False):
            assert std == pytest.approx(1 / fan_in**0.5, rel=1e-12)


# --- a stack ---------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_run_r_of_a_stack_equals_one_run(activation):
    """Sixteen runs that differ in all a run may have of its own; 30 images in batches of 8."""
    split, runs = tiny.split(), arms.runs(activation)
    stack = Stack(runs, split, torch.float64)
    measured = [stack.measure()]
    for _ in range(2):
        stack.train_epoch()
        measured.append(stack.measure())
    for r, run in enumerate(runs):
        model, rows = one_run.train(run.settings, split, run.seed, torch.float64)
        for layer, alone in enumerate(model.layers):
            torch.testing.assert_close(stack.weights[layer][r], alone.weight.detach(), **CLOSE)
            bias = stack.network.bias(layer)[r]
            torch.testing.assert_close(bias, alone.bias.detach(), **CLOSE)
        for ours, row in zip(measured, rows, strict=True):
            assert set(ours) | {"epoch"} == set(row)
            for name, value in ours.items():
                np.testing.assert_allclose(value[r], row[name], rtol=1e-9, atol=1e-11)


def test_runs_that_share_their_settings_equal_one_run_too():
    """Then learning rate, momentum and decay are numbers, not tensors: another path."""
    split = tiny.split()
    settings = replace(arms.BASE, momentum=0.5, weight_decay=1e-2, rescale="wr", tau=3)
    stack = trained([Run(i, "wr", 5 * i, settings) for i in range(3)], split)
    assert isinstance(stack.optimizer.learning_rate, float)
    assert isinstance(trained(arms.runs(), split, 1).optimizer.learning_rate, torch.Tensor)
    for r in range(3):
        model, _ = one_run.train(settings, split, 5 * r, torch.float64)
        for layer, alone in enumerate(model.layers):
            torch.testing.assert_close(stack.weights[layer][r], alone.weight.detach(), **CLOSE)


def test_in_float32_a_stack_stays_near_its_float64_self():
    split, runs = tiny.split(), arms.runs()
    stack, fine = Stack(runs, split), trained(runs, split)
    for _ in range(2):
        stack.train_epoch()
    assert stack.weights[0].dtype == torch.float32
    for mine, theirs in zip(stack.weights, fine.weights, strict=True):
        torch.testing.assert_close(mine.double(), theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("packing", ["alone", "pairs", "shuffled", "reversed halves"])
def test_packing_changes_nothing(packing):
    split, runs = tiny.split(), arms.runs()
    everyone = trained(runs, split)
    order = list(range(len(runs)))
    stacks = {
        "alone": [[r] for r in order],
        "pairs": [order[r : r + 2] for r in range(0, len(runs), 2)],
        "shuffled": [
            torch.randperm(len(runs), generator=torch.Generator().manual_seed(0)).tolist()
        ],
        "reversed halves": [order[::-1][:7], order[::-1][7:]],
    }[packing]
    for members in stacks:
        stack = trained([runs[r] for r in members], split)
        for place, r in enumerate(members):
            same(place, stack, r, everyone)


def test_two_seeds_differ_and_one_seed_does_not():
    split = tiny.split()
    stack = trained([Run(i, "none", seed, arms.BASE) for i, seed in enumerate((4, 5, 4))], split)
    same(0, stack, 2, stack)
    assert not torch.equal(stack.weights[0][0], stack.weights[0][1])


def test_a_constant_start_keeps_the_units_of_a_layer_equal():
    split = tiny.split()
    settings = replace(arms.BASE, scheme="constant", gain=0.1, activation="tanh")
    weight = trained([Run(0, "constant", 0, settings)], split).weights[0][0]
    torch.testing.assert_close(weight, weight[:1].expand_as(weight), **CLOSE)
    assert weight[0].std() > 1e-3


def test_the_data_are_not_touched():
    split = tiny.split()
    before = copy.deepcopy(split)
    trained(arms.runs(), split, 1).measure()
    for name in ("train_images", "train_labels", "validation_images", "mean", "std"):
        assert torch.equal(getattr(split, name), getattr(before, name))


# --- divergence ------------------------------------------------------------------------------


@pytest.mark.parametrize("rescale", ["none", "wr", "wrs"])
def test_a_diverged_run_does_not_disturb_its_stack(rescale):
    split = tiny.split()
    sound = [Run(0, "sound", 1, replace(arms.BASE, rescale="wr")), Run(1, "sound", 2, arms.BASE)]
    wild = Run(2, "wild", 3, replace(arms.BASE, learning_rate=1e150, rescale=rescale))
    stack, alone = trained([sound[0], wild, sound[1]], split), trained(sound, split)
    assert not stack.weights[0][1].isfinite().all()
    same(0, stack, 0, alone)
    same(2, stack, 1, alone)
    values = stack.measure()
    assert values["train_loss"].isfinite().tolist() == [True, False, True]
    assert bool(((values["test_accuracy"] >= 0) & (values["test_accuracy"] <= 1)).all())


# --- state -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_load_state_continues_bit_for_bit(dtype):
    split, runs = tiny.split(), arms.runs(epochs=4)
    whole = Stack(runs, split, dtype)
    for _ in range(2):
        whole.train_epoch()
    saved = copy.deepcopy(whole.state())
    for _ in range(2):
        whole.train_epoch()
    resumed = Stack(runs, split, dtype)
    resumed.load_state(saved)
    assert (resumed.epoch, resumed.steps) == (2, 8)
    for _ in range(2):
        resumed.train_epoch()
    mine, theirs = resumed.state(), whole.state()
    assert (mine["epoch"], mine["steps"]) == (theirs["epoch"], theirs["steps"]) == (4, 16)
    for name in ("network", "optimizer"):
        assert all(torch.equal(a, b) for a, b in zip(mine[name], theirs[name], strict=True)), name
    ours, expected = resumed.measure(), whole.measure()
    assert all(torch.equal(ours[name], value) for name, value in expected.items())


def test_loading_a_state_copies_it():
    split, runs = tiny.split(), arms.runs()
    saved = copy.deepcopy(trained(runs, split, 1).state())
    kept = copy.deepcopy(saved)
    stack = Stack(runs, split, torch.float64)
    stack.load_state(saved)
    stack.train_epoch()
    assert all(torch.equal(a, b) for a, b in zip(saved["network"], kept["network"], strict=True))


# --- refusals and sizes ----------------------------------------------------------------------


def test_an_empty_stack_is_refused():
    with pytest.raises(ValueError, match=r"needs at least one run, got none; ask for runs >= 1"):
        Stack([], tiny.split())


@pytest.mark.parametrize(
    "change", [{"epochs": 3}, {"batch_size": 4}, {"activation": "tanh"}, {"widths": (18, 4, 3)}]
)
def test_runs_of_two_shapes_are_refused(change):
    runs = [Run(0, "a", 0, arms.BASE), Run(1, "b", 1, replace(arms.BASE, **change))]
    with pytest.raises(
        ValueError, match=r"must share every setting but scheme, .* got 2 kinds; make one stack for"
    ):
        Stack(runs, tiny.split())


def test_a_first_width_that_is_not_the_images_is_refused():
    run = Run(0, "a", 0, replace(arms.BASE, widths=(17, 4, 3)))
    with pytest.raises(ValueError, match=r"must equal the 18 inputs of made, got 17"):
        Stack([run], tiny.split())


def test_a_last_width_below_the_number_of_classes_is_refused():
    run = Run(0, "a", 0, replace(arms.BASE, widths=(18, 4, 2)))
    with pytest.raises(ValueError, match="3 classes"):
        Stack([run], tiny.split()).train_epoch()


def test_how_large_a_stack_is_on_a_cpu(monkeypatch):
    cpu = torch.device("cpu")
    paper = Run(0, "none", 0, Settings())
    assert stack_size(paper, cpu) == CPU_BYTES // (4 * 199_082) == 15
    assert stack_size(Run(0, "none", 0, Settings(widths=(10**6, 100, 10))), cpu) == 1
    lenet = Settings(model="lenet5", widths=(3, 6, 16, 120, 84, 10))
    assert stack_size(Run(0, "none", 0, lenet), cpu) == 1


@pytest.mark.parametrize(("optimizer", "copies"), [("sgd", 3), ("adamw", 5)])
def test_a_stack_fits_a_quarter_of_a_gpus_free_memory(monkeypatch, optimizer, copies):
    gpu = torch.device("cuda")
    paper = Run(0, "none", 0, Settings(optimizer=optimizer))
    # an MLP's modules: three linear layers, and after two of them norm, activation and dropout
    signals = 64 + 32 + 10 + 3 * (64 + 32)
    each = 4 * (copies * 199_082 + 2 * 32 * signals)
    for free, expected in ((4 * 7 * each, 7), (4 * 7 * each - 1, 6), (0, 1)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 2**40))
        assert stack_size(paper, gpu) == expected


@pytest.mark.gpu
def test_a_gpu_trains_the_same_runs():
    split, runs = tiny.split(), arms.runs()
    here, there = trained(runs, split), trained(runs, split.to("cuda"))
    for mine, theirs in zip(there.weights, here.weights, strict=True):
        torch.testing.assert_close(mine.cpu(), theirs, rtol=1e-7, atol=1e-9)
