"""The MLP against its NumPy twin, its counts, and its refusals."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import streams
from companion.methods.initialization import initialize_
from companion.models import MLP
from companion.models.mlp import ACTIVATIONS, N_WIDTHS, check, parameter_count
from tests.references import mlp as reference

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
    with pytest.raises(ValueError, match=r"one of relu, tanh, linear, got 'gelu'; pick one"):
        MLP((3, 2), "gelu")
