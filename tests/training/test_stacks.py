"""Run r of a stack equals `one_run` for every family, normalization and optimizer, in float64.

Batch normalization divides by the spread of a small batch and so enlarges rounding: 1e-16 becomes
1e-9 in some steps; everything else stays near 1e-13.
"""

import gc
import itertools
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from companion import machine
from companion.methods.initialization import scalable_layers
from companion.training import many_runs, one_run, stacked_module
from companion.training.cuda_graph import Captured
from companion.training.many_runs import Stack
from companion.training.settings import OPTIMIZERS, Run, Settings
from companion.training.stacked_mlp import StackedMLP
from companion.training.stacked_module import StackedModule
from tests.references import tiny

SPLIT = tiny.split()
MLP = Settings(
    widths=(tiny.INPUTS, 7, 5, tiny.CLASSES), gain=1.0, learning_rate=0.01, batch_size=8, epochs=2
)
LENET = replace(MLP, model="lenet5", widths=(2, 3, 4, 8, 8, 3), activation="tanh")
RESNET = replace(MLP, model="resnet18", widths=(2, 4, 4, 8, 8, 3), normalization="batch")
CONVNET = replace(RESNET, model="convnet", widths=(2, 4, 5, 3))
BOUNDED = replace(
    CONVNET, normalization="batch_mean", parametrization="bounded_weight_norm", weight_decay=0.1
)
VGG = replace(RESNET, model="vgg16", widths=(2, 3, 3, 4, 4, 5, 3))
WIDE = replace(RESNET, model="wrn-10-1", widths=(2, 3, 4, 5, 6, 3))
BOTTLENECK = replace(RESNET, model="resnet50")
ALEXNET = replace(MLP, model="alexnet", widths=(2, 3, 4, 5, 4, 4, 9, 8, 3), batch_size=15)
OWN = (
    {},
    {"scheme": "xavier", "weight_decay": 0.1},
    {"momentum": 0.5, "learning_rate": 0.02, "weight_decay": 1e-2},
    {"rescale": "wr", "weight_decay": 1e-2},
    {"rescale": "wr", "tau": 3, "gain": 0.5},
    {"rescale": "wrs", "tau": 2},
    {"schedule": "cosine", "warmup": 1},
    {"schedule": "step", "milestones": (1,), "drop": 0.3},
)
"""What may differ from run to run in a stack."""
PENALTIES = (
    {},
    {"variance_penalty": 0.3},
    {"variance_penalty": 5.0, "scheme": "xavier", "weight_decay": 0.1},
    {"rescale": "wr", "tau": 3},
    {"variance_penalty": 0.01, "rescale": "wr", "learning_rate": 0.02, "momentum": 0.5},
)
"""Runs with and without a variance penalty, of different strength and sigma."""


FOLLOWED = (
    (("weight_decay", 0.2), ("decayed", ("weight", "gain"))),
    (("rescale", "wr"), ("tau", 0), ("rescale_at", "start")),
)
"""What runs that others follow have otherwise."""
L1 = (
    {},
    {"l1_penalty": 0.02},
    {"l1_penalty": 0.1, "weight_decay": 0.1},
    {"l1_penalty": 0.01, "variance_penalty": 0.3},
)
"""Runs with and without an L1 penalty, beside other summands of the loss."""


def runs(base: Settings, changes=OWN) -> list[Run]:
    return [Run(k, f"arm {k}", 7 * k % 23, replace(base, **own)) for k, own in enumerate(changes)]


def equal_one_run(stack: Stack, tolerance: float) -> None:
    """Train the stack, and each of its runs alone; compare weights and every measured number."""
    measured = [stack.measure()]
    for _ in range(stack.settings.epochs):
        stack.train_epoch()
        measured.append(stack.measure())
    weights = stack.weights
    for r, run in enumerate(stack.runs):
        model, rows = one_run.train(run.settings, SPLIT, run.seed, torch.float64)
        for stacked, (_, layer) in zip(weights, scalable_layers(model), strict=True):
            torch.testing.assert_close(
                stacked[r], layer.weight.detach(), rtol=tolerance, atol=tolerance
            )
        for ours, row in zip(measured, rows, strict=True):
            for name, value in ours.items():
                np.testing.assert_allclose(value[r], row[name], rtol=tolerance, atol=tolerance)


@pytest.fixture(params=[True, False], ids=["vmap", "in turn"])
def together(request, monkeypatch):
    """Both ways in which a StackedModule takes its runs."""

    def make(runs, dtype, device, **more):
        return StackedModule(runs, dtype, device, together=request.param, **more)

    monkeypatch.setattr(many_runs, "StackedModule", make)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_plain_mlps_with_every_optimizer(optimizer):
    stack = Stack(runs(replace(MLP, optimizer=optimizer)), SPLIT, torch.float64)
    assert isinstance(stack.network, StackedMLP)
    equal_one_run(stack, 1e-10)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "part",
    [
        {"normalization": "layer"},
        {"parametrization": "weight_norm"},
        {"parametrization": "bounded_weight_norm"},
    ],
)
def test_mlps_with_normalization_dropout_and_augmentation(together, optimizer, part):
    more = {**part, "dropout": 0.3, "augmentation": "crop_flip"}
    stack = Stack(runs(replace(MLP, optimizer=optimizer, **more)), SPLIT, torch.float64)
    assert isinstance(stack.network, StackedModule)
    equal_one_run(stack, 1e-9)


BENT = (
    {"compander_a": 2.0, "compander_b": 0.5},
    {"compander_a": 1.5, "compander_b": 1.5, "weight_decay": 0.1},
    {"compander_a": 6.0, "compander_b": 2.0, "compander_units": "sigma", "learning_rate": 0.02},
    {"compander_a": 5.0, "compander_b": 5.0, "compander_units": "sigma", "momentum": 0.5},
    {"compander_a": 3.0, "rescale": "wr", "tau": 3, "weight_decay": 1e-2},
)
"""Curves of each run's own."""


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("aware", [False, True], ids=["", "slope-aware"])
@pytest.mark.parametrize("base", [MLP, replace(MLP, dropout=0.2)], ids=["by hand", "autograd"])
def test_mlps_behind_curves_of_their_own(optimizer, aware, base):
    parts = {"parametrization": "arctan", "slope_aware": aware, "compander_clamp": True}
    stack = Stack(runs(replace(base, optimizer=optimizer, **parts), BENT), SPLIT, torch.float64)
    assert isinstance(stack.network, StackedModule if base.dropout else StackedMLP)
    equal_one_run(stack, 1e-9)


@pytest.mark.parametrize("kind", ["arctan", "arsinh", "erf", "powerprop"])
@pytest.mark.parametrize("base", [MLP, LENET], ids=["mlp", "lenet"])
def test_every_curve(together, kind, base):
    own = [{"compander_a": 3.0, "compander_b": 2.0}, *BENT[2:4]]
    base = replace(base, parametrization=kind, compander_clamp=True, weight_decay=0.01)
    equal_one_run(Stack(runs(base, own), SPLIT, torch.float64), 1e-9)


@pytest.mark.parametrize("base", [MLP, replace(LENET, dropout=0.2)], ids=["mlp", "lenet"])
def test_powerpropagation_has_an_alpha_of_its_own(together, base):
    base = replace(base, parametrization="powerprop", compander_alpha=1.5, weight_decay=0.01)
    stack = Stack(runs(base, ({}, {"learning_rate": 0.02})), SPLIT, torch.float64)
    equal_one_run(stack, 1e-9)
    _, v = stack.view().curves[0]
    torch.testing.assert_close(stack.weights[0], v * v.abs().sqrt())


@pytest.mark.parametrize("learn", ["coarse", "fine"])
@pytest.mark.parametrize("base", [MLP, replace(RESNET, normalization="layer")], ids=["mlp", "net"])
def test_learned_curves_decay_v_and_not_a_and_b(together, learn, base):
    base = replace(base, parametrization="arctan", compander_learn=learn, compander_clamp=True)
    own = [{"compander_a": 3.0}, {"compander_a": 2.0, "compander_b": 0.5, "weight_decay": 0.1}]
    stack = Stack(runs(base, own), SPLIT, torch.float64)
    assert stack.optimizer.curves == {}
    equal_one_run(stack, 1e-9)
    first, last = stack.network.bent[0][0], stack.network.bent[-1][0]
    assert (first.a is last.a) == (learn == "coarse")
    assert not torch.equal(first.a, torch.tensor([3.0, 2.0], dtype=torch.float64))


def test_a_start_outside_a_curves_range_is_refused_by_both():
    one = replace(MLP, parametrization="erf", compander_a=0.1)
    for base in (one, replace(one, dropout=0.1)):
        with pytest.raises(ValueError, match=r"layer layers.0 must lie within ±0.1, the range of"):
            Stack(runs(base, [{}]), SPLIT)


@pytest.mark.parametrize(
    ("base", "tolerance"),
    [
        (replace(MLP, normalization="batch"), 1e-6),
        (replace(MLP, normalization="batch_mean"), 1e-9),
        (replace(LENET, dropout=0.2, augmentation="crop_flip"), 1e-9),
        (replace(LENET, augmentation="crop_flip_cutout"), 1e-9),
        (replace(LENET, parametrization="weight_norm", optimizer="adamw"), 1e-9),
        (RESNET, 1e-5),
        (CONVNET, 1e-6),
        (VGG, 1e-5),
        (WIDE, 1e-5),
        (replace(WIDE, model="preact-resnet18", widths=(2, 3, 3, 4, 4, 5, 3)), 1e-5),
        (replace(RESNET, normalization="layer", augmentation="crop_flip"), 1e-9),
        (replace(RESNET, parametrization="weight_norm", gain=0.5), 1e-9),
        (BOUNDED, 1e-9),
        (replace(BOUNDED, normalization="batch"), 1e-6),
        (replace(BOUNDED, lengths="forward", optimizer="adamw"), 1e-9),
    ],
    ids=[
        "mlp-batch",
        "mlp-batch-mean",
        "lenet",
        "lenet-cutout",
        "lenet-weight",
        "resnet-batch",
        "convnet-batch",
        "vgg-batch",
        "wide-batch",
        "preact-batch",
        "resnet-layer",
        "resnet-weight",
        "convnet-bounded",
        "convnet-bounded-batch",
        "convnet-bounded-adamw",
    ],
)
def test_convolutional_networks_and_batch_statistics(together, base, tolerance):
    equal_one_run(Stack(runs(base, OWN[2:7]), SPLIT, torch.float64), tolerance)


@pytest.mark.parametrize("base", [CONVNET, replace(MLP, normalization="batch")], ids=["net", "mlp"])
def test_a_rising_rate_in_place_of_decay(together, base):
    own = (
        {"learning_rate": 0.05, "weight_decay": 0.1},
        {"momentum": 0.5, "schedule": "step", "milestones": (1,), "drop": 0.3},
    )
    base = replace(base, decay_as_rate=0.05, decayed=("gain", "shift"))
    equal_one_run(Stack(runs(base, own), SPLIT, torch.float64), 1e-6)


@pytest.mark.parametrize("changes", FOLLOWED, ids=["decay", "rescaling"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("base", [CONVNET, replace(MLP, normalization="batch")], ids=["net", "mlp"])
def test_a_rate_that_follows_another_run(together, base, optimizer, changes):
    own = (
        {"learning_rate": 0.05, "weight_decay": 0.1},
        {"schedule": "step", "milestones": (1,), "drop": 0.3, "rescale": "wrs", "tau": 3},
    )
    base = replace(base, optimizer=optimizer, decayed=("gain",), rate_from=changes)
    equal_one_run(Stack(runs(base, own), SPLIT, torch.float64), 1e-6)


@pytest.mark.parametrize(
    "base",
    [replace(BOTTLENECK, normalization="layer"), replace(ALEXNET, dropout=0.5)],
    ids=["resnet50", "alexnet"],
)
def test_the_large_networks(together, base):
    equal_one_run(Stack(runs(replace(base, epochs=1), OWN[2:4]), SPLIT, torch.float64), 1e-9)


def test_a_last_batch_of_one_image_is_refused_under_batch_normalization():
    """30 images in batches of 29: torch would refuse it in the middle of an epoch."""
    base = replace(MLP, batch_size=29)
    Stack(runs(base, [{}]), SPLIT)
    with pytest.raises(ValueError, match=r"30 images in batches of 29 leave 1; change batch_size"):
        Stack(runs(replace(base, normalization="batch"), [{}]), SPLIT)


@pytest.mark.parametrize(
    "base",
    [MLP, replace(MLP, parametrization="weight_norm"), LENET, BOUNDED],
    ids=["plain", "weight norm", "lenet", "bounded"],
)
def test_every_choice_of_a_rescaling(base):
    choices = [
        {"rescale": "wr", "rescale_to": "initial"},
        {"rescale": "wr", "rescale_per": "unit", "rescale_biases": "scale"},
        {"rescale": "wr", "rescale_mean": "remove", "rescale_biases": "keep", "tau": 2},
        {"rescale": "wr", "rescale_window": (2, 2)},
        {"rescale": "wr", "rescale_at": "start"},
        {"rescale": "wrs", "tau": 1, "rescale_window": (1, 1)},
        {"rescale": "wrs", "tau": 2, "rescale_layers": "not_output"},
    ]
    equal_one_run(Stack(runs(base, choices), SPLIT, torch.float64), 1e-9)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "base",
    [MLP, replace(MLP, normalization="layer", dropout=0.3), LENET],
    ids=["plain", "layer", "lenet"],
)
def test_every_variance_penalty(together, base, optimizer):
    base = replace(base, optimizer=optimizer)
    equal_one_run(Stack(runs(base, PENALTIES), SPLIT, torch.float64), 1e-9)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("base", [MLP, LENET], ids=["plain", "lenet"])
def test_every_l1_penalty(together, base, optimizer):
    base = replace(base, optimizer=optimizer, decayed=("weight", "gain"))
    equal_one_run(Stack(runs(base, L1), SPLIT, torch.float64), 1e-9)


@pytest.mark.parametrize("base", [MLP, LENET], ids=["plain", "lenet"])
def test_runs_that_share_a_variance_penalty(base):
    """Then its strength is a number, and no run is picked out."""
    stack = Stack(runs(replace(base, variance_penalty=0.3), [{}] * 3), SPLIT, torch.float64)
    term = stack.optimizer.terms[0]
    assert term.members is None
    assert isinstance(term.strength, float)
    equal_one_run(stack, 1e-9)


def test_a_stack_without_a_variance_penalty_computes_none():
    for base in (MLP, LENET, replace(MLP, parametrization="weight_norm")):
        assert Stack(runs(base), SPLIT).optimizer.terms == {}
    for base in (MLP, LENET):
        stack = Stack(runs(base, PENALTIES), SPLIT)
        named = [stack.network.parameters[index] for index in stack.optimizer.terms]
        assert all(a is b for a, b in zip(named, stack.weights, strict=True))


def test_a_single_large_network_takes_the_same_interface():
    stack = Stack(runs(RESNET, [{}]), SPLIT, torch.float64)
    assert not stack.network.together
    equal_one_run(stack, 1e-6)


@pytest.mark.parametrize("base", [MLP, replace(MLP, normalization="batch", dropout=0.2), LENET])
def test_packing_changes_nothing(base):
    """Runs alone, in pairs and all together: the same weights."""
    all_runs = runs(replace(base, optimizer="adamw"), OWN[:6])

    def trained(members):
        stack = Stack(members, SPLIT, torch.float64)
        stack.train_epoch()
        return stack.weights

    everyone = trained(all_runs)
    for size in (1, 2):
        for start in range(0, 6, size):
            for mine, theirs in zip(trained(all_runs[start : start + size]), everyone, strict=True):
                torch.testing.assert_close(
                    mine, theirs[start : start + size], rtol=1e-9, atol=1e-10
                )


@pytest.mark.parametrize(
    "base",
    [
        replace(MLP, optimizer="adam"),
        replace(MLP, normalization="batch", dropout=0.3, augmentation="crop_flip"),
        replace(LENET, dropout=0.5, optimizer="adamw"),
        replace(MLP, parametrization="weight_norm", schedule="cosine"),
        replace(BOUNDED, rescale="wrs", tau=2),
        replace(CONVNET, optimizer="adamw", rate_from=FOLLOWED[1]),
        replace(MLP, parametrization="arctan", compander_a=3.0, compander_clamp=True),
        replace(
            MLP,
            parametrization="erf",
            compander_a=9.0,
            compander_learn="fine",
            compander_clamp=True,
        ),
    ],
)
def test_a_saved_state_continues_bit_for_bit(base, tmp_path):
    """Running statistics, dropout's and augmentation's steps and both moments included."""
    members = runs(replace(base, epochs=4), OWN[2:6])
    whole = Stack(members, SPLIT)
    for _ in range(2):
        whole.train_epoch()
    torch.save(whole.state(), tmp_path / "state.pt")
    resumed = Stack(members, SPLIT)
    resumed.load_state(torch.load(tmp_path / "state.pt", weights_only=True))
    for stack in (whole, resumed):
        for _ in range(2):
            stack.train_epoch()
    for name in ("network", "optimizer", "leader"):
        pairs = zip(whole.state()[name], resumed.state()[name], strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    ours, theirs = whole.measure(), resumed.measure()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_an_epoch_left_at_any_step_goes_on_bit_for_bit():
    """30 images in batches of 8 are four steps; the state is saved in the middle of one epoch."""
    own = [*OWN[2:6], {"rescale": "wr", "rescale_at": "start"}]
    members = runs(replace(MLP, normalization="batch", dropout=0.3, schedule="cosine"), own)
    whole, parts = Stack(members, SPLIT), Stack(members, SPLIT)
    whole.train_epoch()
    whole.train_epoch()
    for pause in (0, 1, 2):
        asked = iter([False] * pause + [True])
        assert not parts.train_epoch(stop=lambda asked=asked: next(asked))
    assert (parts.epoch, parts.taken, parts.steps) == (0, 3, 3)
    resumed = Stack(members, SPLIT)
    resumed.load_state(parts.state())
    asked = itertools.cycle([True, False])
    while resumed.epoch < 2:
        resumed.train_epoch(stop=lambda: next(asked))
    pairs = zip(whole.network.state, resumed.network.state, strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_half_precision_stays_near_float32():
    """Products round to 8 bits (bfloat16), 0.4 %; eight steps keep the weights within a percent
    of the weights' size."""
    members = runs(replace(LENET, precision="float32"), [{}, {"gain": 0.5}])
    half = runs(replace(LENET, precision="half"), [{}, {"gain": 0.5}])
    fine, coarse = Stack(members, SPLIT), Stack(half, SPLIT)
    assert coarse.network.half == torch.bfloat16
    assert not Stack(runs(replace(MLP, precision="half")), SPLIT).network.together
    fine.train_epoch()
    coarse.train_epoch()
    for a, b in zip(fine.weights, coarse.weights, strict=True):
        assert b.dtype == torch.float32
        assert not torch.equal(a, b)
        assert (a - b).square().mean().sqrt() < 0.01 * a.square().mean().sqrt()


def test_float16_gradients_are_scaled_and_scaled_back(monkeypatch):
    """A loss scale of 1024 is a power of two: in float32 arithmetic nothing changes at all."""
    members = runs(LENET, [{}])
    plain, scaled = Stack(members, SPLIT), Stack(members, SPLIT)
    scaled.network.scale = stacked_module.LOSS_SCALE
    for stack in (plain, scaled):
        stack.train_epoch()
    assert all(torch.equal(a, b) for a, b in zip(plain.weights, scaled.weights, strict=True))
    monkeypatch.setattr(machine, "half_precision", lambda _: torch.float16)
    half = Stack(runs(replace(LENET, precision="half"), [{}]), SPLIT)
    assert half.network.scale == stacked_module.LOSS_SCALE == 2**10
    half.train_epoch()
    assert all(weight.isfinite().all() for weight in half.weights)


def test_on_a_cpu_a_captured_function_is_the_function():
    seen = []
    call = Captured()
    for value in (torch.ones(2), torch.zeros(3)):
        call(seen.append, value)
    assert [len(value) for value in seen] == [2, 3]
    assert call.graph is None


@pytest.mark.parametrize("base", [MLP, LENET])
def test_a_dropped_stack_gives_its_memory_back_at_once(base):
    """Without waiting for the garbage collector: the next stack needs the memory."""
    stack = Stack(runs(base, OWN[:2]), SPLIT)
    stack.train_epoch()
    gone = weakref.ref(stack)
    gc.disable()
    try:
        del stack
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.gpu
@pytest.mark.parametrize(
    "base",
    [
        replace(MLP, optimizer="adamw"),
        replace(MLP, normalization="batch", dropout=0.3, augmentation="crop_flip"),
        replace(LENET, schedule="cosine"),
        RESNET,
    ],
)
def test_a_gpu_trains_the_same_runs_through_its_graph(base):
    """30 images in batches of 5: the graph is captured in the first epoch."""
    members = runs(replace(base, batch_size=5), OWN[2:6] + PENALTIES[1:3])
    here, there = (
        Stack(members, SPLIT, torch.float64),
        Stack(members, SPLIT.to("cuda"), torch.float64),
    )
    for stack in (here, there):
        for _ in range(2):
            stack.train_epoch()
    assert there._advance.graph is not None
    absolute = 1e-4 if base.model == "resnet18" else 1e-6  # seen on an H100: 6e-6 under batch norm
    for mine, theirs in zip(there.weights, here.weights, strict=True):
        torch.testing.assert_close(mine.cpu(), theirs, rtol=1e-5, atol=absolute)
