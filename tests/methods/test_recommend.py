"""The calculator: fans, gain and spread of one layer in one call."""

import math

import pytest
import torch
from torch import nn

from companion.methods.initialization import recommend
from companion.theory import gains


@pytest.mark.parametrize(
    ("layer", "arguments", "options"),
    [
        (nn.Linear(5, 3), (5, 3), {}),
        (nn.Conv2d(4, 8, 3, stride=2, groups=2), (4, 8, 3), {"stride": 2, "groups": 2}),
        (nn.ConvTranspose1d(4, 8, 4, 2), (4, 8, 4, 2), {}),
        (nn.Embedding(9, 4), (9, 4), {}),
        (nn.GRUCell(4, 4), (4, 4), {}),
        (nn.MultiheadAttention(8, 2), (8, 2), {}),
    ],
)
def test_a_layer_and_its_name_with_its_arguments_are_the_same(layer, arguments, options):
    named = recommend(type(layer).__name__.lower(), "tanh", *arguments, **options)
    assert named == recommend(layer, "tanh")


@pytest.mark.parametrize(
    "relu",
    ["relu", torch.relu, nn.functional.relu, nn.ReLU(), lambda z: max(z, 0), lambda z: z.clamp(0)],
)
def test_an_activation_in_every_form(relu):
    found = recommend("linear", relu, 50, 10)
    assert found.gain == pytest.approx(math.sqrt(2), rel=1e-9)
    assert found.std == pytest.approx(0.2, rel=1e-9)
    assert found.bound == pytest.approx(0.2 * math.sqrt(3), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("gelu", nn.GELU()), ("silu", nn.SiLU()), ("elu", nn.ELU()), ("selu", nn.SELU()),
        ("leaky_relu", nn.PReLU(init=0.01)), ("softplus", nn.Softplus()), ("tanh", nn.Tanh()),
    ],
)  # fmt: skip
def test_torchs_activations_have_the_gain_of_their_name(name, module):
    before = [value.dtype for value in module.parameters()]
    assert recommend("linear", module, 4, 4).gain == pytest.approx(
        gains.exact_gain(name), rel=1e-6  # torch's own arithmetic, and PReLU's slope in float32
    )  # fmt: skip
    assert [value.dtype for value in module.parameters()] == before


def test_the_recommended_spread_keeps_the_mean_square_behind_any_activation():
    source = torch.Generator().manual_seed(0)
    for activation in (nn.Mish(), nn.Hardswish(), nn.GELU()):
        std = recommend("linear", activation, 500, 500).std
        weight = torch.randn(500, 500, generator=source) * std
        signal = torch.randn(2000, 500, generator=source)
        after = activation(signal) @ weight.T
        # of the weights, 250000, and of the signal's squares, a million: both errors below .5 %
        assert after.square().mean().item() == pytest.approx(1, rel=0.025)


def test_it_is_printed_in_plain_words():
    assert str(recommend(nn.Conv2d(3, 64, 5), "relu")) == (
        "Conv2d: each output sums 75 inputs, and each input feeds 1600 outputs.\n"
        "After relu the gain is 1.414, which keeps the mean square of the signal.\n"
        "Draw normal weights with mean 0 and standard deviation 0.1633, or uniform ones between "
        "-0.2828 and 0.2828; set the biases to 0."
    )
    assert "After Mish the gain" in str(recommend("linear", nn.Mish(), 3, 4))


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: recommend("dense", "relu", 3, 4), "must be one of linear, .*, got 'dense'"),
        (lambda: recommend("conv2d", "relu", 3), r"conv2d takes the arguments of torch.nn.Conv2d "
         r"after the activation, got \(3,\) and {}: "),
        (lambda: recommend("conv2d", "relu", 3, 4, 3, groups=2), "in_channels must be divisible"),
        (lambda: recommend("linear", "relu", 0, 4), "fan_in must be finite and >= 1, got 0"),
        (lambda: recommend(nn.Linear(3, 4), "relu", 3), r"sizes go .* got \(3,\) beside a Linear"),
        (lambda: recommend(nn.Linear(3, 4), "swash"), "activation must be one of .* got 'swash'"),
        (lambda: recommend(nn.Linear(3, 4), lambda z: 0), "let something through"),
        (lambda: recommend(nn.BatchNorm1d(3)), "got BatchNorm1d; count its connections"),
        (lambda: recommend("lstm", "tanh", 3, 4), "ask matrices"),
        (lambda: recommend(None), "must be a torch.nn.Module, got NoneType; for example nn.Lin"),
        (lambda: recommend("linear", 5, 3, 4), "must be a name or a function, got 5; give one"),
        (lambda: recommend("linear", nn.Softmax(-1), 3, 4), "each number .*, and Softmax does not"),
        (lambda: recommend("linear", nn.GLU(), 4, 4), r"and GLU does not \(.*\); give the gain"),
        (lambda: recommend("linear", nn.RReLU(), 3, 4), "always alike, and RReLU does not; give"),
        (lambda: recommend("linear", nn.Linear(3, 3), 3, 4), "and Linear does not"),
        (lambda: recommend("linear", torch.sum, 3, 4), "and sum does not"),
    ],
)  # fmt: skip
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
