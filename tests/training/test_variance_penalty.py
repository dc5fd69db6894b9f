"""The variance penalty: its value, its gradient, and what it does to a layer."""

from dataclasses import replace

import pytest
import torch

from companion import models
from companion.methods.initialization import initialize_, scalable_layers
from companion.training import one_run
from companion.training.settings import Run, Settings
from companion.training.variance_penalty import VarianceTerm, penalty, sigma
from tests.references import tiny

ONE = Settings(variance_penalty=0.7)
XAVIER = Settings(variance_penalty=3.0, scheme="xavier", gain=0.5)
LENET = ("lenet5", (2, 3, 4, 8, 8, 3), "relu", "none", 0.0)


def test_the_value_is_that_of_the_formula():
    """Two layers with 3 and 0.5 times sigma: (9 - 1)^2 + (1 / 4 - 1)^2."""
    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Linear(5, 4)).double()
    for layer, factor in zip(model, (3, 0.5), strict=True):
        weight = layer.weight.detach()
        unit = (weight - weight.mean()) / weight.std(correction=0)
        layer.weight.data = 2 + factor * sigma(weight, ONE) * unit
    assert penalty(model, ONE).item() == pytest.approx(8**2 + 0.75**2, rel=1e-12)


@pytest.mark.parametrize(
    "settings",
    [(ONE,), (ONE, ONE), (ONE, XAVIER), (Settings(), XAVIER, Settings(scheme="constant"), ONE)],
    ids=["alone", "equal", "different", "some"],
)
def test_the_gradient_is_autograds(settings):
    """Layer by layer of a convolutional network, added to a gradient that is there already."""
    runs = [Run(k, "an arm", k, each) for k, each in enumerate(settings)]
    networks = [models.build(*LENET).double() for _ in runs]
    for run, network in zip(runs, networks, strict=True):
        initialize_(network, "kaiming", 1.0, run.seed)
        if run.settings.variance_penalty:
            (run.settings.variance_penalty * penalty(network, run.settings)).backward()
    for layers in zip(*(scalable_layers(network) for network in networks), strict=True):
        weights = [layer.weight for _, layer in layers]
        wanted = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        stacked = torch.stack([w.detach() for w in weights])
        start = torch.linspace(-1, 1, stacked.numel()).double().view_as(stacked)
        gradient = start.clone()
        VarianceTerm(stacked, runs)(gradient, stacked)
        torch.testing.assert_close(gradient - start, torch.stack(wanted), rtol=1e-9, atol=1e-12)
        assert layers[0][1].bias.grad is None


def test_it_leaves_the_mean_alone_and_points_along_what_is_left():
    weight = torch.randn(1, 4, 6, dtype=torch.float64) * 5 + 2
    gradient = torch.zeros_like(weight)
    VarianceTerm(weight, [Run(0, "an arm", 0, ONE)])(gradient, weight)
    centred = weight - weight.mean()
    assert gradient.sum().item() == pytest.approx(0, abs=1e-9)
    ratio = gradient / centred
    torch.testing.assert_close(ratio, ratio[0, 0, 0].expand_as(ratio))
    assert ratio.min() > 0  # Var > sigma^2: a step downhill shrinks


def test_a_strong_penalty_holds_the_initial_scale():
    """20 epochs at a large rate: without it the last layer grows, with it none does."""
    base = Settings(widths=(tiny.INPUTS, 16, tiny.CLASSES), learning_rate=0.1, epochs=20)
    grown = {}
    for kappa in (0.0, 10.0):
        _, rows = one_run.train(replace(base, variance_penalty=kappa), tiny.split())
        target = torch.tensor([(2 / fan_in) ** 0.5 for fan_in in base.widths[:-1]])
        grown[kappa] = torch.tensor(rows[-1]["weight_std"]) / target
    assert grown[0.0][-1] > 1.4
    torch.testing.assert_close(grown[10.0], torch.ones(2), rtol=0.05, atol=0)


@pytest.mark.parametrize(("kappa", "stays"), [(90.0, True), (100.0, False)])
def test_sgd_stays_at_the_target_up_to_the_stated_strength(kappa, stays):
    """Ten outputs, gain sqrt 2, rate 0.1, momentum 0.9: 95 is the limit. No other loss pulls."""
    layer = torch.nn.Linear(16, 10, bias=False).double()
    centred = layer.weight.detach() - layer.weight.detach().mean()
    layer.weight.data = centred / centred.std(correction=0) * 1.0001 * sigma(layer.weight, ONE)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    for _ in range(300):
        optimizer.zero_grad()
        (kappa * penalty(layer, ONE)).backward()
        optimizer.step()
    away = abs(layer.weight.std(correction=0).item() / sigma(layer.weight, ONE) - 1)
    assert away < 1e-6 if stays else not away < 1e-2
