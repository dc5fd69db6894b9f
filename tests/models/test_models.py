"""The networks against NumPy and torchvision, stacked against alone, and their refusals."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, grad, stack_module_state
from torch.nn.utils.parametrizations import weight_norm

from companion import models, streams
from companion.methods.initialization import draw, initialize_, scalable_layers
from companion.methods.parametrizations import WeightNorm
from companion.models import MLP, Dropout, LeNet5, ResNet, preactivation, seed_dropout, vgg
from companion.models.checks import NORMALIZATIONS
from companion.models.mlp import ACTIVATIONS, N_WIDTHS, check, parameter_count
from companion.models.normalization import BatchMean
from companion.models.parametrization import reparametrize_
from companion.models.resize import Resize
from tests.references import mlp as reference
from tests.references.resize import bilinear

law = settings(deadline=None, max_examples=30)
WIDTHS = st.lists(st.integers(1, 9), min_size=2, max_size=5).map(tuple)


def made(widths, activation="relu", seed=0):
    model = initialize_(MLP(widths, activation).double(), seed=seed)
    with torch.no_grad():
        for layer in model.layers:
            layer.bias.copy_(streams.normal(seed, "bias", 0, len(layer.bias)))
    images = streams.normal(seed, "images", 0, 6 * widths[0], dtype=torch.float64)
    return model, images.view(6, widths[0])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@law
@given(WIDTHS, st.integers(0, 10**6))
def test_preactivations_are_those_of_numpy(activation, widths, seed):
    model, images = made(widths, activation, seed)
    values = model.preactivations(images)
    assert [tuple(value.shape) for value in values] == [(6, width) for width in widths[1:]]
    weights = [layer.weight.detach().numpy() for layer in model.layers]
    biases = [layer.bias.detach().numpy() for layer in model.layers]
    for image in range(6):
        expected = reference.preactivations(weights, biases, images[image].numpy(), activation)
        for ours, theirs in zip(values, expected, strict=True):
            np.testing.assert_allclose(ours[image].detach(), theirs, rtol=1e-10, atol=1e-12)
    assert torch.equal(model(images), values[-1])


def test_images_of_any_shape_are_flattened():
    model, images = made((12, 5, 3))
    assert torch.equal(model(images.view(6, 3, 2, 2)), model(images))


def test_a_linear_network_is_one_matrix():
    model, images = made((6, 7, 5, 4), "linear")
    a, b, c = model.layers
    product = c.weight @ b.weight @ a.weight
    offset = c.weight @ (b.weight @ a.bias + b.bias) + c.bias
    torch.testing.assert_close(model(images), images @ product.T + offset)


@law
@given(st.floats(1e-3, 1e3), st.integers(0, 10**6))
def test_a_relu_network_of_depth_l_scales_with_the_product_of_its_layers_factors(factor, seed):
    model, images = made((6, 7, 5, 4), seed=seed)
    for layer in model.layers:
        layer.bias.data.zero_()
    before = model(images)
    for layer in model.layers:
        layer.weight.data.mul_(factor)
    torch.testing.assert_close(model(images), before * factor**3, rtol=1e-10, atol=0)


@law
@given(WIDTHS)
def test_the_parameter_count_is_that_of_the_model(widths):
    assert parameter_count(widths) == sum(p.numel() for p in MLP(widths).parameters())


def test_the_papers_count():
    assert parameter_count(N_WIDTHS) == 199_082
    assert [layer.in_features for layer in MLP().layers] == [3072, 64, 32]
    assert [layer.out_features for layer in MLP().layers] == [64, 32, 10]


@pytest.mark.parametrize(
    "widths",
    [
        (),
        (3,),
        (3, 0),
        (3, -1, 2),
        (3, 2.5, 2),
        (3, math.inf),
    ],
)
def test_widths_that_are_no_network_are_refused(widths):
    for build in (lambda: check(widths, "relu"), lambda: MLP(widths)):
        with pytest.raises(ValueError, match=r"at least two whole numbers >= 1 .* got \("):
            build()


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match=r"one of relu, tanh, linear, .*, got 'swish'; pick one"):
        MLP((3, 2), "swish")


# --- the catalogue -----------------------------------------------------------------------------

SMALL = {
    "mlp": (64, 8, 6, 3),
    "lenet5": (1, 2, 3, 8, 6, 3),
    "alexnet": (1, 2, 3, 4, 3, 2, 6, 5, 3),
    "convnet": (1, 4, 6, 6, 3),
    "deepcnn": (1, 4, 6, 6, 3),
    "residual": (1, 4, 4, 6, 6, 3),
    "residual-halved": (1, 4, 4, 6, 6, 3),
    **{name: (1, 4, 8, 16, 16, 3) for name in models.MODELS if name.startswith("resnet")},
    **{name: (1, 4, 4, 6, 6, 8, 3) for name in models.MODELS if name.startswith("vgg")},
    "preact-resnet18": (1, 4, 4, 8, 8, 16, 3),
    **{name: (1, 4, 6, 8, 8, 3) for name in models.MODELS if name.startswith("wrn")},
}


def small(name, normalization="none", dropout=0.0, seed=0, parametrization="none"):
    """A narrow network for 8 x 8 grey images, with its own start and dropout masks."""
    parts = (normalization, dropout, parametrization)
    model = models.build(name, SMALL[name], "relu", *parts).double()
    return seed_dropout(initialize_(model, seed=seed), seed)


def grey_images(count=6, seed=0):
    numbers = streams.normal(seed, "images", 0, count * 64, dtype=torch.float64)
    return numbers.view(count, 1, 8, 8)


@pytest.mark.parametrize(
    ("name", "normalization", "count"),
    [
        ("mlp", "none", 199_082),  # N, section V
        ("lenet5", "none", 62_006),  # N, section V
        ("alexnet", "none", 57_044_810),  # N, section V
        ("resnet50", "batch", 23_520_842),  # N, section V: this count is that of a 3x3 stem
        ("resnet50-imagenet", "batch", 23_528_522),  # torchvision's 7x7 stem
        # torchvision's features, batch norm in place of the convolutions' biases, 512 x 10 + 10
        ("vgg16", "none", 14_714_688 + 5_130),
        ("vgg16", "batch", 14_723_136 - 4_224 + 5_130),
        ("vgg19", "batch", 20_035_392 - 5_504 + 5_130),
        ("wrn-28-10", "batch", 36_479_194),  # Zagoruyko and Komodakis: 36.5 million
        ("wrn-40-4", "batch", 8_949_210),  # 8.9 million
        ("wrn-16-8", "batch", 10_961_370),  # 11.0 million
        ("preact-resnet18", "batch", 11_172_170),
    ],
)
def test_parameter_counts_are_those_of_the_papers(name, normalization, count):
    with torch.device("meta"):
        model = models.build(name, models.default_widths(name), normalization=normalization)
    assert models.parameter_count(model) == count


def test_the_catalogue_names_every_network():
    assert models.MODELS == (
        "mlp", "lenet5", "alexnet", "resnet18", "resnet34", "resnet50",
        "resnet18-imagenet", "resnet34-imagenet", "resnet50-imagenet", "convnet", "deepcnn",
        "residual", "residual-halved", "vgg16", "vgg19",
        "preact-resnet18", "wrn-28-10", "wrn-40-10", "wrn-40-4", "wrn-16-8", "wrn-16-4", "wrn-10-1",
        "wrn-28-10-normed",
    )  # fmt: skip


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("side", [8, 28, 32])
def test_every_network_takes_small_images(name, side):
    widths = models.fitted(name, models.default_widths(name), (2, side, side), 7)
    assert widths[1:-1] == models.default_widths(name)[1:-1]
    narrow = (widths[0], *SMALL[name][1:-1], widths[-1])
    assert models.build(name, narrow)(torch.zeros(3, 2, side, side)).shape == (3, 7)


@pytest.mark.parametrize("name", models.MODELS)
def test_the_activation_is_the_one_asked_for(name):
    kinds = {type(module) for module in models.build(name, SMALL[name], "tanh").modules()}
    assert kinds & {nn.ReLU, nn.Tanh} == {nn.Tanh}


@pytest.mark.parametrize("name", models.MODELS)
def test_layers_are_registered_in_the_order_of_the_forward_pass(name):
    """A shortcut comes after the layers that it passes by."""
    model = small(name)
    registered = [layer for _, layer in scalable_layers(model)]
    called = []
    for layer in registered:
        layer.register_forward_hook(lambda layer, *_: called.append(layer))
    model(grey_images())
    assert len(called) == len(registered)
    assert all(a is b for a, b in zip(called, registered, strict=True))


# --- against torchvision and by hand -------------------------------------------------------------


def with_state_of(theirs, name, widths, **parts):
    """Our network of this name with the values of ``theirs``: the same layers in the same order."""
    with torch.device("meta"):
        ours = models.build(name, widths, **parts)
    names = [name for name in ours.state_dict() if name.rpartition(".")[2] not in ("seed", "step")]
    values = dict(zip(names, theirs.state_dict().values(), strict=True))
    missing, unexpected = ours.load_state_dict(copy.deepcopy(values), assign=True, strict=False)
    assert not unexpected
    assert all(name.rpartition(".")[2] in ("seed", "step") for name in missing)
    return ours


def random_vectors_(model, seed=0):
    """Give gains, shifts, biases and running statistics values that are not 0 or 1."""
    for number, tensor in enumerate(model.state_dict().values()):
        if tensor.is_floating_point() and tensor.dim() == 1:
            tensor.copy_(streams.uniform(seed, "vectors", number, len(tensor)).add_(0.2))
    return model


@pytest.mark.parametrize(
    ("depth", "stem"), [(18, "imagenet"), (34, "cifar"), (50, "imagenet"), (50, "cifar")]
)
def test_a_resnet_is_torchvisions(depth, stem):
    theirs = getattr(torchvision.models, f"resnet{depth}")(num_classes=5)
    if stem == "cifar":
        theirs.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        theirs.maxpool = nn.Identity()
    theirs = random_vectors_(theirs.double())
    name = f"resnet{depth}-imagenet" if stem == "imagenet" else f"resnet{depth}"
    ours = with_state_of(theirs, name, (3, 64, 128, 256, 512, 5), normalization="batch")
    images = streams.normal(0, "images", 0, 4 * 3 * 16 * 16, dtype=torch.float64)
    images = images.view(4, 3, 16, 16)
    for training in (False, True, False):  # the last pass reads the statistics of the second
        ours.train(training), theirs.train(training)
        with torch.no_grad():
            torch.testing.assert_close(ours(images), theirs(images), rtol=1e-9, atol=0)
    mine = [v for m in ours.modules() if isinstance(m, nn.BatchNorm2d) for v in m.buffers()]
    other = [v for m in theirs.modules() if isinstance(m, nn.BatchNorm2d) for v in m.buffers()]
    for a, b in zip(mine, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("depth", [16, 19])
def test_a_vgg_has_torchvisions_features(depth):
    """In front of one linear layer; at 32 x 32 the mean over places is that of one place."""
    features = getattr(torchvision.models, f"vgg{depth}_bn")().double().features
    for module in features:
        if isinstance(module, nn.Conv2d):
            module.bias = None  # batch norm takes it off again
    theirs = random_vectors_(nn.Sequential(features, nn.Flatten(), nn.Linear(512, 5).double()))
    widths = (3, 64, 128, 256, 512, 512, 5)
    ours = with_state_of(theirs, f"vgg{depth}", widths, normalization="batch")
    images = streams.normal(0, "images", 0, 2 * 3 * 32 * 32, dtype=torch.float64)
    images = images.view(2, 3, 32, 32)
    for training in (False, True):
        ours.train(training), theirs.train(training)
        with torch.no_grad():
            torch.testing.assert_close(ours(images), theirs(images), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("inputs", "stride"), [(4, 1), (4, 2), (3, 1)])
def test_a_preactivation_block_by_hand(inputs, stride):
    """The signal itself passes by where the shape stays; else what is normalized and active."""
    block = random_vectors_(preactivation.Block(inputs, 4, stride, nn.ReLU, "batch").double())
    signal = streams.normal(0, "signal", 0, 5 * inputs * 36, dtype=torch.float64)
    signal = signal.view(5, inputs, 6, 6)

    def active(values, norm):
        variance, mean = torch.var_mean(values, dim=(0, 2, 3), correction=0, keepdim=True)
        scaled = (values - mean) / (variance + 1e-5).sqrt()
        return (scaled * norm.weight[:, None, None] + norm.bias[:, None, None]).relu()

    first, norm, _, last, _ = block.residual
    z = active(signal, block.before[0])
    middle = nn.functional.conv2d(z, first.weight, stride=stride, padding=1)
    moved = nn.functional.conv2d(active(middle, norm), last.weight, padding=1)
    passed = signal
    if (inputs, stride) != (4, 1):
        passed = nn.functional.conv2d(z, block.shortcut[0].weight, stride=stride)
    torch.testing.assert_close(block(signal), passed + moved)


def test_blocks_and_depths_that_are_no_network_are_refused():
    with pytest.raises(ValueError, match=r"4 more than a multiple of 6, got 30; 28 is usual"):
        preactivation.wide_blocks(30)
    with pytest.raises(ValueError, match=r"4 more than a multiple of 6, got 4; 28 is usual"):
        preactivation.wide_blocks(4)
    with pytest.raises(ValueError, match=r"depth must be one of 16, 19, got 13; pick one"):
        vgg.VGG(13)
    message = r"must be 6 whole numbers >= 1 \(channels, stem, stage 1, .*, classes\), got \(3, 4\)"
    with pytest.raises(ValueError, match=f"widths of wrn-16-8 {message}"):
        models.build("wrn-16-8", (3, 4))
    with pytest.raises(ValueError, match=f"widths of a pre-activation network {message}"):
        preactivation.PreActivationResNet((1, 1, 1), (3, 4))
    with pytest.raises(
        ValueError, match=r"widths of vgg16 must be 7 whole numbers .* got \(3, 4\)"
    ):
        models.build("vgg16", (3, 4))


@pytest.mark.parametrize(("name", "free"), [("wrn-28-10-normed", 0), ("wrn-28-10", 15)])
def test_the_output_ignores_norms_where_a_batch_norm_follows(name, free):
    """In a normed network those of all layers but the last; else not those of the 12 blocks' last
    convolutions and of the 3 shortcuts (4 to 6 channels in stage 1)."""
    model = models.build(name, SMALL[name], normalization="batch").double().train()
    initialize_(model, seed=3)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = 1e-30
    images, felt = grey_images(), 0
    before = model(images)
    for _, layer in list(scalable_layers(model))[1:-1]:
        layer.weight.data.mul_(3.0)
        felt += not torch.allclose(model(images), before, rtol=1e-6, atol=1e-8)
        layer.weight.data.div_(3.0)
    assert felt == free


@pytest.mark.parametrize("side", [64, 100])
def test_alexnet_is_torchvisions(side):
    theirs = torchvision.models.alexnet(num_classes=10).eval()
    ours = with_state_of(theirs, "alexnet", models.default_widths("alexnet"), dropout=0.5).eval()
    images = streams.normal(0, "images", 0, 2 * 3 * side**2).view(2, 3, side, side)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-5, atol=1e-6)


def test_lenet_by_hand():
    model = random_vectors_(LeNet5((2, 3, 4, 7, 6, 5)).double())
    conv1, conv2, *linear = (layer for _, layer in scalable_layers(model))
    images = streams.normal(0, "images", 0, 3 * 2 * 32 * 32, dtype=torch.float64)
    signal = images.view(3, 2, 32, 32)
    for conv in (conv1, conv2):
        patches = signal.unfold(2, 5, 1).unfold(3, 5, 1)  # [n, C, H, W, 5, 5]
        z = torch.einsum("nchwij,ocij->nohw", patches, conv.weight) + conv.bias[:, None, None]
        signal = z.tanh().unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(4, 5))
    signal = signal.flatten(1)
    for layer in linear:
        z = signal @ layer.weight.T + layer.bias
        signal = z.tanh()
    torch.testing.assert_close(model(images.view(3, 2, 32, 32)), z)


@law
@given(st.integers(1, 9), st.integers(1, 9), st.integers(9, 20), st.integers(0, 10**6))
def test_resize_is_bilinear(height, width, side, seed):
    image = streams.normal(seed, "image", 0, height * width, dtype=torch.float64)
    image = image.view(1, 1, height, width)
    if min(height, width) < side:
        expected = bilinear(image[0, 0].numpy(), side)
        np.testing.assert_allclose(Resize(side)(image)[0, 0], expected, rtol=1e-10, atol=1e-12)


def test_resize_leaves_images_that_are_large_enough():
    images = torch.zeros(1, 1, 32, 40)
    assert Resize(32)(images) is images
    assert "side=32" in repr(Resize(32))


# --- normalization -------------------------------------------------------------------------------


@pytest.mark.parametrize(("normalization", "axis", "eps"), [("batch", 0, 1e-5), ("layer", 1, 1e-5)])
def test_an_mlp_normalizes_its_preactivations(normalization, axis, eps):
    model = random_vectors_(MLP((5, 7, 3), "tanh", normalization).double())
    images = streams.normal(0, "images", 0, 6 * 5, dtype=torch.float64).view(6, 5)
    first, last = model.layers
    z = images @ first.weight.T + first.bias
    variance, mean = torch.var_mean(z, dim=axis, correction=0, keepdim=True)
    gain, shift = model.normalizations[0].weight, model.normalizations[0].bias
    signal = (gain * (z - mean) / (variance + eps).sqrt() + shift).tanh()
    values = model.preactivations(images)
    torch.testing.assert_close(values[0], z)
    torch.testing.assert_close(values[1], signal @ last.weight.T + last.bias)


@pytest.mark.parametrize(("normalization", "axes"), [("batch", (0, 2, 3)), ("layer", (1, 2, 3))])
def test_a_convolution_is_normalized_over_its_places(normalization, axes):
    model = random_vectors_(models.build("lenet5", SMALL["lenet5"], "relu", normalization).double())
    seen = {}
    model.features[2].register_forward_pre_hook(lambda _, args: seen.update(z=args[0]))
    images = Resize(32)(grey_images())
    model(images)
    conv, normalize = model.features[:2]
    z = conv(images)
    variance, mean = torch.var_mean(z, dim=axes, correction=0, keepdim=True)
    expected = (z - mean) / (variance + 1e-5).sqrt()
    expected = expected * normalize.weight[:, None, None] + normalize.bias[:, None, None]
    torch.testing.assert_close(seen["z"], expected)


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3, 2)])
def test_the_mean_alone_is_taken_off(shape):
    """In training that of the batch, a tenth of which enters the running one; then that one."""
    layer = random_vectors_(BatchMean(5).double())
    z = 3 + streams.normal(0, "z", 0, math.prod(shape), dtype=torch.float64).view(shape)
    mean = z.transpose(0, 1).flatten(1).mean(dim=1)
    places = (5, *[1] * (len(shape) - 2))
    centred = z - mean.view(places)
    before = layer.running_mean.clone()
    torch.testing.assert_close(layer(z), centred + layer.bias.view(places))
    torch.testing.assert_close(layer.running_mean, 0.9 * before + 0.1 * mean)
    layer.eval()
    torch.testing.assert_close(layer(z), z + (layer.bias - layer.running_mean).view(places))


def test_the_mean_of_one_value_is_refused_in_training_alone():
    layer = BatchMean(3)
    with pytest.raises(ValueError, match=r"more than one value a unit to train, got .* \(1, 3\)"):
        layer(torch.ones(1, 3))
    assert torch.equal(layer.eval()(torch.ones(1, 3)), torch.ones(1, 3))
    assert BatchMean(3)(torch.ones(1, 3, 2, 2)).abs().max() == 0  # four values a unit


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_signal_keeps_its_kind_and_its_mean_is_kept_in_float32(dtype):
    layer = BatchMean(2)
    z = torch.full((64, 2), 300.0, dtype=dtype)  # their sum is near float16's end
    assert layer(z).dtype == dtype
    assert layer.running_mean.dtype == torch.float32
    torch.testing.assert_close(layer.running_mean, torch.full((2,), 30.0), rtol=1e-3, atol=0)


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_training_step_is_finite_and_moves_every_parameter(name, normalization):
    """Except a bias that a batch norm takes off again: its gradient is 0 up to rounding."""
    model = small(name, normalization)
    layers = list(model.named_modules())
    taken_off = {
        f"{layer}.bias"
        for (layer, _), (_, after) in itertools.pairwise(layers)
        if isinstance(after, nn.BatchNorm1d | nn.BatchNorm2d | BatchMean)
    }
    if name == "mlp" and normalization in ("batch", "batch_mean"):
        taken_off = {"layers.0.bias", "layers.1.bias"}
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    loss = nn.functional.cross_entropy(model(grey_images()), labels)
    assert loss.isfinite()
    loss.backward()
    before = {key: value.detach().clone() for key, value in model.named_parameters()}
    torch.optim.SGD(model.parameters(), lr=1e-3).step()
    for key, value in model.named_parameters():
        assert value.isfinite().all(), key
        if key in taken_off:
            assert value.grad.abs().max() < 1e-12, key
        else:
            assert not torch.equal(value, before[key]), key


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_normalization_is_where_it_should_be(name, normalization):
    model = small(name, normalization)
    layers = [layer for _, layer in scalable_layers(model)]
    kinds = {
        "batch": nn.BatchNorm1d | nn.BatchNorm2d,
        "layer": nn.LayerNorm | nn.GroupNorm,
        "batch_mean": BatchMean,
    }
    for other, kind in kinds.items():
        found = sum(isinstance(module, kind) for module in model.modules())
        # one behind each layer but the last; before an activation, two a block and a last one
        blocks = sum(isinstance(module, preactivation.Block) for module in model.modules())
        expected = 2 * blocks + 1 if blocks else len(layers) - 1
        if name.endswith("normed"):  # and one behind each layer that has none behind it
            expected += len(layers) - 1 - blocks
        assert found == (expected if other == normalization else 0)
    if name not in ("mlp", "lenet5", "alexnet"):
        assert {layer.bias is not None for layer in layers[:-1]} == {normalization == "none"}
    else:
        assert all(layer.bias is not None for layer in layers)


# --- weight norm ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: nn.Linear(5, 3), lambda: nn.Conv2d(5, 3, 2)])
def test_weight_norm_is_torchs(make):
    ours, theirs = make().double(), make().double()
    nn.utils.parametrize.register_parametrization(ours, "weight", WeightNorm())
    weight_norm(theirs)
    state = {
        key: streams.normal(0, key, 0, value.numel(), dtype=torch.float64).view(value.shape)
        for key, value in theirs.state_dict().items()
    }
    signal = streams.normal(1, "signal", 0, 4 * 5 * 9, dtype=torch.float64)
    signal = signal.view(36, 5) if isinstance(ours, nn.Linear) else signal.view(4, 5, 3, 3)
    for layer in (ours, theirs):
        layer.load_state_dict(state)
        layer(signal).square().sum().backward()
    torch.testing.assert_close(ours.weight, theirs.weight)
    slopes = dict(theirs.named_parameters())
    for key, value in ours.named_parameters():
        torch.testing.assert_close(value.grad, slopes[key].grad)


@pytest.mark.parametrize("name", models.MODELS)
def test_a_weight_normed_network_starts_from_the_same_weights(name):
    """The trap: copying into ``layer.weight`` would fill a value that is computed anew."""
    plain, normed = small(name, seed=3), small(name, seed=3, parametrization="weight_norm")
    pairs = zip(scalable_layers(plain), scalable_layers(normed), strict=True)
    for number, ((_, a), (_, b)) in enumerate(pairs, start=1):
        torch.testing.assert_close(b.weight, draw(3, number, a.weight), rtol=1e-12, atol=0)
        assert torch.equal(b.bias, a.bias)
        length = b.parametrizations.weight.original0
        torch.testing.assert_close(length.flatten(), a.weight.flatten(1).norm(dim=1))
    torch.testing.assert_close(plain(grey_images()), normed(grey_images()))


def test_the_length_of_v_does_not_matter():
    model = small("lenet5", parametrization="weight_norm")
    before = model(grey_images())
    for _, layer in scalable_layers(model):
        layer.parametrizations.weight.original1.data.mul_(7.0)
    torch.testing.assert_close(model(grey_images()), before)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_a_checkpoint_of_torchs_older_weight_norm_is_read():
    older = nn.utils.weight_norm(nn.Linear(4, 3))
    model = reparametrize_(nn.Sequential(nn.Linear(4, 3)), "weight_norm")
    model.load_state_dict(nn.Sequential(older).state_dict())
    signal = torch.eye(4)
    torch.testing.assert_close(model(signal), older(signal))


def test_a_unit_of_weight_0_is_refused_and_one_that_dies_stays_finite():
    layer = nn.Linear(4, 3)
    with torch.no_grad():
        layer.weight[1] = 0
    message = "under weight norm a unit needs weights that are not all 0, and unit 1 has no others"
    with pytest.raises(ValueError, match=message):
        reparametrize_(nn.Sequential(layer), "weight_norm")
    layer = nn.Linear(4, 3)
    model = reparametrize_(nn.Sequential(layer), "weight_norm")
    wrong = layer.weight.detach().clone()
    wrong[1] = 0
    with pytest.raises(ValueError, match=message):
        layer.weight = wrong
    with torch.no_grad():
        layer.parametrizations.weight.original1[1] = 0  # in training
    model(torch.ones(2, 4)).sum().backward()
    assert bool((layer.weight[1] == 0).all())
    assert all(bool(value.grad.isfinite().all()) for value in model.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_long_row_of_half_precision_has_its_length_in_float32(dtype):
    layer = nn.Linear(16_384, 1, dtype=dtype)
    with torch.no_grad():
        layer.weight.fill_(1000.0)  # norm 128,000, float16 ends at 65,504
    reparametrize_(nn.Sequential(layer), "weight_norm")
    assert layer.parametrizations.weight.original0.item() == pytest.approx(128_000, rel=1e-4)
    assert layer.weight.dtype == dtype
    assert bool((layer.weight == 1000).all())


# --- dropout -------------------------------------------------------------------------------------


def dropout_alone(seed, p=0.3, number=2):
    return seed_dropout(nn.Sequential(Dropout(p, number)), seed)


def test_dropout_by_hand():
    layer, values = dropout_alone(5), torch.arange(1.0, 13.0).view(3, 4)
    for step in range(3):
        kept = streams.uniform(5, "dropout:2", step, 12).view(3, 4) >= 0.3
        assert torch.equal(layer(values), torch.where(kept, values / 0.7, 0.0))
    assert layer[0].step == 3


def test_dropout_zeroes_the_share_p_and_keeps_the_mean():
    values = dropout_alone(0)(torch.ones(100_000))
    error = 5 * (0.3 * 0.7 / 100_000) ** 0.5  # five standard errors of a share
    assert abs((values == 0).double().mean() - 0.3) < error
    assert abs(values.double().mean() - 1) < error / 0.7


def test_masks_differ_between_steps_layers_and_runs():
    values = torch.ones(64)
    layer = dropout_alone(0)
    masks = [layer(values), layer(values)]
    masks += [dropout_alone(0, number=1)(values), dropout_alone(1)(values)]
    for i, mask in enumerate(masks):
        assert not any(torch.equal(mask, other) for other in masks[:i])
    assert torch.equal(seed_dropout(layer, 0)(values), masks[0])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_the_mask_is_the_same_in_every_precision(dtype):
    values = dropout_alone(0)(torch.ones(50, dtype=dtype))
    assert values.dtype == dtype
    assert torch.equal(values == 0, dropout_alone(0)(torch.ones(50)) == 0)


def test_dropout_rests_in_eval_mode_and_at_zero():
    values = torch.ones(8)
    for layer in (dropout_alone(0).eval(), dropout_alone(0, p=0.0)):
        assert layer(values) is values
        assert layer[0].step == 0


def test_the_gradient_passes_where_values_pass():
    values = torch.ones(20, requires_grad=True)
    result = dropout_alone(0)(values)
    result.sum().backward()
    assert torch.equal(values.grad, result.detach())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_stacked_dropout_draws_the_masks_of_the_runs_alone(dtype):
    alone = [dropout_alone(seed) for seed in (4, 0, 2**40)]
    _, buffers = stack_module_state(alone)
    values = streams.normal(range(3), "values", 0, 20, dtype=dtype).view(3, 5, 4)
    stacked = torch.vmap(
        lambda buffers, values: functional_call(alone[0], buffers, values), randomness="error"
    )
    for _ in range(3):
        together = stacked(buffers, values)
        for layer, value, row in zip(alone, values, together, strict=True):
            assert torch.equal(layer(value), row)
    assert buffers["0.step"].tolist() == [3, 3, 3]


def test_the_dropout_layers_of_a_network_are_numbered_apart():
    counts = {"mlp": 2, "lenet5": 2, "alexnet": 2}
    for name in models.MODELS:
        model = small(name, dropout=0.5, seed=9)
        layers = [module for module in model.modules() if isinstance(module, Dropout)]
        assert [layer.number for layer in layers] == list(range(1, counts.get(name, 1) + 1))
        assert {layer.p for layer in layers} == {0.5}
        assert {int(layer.seed) for layer in layers} == {9}
    assert "p=0.5, number=1" in repr(layers[0])


@pytest.mark.parametrize(
    ("name", "fed"),
    [
        ("mlp", [2, 3]),
        ("lenet5", [2, 3]),
        ("alexnet", [1, 2]),  # as in torchvision
        ("resnet18", [1]),
        ("resnet50-imagenet", [1]),
    ],
)
def test_dropout_acts_on_the_inputs_of_these_linear_layers(name, fed):
    model = small(name, "batch", dropout=0.5)
    masked, inputs = [], []
    for module in model.modules():
        if isinstance(module, Dropout):
            module.register_forward_hook(lambda _, args, output: masked.append(output))
        if isinstance(module, nn.Linear):
            module.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    model(grey_images())
    found = [
        number
        for number, signal in enumerate(inputs, start=1)
        if any(signal is output for output in masked)
    ]
    assert found == fed
    assert len(masked) == len(fed)
    assert all((output == 0).any() for output in masked)


# --- stacked against alone -----------------------------------------------------------------------


def assert_same_as_alone(alone, buffers, outputs, slopes, images):
    for run, model in enumerate(alone):
        output = model(images[run])
        torch.testing.assert_close(outputs[run], output, rtol=1e-9, atol=1e-9)
        expected = torch.autograd.grad(output.square().mean(), list(model.parameters()))
        for (key, _), slope in zip(model.named_parameters(), expected, strict=True):
            torch.testing.assert_close(slopes[key][run], slope, rtol=1e-8, atol=1e-9)
        for key, value in model.named_buffers():
            torch.testing.assert_close(buffers[key][run], value, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "name", ["mlp", "lenet5", "alexnet", "resnet18", "resnet50", "resnet18-imagenet"]
)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_stack_is_its_runs_alone(name, normalization):
    """Outputs, gradients, running statistics and masks of two steps and of eval mode."""
    alone = [small(name, normalization, dropout=0.3, seed=seed) for seed in range(3)]
    base = copy.deepcopy(alone[0]).to("meta")
    parameters, buffers = stack_module_state(alone)
    images = torch.stack([grey_images(seed=seed) for seed in range(3)])

    def logits(parameters, buffers, images):
        return functional_call(base, (parameters, buffers), (images,))

    for training in (True, True, False):
        for model in (base, *alone):
            model.train(training)
        outputs = torch.vmap(logits, randomness="error")(parameters, buffers, images)
        loss = outputs.square().mean(dim=(1, 2)).sum()
        slopes = torch.autograd.grad(loss, list(parameters.values()))
        slopes = dict(zip(parameters, slopes, strict=True))
        assert_same_as_alone(alone, buffers, outputs, slopes, images)


@pytest.mark.parametrize("name", ["mlp", "lenet5", "alexnet", "resnet18", "resnet50"])
def test_gradients_taken_inside_the_stack_are_the_same(name):
    """`torch.func.grad` forbids changing what a function captures; buffers come as arguments."""
    alone = [small(name, "batch", dropout=0.3, seed=seed) for seed in range(3)]
    base = copy.deepcopy(alone[0]).to("meta")
    parameters, buffers = stack_module_state(alone)
    images = torch.stack([grey_images(seed=seed) for seed in range(3)])

    def loss(parameters, buffers, images):
        outputs = functional_call(base, (parameters, buffers), (images,))
        return outputs.square().mean(), outputs

    slopes, outputs = torch.vmap(grad(loss, has_aux=True), randomness="error")(
        parameters, buffers, images
    )
    assert_same_as_alone(alone, buffers, outputs, slopes, images)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in models.MODELS if models.model(name).roles])
@pytest.mark.parametrize(
    "change", [lambda w: w[:-1], lambda w: (*w, 2), lambda w: (0, *w[1:]), lambda w: (*w[:-1], 1.5)]
)
def test_widths_that_do_not_fit_the_layout_are_refused(name, change):
    default = models.default_widths(name)
    pattern = rf"{len(default)} whole numbers >= 1 \(channels, .* classes\), got .*; for example"
    for use in (models.check, models.build):
        with pytest.raises(ValueError, match=pattern):
            use(name, change(default))


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("swish", "none", 0.0), r"activation must be one of relu, .* got 'swish'; pick one"),
        (("relu", "group", 0.0), r"one of none, batch, layer, batch_mean, got 'group'; pick one"),
        (("relu", "none", 1.0), r"dropout must be in \[0, 1\), got 1.0; 0 switches it off"),
        (("relu", "none", -0.1), r"dropout must be in \[0, 1\), got -0.1; 0 switches it off"),
        (("relu", "none", math.nan), r"dropout must be in \[0, 1\), got nan"),
    ],
)
def test_parts_that_do_not_exist_are_refused(name, parts, message):
    for build in (
        lambda: models.check(name, SMALL[name], *parts),
        lambda: models.build(name, SMALL[name], *parts),
        lambda: models.model(name).make(SMALL[name], *parts),
    ):
        with pytest.raises(ValueError, match=message):
            build()


@pytest.mark.parametrize(
    "use",
    [
        models.default_widths,
        lambda name: models.check(name, (3, 2)),
        lambda name: models.build(name, (3, 2)),
        lambda name: models.fitted(name, (3, 2), (1, 8, 8), 10),
    ],
)
def test_an_unknown_network_is_refused(use):
    with pytest.raises(ValueError, match=r"one of mlp, lenet5, .* got 'vgg11'; pick one"):
        use("vgg11")


def test_other_depths_and_stems_are_refused():
    with pytest.raises(ValueError, match=r"depth must be one of 18, 34, 50, got 20; pick one"):
        ResNet(20)
    with pytest.raises(ValueError, match=r"stem must be one of cifar, imagenet, got 'large'"):
        ResNet(18, stem="large")


@pytest.mark.parametrize("widths", [None, 3, "543", (3, None), (3, "4"), (3, True), (3, math.nan)])
def test_widths_that_are_no_numbers_are_refused(widths):
    for make in (models.MLP, models.LeNet5):
        with pytest.raises(ValueError, match=r"whole numbers >= 1 .* got .*; for example"):
            make(widths)


@pytest.mark.parametrize("bad", [None, "0.5", True, 1j])
def test_dropout_and_its_seed_are_numbers(bad):
    with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\), got .*; 0 switches it off"):
        models.Dropout(bad, 1)
    with pytest.raises(ValueError, match=r"a seed must be a whole number, got .*; round it first"):
        models.seed_dropout(models.MLP((3, 2, 2), dropout=0.5), bad)


def test_dropout_alone_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\), got 1; 0 switches it off"):
        Dropout(1, number=1)


def test_lenet_refuses_larger_images():
    message = r"at most 32 x 32 pixels, got 64 x 20; make them smaller, or take a resnet"
    with pytest.raises(ValueError, match=message):
        LeNet5()(torch.zeros(1, 3, 64, 20))
    with pytest.raises(ValueError, match=message):
        models.fitted("lenet5", models.default_widths("lenet5"), (3, 64, 20), 10)
