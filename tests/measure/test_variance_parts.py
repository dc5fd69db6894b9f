"""The parts of a pre-activation's variance against float64 NumPy, in both kinds of stack."""

import numpy as np
import pytest
import torch

from companion import data
from companion.data.image_sets import split
from companion.measure.signals import PARTS, VARIANCE_PARTS
from companion.training.many_runs import Stack
from companion.training.settings import Run, Settings

WIDTHS = (64, 12, 8, 10)


@pytest.fixture(scope="module", params=["plain", "autograd"])
def trained(request):
    """Two runs that have learned a little: the plain stack, and the one with autograd."""
    if request.param == "autograd":
        settings = Settings(widths=WIDTHS, normalization="layer", learning_rate=0.05)
    else:
        settings = Settings(widths=WIDTHS, learning_rate=0.05)
    runs = [Run(k, "one", k, settings) for k in range(2)]
    stack = Stack(runs, split(data.load("digits")), dtype=torch.float64)
    stack.train_epoch()
    return stack


def by_hand(x, w, b):
    """The parts with every expectation written out."""
    wx, z = x @ w.T, x @ w.T + b
    v = w - w.mean()
    second = x.T @ x / len(x)
    product = w.shape[1] * w.var() * (x**2).mean()
    spread = np.mean([u @ second @ u for u in v])
    whole = np.mean([u @ second @ u for u in w])
    return {
        "product": product,
        "correlation": spread - product,
        "mean": whole - spread - wx.mean() ** 2,
        "bias": b.var() + 2 * np.mean((b - b.mean()) * (wx.mean(axis=0) - wx.mean())),
    }, z.var()


def test_the_parts_are_those_written_out_and_add_up_to_the_variance(trained):
    images = trained.split.standardize(trained.split.validation_images, torch.float64)
    passed = trained.network.passing(images)
    measured = trained.measure([VARIANCE_PARTS])
    both = trained.measure()["preactivation_variance"]
    for layer, (taken, output) in enumerate(passed):
        for run in range(2):
            w, b = trained.weights[layer][run].numpy(), trained.network.bias(layer)[run].numpy()
            parts, variance = by_hand(taken[run].numpy(), w, b)
            assert np.allclose(output[run].numpy(), taken[run].numpy() @ w.T + b)
            for part in PARTS:
                value = measured[f"variance_{part}"][run, layer].item()
                assert value == pytest.approx(parts[part], rel=1e-9, abs=1e-12 * variance), part
            total = sum(measured[f"variance_{part}"][run, layer].item() for part in PARTS)
            assert total == pytest.approx(variance, rel=1e-10)
            assert total == pytest.approx(both[run, layer].item(), rel=1e-10)
            assert abs(parts["correlation"]) > 0.01 * variance  # there is something to split


def test_before_training_independent_weights_give_nearly_all_of_it():
    settings = Settings(widths=(64, 512, 512, 10))
    stack = Stack([Run(0, "one", 0, settings)], split(data.load("digits")))
    parts = stack.measure([VARIANCE_PARTS])
    whole = sum(parts[f"variance_{part}"] for part in PARTS)
    share = parts["variance_product"] / whole
    assert torch.allclose(share[:, :2], torch.ones(1, 2, dtype=share.dtype), atol=0.1)
    assert not parts["variance_bias"].abs().gt(1e-6).any()


def test_convolutions_are_refused():
    settings = Settings(model="lenet5", widths=(1, 3, 4, 6, 5, 10), activation="tanh")
    stack = Stack([Run(0, "one", 0, settings)], split(data.load("digits")))
    with pytest.raises(ValueError, match=r"those of linear layers, got weights \(3, 1, 5, 5\)"):
        stack.measure([VARIANCE_PARTS])
