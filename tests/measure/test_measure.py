"""Measures against float64 NumPy: statistics, histograms, losses, whatever the batch."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import models, streams
from companion.measure import accuracy, catalogue, companding, evaluation, signals
from companion.measure.declare import View
from companion.measure.weights import weight_histogram, weight_statistics
from companion.methods.initialization import scalable_layers
from companion.training.many_runs import Stack
from companion.training.settings import Run, Settings
from tests.references import mlp as reference
from tests.references import tiny

law = settings(deadline=None, max_examples=40)
RUNS, UNITS, INPUTS, CLASSES = 3, 5, 18, 3


def stack_of_weights(runs=RUNS, out=UNITS, fan_in=INPUTS, seed=0, dtype=torch.float64):
    noise = streams.normal(range(seed, seed + runs), "w", 0, out * fan_in, dtype=dtype)
    return noise.view(runs, out, fan_in) * 0.3 + 0.1


def two_layers(images):
    """Two linear layers of three runs; the weights are those of `layer_weights`."""
    first, second = layer_weights()
    hidden = torch.einsum("nf,rhf->rnh", images.flatten(1).double(), first)
    logits = torch.einsum("rnh,rch->rnc", hidden, second)
    found = [signals.moments(value, dim=(1, 2)) for value in (hidden, logits)]
    return logits, torch.stack(found, dim=1)


def layer_weights():
    return stack_of_weights(), stack_of_weights(out=CLASSES, fan_in=UNITS, seed=9)


# --- weights ---------------------------------------------------------------------------------


def test_weight_statistics_are_numpys_with_the_population_std():
    weights = layer_weights()
    ours = weight_statistics(weights)
    for layer, weight in enumerate(weights):
        for run, w in enumerate(weight.numpy()):
            assert ours["weight_mean"][run, layer].item() == pytest.approx(w.mean())
            assert ours["weight_std"][run, layer].item() == pytest.approx(w.std(ddof=0))
            norms = [math.sqrt(sum(value**2 for value in unit)) for unit in w]
            assert ours["weight_norm"][run, layer].item() == pytest.approx(np.mean(norms))
    assert all(value.shape == (RUNS, 2) for value in ours.values())


def test_weight_statistics_gather_float32_weights_in_float64():
    weight = stack_of_weights(1, 64, 3072, dtype=torch.float32)
    ours = weight_statistics([weight])
    exact = weight.double().numpy()
    assert ours["weight_mean"].dtype == torch.float64
    assert ours["weight_mean"].item() == pytest.approx(exact.mean(), rel=1e-12)
    assert ours["weight_std"].item() == pytest.approx(exact.std(), rel=1e-12)


def test_the_norm_of_a_convolution_unit_is_that_of_its_whole_kernel():
    kernels = stack_of_weights(2, 4, 18).view(2, 4, 2, 3, 3)
    flat = weight_statistics([kernels.flatten(2)])
    assert torch.equal(weight_statistics([kernels])["weight_norm"], flat["weight_norm"])


@law
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(2, 90), st.floats(1e-6, 1e6))
def test_a_histogram_is_numpys_and_counts_every_weight(seed, runs, bins, size):
    weight = stack_of_weights(runs, 7, 11, seed) * size
    counts, edges = weight_histogram(weight, bins)
    assert counts.shape == (runs, bins)
    assert edges.shape == (runs, bins + 1)
    assert counts.sum(dim=1).tolist() == [77] * runs
    for run in range(runs):
        flat = weight[run].flatten().numpy()
        assert edges[run, -1].item() == np.abs(flat).max() == -edges[run, 0].item()
        np.testing.assert_allclose(edges[run], -edges[run].flip(0), atol=1e-12 * size)
        assert counts[run].tolist() == np.histogram(flat, edges[run].numpy())[0].tolist()


def test_the_largest_weight_is_in_the_last_bin_and_its_negative_in_the_first():
    counts, _ = weight_histogram(torch.tensor([[[-2.0, 2.0, 0.1]]]), 4)
    assert counts.tolist() == [[1, 0, 1, 1]]


def test_weights_that_are_all_0_are_counted():
    counts, edges = weight_histogram(torch.zeros(1, 2, 3), 4)
    assert counts.tolist() == [[0, 0, 6, 0]]
    assert bool((edges[:, 1:] > edges[:, :-1]).all())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_histogram_of_a_diverged_run_is_empty_and_its_neighbours_are_not(value):
    weight = stack_of_weights(2)
    alone = weight_histogram(weight[1:])
    weight[0, 0, 0] = value
    counts, edges = weight_histogram(weight)
    assert not counts[0].any()
    assert (edges[0, 0].item(), edges[0, -1].item()) == (-1, 1)
    assert torch.equal(counts[1:], alone[0])
    assert torch.equal(edges[1:], alone[1])


# --- images ----------------------------------------------------------------------------------


def evaluate(batch: int, part: slice = slice(None)):
    split = tiny.split()
    images, labels = split.train_images[part], split.train_labels[part]
    standardize = lambda x: split.standardize(x, torch.float64)  # noqa: E731
    return evaluation.evaluate(two_layers, images, labels, standardize, batch), split


def test_loss_accuracy_and_variance_are_those_of_numpy():
    ours, split = evaluate(batch=1000)
    images = split.standardize(split.train_images, torch.float64).flatten(1).numpy()
    labels = split.train_labels.tolist()
    first, second = (weight.numpy() for weight in layer_weights())
    zero = [np.zeros(UNITS), np.zeros(CLASSES)]
    for run in range(RUNS):
        layers = [first[run], second[run]]
        values = [reference.preactivations(layers, zero, x, "linear") for x in images]
        losses = [reference.loss(z[-1], y) for z, y in zip(values, labels, strict=True)]
        right = [z[-1].argmax() == y for z, y in zip(values, labels, strict=True)]
        assert ours["loss"][run].item() == pytest.approx(np.mean(losses), rel=1e-12)
        assert ours["accuracy"][run].item() == pytest.approx(np.mean(right), rel=1e-12)
        for layer in range(2):
            variance = np.var([z[layer] for z in values])
            assert ours["preactivation_variance"][run, layer].item() == pytest.approx(variance)


@pytest.mark.parametrize("batch", [1, 7, 30])
def test_the_batch_changes_nothing(batch):
    ours, whole = evaluate(batch)[0], evaluate(1000)[0]
    for name, value in whole.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-12, atol=1e-12)


def test_a_large_common_value_does_not_drown_the_variance():
    def forward(images):
        spread = torch.linspace(-1, 1, len(images) * 4, dtype=torch.float64)
        logits = (1000 + spread).view(1, -1, 4).float()
        return logits, signals.moments(logits, dim=(1, 2))[:, None]

    images, labels = torch.zeros(500, 1, 2, 2, dtype=torch.uint8), torch.zeros(500).long()
    ours = evaluation.evaluate(forward, images, labels, lambda x: x.double())
    expected = forward(images)[0].double().numpy().var()
    assert ours["preactivation_variance"].item() == pytest.approx(expected, rel=1e-6)


def test_measure_names_every_column_and_measures_each_part_on_its_images():
    split = tiny.split()
    values = catalogue.measure(View(two_layers, layer_weights(), split))
    scalars = {f"{p}_{q}" for p in ("train", "validation", "test") for q in ("loss", "accuracy")}
    layers = {"weight_mean", "weight_std", "weight_norm", "preactivation_variance"}
    assert set(values) == scalars | layers
    assert all(values[name].shape == (RUNS,) for name in scalars)
    assert all(values[name].shape == (RUNS, 2) for name in layers)
    for part in ("train", "validation", "test"):
        images, labels = getattr(split, f"{part}_images"), getattr(split, f"{part}_labels")
        alone = evaluation.evaluate(
            two_layers, images, labels, lambda x: split.standardize(x, torch.float64)
        )
        assert torch.equal(values[f"{part}_loss"], alone["loss"])
        assert torch.equal(values[f"{part}_accuracy"], alone["accuracy"])
        if part == "validation":
            variance = alone["preactivation_variance"]
            assert torch.equal(values["preactivation_variance"], variance)


def test_a_sample_is_of_the_first_images_of_every_part(monkeypatch):
    monkeypatch.setattr(accuracy, "SAMPLE", 5)
    split = tiny.split()
    few = {
        f"{part}_{what}": getattr(split, f"{part}_{what}")[:5]
        for part in ("train", "validation", "test")
        for what in ("images", "labels")
    }
    view = View(two_layers, layer_weights(), split)
    whole = accuracy.ACCURACY(view)  # kept apart from the sample
    ours = accuracy.SAMPLED(view)
    alone = accuracy.ACCURACY(View(two_layers, layer_weights(), dataclasses.replace(split, **few)))
    assert set(ours) == {f"{part}_accuracy" for part in ("train", "validation", "test")}
    assert all(torch.equal(ours[name], alone[name]) for name in ours)
    assert any(not torch.equal(ours[name], whole[name]) for name in ours)


def test_the_training_part_is_measured_on_its_first_images(monkeypatch):
    monkeypatch.setattr(evaluation, "TRAIN_IMAGES", 7)
    split = tiny.split()
    first = dataclasses.replace(
        split, train_images=split.train_images[:7], train_labels=split.train_labels[:7]
    )
    ours = catalogue.measure(View(two_layers, layer_weights(), split))
    assert torch.equal(
        ours["train_loss"],
        catalogue.measure(View(two_layers, layer_weights(), first))["train_loss"],
    )
    assert torch.equal(ours["train_loss"], evaluate(1000, slice(0, 7))[0]["loss"])


@pytest.mark.parametrize("name", ["mlp", "lenet5", "resnet18"])
def test_one_model_is_watched_at_its_linear_and_convolution_layers(name):
    widths = {
        "mlp": (18, 5, 3), "lenet5": (2, 3, 4, 6, 5, 3), "resnet18": (2, 3, 4, 4, 5, 3)
    }[name]  # fmt: skip
    model = models.build(name, widths, "tanh", "batch").double().eval()
    images = tiny.split().standardize(tiny.split().test_images, torch.float64)
    seen = []
    for _, layer in scalable_layers(model):
        layer.register_forward_hook(lambda _m, _i, out: seen.append(out.detach().numpy()))
    with torch.no_grad():
        logits, found = signals.watched(model, images)
    order = sorted(range(len(found)), key=lambda k: found[k, 1].item())
    by_size = sorted(seen, key=lambda value: np.square(value).mean())
    assert torch.equal(logits, model(images))
    assert len(found) == len(list(scalable_layers(model)))
    for k, value in zip(order, by_size, strict=False):
        assert found[k].tolist() == pytest.approx([value.mean(), np.square(value).mean()])
    assert not any(layer._forward_hooks for layer in model.modules() if layer is model)


def test_a_diverged_run_is_nan_and_its_neighbours_are_not():
    split = tiny.split()

    def forward(images):
        logits, found = two_layers(images)
        logits[1] = math.nan
        return logits, found

    def standardize(images):
        return split.standardize(images, torch.float64)

    arguments = (split.test_images, split.test_labels, standardize)
    ours, sound = (
        evaluation.evaluate(forward, *arguments),
        evaluation.evaluate(two_layers, *arguments),
    )
    assert ours["loss"].isnan().tolist() == [False, True, False]
    assert 0 <= ours["accuracy"][1] <= 1
    for run in (0, 2):
        assert ours["loss"][run] == sound["loss"][run]
        assert ours["accuracy"][run] == sound["accuracy"][run]


# --- curves and shapes -------------------------------------------------------------------------


def bent_stack(**changes):
    settings = Settings(
        widths=(tiny.INPUTS, 7, tiny.CLASSES), batch_size=8, epochs=1, gain=0.5, **changes
    )
    return Stack([Run(k, "x", k, settings) for k in range(2)], tiny.split(), torch.float64)


@pytest.mark.parametrize("dropout", [0.0, 0.1], ids=["by hand", "autograd"])
def test_the_step_factor_of_arctan_is_the_fourth_power_of_a_cosine(dropout):
    stack = bent_stack(parametrization="arctan", compander_a=1.0, compander_b=0.5, dropout=dropout)
    found = companding.curves(stack.view())
    for layer, weight in enumerate(stack.weights):
        expected = 4 * torch.cos(weight).pow(4).flatten(1).mean(1)
        torch.testing.assert_close(found["step_factor"][:, layer], expected)
    assert found["curve_a"].tolist() == [[1.0, 1.0]] * 2
    assert found["curve_b"].tolist() == [[0.5, 0.5]] * 2


def test_without_a_curve_a_step_is_a_step():
    found = companding.curves(bent_stack().view())
    assert found["step_factor"].tolist() == [[1.0, 1.0]] * 2
    assert found["curve_a"].tolist() == [[0.0, 0.0]] * 2


def test_the_shape_of_normal_and_of_uniform_weights():
    """Kurtosis 3 and 9/5; |w| below rms/10: erf(.1/sqrt 2) and .1/sqrt 3. Standard errors: of the
    kurtosis sqrt(24/n) for a normal, and of a share sqrt(p (1 - p)/n)."""
    n = 10**6
    generator = torch.Generator().manual_seed(0)
    normal = 0.1 * torch.randn(1, 1, n, generator=generator, dtype=torch.float64)
    uniform = 0.1 * (2 * torch.rand(1, 1, n, generator=generator, dtype=torch.float64) - 1)
    found = companding.shapes(View(None, [normal, uniform], None))
    shares = [math.erf(0.1 / math.sqrt(2)), 0.1 / math.sqrt(3)]
    small = [math.erf(0.1 / math.sqrt(2)), 0.1]
    for layer in (0, 1):
        kurtosis = float(found["weight_kurtosis"][0, layer])
        assert kurtosis == pytest.approx((3, 1.8)[layer], abs=5 * math.sqrt(24 / n))
        near = float(found["weight_near_zero"][0, layer])
        error = 5 * math.sqrt(shares[layer] * (1 - shares[layer]) / n)
        assert near == pytest.approx(shares[layer], abs=error)
        share = float(found["weight_small"][0, layer])
        assert share == pytest.approx(small[layer], abs=5 * math.sqrt(0.1 / n))
