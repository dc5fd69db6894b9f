"""Input spans and generalized-Gaussian shapes, against NumPy, scipy and networks made for it."""

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn

from companion import data, streams
from companion.measure import geometry, span
from companion.measure.declare import View
from companion.training.many_runs import Stack
from companion.training.settings import Run, Settings
from companion.training.stacked_module import StackedModule
from tests.references import tiny

# --- shapes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.7, 1.0, 2.0, 5.0])
def test_the_shape_of_known_draws_lies_within_its_error(beta):
    """Over 200 samples z = (found - beta) / error has mean 0 and standard deviation 1, within five
    standard errors of each; of the mean also the estimator's bias, of the order of 1 / n."""
    random = np.random.default_rng(3)
    draws = torch.from_numpy(scipy.stats.gennorm.rvs(beta, size=(200, 4000), random_state=random))
    found, error = geometry.shape([draws])[:, 0], geometry.shape_error([draws])[:, 0]
    z = ((found - beta) / error).numpy()
    assert abs(z.mean()) < 5 / np.sqrt(200) + 0.1
    assert abs(z.std() - 1) < 5 / np.sqrt(2 * 200)


def test_moments_agree_with_the_maximum_of_the_likelihood():
    draws = scipy.stats.gennorm.rvs(1.3, size=4000, random_state=np.random.default_rng(5))
    fitted, _, _ = scipy.stats.gennorm.fit(draws, floc=draws.mean())
    sample = [torch.from_numpy(draws)[None]]
    found, error = geometry.shape(sample).item(), geometry.shape_error(sample).item()
    assert abs(found - fitted) < 3 * error  # the likelihood's own error is smaller


def test_a_shape_beyond_its_range_has_no_error():
    ends = [torch.tensor([[-1.0, 1.0, -1.0, 1.0]])]  # two points: no tails at all
    assert geometry.shape(ends).item() == pytest.approx(geometry.SHAPES[1])
    assert geometry.shape_error(ends).isnan().all()
    equal = [torch.ones(1, 5)]
    assert geometry.shape(equal).isnan().all()
    assert geometry.shape_error(equal).isnan().all()


# --- covariances -----------------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 1, 1), (2, 1, 1), (2, 0, 2)])
def test_patches_times_kernels_are_the_convolution(stride, padding, dilation):
    conv = nn.Conv2d(3, 4, 3, stride, padding, dilation, bias=False).double()
    images = streams.normal(0, "images", 0, 2 * 5 * 3 * 49, dtype=torch.float64)
    images = images.view(2, 5, 3, 7, 7)
    parts = ("kernel_size", "stride", "padding", "dilation")
    fold = {part: getattr(conv, part) for part in parts}
    rows = span.patches(images, fold)
    for run in range(2):
        expected = conv(images[run]).flatten(2).transpose(1, 2).flatten(0, 1)
        torch.testing.assert_close(rows[run] @ conv.weight.flatten(1).T, expected)


def test_a_covariance_in_batches_is_numpys():
    """Beside a mean a hundred thousand times as large."""
    rows = streams.normal((0, 1), "rows", 0, 70 * 4, dtype=torch.float64).view(2, 70, 4) + 1e5
    found = span.Covariance()
    for some in rows.split(16, dim=1):
        found.add(some)
    for run in range(2):
        expected = np.cov(rows[run].numpy().T, bias=True)
        np.testing.assert_allclose(found.matrix[run], expected, rtol=1e-8, atol=1e-9)


def test_no_rows_have_no_covariance():
    with pytest.raises(ValueError, match=r"at least one row, got none; add some first"):
        _ = span.Covariance().matrix


def test_directions_by_hand():
    values = torch.tensor([[6.0, 3.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    assert span.directions(values, 0.2).tolist() == [2, 4]
    assert span.directions(values, 0.05).tolist() == [3, 4]
    assert span.directions(values, 0.999).tolist() == [1, 1]


# --- spans -----------------------------------------------------------------------------------


def made_view():
    """One linear layer whose 6 inputs vary in 2 directions, and weights along and across them."""
    basis = torch.linalg.qr(streams.normal(0, "basis", 0, 36, dtype=torch.float64).view(6, 6))[0]
    rows = streams.normal(0, "rows", 0, 400, dtype=torch.float64).view(200, 2)
    inputs = (rows * torch.tensor([3.0, 1.0])) @ basis[:, :2].T + 5.0
    weight = 3 * basis[:, :1].T + 4 * basis[:, 3:4].T

    class Made:
        train_images = torch.zeros(200, 1)

        def standardize(self, images, dtype):
            return images

    taken = iter(inputs.split(100))
    view = View(
        None, [weight[None]], Made(), folds=lambda: [None],
        passing=lambda images: [(next(taken)[None], None)],
    )  # fmt: skip
    return view, inputs, weight


def test_weights_in_the_span_and_outside_it_by_hand():
    view, inputs, weight = made_view()
    found = span.SPAN(view)
    assert found["span_directions"].item() == 2
    assert found["outside_share"].item() == pytest.approx(16 / 25)
    (values, vectors), *_ = span.spans(view)
    assert values[0, 2:].max() < 1e-10
    turned = weight @ vectors[0]
    assert turned.norm().item() == pytest.approx(5)
    assert found["span_shape"].item() == pytest.approx(geometry.shape([turned[None]]).item())
    inner = span.inside(weight[None], (values, vectors))[0]
    assert inner.norm().item() == pytest.approx(3)
    before, after = (inputs @ w.T for w in (weight, inner))
    torch.testing.assert_close(before - before.mean(), after - after.mean())


def test_training_moves_nothing_outside_the_span_but_by_decay():
    """Pixels that never vary leave their weights where they were, or where decay takes them."""
    split = data.split(data.load("digits"))
    base = Settings(widths=(64, 12, 10), normalization="batch", learning_rate=0.05, epochs=1)
    shrinking = Settings(**{**base.as_dict(), "weight_decay": 0.1, "momentum": 0.0})
    still = split.train_images.float().std(dim=0).flatten() == 0
    assert still.any()
    for settings in (base, shrinking):
        stack = Stack([Run(0, "a", 0, settings)], split)
        before = stack.weights[0].clone()
        stack.train_epoch()
        kept = (1 - settings.learning_rate * settings.weight_decay) ** stack.steps
        after = stack.weights[0]
        torch.testing.assert_close(after[..., still], kept * before[..., still], atol=1e-7, rtol=0)
        assert not torch.allclose(after[..., ~still], kept * before[..., ~still], atol=1e-3)


def net(normalization="batch", **changed):
    parts = {"model": "convnet", "widths": (2, 4, 5, 3), "normalization": normalization}
    settings = Settings(**parts, batch_size=8, epochs=1, **changed)
    return Stack([Run(k, "a", k, settings) for k in range(2)], tiny.split(), torch.float64)


def test_what_lies_outside_the_span_is_not_missed():
    """A channel that is never on gives nine directions of no variance at all: without them no
    output changes. The network stays as it is."""
    stack = net()
    stack.network.trained["features.1.bias"][:, 0] = -50.0
    before = [tensor.clone() for tensor in stack.network.state]
    view = stack.view()
    images = stack.split.standardize(stack.split.train_images, torch.float64)
    found = span.spans(view)
    assert (span.directions(found[1][0], 1e-12) <= 36 - 9).all()
    pairs = zip(view.weights, found, strict=True)
    full = [span.inside(weight, one, share=1e-12) for weight, one in pairs]
    assert not torch.allclose(full[1], view.weights[1])
    torch.testing.assert_close(view.trial(full, images), view.trial(view.weights, images))
    found = span.INSIDE(view)
    logits = view.trial(view.weights, stack.split.standardize(stack.split.test_images).double())
    right = (logits.argmax(-1) == stack.split.test_labels).double().mean(1)
    torch.testing.assert_close(found["batch_accuracy"], right)
    for tensor, old in zip(stack.network.state, before, strict=True):
        assert torch.equal(tensor, old)


def test_a_trial_is_the_network_in_training_without_dropout():
    stack = net()
    images = stack.split.standardize(stack.split.train_images, torch.float64)
    doubled = [2 * weight for weight in stack.weights]
    found = stack.view().trial(doubled, images)
    model = stack.network.model
    for r in range(2):
        state = {n: p[r] for n, p in stack.network.trained.items()}
        for name in stack.network.layers:
            state[f"{name}.weight"] = 2 * state[f"{name}.weight"]
        model.load_state_dict(state, strict=False)
        model.train()
        torch.testing.assert_close(found[r], model(images).detach())


def test_a_stack_measures_spans_of_every_layer():
    stack = net()
    found = stack.measure((span.SPAN, geometry.SHAPE))
    assert {tuple(values.shape) for values in found.values()} == {(2, 3)}
    assert (found["span_directions"] <= torch.tensor([18.0, 36.0, 5.0])).all()
    assert found["outside_share"].max() < 1


def test_networks_without_batch_norm_have_no_trial():
    message = r"need a network whose batch norm takes a batch's own statistics, got none; take this"
    plain = Settings(widths=(tiny.INPUTS, 7, tiny.CLASSES), batch_size=8)
    for stack in (net("layer"), Stack([Run(0, "a", 0, plain)], tiny.split())):
        with pytest.raises(ValueError, match=message):
            span.INSIDE(stack.view())


def test_convolutions_in_groups_have_no_patches_of_one_kind(monkeypatch):
    stack = net()
    assert isinstance(stack.network, StackedModule)
    monkeypatch.setattr(stack.network.model.features[3], "groups", 2)
    with pytest.raises(ValueError, match=r"got 2 groups in layer features.3; leave its spans out"):
        span.SPAN(stack.view())
