"""A's residual networks and their neighbours: counts, laws of each start, and what is refused."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from companion import models, streams
from companion.methods.initialization import places, scalable_layers, weight_norm_
from companion.models import neighbours, residual
from companion.models.neighbours import Standardized, neighbour_, zero_weight
from companion.models.residual import Residual
from companion.training import one_run
from companion.training.many_runs import Stack
from companion.training.settings import Run, Settings
from tests.references import tiny

SPLIT = tiny.split()
SMALL = (2, 4, 4, 4, 8, 8, 3)
SETTINGS = Settings(model="residual", widths=SMALL, learning_rate=0.02, batch_size=8, epochs=1)


def images(count=6, channels=2, side=8, seed=0):
    numbers = streams.normal(seed, "images", 0, count * channels * side**2, dtype=torch.float64)
    return numbers.view(count, channels, side, side)


def counted(widths):
    """Parameters by hand: 3x3 convolutions, 1x1 shortcuts where the width changes, biases."""
    channels, signal, *blocks, classes = widths
    total = 9 * channels * signal + signal
    for width in blocks:
        total += 9 * signal * width + 9 * width * width + 2 * width
        total += signal * width + width if width != signal else 0
        signal = width
    return total + signal * classes + classes


@pytest.mark.parametrize(
    ("depth", "times", "millions"), [(56, 1, 0.85), (110, 1, 1.73), (40, 10, 55.9)]
)
def test_parameters_are_those_of_the_papers(depth, times, millions):
    """He et al. table 6 print 0.85 and 1.7 million, Zagoruyko and Komodakis 55.8 for WRN-40-10,
    with batch norms and without biases."""
    widths = residual.widths(depth, times)
    with torch.device("meta"):
        count = models.parameter_count(Residual(widths))
    assert count == counted(widths)
    assert count / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize("depth", [0, 4, 57, 60])
def test_a_depth_between_two_networks_is_refused(depth):
    with pytest.raises(ValueError, match=rf"6n \+ 2 or 6n \+ 4 .* got {depth}; for example 56"):
        residual.widths(depth)


def test_widths_without_a_block_are_refused():
    for build in (lambda: Residual((3, 16, 10)), lambda: models.check("residual", (3, 16, 10))):
        with pytest.raises(ValueError, match="at least four whole numbers >= 1"):
            build()


def test_stages_halve_the_image():
    model = Residual((2, 4, 6, 6, 8, 8, 10, 3))
    sizes = [tuple(signal.shape[1:]) for signal in model.signals(images().float())]
    assert sizes == [(4, 8, 8), (6, 8, 8), (6, 8, 8), (8, 4, 4), (8, 4, 4), (10, 2, 2)]
    half = models.build("residual-halved", (2, 4, 6, 3))
    assert half.signals(images().float())[0].shape[2:] == (4, 4)


def test_nothing_stands_behind_a_sum():
    """With branches of 0 a network is its shortcuts, and linear."""
    model = Residual(SMALL).double()
    for block in model.blocks:
        block.residual[3].weight.data.zero_()
        block.residual[3].bias.data.zero_()
    a, b = images(seed=0), images(seed=1)
    zero = model(torch.zeros_like(a))
    torch.testing.assert_close(model(a + b) - zero, model(a) - zero + model(b) - zero)


@pytest.mark.parametrize("depth", [8, 56])
def test_gammas_are_found_from_the_structure(depth):
    """A, section 4: 2 before a ReLU, 1 / B for the last layer of a branch, 1 for all others."""
    blocks = depth // 6
    found = list(places(Residual(residual.widths(depth, base=2))).items())
    assert found[0][0] == "stem.0"
    for name, place in found:
        kind = name.partition("residual.")[2]
        if kind == "0":
            assert (place.gain, place.blocks) == (math.sqrt(2), 0)
        elif kind == "3":
            number = int(name.split(".")[1])
            assert (place.block, place.blocks) == (number % blocks + 1, blocks)
        else:
            assert (place.gain, place.blocks) == (1.0, 0)


def test_the_forward_rule_sets_the_gammas_lengths():
    model = models.build("residual", residual.widths(20, base=4), parametrization="weight_norm")
    weight_norm_(model, "forward")
    first, last = model.blocks[1].residual[0], model.blocks[1].residual[3]
    turn = model.blocks[3].residual[0]
    for layer, length in ((first, math.sqrt(2)), (last, math.sqrt(1 / 3)), (turn, 1.0)):
        found = layer.weight.flatten(1).norm(dim=1)
        torch.testing.assert_close(found, torch.full_like(found, length))


@pytest.mark.parametrize("name", ["residual", "residual-halved", "deepcnn"])
@pytest.mark.parametrize(
    "parts",
    [
        {"parametrization": "weight_norm", "lengths": "forward"},
        {"parametrization": "weight_norm", "lengths": "data"},
        {"normalization": "batch"},
    ],
    ids=["forward", "data", "batch"],
)
def test_a_stack_equals_one_run(name, parts):
    check_stack(replace(SETTINGS, model=name, **parts))


@pytest.mark.parametrize("neighbour", models.NEIGHBOURS[1:])
def test_a_stack_of_neighbours_equals_one_run(neighbour):
    check_stack(replace(SETTINGS, neighbour=neighbour, learning_rate=0.003))


def check_stack(settings):
    runs = [
        Run(k, "a", seed, replace(settings, learning_rate=rate * settings.learning_rate))
        for k, (seed, rate) in enumerate([(40, 1), (41, 0.5)])
    ]
    stack = Stack(runs, SPLIT, torch.float64)
    stack.train_epoch()
    ours = stack.measure()
    for r, run in enumerate(runs):
        model, rows = one_run.train(run.settings, SPLIT, run.seed, torch.float64)
        for stacked, (_, layer) in zip(stack.weights, scalable_layers(model), strict=True):
            torch.testing.assert_close(stacked[r], layer.weight.detach(), rtol=1e-8, atol=1e-8)
        assert math.isfinite(rows[-1]["test_loss"])
        assert ours["test_loss"][r] == pytest.approx(rows[-1]["test_loss"], rel=1e-8)


# --- neighbours ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fixup", "skipinit", "zero"])
def test_a_block_starts_as_its_shortcut(name):
    model = neighbour_(Residual(SMALL), name).double()
    signals = model.signals(images())
    for block, before, after in zip(model.blocks, signals, signals[1:], strict=False):
        torch.testing.assert_close(after, block.shortcut(before))


def test_fixup_divides_first_layers_by_the_root_of_the_branches():
    model = neighbour_(Residual((1, 16, *[16] * 9, 10)), "fixup")
    weights = torch.cat([block.residual[0].weight.flatten() for block in model.blocks])
    expected = 2 / (9 * 16) / 9  # He's variance, divided by nine branches
    error = expected * math.sqrt(2 / weights.numel())
    assert abs(weights.square().mean().item() - expected) < 5 * error
    assert not model.classifier.weight.any()
    assert {block.multiplier.item() for block in model.blocks} == {1.0}
    assert not model(images(channels=1).float()).any()


def test_skipinits_multipliers_are_what_learns_first():
    model = neighbour_(Residual(SMALL), "skipinit").double()
    loss = nn.functional.cross_entropy(model(images()), torch.tensor([0, 1, 2, 0, 1, 2]))
    loss.backward()
    for block in model.blocks:
        assert block.multiplier.item() == 0
        assert block.multiplier.grad.abs() > 1e-6
        assert not block.residual[0].weight.grad.any()


def test_zero_draws_nothing():
    first, second = (neighbour_(Residual(SMALL), "zero", seed) for seed in (0, 1))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert len(first.blocks[0].residual[0].weight.unique()) == 2  # 0 and 1


@pytest.mark.parametrize(
    ("shape", "orthogonal"),
    [((8, 3), True), ((4, 4, 3, 3), True), ((3, 8), True), ((6, 3, 3, 3), False)],
)
def test_zeros_weight_keeps_lengths_where_a_hadamard_matrix_fits(shape, orthogonal):
    weight = zero_weight(torch.empty(shape, dtype=torch.float64))
    middle = weight if weight.dim() == 2 else weight[:, :, 1, 1]
    assert weight.abs().sum() == pytest.approx(middle.abs().sum().item())
    wide = middle.shape[0] < middle.shape[1]
    product = middle @ middle.T if wide else middle.T @ middle
    unit = torch.eye(len(product), dtype=torch.float64)
    assert torch.allclose(product, unit) == orthogonal
    assert torch.allclose(product.diagonal(), unit.diagonal() * (1.0 if orthogonal else 6 / 8))


def test_standardized_rows_add_up_to_0_and_their_squares_to_the_gains():
    layer = nn.Conv2d(3, 5, 3).double()
    nn.utils.parametrize.register_parametrization(layer, "weight", Standardized(1.7))
    rows = layer.weight.flatten(1)
    torch.testing.assert_close(rows.sum(1), torch.zeros_like(rows[:, 0]), atol=1e-12, rtol=0)
    torch.testing.assert_close(rows.square().sum(1), torch.full_like(rows[:, 0], 1.7**2))


def test_the_gain_behind_a_relu_keeps_the_variance():
    """Of white inputs, to five standard errors over units, whose variances are independent."""
    layer = nn.Linear(400, 2000, bias=False).double()
    layer.weight.data.normal_(generator=torch.Generator().manual_seed(0))
    standardized = Standardized(neighbours.BEHIND_RELU)
    nn.utils.parametrize.register_parametrization(layer, "weight", standardized)
    x = streams.normal(0, "x", 0, 500 * 400, dtype=torch.float64).view(500, 400).relu()
    with torch.no_grad():
        found = layer(x).square().mean(0)
    error = found.std() / math.sqrt(2000)
    assert abs(found.mean() - 1) < 5 * error
    assert error < 0.01


def test_scaled_blocks_add_the_square_of_alpha():
    """Gains of the layers: 1 / beta first, alpha and the gain behind a ReLU last."""
    model = neighbour_(Residual((1, 4, 4, 4, 4, 8, 8, 3)), "scaled_ws")
    gains = [
        [layer.parametrizations.weight[0].gain for layer in block.residual[::3]]
        for block in model.blocks
    ]
    last = 0.2 * math.sqrt(2 / (1 - 1 / math.pi))
    variances = [1, 1.04, 1.08, 1.12, 1.04]
    for (first, end), variance in zip(gains, variances, strict=True):
        assert first == pytest.approx(variance**-0.5)
        assert end == pytest.approx(last)
    shortcut = model.blocks[3].shortcut[0].parametrizations.weight[0].gain
    assert shortcut == pytest.approx(1.12**-0.5)
    assert not nn.utils.parametrize.is_parametrized(model.classifier)


def test_kaimings_blocks_double_the_mean_square():
    """To five standard errors over networks; circular padding, so that no border cuts."""
    ratios = []
    for seed in range(30):
        model = neighbour_(Residual((16, 16, *[16] * 4, 3)), "kaiming", seed).double()
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                layer.padding_mode = "circular"
                layer._reversed_padding_repeated_twice = [1, 1, 1, 1]
        with torch.no_grad():
            signals = model.signals(images(4, 16, seed=seed))
        ratios.append((signals[-1].square().mean() / signals[0].square().mean()).item())
    ratios = torch.tensor(ratios)
    error = ratios.std() / math.sqrt(30)
    assert abs(ratios.mean() - 2**4) < 5 * error
    assert error < 2


@pytest.mark.parametrize(
    ("make", "name", "match"),
    [
        (lambda: Residual(SMALL), "rezero", "neighbour must be one of kaiming, .*, got 'rezero'"),
        (lambda: models.MLP((4, 3)), "fixup", "Conv-ReLU-Conv blocks .* got a MLP; use one"),
        (lambda: Residual(SMALL, normalization="batch"), "fixup", "that have no normalization"),
        (lambda: models.build("residual", SMALL, parametrization="weight_norm"), "zero",
         "no normalization and no parametrization, got one that has; build it without"),
    ],
)  # fmt: skip
def test_what_no_neighbour_starts_is_refused(make, name, match):
    with pytest.raises(ValueError, match=match):
        neighbour_(make(), name)


@pytest.mark.parametrize(
    "change", [{"model": "mlp"}, {"normalization": "batch"}, {"parametrization": "weight_norm"}]
)
def test_settings_refuse_a_neighbour_of_another_network(change):
    with pytest.raises(ValueError, match="neighbour 'fixup' needs one of residual, residual-halv"):
        replace(SETTINGS, neighbour="fixup", **change)
    with pytest.raises(ValueError, match=r"neighbour must be one of none, kaiming, .*, got 'x'"):
        replace(SETTINGS, neighbour="x")
