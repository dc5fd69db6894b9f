"""Weight-norm initialization: lengths, directions, forms, structure, and writes that are lost."""

import copy
import itertools
import math

import pytest
import torch
from torch import nn

from companion import models
from companion.methods import initialization
from companion.methods.initialization import places, unreached, weight_norm_
from companion.methods.initialization.reach import stale
from companion.methods.parametrizations import weight_norm as ours
from companion.theory import weight_norm as theory

pytestmark = pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
torchs = nn.utils.parametrizations.weight_norm
older = nn.utils.weight_norm
FORMS = {"plain": lambda layer: layer, "ours": ours, "torch's": torchs, "older": older}


def mlp(wrap=ours, widths=(20, 30, 12, 5), dtype=torch.float32):
    layers = []
    for a, b in itertools.pairwise(widths):
        layers += [wrap(nn.Linear(a, b, dtype=dtype)), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def rows(layer):
    return layer.weight.detach().flatten(1).double().norm(dim=1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("lengths", ["forward", "backward", "one"])
def test_lengths_are_the_rules_in_every_form(form, lengths):
    model = weight_norm_(mlp(FORMS[form]), lengths)
    gains = [math.sqrt(2), math.sqrt(2), 1.0]
    for layer, gain in zip(model[::2], gains, strict=True):
        expected = theory.length(lengths, layer.in_features, layer.out_features, gain)
        assert rows(layer).tolist() == pytest.approx([expected] * layer.out_features, rel=1e-5)
        assert not layer.bias.any()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_computes_the_same_network(form):
    """The forward pass uses what was set, before wrapping, behind it, and wrapped later."""
    x = torch.randn(7, 20, generator=torch.Generator().manual_seed(0))
    first = weight_norm_(mlp(FORMS["plain"]), seed=3)
    other = weight_norm_(mlp(FORMS[form]), seed=3)
    torch.testing.assert_close(other(x), first(x))
    later = weight_norm_(mlp(FORMS["plain"]), seed=3)
    for layer in later[::2]:
        FORMS[form](layer)
    torch.testing.assert_close(later(x), first(x))


def test_orthogonal_rows_or_columns_and_independent_ones():
    wide, tall, square = (nn.Linear(a, b) for a, b in ((30, 12), (12, 30), (20, 20)))
    for layer in (wide, square):
        u = weight_norm_(layer, "one").weight.detach()
        torch.testing.assert_close(u @ u.T, torch.eye(len(u)), atol=1e-5, rtol=0)
    u = weight_norm_(tall, "one").weight.detach()
    assert rows(tall).tolist() == pytest.approx([1.0] * 30, rel=1e-5)
    assert torch.linalg.matrix_rank(u) == 12
    u = weight_norm_(nn.Linear(400, 300), "one", "gaussian").weight.detach().double()
    cosines = (u @ u.T)[~torch.eye(300, dtype=bool)]
    # the cosine of two independent directions has mean 0 and variance 1/n
    pairs = len(cosines) / 2
    assert abs(cosines.mean()) < 5 / math.sqrt(400 * pairs)
    assert abs(400 * cosines.square().mean() - 1) < 5 * math.sqrt(2 / pairs)


def test_directions_that_are_kept():
    model = mlp()
    before = [layer.weight.detach() / layer.weight.detach().norm(dim=1, keepdim=True)
              for layer in model[::2]]  # fmt: skip
    weight_norm_(model, "backward", "keep")
    for layer, u in zip(model[::2], before, strict=True):
        torch.testing.assert_close(layer.weight / rows(layer)[:, None].float(), u)


@pytest.mark.parametrize("form", ["ours", "torch's", "older"])
def test_a_zero_direction_is_refused_and_nothing_changes(form):
    model = mlp(FORMS[form])
    with torch.no_grad():
        initialization.weight_norm_forms.trained(model[2])[-1][4] = 0
    before = copy.deepcopy([p.detach() for p in model.parameters()])
    with pytest.raises(ValueError, match=r"row 4 of layer 2 has the length (0|nan); draw"):
        weight_norm_(model, directions="keep")
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    weight_norm_(model)  # drawn anew
    assert torch.isfinite(model(torch.ones(1, 20))).all()


def test_torchs_default_is_what_wrapping_leaves():
    torch.manual_seed(0)
    theirs = torchs(nn.Linear(300, 2000)).weight.norm(dim=1)
    mine = rows(weight_norm_(ours(nn.Linear(300, 2000)), "torch"))
    # |v|^2 is a sum of 300 squares of uniform numbers: mean 1/3, variance 300 (4/45) / 300^2
    for found in (theirs.double(), mine):
        error = math.sqrt(4 / 45 / 300 / 2000)
        assert abs(found.square().mean().item() - 1 / 3) < 5 * error


def test_groups_stride_and_padding():
    depthwise = weight_norm_(ours(nn.Conv2d(64, 64, 3, groups=64)), gains={"": math.sqrt(2)})
    assert rows(depthwise).tolist() == pytest.approx([math.sqrt(2)] * 64, rel=1e-5)
    conv = nn.Conv2d(8, 16, 3, stride=2, padding=1)
    images = torch.zeros(1, 8, 32, 32)
    whole = rows(weight_norm_(conv))[0]
    assert whole == pytest.approx(math.sqrt(8 / 16), rel=1e-5)
    counted = rows(weight_norm_(conv, images=images, corrected=True))[0]
    share = theory.reads(32, 3, 2, 1) ** 2
    assert counted == pytest.approx(math.sqrt(8 * 9 / (16 * share)), rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"stride": 2, "padding": 1},
        {"padding": 1},
        {"stride": (1, 2), "padding": (2, 0), "dilation": (1, 2)},
        {"padding": "same"},
        {"padding": 2, "padding_mode": "circular", "stride": 2},
        {"groups": 4, "padding": 1},
    ],
)
def test_a_corrected_convolution_keeps_the_mean_square_length(options):
    """Over random directions and white images; the plain count is off."""
    random, found = torch.Generator().manual_seed(0), []
    for seed in range(60):
        images = torch.randn(4, 8, 9, 7, generator=random)
        conv = weight_norm_(nn.Conv2d(8, 12, 3, **options), seed=seed, images=images,
                            corrected=True)  # fmt: skip
        found.append((conv(images).square().sum() / images.square().sum()).item())
    found = torch.tensor(found)
    assert abs(found.mean() - 1) < 5 * found.std() / math.sqrt(60)
    assert found.std() < 0.25


def test_corrected_fans_of_a_whole_network_keep_its_signal():
    """Convolutions and a linear layer behind them, whose images have no size; half of the square
    passes a ReLU, and sqrt 2 makes up for it."""
    images = torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    widths = (3, *[64] * 8, 10)
    logs = {}
    for corrected in (False, True):
        model = models.build("deepcnn", widths, parametrization="weight_norm")
        weight_norm_(model, images=images, corrected=corrected)
        signal = model.features(images).detach()
        logs[corrected] = math.log2(signal.square().sum() / images.square().sum())
        assert rows(model.classifier)[0] == pytest.approx(math.sqrt(64 / 10), rel=1e-5)
    # two halvings leave 2/3 of the taps along each axis behind one, and padding takes its share
    sizes = [(16, 2), (8, 2), *[(4, 1)] * 6]
    lost = sum(2 * math.log2(theory.reads(side, 3, stride, 1) / 3) for side, stride in sizes)
    assert logs[False] - logs[True] == pytest.approx(lost, abs=1e-3)
    assert abs(logs[True]) < 1 < abs(logs[False])


def test_data_dependent_lengths_standardise_every_unit_layer_after_layer():
    x = torch.randn(200, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    for wrap in FORMS.values():
        model = nn.Sequential(
            wrap(nn.Conv2d(3, 6, 3, stride=2, padding=1)), nn.ReLU(), nn.Dropout(0.5),
            wrap(nn.Conv2d(6, 4, 3)), nn.ReLU(), nn.Flatten(), wrap(nn.Linear(16, 5)),
        )  # fmt: skip
        weight_norm_(model, "data", images=x)
        assert model.training
        model.eval()
        signal = x
        for layer in model:
            signal = layer(signal)
            if not isinstance(layer, (nn.Conv2d, nn.Linear)):
                continue
            over = (0, 2, 3) if signal.dim() == 4 else 0
            units = signal.shape[1]
            torch.testing.assert_close(signal.mean(over), torch.zeros(units), atol=1e-4, rtol=0)
            torch.testing.assert_close(signal.var(over, correction=0), torch.ones(units))


def test_data_dependent_lengths_without_a_bias_and_of_a_tied_layer():
    x = torch.randn(100, 6, generator=torch.Generator().manual_seed(2)) + 1
    layer = ours(nn.Linear(6, 6, bias=False))
    model = nn.Sequential(layer, nn.ReLU(), layer)
    weight_norm_(model, "data", images=x)
    out = layer(x)
    torch.testing.assert_close(out.var(0, correction=0), torch.ones(6))
    assert out.mean(0).abs().max() > 0.1  # there is no bias to take it away


@pytest.mark.parametrize("form", FORMS)
def test_a_unit_that_does_not_vary_is_refused_and_nothing_changes(form):
    model = mlp(FORMS[form])
    before = copy.deepcopy([p.detach() for p in model.parameters()])
    with pytest.raises(ValueError, match="unit 0 of layer 0 does not; use more images"):
        weight_norm_(model, "data", images=torch.ones(8, 20))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    reads = model[0].weight.detach().clone()
    model(torch.ones(1, 20))
    torch.testing.assert_close(model[0].weight.detach(), reads)


# --- structure -----------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self, inputs, width, layers=2):
        super().__init__()
        convs = [nn.Conv2d(inputs if k == 0 else width, width, 3, padding=1) for k in range(layers)]
        self.branch = nn.Sequential(convs[0], *[m for c in convs[1:] for m in (nn.ReLU(), c)])
        self.shortcut = nn.Identity() if inputs == width else nn.Conv2d(inputs, width, 1)

    def forward(self, x):
        return self.shortcut(x) + self.branch(x)


class Residual(nn.Module):
    """The paper's: a stem, two stages of three and two blocks, a linear layer."""

    def __init__(self, layers=2):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.blocks = nn.Sequential(
            *[Block(4, 4, layers) for _ in range(3)], Block(4, 8, layers), Block(8, 8, layers)
        )
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean(dim=(2, 3)))


@pytest.mark.parametrize("layers", [2, 3])
def test_residual_gains_are_found_from_the_structure(layers):
    found = places(Residual(layers))
    last = 2 * (layers - 1)
    for k, stage in enumerate((3, 3, 3, 2, 2)):
        place = found[f"blocks.{k}.branch.{last}"]
        assert (place.block, place.blocks) == ((k + 1) if k < 3 else k - 2, stage)
        for inner in range(0, last, 2):
            assert found[f"blocks.{k}.branch.{inner}"].gain == pytest.approx(math.sqrt(2))
            assert found[f"blocks.{k}.branch.{inner}"].blocks == 0
    for other in ("stem", "head", "blocks.3.shortcut"):
        assert (found[other].gain, found[other].blocks) == (1.0, 0)


def test_residual_lengths_forward_and_hanin():
    model = models.parametrization.reparametrize_(Residual(), "weight_norm")
    weight_norm_(model)
    assert rows(model.blocks[1].branch[2])[0] == pytest.approx(math.sqrt(1 / 3), rel=1e-5)
    assert rows(model.blocks[3].branch[2])[0] == pytest.approx(math.sqrt(1 / 2), rel=1e-5)
    assert rows(model.blocks[3].branch[0])[0] == pytest.approx(math.sqrt(2 * 4 / 8), rel=1e-5)
    assert rows(model.blocks[3].shortcut)[0] == pytest.approx(math.sqrt(4 / 8), rel=1e-5)
    weight_norm_(model, "hanin")
    for k, block in enumerate((1, 2, 3, 1, 2)):
        assert rows(model.blocks[k].branch[2])[0] == pytest.approx(0.9**block, rel=1e-5)
    assert rows(model.blocks[0].branch[0])[0] == pytest.approx(math.sqrt(2), rel=1e-5)


@pytest.mark.parametrize("name", ["mlp", "resnet18", "resnet50", "vgg16"])
def test_the_books_networks_have_a_structure(name):
    with torch.device("meta"):
        model = models.build(name, models.default_widths(name), parametrization="weight_norm")
    found = places(model)
    layers = [layer for layer, _ in initialization.scalable_layers(model)]
    assert sorted(found) == sorted(layers)
    assert found[layers[-1]] == initialization.Place()
    if name.startswith("resnet"):
        ends = [place for place in found.values() if place.blocks]
        assert sum(1 for _ in ends) == sum(models.resnet.BLOCKS[int(name[6:])])
        # stage 1 of a ResNet-18 begins without a shortcut layer, the other stages with one
        assert [p.blocks for p in ends][: ends[0].blocks] == [ends[0].blocks] * ends[0].blocks
    else:
        assert all(found[layer].gain != 1 for layer in layers[:-1])


def test_other_activations_and_functions():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c, self.d = (nn.Linear(4, 4) for _ in range(4))

        def forward(self, x):
            x = torch.nn.functional.leaky_relu(self.a(x), 0.2)
            x = torch.tanh(2 * self.b(x))
            return self.d(self.c(x).relu() * 3)

    found = places(Mixed())
    assert found["a"].gain == pytest.approx(math.sqrt(2 / 1.04))
    assert found["b"].gain == pytest.approx(1.5925, abs=1e-4)
    assert found["c"].gain == pytest.approx(math.sqrt(2))
    assert found["d"].gain == 1.0
    module = nn.Sequential(nn.Linear(3, 3), nn.LeakyReLU(0.5), nn.Linear(3, 3))
    assert places(module)["0"].gain == pytest.approx(math.sqrt(2 / 1.25))


@pytest.mark.parametrize("wrap", [lambda layer: layer, ours])
def test_a_batch_that_the_model_does_not_take_changes_nothing(wrap):
    model = nn.Sequential(wrap(nn.Linear(4, 4)), nn.ReLU(), wrap(nn.Linear(4, 4)), nn.Linear(3, 2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for images in (torch.randn(9, 5), torch.randn(9, 4)):  # the second fails at the last layer
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            weight_norm_(model, "data", images=images)
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


ACTIVATIONS = [
    nn.ELU(alpha=0.5), nn.Softplus(beta=3), nn.GELU(approximate="tanh"), nn.Mish(), nn.Hardswish(),
    nn.ReLU6(), nn.CELU(2.0), nn.Hardtanh(-2, 1), nn.Softsign(), nn.LogSigmoid(), nn.Tanhshrink(),
    nn.Threshold(0.1, 2.0), nn.PReLU(init=0.3), nn.ELU(), nn.SELU(), nn.SiLU(inplace=True),
]  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_the_gain_of_an_activation_is_that_of_its_own_settings(activation):
    """E[phi(z)^2] on a grid of quantiles, for each as it stands and not as its class begins."""
    found = places(nn.Sequential(nn.Linear(3, 3), nn.Dropout(), activation, nn.Linear(3, 3)))
    points = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    with torch.no_grad():
        kept = copy.deepcopy(activation).double()(torch.special.ndtri(points)).square().mean()
    assert found["0"].gain == pytest.approx(kept.item() ** -0.5, rel=2e-3)


def test_a_function_is_taken_with_its_arguments():
    F = nn.functional

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c, self.d, self.e, self.f = (nn.Linear(4, 4) for _ in range(6))

        def forward(self, x):
            x = F.gelu(F.elu(self.a(x), 0.5) + 0 * self.f(x), approximate="tanh")
            x = F.hardtanh(self.b(x), -2, 1)
            x = self.d(F.softplus(self.c(x), 3))
            return self.e(torch.sin(x))

    found = {name: place.gain for name, place in places(Mixed()).items()}
    gain = {str(one): places(nn.Sequential(nn.Linear(3, 3), one))["0"].gain for one in ACTIVATIONS}
    assert found["a"] == pytest.approx(gain["ELU(alpha=0.5)"])
    assert found["b"] == pytest.approx(gain["Hardtanh(min_val=-2, max_val=1)"])
    assert found["c"] == pytest.approx(gain["Softplus(beta=3, threshold=20.0)"])
    # E[sin^2 z] = (1 - e^-2) / 2
    assert found["d"] == pytest.approx(math.sqrt(2 / (1 - math.exp(-2))), rel=1e-6)


def test_a_path_that_depends_on_numbers_is_refused_unless_gains_are_given():
    class Forked(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Linear(3, 3)

        def forward(self, x):
            return self.one(x) if x.sum() > 0 else x

    with pytest.raises(ValueError, match=r"this Forked has none .*; give the gain of every layer"):
        weight_norm_(Forked())
    model = weight_norm_(Forked(), gains={"one": 3.0})
    assert rows(model.one).tolist() == pytest.approx([3.0] * 3, rel=1e-5)


# --- precision, copies, checkpoints --------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("form", FORMS)
def test_half_precision_starts_from_float32(form, dtype):
    half = weight_norm_(mlp(FORMS[form], dtype=dtype), seed=1)
    full = weight_norm_(mlp(FORMS[form]), seed=1)
    eps = torch.finfo(dtype).eps
    for one, other in zip(half[::2], full[::2], strict=True):
        torch.testing.assert_close(one.weight.float(), other.weight, rtol=4 * eps, atol=eps)


def test_a_row_too_long_for_half_precisions_squares():
    layer = ours(nn.Linear(4, 1, dtype=torch.float16))
    with torch.no_grad():
        layer.parametrizations.weight.original1.fill_(30_000.0)  # norm 60,000, squares 9e8
        layer.parametrizations.weight.original0.fill_(2.0)
    assert layer.weight.tolist() == [[1.0] * 4]


@pytest.mark.parametrize("form", FORMS)
def test_a_copy_after_the_start_is_its_own(form):
    model = weight_norm_(mlp(FORMS[form]))
    twin = copy.deepcopy(model)
    x = torch.ones(2, 20)
    torch.testing.assert_close(twin(x), model(x))
    weight_norm_(twin, "one", seed=9)
    assert not torch.allclose(twin(x), model(x))


def test_older_checkpoints_load_into_the_books_weight_norm():
    old, new = mlp(older), mlp(ours)
    x = torch.randn(3, 20, generator=torch.Generator().manual_seed(0))
    new.load_state_dict(old.state_dict())
    torch.testing.assert_close(new(x), old(x))
    copy.deepcopy(new).load_state_dict(old.state_dict())


def test_a_direction_of_zero_stays_finite():
    layer = ours(nn.Linear(3, 2))
    with torch.no_grad():
        layer.parametrizations.weight.original1[0] = 0
    layer.zero_grad()
    layer(torch.ones(1, 3)).sum().backward()
    for parameter in layer.parameters():
        assert torch.isfinite(parameter.grad).all()


# --- what is lost --------------------------------------------------------------------------------


def fill(model):
    for layer in model[::2]:
        nn.init.orthogonal_(layer.weight)


@pytest.mark.parametrize("form", FORMS)
def test_a_start_after_wrapping_is_lost_and_named(form):
    model = mlp(FORMS[form])
    lost = unreached(model, fill)
    assert lost == (() if form == "plain" else ("0", "2", "4"))
    assert unreached(model, weight_norm_) == ()
    assert unreached(model, weight_norm_) == ()  # to the same values: written all the same
    assert unreached(model, lambda _: None) == ("0", "2", "4")


def test_a_spectral_norms_buffers_are_no_write():
    model = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3)))
    assert unreached(model, lambda model: nn.init.orthogonal_(model[0].weight)) == ("0",)


def test_the_older_form_shows_the_loss_until_the_next_pass():
    model = mlp(older)
    assert stale(model) == ()
    fill(model)
    assert stale(model) == ("0", "2", "4")
    model(torch.ones(1, 20))
    assert stale(model) == ()
    fill(model)
    weight_norm_(model)
    assert stale(model) == ()


def test_shared_weights():
    a, b = nn.Linear(4, 4), nn.Linear(4, 4)
    b.weight = a.weight
    weight_norm_(nn.Sequential(a, nn.ReLU(), b, nn.ReLU(), nn.Linear(4, 2)))
    with pytest.raises(ValueError, match=r"share a weight .* 0 wants 1.414 and 2 1; start"):
        weight_norm_(nn.Sequential(a, nn.ReLU(), b))


@pytest.mark.parametrize(
    ("model", "options", "match"),
    [
        (mlp, {"lengths": "both"}, "lengths must be one of forward, .*, got 'both'"),
        (mlp, {"directions": "up"}, "directions must be one of orthogonal, .*, got 'up'"),
        (mlp, {"lengths": "data"}, "data-dependent lengths need images, got None"),
        (mlp, {"corrected": True}, "corrected fans need images, got None"),
        (mlp, {"gains": {"7": 1.0}}, r"gains must name layers of the model \(0, 2, 4\), got '7'"),
        (mlp, {"gain": -1.0}, "gain must be finite and > 0, got -1"),
        (nn.ReLU, {}, "needs a linear or convolution layer, got none"),
        (lambda: torchs(nn.Linear(3, 3), dim=1), {}, "one length for each output unit .* dim=1"),
        (lambda: older(nn.Linear(3, 3), dim=None), {}, "got dim=-1"),
        (lambda: nn.Sequential(nn.Linear(3, 3), torchs(nn.ConvTranspose1d(3, 4, 3))), {},
         "the rows of 1, a ParametrizedConvTranspose1d, are none"),
        (lambda: nn.Sequential(nn.Linear(3, 3, device="meta")), {}, "meta device"),
        (lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)), {"gains": {"": 3.0}},
         "must give back"),
    ],
)  # fmt: skip
def test_refusals(model, options, match):
    with pytest.raises(ValueError, match=match):
        weight_norm_(model(), **options)
