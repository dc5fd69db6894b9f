"""Initialization: fans by counting, fills by their distribution, models by their layers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from companion import streams
from companion.methods import initialization
from companion.methods.parametrizations import bake, compand_
from companion.models import MLP

ALARM = 2 * stats.norm.sf(5)  # the p-value of five standard errors
law = settings(deadline=None, max_examples=50)


def small_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 16, 5),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, groups=4, bias=False),
        nn.Flatten(),
        nn.Linear(16 * 4, 10),
    )


# --- fans ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [
        (nn.Linear(3072, 64), 3072, 64),
        (nn.Conv1d(4, 6, 3), 12, 18),
        (nn.Conv2d(3, 64, 5), 75, 1600),
        (nn.Conv2d(3, 8, (2, 5)), 30, 80),
        (nn.Conv3d(2, 5, 3), 54, 135),
        (nn.Conv2d(8, 12, 3, groups=4), 18, 108),
    ],
)
def test_fans_by_hand_and_as_torchs(layer, fan_in, fan_out):
    assert initialization.fans(layer.weight) == (fan_in, fan_out)
    assert nn.init._calculate_fan_in_and_fan_out(layer.weight) == (fan_in, fan_out)


@pytest.mark.parametrize("axes", [0, 1])
def test_a_bias_has_no_fans(axes):
    with pytest.raises(ValueError, match=rf"at least 2 axes .* got {axes}; leave biases"):
        initialization.fans(torch.zeros((3,) * axes))


# --- schemes ---------------------------------------------------------------------------------


@law
@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(1e-3, 1e3))
def test_sigmas(fan_in, fan_out, gain):
    kaiming = initialization.sigma("kaiming", fan_in, fan_out, gain)
    xavier = initialization.sigma("xavier", fan_in, fan_out, gain)
    assert kaiming**2 * fan_in == pytest.approx(gain**2)
    assert xavier**2 * (fan_in + fan_out) / 2 == pytest.approx(gain**2)
    assert xavier == initialization.sigma("xavier", fan_out, fan_in, gain)
    assert initialization.sigma("constant", fan_in, fan_out, gain) == 0
    backward = initialization.sigma("kaiming_out", fan_in, fan_out, gain)
    assert backward == initialization.sigma("kaiming", fan_out, fan_in, gain)
    harmonic = initialization.sigma("harmonic", fan_in, fan_out, gain)
    assert 2 / harmonic**2 == pytest.approx(1 / kaiming**2 + 1 / backward**2)
    assert initialization.sigma("lecun", fan_in, fan_out) ** 2 * fan_in == pytest.approx(1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: initialization.sigma("he", 3, 4, 1.0),
        lambda: initialization.fill_(torch.empty(3, 4), "he"),
        lambda: initialization.draw(0, 1, torch.empty(3, 4), "he"),
        lambda: initialization.initialize_(nn.Linear(4, 3), "he"),
    ],
)
def test_an_unknown_scheme_is_refused(call):
    with pytest.raises(ValueError, match=r"scheme must be one of kaiming, xavier, .*, got 'he'"):
        call()


def test_an_unknown_distribution_is_refused_and_nothing_filled():
    weight = torch.ones(3, 4)
    with pytest.raises(ValueError, match=r"one of normal, uniform, truncated, got 'cauchy'; pick"):
        initialization.fill_(weight, distribution="cauchy")
    assert bool((weight == 1).all())


@pytest.mark.parametrize("scheme", [name for name in initialization.FILLS if name != "constant"])
@pytest.mark.parametrize("gain", [0, -1.0, math.nan])
def test_a_gain_that_is_not_positive_is_refused_and_nothing_filled(scheme, gain):
    weight, layer = torch.ones(3, 4), nn.Linear(4, 3)
    before = layer.weight.clone()
    with pytest.raises(ValueError, match=rf"gain must be > 0, got {gain}"):
        initialization.fill_(weight, scheme, gain)
    with pytest.raises(ValueError, match=rf"gain must be > 0, got {gain}"):
        initialization.initialize_(layer, scheme, gain)
    assert bool((weight == 1).all())
    assert torch.equal(layer.weight, before)


# --- fills -----------------------------------------------------------------------------------


PARENT = 1 / stats.truncnorm(-2, 2).std()  # of the normal whose part within two of its stds has 1
UNIT = {
    "normal": stats.norm(),
    "uniform": stats.uniform(-math.sqrt(3), 2 * math.sqrt(3)),
    "truncated": stats.truncnorm(-2, 2, scale=PARENT),
}


def assert_drawn(weight, std, distribution="normal"):
    """Mean, standard deviation and shape are those of the distribution with mean 0 and this std."""
    values, n = weight.detach().double().flatten(), weight.numel()
    kurtosis = float(UNIT[distribution].stats("k")) + 3
    # the standard error of a std is sigma sqrt((kurtosis - 1) / n) / 2
    assert abs(values.mean().item()) < 5 * std / math.sqrt(n)
    assert abs(values.std().item() - std) < 5 * std * math.sqrt((kurtosis - 1) / n) / 2
    assert stats.kstest((values / std).numpy(), UNIT[distribution].cdf).pvalue > ALARM


@pytest.mark.parametrize("distribution", initialization.DISTRIBUTIONS)
@pytest.mark.parametrize("scheme", [s for s in initialization.SCHEMES if s != "constant"])
@pytest.mark.parametrize("shape", [(200, 300), (64, 30, 3, 5)])
def test_a_fill_and_a_draw_have_their_standard_deviation_and_distribution(
    shape, scheme, distribution
):
    weight = torch.empty(shape, dtype=torch.float64)
    source = torch.Generator().manual_seed(1)
    filled = initialization.fill_(weight, scheme, 5 / 3, distribution, source)
    assert filled is weight
    std = initialization.sigma(scheme, *initialization.fans(weight), 5 / 3)
    assert_drawn(weight, std, distribution)
    assert_drawn(initialization.draw(2, 1, weight, scheme, 5 / 3, distribution), std, distribution)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_a_truncated_normal_piles_nothing_up_at_its_ends(dtype):
    """In half precision too: it is cut first and rounded then."""
    std = 0.02
    weight = torch.empty(400, 2500, dtype=dtype)
    source = torch.Generator().manual_seed(1)
    initialization.fill_(weight, "kaiming", std * 50, "truncated", source)
    values, end = weight.double().flatten(), 2 * PARENT * std
    rounding = torch.finfo(dtype).eps
    assert values.abs().max().item() <= end * (1 + rounding)
    # the density at the end, over the grid's spacing there, with five standard errors to spare
    spacing = end * 2 * rounding
    expected = len(values) * spacing / std * UNIT["truncated"].pdf(2 * PARENT - 1e-9)
    last = (values > end - spacing).sum().item()
    assert last <= expected + 5 * math.sqrt(expected) + 5
    assert values.std().item() == pytest.approx(std, rel=0.005)


def test_a_fill_takes_its_randomness_from_the_generator():
    def fill(seed):
        source = torch.Generator().manual_seed(seed)
        return initialization.fill_(torch.empty(5, 7), generator=source)

    before = torch.get_rng_state()
    assert torch.equal(fill(3), fill(3))
    assert not torch.equal(fill(3), fill(4))
    assert torch.equal(torch.get_rng_state(), before)


def test_constant_fills_with_the_gain():
    assert bool((initialization.fill_(torch.empty(3, 4), "constant", 0.1) == 0.1).all())
    assert bool((initialization.draw(9, 1, torch.empty(3, 4), "constant", 0.1) == 0.1).all())


def test_a_parameter_can_be_filled():
    layer = nn.Linear(4, 3)
    initialization.fill_(layer.weight)
    assert layer.weight.requires_grad
    assert layer.weight.grad_fn is None


# --- draws and models ------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["kaiming", "xavier"])
def test_the_papers_network_starts_at_the_schemes_scale(scheme):
    model = initialization.initialize_(MLP(), scheme, math.sqrt(2), seed=4)
    for layer in model.layers:
        weight = layer.weight.detach().double()
        std = initialization.sigma(scheme, layer.in_features, layer.out_features, math.sqrt(2))
        n = weight.numel()
        assert abs(weight.mean().item()) < 5 * std / math.sqrt(n)
        assert abs(weight.std().item() - std) < 5 * std / math.sqrt(2 * n)
        assert stats.kstest(weight.flatten().numpy(), stats.norm(0, std).cdf).pvalue > ALARM
        assert not layer.bias.any()


def test_a_draw_is_the_stream_times_sigma():
    empty = torch.empty(6, 5, dtype=torch.float64)
    noise = streams.normal(11, "weights:2", 0, 30, dtype=torch.float64).view(6, 5)
    expected = noise * (math.sqrt(2) / math.sqrt(5))
    torch.testing.assert_close(initialization.draw(11, 2, empty), expected, rtol=1e-15, atol=0)


def test_a_draw_in_float32_is_the_float64_one_to_rounding():
    fine = initialization.draw(1, 1, torch.empty(40, 50, dtype=torch.float64))
    coarse = initialization.draw(1, 1, torch.empty(40, 50))
    torch.testing.assert_close(coarse.double(), fine, rtol=2**-22, atol=0)


def test_initialize_sets_linear_and_convolution_layers_in_order_and_nothing_else():
    model = small_net()
    norm = {name: value.clone() for name, value in model[1].state_dict().items()}
    assert initialization.initialize_(model, "kaiming", 1.0, seed=5) is model
    for number, index in enumerate((0, 3, 5), start=1):
        weight = model[index].weight
        assert torch.equal(weight, initialization.draw(5, number, weight, "kaiming", 1.0))
        assert weight.requires_grad
        if model[index].bias is not None:
            assert not model[index].bias.any()
    assert all(torch.equal(value, norm[name]) for name, value in model[1].state_dict().items())
    assert [name for name, _ in initialization.scalable_layers(model)] == ["0", "3", "5"]


def test_initial_weights_depend_on_the_seed_alone():
    before = torch.get_rng_state()
    models = [initialization.initialize_(MLP((6, 5, 4)), seed=seed) for seed in (1, 1, 2)]
    one, same, other = ([layer.weight for layer in model.layers] for model in models)
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    # torch's own initialization draws from the global generator; ours must not
    torch.set_rng_state(before)
    MLP((6, 5, 4))
    after = torch.get_rng_state()
    initialization.initialize_(MLP((6, 5, 4)).to(torch.float64), seed=1)
    torch.set_rng_state(after)
    initialization.draw(1, 1, torch.empty(3, 3))
    assert torch.equal(torch.get_rng_state(), after)


def test_a_transposed_convolution_is_not_rescaled():
    """Its weight is [in, out, ...]: a row of it is no output unit."""
    layer = nn.ConvTranspose2d(3, 8, 5)
    assert list(initialization.scalable_layers(layer)) == []


# --- the weight that is written is the weight that is used ---------------------------------------


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize("wrap", [nn.utils.spectral_norm, nn.utils.weight_norm])
def test_a_weight_that_a_hook_computes_is_refused(wrap):
    model = nn.Sequential(nn.Linear(6, 6), wrap(nn.Linear(6, 6)))
    with pytest.raises(ValueError, match="weight of layer 1 is computed anew before each forward"):
        initialization.initialize_(model)


@pytest.mark.parametrize(
    "wrap", [nn.utils.parametrizations.spectral_norm, nn.utils.parametrizations.orthogonal]
)
def test_a_parametrization_that_gives_another_weight_is_refused_and_nothing_changed(wrap):
    layer = wrap(nn.Linear(6, 6)).eval()
    before = layer.weight.clone()
    with pytest.raises(ValueError, match="parametrization of layer 0 must give back the weight"):
        initialization.initialize_(nn.Sequential(layer))
    torch.testing.assert_close(layer.weight, before)


def test_weight_norm_uses_what_is_written():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(6, 5))
    plain = nn.Linear(6, 5)
    for one in (layer, plain):
        initialization.initialize_(one, seed=3)
    torch.testing.assert_close(layer.weight, plain.weight)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(4, 3, device="meta"), "is on the meta device, without memory; move it"),
        (lambda: nn.Linear(4, 3, dtype=torch.complex64), "is complex; initialize its real and"),
        (lambda: nn.utils.skip_init(nn.Linear, 0, 4), "is empty, .4, 0.; give it at least one"),
        (lambda: nn.LSTM(4, 3, device="meta"), "weight_ih_l0 of layer 0 must be .* meta device"),
        (lambda: nn.LazyLinear(3), "0.weight is lazy; run one batch through the model first"),
        (lambda: nn.LazyBatchNorm1d(), "0.weight is lazy; run one batch"),
    ],
)
def test_a_weight_that_no_scheme_can_draw_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        initialization.initialize_(nn.Sequential(make()))


def in_inference():
    with torch.inference_mode():
        return torch.zeros(3, 4)


UNDRAWABLE = {
    "a list": ([[1.0, 2.0]], "must be a tensor, got list; convert it"),
    "int": (torch.zeros(3, 4, dtype=torch.int64), "is torch.int64; use float16, bfloat16, float32"),
    "bool": (torch.zeros(3, 4, dtype=torch.bool), "is torch.bool; use float16"),
    "8 bits": (torch.zeros(3, 4).to(torch.float8_e5m2), "is torch.float8_e5m2; use float16"),
    "complex": (torch.zeros(3, 4, dtype=torch.complex64), "is complex; initialize its real and"),
    "sparse": (torch.eye(4).to_sparse(), "is sparse; make it dense first"),
    "meta": (torch.empty(3, 4, device="meta"), "is on the meta device, without memory; move it"),
    "no input": (torch.empty(3, 0), "is empty, .3, 0.; give it at least one input and one output"),
    "no output": (torch.empty(0, 3), "is empty, .0, 3."),
    "one axis": (torch.empty(3), "needs at least 2 axes"),
    "expanded": (torch.zeros(1, 4).expand(3, 4), "is expanded, so that its elements share memory"),
    "inference": (in_inference(), "was made in inference mode, which forbids to change it; clone"),
}


@pytest.mark.parametrize("kind", UNDRAWABLE)
@pytest.mark.parametrize(
    "act",
    [
        initialization.fill_,
        lambda w: initialization.fill_(w, "orthogonal"),
        lambda w: initialization.draw(0, 1, w),
        initialization.orthonormal,
    ],
)
def test_what_is_no_weight_is_refused_in_one_sentence(kind, act):
    weight, message = UNDRAWABLE[kind]
    with pytest.raises(ValueError, match=message) as caught:
        act(weight)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("act", [
    initialization.initialize_, initialization.layer_fans, initialization.matrices,
    initialization.places, initialization.weight_norm_, compand_, bake,
    lambda model: list(initialization.scalable_layers(model)),
    lambda model: initialization.lsuv_(model, torch.zeros(3, 4)),
    lambda model: initialization.unreached(model, print),
])  # fmt: skip
@pytest.mark.parametrize("model", [None, 3, "linear", torch.zeros(3, 4), nn.Linear])
def test_what_is_no_module_is_refused_in_one_sentence(act, model):
    with pytest.raises(ValueError, match=r"must be a torch.nn.Module, got .*; for example nn.Lin"):
        act(model)


@pytest.mark.parametrize("groups", [None, 1.5, "2", math.nan, True])
def test_groups_are_counted(groups):
    with pytest.raises(ValueError, match="groups must be a whole number, got"):
        initialization.fans(torch.zeros(4, 4), groups)


@pytest.mark.parametrize("seed", [[1, 2], (), torch.tensor([1, 2]), 3.5, None, 2**63])
def test_a_model_has_one_seed(seed):
    model = nn.Linear(4, 3)
    before = model.weight.clone()
    with pytest.raises(ValueError, match="a seed must"):
        initialization.initialize_(model, seed=seed)
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize("seed", [3.0, np.int64(3), torch.tensor(3)])
def test_a_seed_in_another_form_is_the_same(seed):
    one, two = (initialization.draw(k, 1, torch.empty(3, 4)) for k in (3, seed))
    assert torch.equal(one, two)


@pytest.mark.parametrize("gain", ["2", True, 1j, math.nan, math.inf, None.__class__])
def test_a_gain_is_a_finite_number(gain):
    weight = torch.ones(3, 4)
    with pytest.raises(ValueError, match="gain must be > 0, got"):
        initialization.fill_(weight, gain=gain)
    with pytest.raises(ValueError, match="the constant must be a finite number, got"):
        initialization.fill_(weight, "constant", gain=gain)
    assert bool((weight == 1).all())
