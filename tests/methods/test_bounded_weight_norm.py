"""Bounded weight norm: the length that stays, the gradient's law, batch norm, and what is refused.

Its starts, rescalings and stacks are those of weight norm, in the tests of `training`.
"""

import copy
import io
import math

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from companion import models, streams
from companion.methods.initialization import initialize_, scalable_layers, weight_norm_
from companion.methods.parametrizations import (
    bake,
    bounded_weight_norm,
    compand_,
    companders,
    weight_norm,
)
from companion.methods.rescaler import Rescaler
from companion.methods.rescaling import Rescaling
from companion.models.parametrization import WEIGHT_NORMS, reparametrize_
from companion.models.roles import roles

LAYERS = [lambda: nn.Linear(5, 3), lambda: nn.Conv2d(5, 3, 2)]
LAYER_NAMES = ["linear", "conv"]


def held(make=LAYERS[0], dtype=torch.float64, seed=0):
    layer = initialize_(make().to(dtype), seed=seed)
    return bounded_weight_norm(layer), layer.weight.detach().clone()


def parts(layer):
    inside = layer.parametrizations.weight
    return inside.original0, inside.original1


def signal(layer, seed=1):
    drawn = streams.normal(seed, "signal", 0, 4 * 5 * 9, dtype=torch.float64)
    return drawn.view(36, 5) if isinstance(layer, nn.Linear) else drawn.view(4, 5, 3, 3)


def network(normalization="none", parametrization="bounded_weight_norm", seed=0):
    model = models.build(
        "convnet", (1, 4, 5, 3), normalization=normalization, parametrization=parametrization
    )
    return initialize_(model.double(), seed=seed)


def images(n=8, seed=2):
    return streams.normal(seed, "images", 0, n * 64, dtype=torch.float64).view(n, 1, 8, 8)


def loss(model):
    return nn.functional.cross_entropy(model(images()), torch.arange(8) % 3)


def norms(weight):
    return weight.detach().flatten(1).norm(dim=1)


@pytest.mark.parametrize("make", LAYERS, ids=LAYER_NAMES)
def test_a_layer_keeps_its_weight_and_trains_a_direction_alone(make):
    layer, before = held(make)
    torch.testing.assert_close(layer.weight, before)
    length, v = parts(layer)
    torch.testing.assert_close(length.flatten(), norms(before))
    assert [name for name, _ in layer.named_parameters()] == [
        "bias", "parametrizations.weight.original1",
    ]  # fmt: skip
    assert not length.requires_grad
    with torch.no_grad():
        v.mul_(7)
    torch.testing.assert_close(layer.weight, before)


@pytest.mark.parametrize("make", LAYERS, ids=LAYER_NAMES)
@pytest.mark.parametrize("stretch", [1.0, 5.0])
def test_the_gradient_is_orthogonal_to_v_and_scaled_by_the_lengths(make, stretch):
    """dL/dv = rho/|v| (g - <g, u> u), with g the gradient by w and u = v/|v|."""
    layer, _ = held(make)
    length, v = parts(layer)
    with torch.no_grad():
        v.mul_(stretch)
    weight = layer.weight.detach().requires_grad_()
    plain = bake(layer)
    plain.weight = nn.Parameter(weight.detach())
    for one in (layer, plain):
        one(signal(one)).pow(3).sum().backward()
    g, u = plain.weight.grad.flatten(1), v.detach().flatten(1)
    size = u.norm(dim=1, keepdim=True)
    u = u / size
    expected = length.flatten(1) / size * (g - (g * u).sum(1, keepdim=True) * u)
    found = v.grad.flatten(1)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    along = (found * u).sum(1).abs()
    assert bool((along <= 1e-13 * g.norm(dim=1) * length.flatten()).all())
    assert found.norm() > 0.1 * g.norm() / stretch  # not a law of zeros


def test_a_step_lengthens_v_by_pythagoras_and_leaves_the_weights_norm():
    """|v'|^2 = |v|^2 + eta^2 |dL/dv|^2, exactly and without any batch norm."""
    model, rate = network(), 0.3
    layers = [layer for _, layer in scalable_layers(model)][:-1]
    before = [(norms(layer.weight), norms(parts(layer)[1])) for layer in layers]
    loss(model).backward()
    slopes = [norms(parts(layer)[1].grad) for layer in layers]
    torch.optim.SGD(model.parameters(), rate).step()
    for layer, (length, size), slope in zip(layers, before, slopes, strict=True):
        torch.testing.assert_close(norms(layer.weight), length)
        expected = size.square() + rate**2 * slope.square()
        torch.testing.assert_close(norms(parts(layer)[1]).square(), expected)
        assert bool((norms(parts(layer)[1]) > size).any())


def test_before_batch_norm_it_is_batch_norm():
    """Both losses are functions of v / |v|: the same steps, to what an epsilon sees."""
    paths = {}
    for parametrization in ("none", "bounded_weight_norm"):
        model = network("batch", parametrization, seed=3)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 1e-14
        kernels = [layer for _, layer in scalable_layers(model)][:-1]
        optimizer = torch.optim.SGD(model.parameters(), 0.5, momentum=0.9)
        losses = []
        for _ in range(12):
            optimizer.zero_grad()
            error = loss(model)
            error.backward()
            optimizer.step()
            losses.append(error.item())
        paths[parametrization] = (
            losses,
            [
                layer.weight.detach() if parametrization == "none" else parts(layer)[1].detach()
                for layer in kernels
            ],
        )
    assert paths["none"][0][-1] < 0.7 * paths["none"][0][0]
    assert paths["none"][0] == pytest.approx(paths["bounded_weight_norm"][0], rel=1e-8)
    for w, v in zip(paths["none"][1], paths["bounded_weight_norm"][1], strict=True):
        torch.testing.assert_close(v, w, rtol=1e-7, atol=1e-9)


def test_a_weight_that_is_assigned_brings_its_length():
    layer, before = held()
    layer.weight = 3 * before
    torch.testing.assert_close(layer.weight, 3 * before)
    torch.testing.assert_close(parts(layer)[0].flatten(), 3 * norms(before))


@pytest.mark.parametrize(("rule", "expected"), [("wr", None), ("wrs", 1.0)])
def test_a_rescaling_sets_the_weight_that_is_used(rule, expected):
    layer, _ = held()
    with torch.no_grad():
        parts(layer)[1].mul_(4)
    rescaler = Rescaler(layer, Rescaling(rule, to="initial" if rule == "wr" else "sigma"))
    rescaler.rescale()
    length, v = parts(layer)
    torch.testing.assert_close(norms(layer.weight), length.flatten())
    torch.testing.assert_close(norms(v), length.flatten())
    if expected:
        torch.testing.assert_close(length.flatten(), torch.full_like(length.flatten(), expected))


def test_schemes_and_lengths_start_it_as_they_start_weight_norm():
    for start in (initialize_, weight_norm_):
        pair = [
            start(models.build("mlp", (6, 5, 4, 3), parametrization=name).double(), seed=4)
            for name in WEIGHT_NORMS
        ]
        for (_, a), (_, b) in zip(*map(scalable_layers, pair), strict=True):
            torch.testing.assert_close(a.weight, b.weight)
        for a, b in zip(pair[0].layers[:-1], pair[1].layers[:-1], strict=True):
            for one, two in zip(parts(a), parts(b), strict=True):
                torch.testing.assert_close(one, two)
    lengths = {round(x, 9) for x in parts(pair[1].layers[0])[0].flatten().tolist()}
    assert lengths == {round(math.sqrt(2 * 6 / 5), 9)}  # one for the layer, as Hoffer and others


def test_the_last_layer_is_left_as_it_is():
    """No logit could grow."""
    model = network()
    wrapped = [parametrize.is_parametrized(layer) for _, layer in scalable_layers(model)]
    assert wrapped == [True, True, False]
    alone = nn.Sequential(nn.Linear(4, 3))
    assert not parametrize.is_parametrized(reparametrize_(alone, "bounded_weight_norm")[0])


def test_the_length_has_no_role_and_does_not_decay():
    assert roles(network())["features.0.parametrizations.weight.original1"] == ("weight", "input")
    assert not any("original0" in name for name in roles(network()))


@pytest.mark.parametrize("wrap", WEIGHT_NORMS.values(), ids=WEIGHT_NORMS)
@pytest.mark.parametrize("make", LAYERS, ids=LAYER_NAMES)
def test_it_is_baked_into_a_plain_layer(make, wrap):
    layer = initialize_(make().double(), seed=5)
    names = list(layer.state_dict())
    wrap(layer)
    with torch.no_grad():
        parts(layer)[1].add_(0.1)
    baked = bake(layer)
    assert type(baked) is type(make())
    assert list(baked.state_dict()) == names
    assert torch.equal(baked(signal(layer)), layer(signal(layer)))
    assert baked.weight.requires_grad
    assert parametrize.is_parametrized(layer, "weight")
    parts(layer)[1].requires_grad_(False)
    assert not bake(layer).weight.requires_grad
    assert next(companders(layer), None) is None


def test_torch_takes_it_off_too():
    layer, before = held()
    parametrize.remove_parametrizations(layer, "weight")
    torch.testing.assert_close(layer.weight, before)
    assert isinstance(layer.weight, nn.Parameter)


def test_it_is_copied_saved_and_loaded_with_its_lengths():
    model = network(seed=6)
    twin = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    loss(model).backward()
    optimizer.step()
    assert not torch.equal(twin(images()), model(images()))
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = network(seed=7)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(images()), model(images()))


@pytest.mark.parametrize("wrap", [weight_norm, bounded_weight_norm])
def test_a_checkpoint_of_the_plain_layer_fits(wrap):
    plain, images = nn.Linear(5, 3), torch.ones(2, 5)
    model = nn.Sequential(wrap(nn.Linear(5, 3)))
    state = nn.Sequential(plain).state_dict()
    names = list(state)
    assert str(model.load_state_dict(state)) == "<All keys matched successfully>"
    assert list(state) == names
    torch.testing.assert_close(model(images), plain(images))
    norms = plain.weight.detach().norm(dim=1, keepdim=True)
    torch.testing.assert_close(parts(model[0])[0].detach(), norms)
    state["0.weight"][1] = 0
    with pytest.raises(ValueError, match="needs weights that are not all 0, and unit 1 has no"):
        model.load_state_dict(state)


def test_checkpoints_of_weight_norm_fit_in_both_forms():
    """The same names: a trained length becomes the one that is kept."""
    learned = weight_norm(initialize_(nn.Linear(5, 3).double(), seed=8))
    with torch.no_grad():
        parts(learned)[0].mul_(2)
    layer, _ = held()
    layer.load_state_dict(learned.state_dict())
    torch.testing.assert_close(layer.weight, learned.weight)
    length, v = parts(learned)
    layer.load_state_dict({"weight_g": 3 * length, "weight_v": v, "bias": learned.bias})
    torch.testing.assert_close(layer.weight, 3 * learned.weight)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_half_precision_the_length_is_kept_in_float32(dtype):
    layer = nn.Linear(16_384, 1, dtype=dtype)
    with torch.no_grad():
        layer.weight.fill_(1000.0)  # norm 128,000, float16 ends at 65,504
    bounded_weight_norm(layer)
    assert parts(layer)[0].dtype == torch.float32
    assert parts(layer)[0].item() == pytest.approx(128_000, rel=1e-4)
    assert layer.weight.dtype == dtype
    assert bool((layer.weight == 1000).all())


def test_a_unit_without_a_direction_is_refused_and_one_that_loses_it_stays_finite():
    layer = nn.Linear(4, 3)
    with torch.no_grad():
        layer.weight[1] = 0
    with pytest.raises(ValueError, match="needs weights that are not all 0, and unit 1 has no"):
        bounded_weight_norm(layer)
    layer, before = held(dtype=torch.float32)
    before[2] = 0
    with pytest.raises(ValueError, match="needs weights that are not all 0, and unit 2 has no"):
        layer.weight = before
    with torch.no_grad():
        parts(layer)[1][1] = 0
    layer(torch.ones(2, 5)).sum().backward()
    assert bool((layer.weight[1] == 0).all())
    assert bool(parts(layer)[1].grad.isfinite().all())


@pytest.mark.parametrize("name", WEIGHT_NORMS)
def test_a_shared_weight_is_refused(name):
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    model.append(nn.Linear(4, 3))
    match = r"weight norm needs .* one layer, and 0.weight and 2.weight are the same .* untie them"
    with pytest.raises(ValueError, match=match):
        reparametrize_(model, name)
    assert not any(parametrize.is_parametrized(layer) for layer in model)


def older():
    with pytest.warns(FutureWarning, match="deprecated"):
        return nn.utils.weight_norm(nn.Linear(3, 3))


@pytest.mark.parametrize("wrap", [weight_norm, bounded_weight_norm])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: weight_norm(nn.Linear(3, 3)), "that of this ParametrizedLinear is behind WeightN"),
        (lambda: compand_(nn.Linear(3, 3)), "is behind Compander; remove that parametrization"),
        (lambda: parametrizations.spectral_norm(nn.Linear(3, 3)), "is behind _SpectralNorm"),
        (older, "computed anew before each forward pass"),
        (lambda: nn.Sequential(nn.Linear(3, 3)), "needs a layer with a weight, got Sequential"),
        (lambda: nn.LSTM(3, 3), "needs a layer with a weight, got LSTM; wrap the layers inside"),
        (lambda: None, "needs a layer with a weight, got NoneType"),
        (lambda: nn.BatchNorm1d(3), "at least 2 axes .* this BatchNorm1d has 1; leave normaliz"),
        (lambda: nn.LazyLinear(3), "weight is lazy; run one batch through the model first"),
        (
            lambda: nn.Linear(3, 3, dtype=torch.complex64),
            "weight of this Linear must .* is complex",
        ),
    ],
)
def test_what_cannot_be_wrapped_is_refused_and_left(wrap, make, message):
    layer = make()
    before = repr(layer)
    with pytest.raises(ValueError, match=message) as caught:
        wrap(layer)
    assert "\n" not in str(caught.value)
    assert repr(layer) == before


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("wrap", [weight_norm, bounded_weight_norm, parametrizations.weight_norm])
def test_a_model_put_to_half_precision_takes_a_weight(wrap, dtype):
    """Its lengths were registered in float32 and are in half precision now."""
    layer = wrap(nn.Linear(64, 8)).to(dtype)
    initialize_(layer, "lecun", seed=3)
    plain = initialize_(nn.Linear(64, 8), "lecun", seed=3)
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(layer.weight.float(), plain.weight, rtol=4 * eps, atol=eps * 1e-2)
    Rescaler(layer, Rescaling("wrs")).rescale()
    norms = layer.weight.float().norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(8), rtol=0, atol=2 * eps)


def test_a_frozen_layer_stays():
    model = network()
    parts(model.features[0])[1].requires_grad_(False)
    before = [layer.weight.detach().clone() for _, layer in scalable_layers(model)]
    loss(model).backward()
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.5).step()
    after = [layer.weight for _, layer in scalable_layers(model)]
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])
