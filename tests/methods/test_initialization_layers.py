"""Initialization of every kind of layer: fans by counting connections, whole models."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import nn
from torch.autograd.functional import jacobian

from companion.methods import initialization
from companion.methods.initialization import layer_fans, matrices
from companion.methods.rescaler import Rescaler
from companion.methods.rescaling import Rescaling

ALARM = 2 * stats.norm.sf(5)  # the p-value of five standard errors
law = settings(deadline=None, max_examples=30)


def standard_normal(values, std):
    return stats.kstest((values.detach().double() / std).flatten().numpy(), "norm").pvalue > ALARM


# --- fans against connections --------------------------------------------------------------------


def connections(layer, *shape):
    """[outputs, inputs] of ones where an output depends on an input: weights 1, biases 0."""
    layer = layer.double()
    for value in layer.parameters():
        nn.init.constant_(value, float(value.dim() > 1))
    slopes = jacobian(layer, torch.zeros(shape, dtype=torch.float64))
    return slopes.flatten(len(slopes.shape) - len(shape)).flatten(0, -2)


def inner_mean(counts, channels, size, stride):
    """Of counts [channels size^d], over whole periods of the stride, far from the border."""
    image = counts.view(channels, *size)
    for axis, (length, step) in enumerate(zip(size, stride, strict=True), start=1):
        first = length // 2 - step // 2
        image = image.narrow(axis, first, step)
    return image.mean().item()


@law
@given(
    per_group=st.tuples(st.integers(1, 3), st.integers(1, 3)), groups=st.integers(1, 3),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)), stride=st.integers(1, 3),
    dilation=st.integers(1, 2), padding=st.integers(0, 1), transposed=st.booleans(),
)  # fmt: skip
def test_fans_of_a_convolution_count_its_connections(
    per_group, groups, kernel, stride, dilation, padding, transposed
):
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    channels = [groups * each for each in per_group]
    layer = kind(*channels, kernel, stride, padding, dilation=dilation, groups=groups)
    size = (9, 9) if transposed else (15, 15)
    slopes = connections(layer, channels[0], *size)
    given_out = layer(torch.zeros(channels[0], *size, dtype=torch.float64)).shape[1:]
    steps = (stride, stride)
    fan_in = inner_mean(slopes.sum(1), channels[1], given_out, steps)
    fan_out = inner_mean(slopes.sum(0), channels[0], size, steps)
    assert layer_fans(layer) == pytest.approx((fan_in, fan_out))


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (nn.Conv1d(2, 4, 5, dilation=3, groups=2), (41,)),
        (nn.ConvTranspose1d(4, 2, 4, stride=2, padding=1), (15,)),
        (nn.Conv3d(2, 3, (1, 2, 3), stride=(1, 2, 1)), (3, 9, 9)),
        (nn.ConvTranspose3d(3, 2, (2, 2, 1), stride=(2, 1, 1)), (4, 5, 3)),
    ],
)
def test_fans_in_one_and_three_dimensions(layer, size):
    slopes = connections(layer, layer.in_channels, *size)
    given_out = layer(torch.zeros(layer.in_channels, *size, dtype=torch.float64)).shape[1:]
    fan_in = inner_mean(slopes.sum(1), layer.out_channels, given_out, layer.stride)
    fan_out = inner_mean(slopes.sum(0), layer.in_channels, size, layer.stride)
    assert layer_fans(layer) == pytest.approx((fan_in, fan_out))


def test_fans_of_a_linear_layer_and_a_recurrent_one_count_their_connections():
    slopes = connections(nn.Linear(5, 3), 5)
    assert layer_fans(nn.Linear(5, 3)) == (slopes[0].sum(), slopes[:, 0].sum()) == (5, 3)
    cell = nn.RNNCell(5, 3)  # tanh has slope 1 at 0
    slopes = connections(cell, 1, 5)
    found = matrices(cell)
    assert (found[0].fan_in, found[0].fan_out) == (slopes[0].sum(), slopes[:, 0].sum()) == (5, 3)
    assert (found[1].fan_in, found[1].fan_out) == (3, 3)


@law
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))
def test_fans_of_a_bilinear_layer_count_products(left, right, out):
    layer = nn.Bilinear(left, right, out).double()
    nn.init.ones_(layer.weight)
    ones = [torch.ones(size, dtype=torch.float64, requires_grad=True) for size in (left, right)]
    products = layer(*ones) - layer.bias
    products.sum().backward()
    fed = torch.cat([one.grad for one in ones])
    assert layer_fans(layer) == pytest.approx((products[0].item(), fed.mean().item()))


def test_an_embedding_reads_one_row():
    layer = nn.Embedding(7, 4)
    one_hot = torch.eye(7)[3]
    torch.testing.assert_close(one_hot @ layer.weight, layer(torch.tensor(3)))
    assert layer_fans(layer) == (1, 4)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.RNN(6, 4), [("weight_ih_l0", 6, 4, 1), ("weight_hh_l0", 4, 4, 1)]),
        (nn.GRUCell(6, 4), [("weight_ih", 6, 4, 3), ("weight_hh", 4, 4, 3)]),
        (
            nn.LSTM(6, 4, num_layers=2, proj_size=2),
            [
                ("weight_ih_l0", 6, 4, 4), ("weight_hh_l0", 2, 4, 4), ("weight_hr_l0", 4, 2, 1),
                ("weight_ih_l1", 2, 4, 4), ("weight_hh_l1", 2, 4, 4), ("weight_hr_l1", 4, 2, 1),
            ],
        ),
        (nn.MultiheadAttention(8, 2), [("in_proj_weight", 8, 8, 3)]),
        (
            nn.MultiheadAttention(8, 2, kdim=4, vdim=6),
            [("q_proj_weight", 8, 8, 1), ("k_proj_weight", 4, 8, 1), ("v_proj_weight", 6, 8, 1)],
        ),
    ],
)  # fmt: skip
def test_matrices_inside_a_layer(layer, expected):
    assert matrices(layer) == [initialization.Matrix(*each) for each in expected]


def test_every_weight_of_a_bidirectional_recurrent_layer_is_found():
    layer = nn.LSTM(6, 4, num_layers=3, bidirectional=True, proj_size=2)
    weights = [name for name, value in layer.named_parameters() if value.dim() > 1]
    assert sorted(matrix.parameter for matrix in matrices(layer)) == sorted(weights)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layer_fans(nn.LSTM(6, 4)), r"same fans .* this LSTM has weight_ih_l0 \(6, 4\), .*"
         r"weight_hh_l0 \(4, 4\); ask matrices\(\) for each"),
        (lambda: layer_fans(nn.BatchNorm2d(3)), "must be one of Linear, .* got BatchNorm2d; count"),
        (lambda: layer_fans(nn.LazyConv2d(3, 3)), "weight is lazy; run one batch"),
        (lambda: initialization.fans(torch.empty(4, 3), 3), "divide the 4 outputs, got 3; take"),
    ],
)  # fmt: skip
def test_a_layer_without_a_pair_of_fans_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- orthogonal ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "shape", [(8, 8), (5, 12), (12, 5), (1, 7), (7, 1), (6, 4, 3), (40, 2, 3, 3), (4, 2, 2, 2, 3)]
)
def test_orthogonal_in_every_shape(shape, dtype):
    source = torch.Generator().manual_seed(0)
    weight = initialization.fill_(
        torch.empty(shape, dtype=dtype), "orthogonal", 3.0, generator=source
    )
    drawn = initialization.draw(0, 1, weight, "orthogonal", 3.0)
    for one in (weight, drawn):
        rows = one.double().flatten(1) / 3
        product = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
        # an entry sums at most 48 products of entries with a relative rounding of eps
        torch.testing.assert_close(
            product, torch.eye(len(product), dtype=torch.float64),
            atol=8 * torch.finfo(dtype).eps, rtol=0,
        )  # fmt: skip
        assert rows.square().mean().item() == pytest.approx(1 / max(rows.shape), rel=0.02)


@pytest.mark.parametrize(
    ("layer", "blocks"),
    [
        (nn.Conv2d(6, 9, 3, groups=3), 3),
        (nn.Conv2d(8, 8, 3, groups=8), 8),
        (nn.ConvTranspose2d(6, 9, 3, groups=3), 3),
        (nn.GRUCell(5, 4), 3),
        (nn.MultiheadAttention(8, 2), 3),
    ],
)
def test_each_block_of_a_layer_is_orthogonal_by_itself(layer, blocks):
    initialization.initialize_(layer, "orthogonal", 2.0)
    for block in getattr(layer, matrices(layer)[0].parameter).detach().chunk(blocks):
        rows = block.flatten(1) / 2
        product = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
        torch.testing.assert_close(product, torch.eye(len(product)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_made_orthogonal_in_float32(dtype):
    noise = torch.randn(2, 6, 9, generator=torch.Generator().manual_seed(0)).to(dtype)
    q = initialization.orthonormal(noise)
    assert q.dtype == dtype
    assert torch.equal(q, initialization.orthonormal(noise.float()).to(dtype))


def test_orthogonal_matrices_are_uniform():
    """Each entry of a uniform 3x3 rotation or reflection is uniform on [-1, 1] (Archimedes)."""
    noise = torch.randn(3 * 4000, 3, generator=torch.Generator().manual_seed(2))
    entries = initialization.orthonormal(noise, 4000).view(4000, 9)
    for entry in entries.T:
        assert stats.kstest(entry.numpy(), stats.uniform(-1, 2).cdf).pvalue > ALARM


@pytest.mark.parametrize("scheme", ["orthogonal", "constant"])
def test_a_distribution_is_for_schemes_with_a_standard_deviation(scheme):
    with pytest.raises(ValueError, match=f"got uniform for {scheme}; leave it out"):
        initialization.initialize_(nn.Linear(3, 4), scheme, distribution="uniform")


# --- whole models --------------------------------------------------------------------------------


class Mixed(nn.Module):
    """One layer of each kind that is neither linear nor a convolution, and one that is."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(300, 64, padding_idx=2)
        self.lstm = nn.LSTM(64, 48, bidirectional=True)
        self.attention = nn.MultiheadAttention(96, 4, add_bias_kv=True)
        self.up = nn.ConvTranspose2d(24, 40, 4, stride=2, groups=2)
        self.pair = nn.Bilinear(12, 20, 30)
        self.norm = nn.LayerNorm((4, 5))
        self.head = nn.Linear(96, 50)


@pytest.mark.parametrize("scheme", ["kaiming", "xavier", "kaiming_out"])
def test_every_kind_of_layer_starts_at_its_scale(scheme):
    model = initialization.initialize_(Mixed(), scheme, 1.5, seed=3)
    for layer in (model.lstm, model.attention, model.attention.out_proj, model.up, model.pair):
        for matrix in matrices(layer):
            std = initialization.sigma(scheme, matrix.fan_in, matrix.fan_out, 1.5)
            for block in getattr(layer, matrix.parameter).chunk(matrix.blocks):
                assert standard_normal(block, std)
    rows = model.embedding.weight.detach()
    std = initialization.sigma(scheme, 1, 64, 1.5)
    assert not rows[2].any()
    assert standard_normal(torch.cat([rows[:2], rows[3:]]), std)
    for name, value in model.named_parameters():
        assert "bias" not in name or not value.any()
    assert bool((model.norm.weight == 1).all())


def test_a_transposed_convolution_keeps_the_variance():
    layer = initialization.initialize_(nn.ConvTranspose2d(64, 32, 4, stride=2), "lecun")
    images = torch.randn(8, 64, 12, 12, generator=torch.Generator().manual_seed(0))
    inner = layer(images)[..., 4:-4, 4:-4].var().item()
    assert inner == pytest.approx(1, rel=0.05)  # 32768 weights: their own error is 5 x 0.8 %


def test_a_strided_convolution_is_drawn_as_if_its_stride_were_1():
    near, far = (nn.Conv2d(6, 9, 3, stride=stride) for stride in (1, 2))
    for layer in (near, far):
        initialization.initialize_(layer, "xavier")
    assert torch.equal(near.weight, far.weight)
    assert (layer_fans(near), layer_fans(far)) == ((54, 81), (54, 81 / 4))


def test_a_depthwise_convolution_has_the_fan_out_of_its_group_also_when_rescaled():
    layer = initialization.initialize_(nn.Conv2d(256, 256, 3, groups=256), "xavier", 1.0)
    assert standard_normal(layer.weight, 1 / 3)
    Rescaler(layer, Rescaling("wr"), "xavier", 1.0).rescale()
    assert layer.weight.std(correction=0).item() == pytest.approx(1 / 3)


def test_other_layers_leave_the_numbers_of_linear_ones_as_they_are():
    plain = nn.Sequential(nn.Linear(8, 6), nn.Linear(6, 4))
    more = nn.Sequential(nn.Linear(8, 6), nn.LSTMCell(6, 6), nn.Linear(6, 4))
    initialization.initialize_(plain, seed=7)
    initialization.initialize_(more, seed=7)
    assert torch.equal(plain[0].weight, more[0].weight)
    assert torch.equal(plain[1].weight, more[2].weight)
    weights = [more[1].weight_ih, more[1].weight_hh]
    assert not torch.equal(*weights)
    named = initialization.draw(7, "1.weight_ih", weights[0], matrix=matrices(more[1])[0])
    assert torch.equal(weights[0], named)


def test_the_global_generator_is_left_alone():
    model, before = Mixed(), torch.get_rng_state()
    for scheme in initialization.FILLS:
        initialization.initialize_(model, scheme)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("distribution", initialization.DISTRIBUTIONS)
def test_other_precisions_get_the_same_weights_rounded(dtype, distribution):
    models = [Mixed().to(each) for each in (dtype, torch.float32)]
    for model in models:
        initialization.initialize_(model, seed=1, distribution=distribution)
    eps = max(torch.finfo(dtype).eps, torch.finfo(torch.float32).eps)
    for one, other in zip(*(model.parameters() for model in models), strict=True):
        assert one.dtype == dtype
        torch.testing.assert_close(one.double(), other.double(), rtol=2 * eps, atol=eps)


def test_a_frozen_weight_is_set_too():
    layer = nn.Linear(4, 3).requires_grad_(False)
    initialization.initialize_(layer, seed=2)
    assert torch.equal(layer.weight, initialization.draw(2, 1, layer.weight))
    assert not layer.weight.requires_grad


def test_a_shared_weight_is_set_once_by_its_first_layer():
    model = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 2))
    model[1].weight = model[0].weight
    initialization.initialize_(model, seed=4)
    assert torch.equal(model[1].weight, initialization.draw(4, 1, model[0].weight))
    assert torch.equal(model[2].weight, initialization.draw(4, 3, model[2].weight))


def test_layers_that_share_a_weight_at_different_scales_are_refused_and_nothing_changed():
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 9))
    model[1].weight = model[0].weight
    before = model[0].weight.clone()
    with pytest.raises(ValueError, match=r"layer 0 wants 1.414 and layer 1 0.7071; initialize"):
        initialization.initialize_(model)
    assert torch.equal(model[0].weight, before)


def test_what_no_scheme_knows_is_named():
    model = nn.Module()
    model.position = nn.Parameter(torch.zeros(1, 5, 3))
    model.bag = nn.EmbeddingBag(4, 3)
    model.linear = nn.Linear(3, 3)
    with pytest.warns(UserWarning, match=r"no scheme knows position, bag.weight, .* left as they"):
        initialization.initialize_(model)
    assert not model.position.any()


def test_a_transformer_is_set_without_a_warning():
    model = nn.TransformerEncoderLayer(16, 2, 32)
    initialization.initialize_(model, "xavier", 1.0)
    assert standard_normal(model.self_attn.in_proj_weight, 1 / 4)
    assert not model.self_attn.in_proj_bias.any()


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_a_gate_under_weight_norm_is_the_weight_that_is_used_or_refused():
    new = nn.utils.parametrizations.weight_norm(nn.LSTM(4, 3), "weight_hh_l0")
    plain = nn.LSTM(4, 3)
    for model in (new, plain):
        initialization.initialize_(model, seed=1)
    inputs = torch.randn(6, 2, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(new(inputs)[0], plain(inputs)[0])
    old = nn.Sequential(nn.utils.weight_norm(nn.LSTM(4, 3), "weight_hh_l0"))
    with pytest.raises(ValueError, match="weight_hh_l0 of layer 0 is computed anew"):
        initialization.initialize_(old)


def test_weight_norm_in_bfloat16_gives_its_weight_back():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(64, 32, dtype=torch.bfloat16))
    initialization.initialize_(layer, seed=1)
    wanted = initialization.draw(1, 1, layer.weight)
    torch.testing.assert_close(layer.weight, wanted, rtol=2**-5, atol=1e-6)


def test_a_refusal_comes_before_any_change():
    model = nn.Sequential(nn.Linear(4, 4), nn.utils.spectral_norm(nn.Linear(4, 4)))
    before = model[0].weight.clone()
    with pytest.raises(ValueError, match="weight of layer 1 is computed anew"):
        initialization.initialize_(model)
    assert math.isclose((model[0].weight - before).abs().max().item(), 0)
