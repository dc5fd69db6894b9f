"""The Hessian's norm, against dense eigenvalues; divergence is reported."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from companion import data
from companion.measure import curvature
from companion.measure.curvature import CHUNK, RESIDUAL, extreme, hessian
from companion.measure.declare import View
from companion.training import one_run
from companion.training.many_runs import Stack
from companion.training.settings import Run, Settings


@pytest.fixture(scope="module")
def split():
    return data.split(data.load("digits"))


def dense(model, images, labels):
    """Every parameter as one vector, autograd's Hessian of float64, its eigenvalues."""
    model = model.double().eval()
    names, values = zip(*model.named_parameters(), strict=True)
    flat = torch.cat([value.detach().reshape(-1) for value in values])

    def loss(vector):
        parts = vector.split([value.numel() for value in values])
        given = {n: p.view_as(v) for n, p, v in zip(names, parts, values, strict=True)}
        logits = torch.func.functional_call(model, given, (images.double(),))
        return nn.functional.cross_entropy(logits, labels)

    return torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, flat)).numpy()


NETWORKS = {
    "mlp": Settings(widths=(64, 7, 10)),
    "behind a curve": Settings(widths=(64, 6, 10), parametrization="arctan", compander_a=2.0),
    "weight norm": Settings(widths=(64, 6, 5, 10), parametrization="weight_norm",
                            lengths="forward"),
    "lengths from data": Settings(widths=(64, 6, 10), parametrization="weight_norm",
                                  lengths="data"),
    "batch norm": Settings(model="convnet", widths=(1, 4, 4, 10), normalization="batch"),
    "residual": Settings(model="residual", widths=(1, 2, 2, 3, 10), parametrization="weight_norm",
                         lengths="hanin"),
}  # fmt: skip


@pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS)
def test_the_norm_is_the_largest_of_the_dense_hessian(settings, split):
    """An eigenvalue lies within the residual of what is found; float32 adds its rounding."""
    share = 60 / len(split.train_labels)
    stack = Stack([Run(k, "arm", seed, settings) for k, seed in enumerate((0, 3))], split)
    found = stack.measure((hessian(share),))
    for run, seed in enumerate((0, 3)):
        model = one_run.build(settings, seed, torch.float32, torch.device("cpu"), split)
        images = split.standardize(split.train_images[:60])
        values = dense(model, images, split.train_labels[:60])
        norm = found["hessian_norm"][run].item()
        assert norm == pytest.approx(np.abs(values).max(), rel=2 * RESIDUAL)
        assert found["hessian_residual"][run] <= RESIDUAL


def quadratic(*curvatures):
    """A loss whose Hessian is diagonal."""
    h = torch.tensor(curvatures, dtype=torch.float64)

    def loss(images, labels):
        w = torch.ones(len(h), dtype=torch.float64, requires_grad=True)
        return (h * w.square()).sum() / 2, [w]

    return loss


ONE = torch.zeros(1, 1), torch.zeros(1)


def test_the_largest_may_be_negative():
    found = extreme(quadratic(1.0, -5.0, 3.0, 0.5), *ONE)
    assert found.value == pytest.approx(-5, rel=RESIDUAL)
    assert found.norm == pytest.approx(5, rel=RESIDUAL)


def test_a_hessian_of_0_has_the_norm_0():
    assert extreme(quadratic(0.0, 0.0, 0.0), *ONE) == curvature.Extreme(0.0, 0.0)


def test_chunks_are_one_loss():
    """Of more images than a chunk, the last one smaller: a mean over images, not over chunks."""
    count = CHUNK + 7
    x = torch.randn(count, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    start = torch.zeros(4, 3, dtype=torch.float64)

    def loss(images, labels):
        w = start.clone().requires_grad_()
        return nn.functional.cross_entropy(images @ w, labels), [w]

    labels = torch.arange(count) % 3
    # at w = 0 every class has p = 1/3, and H is the mean of x x^T times diag(p) - p p^T
    expected = np.linalg.eigvalsh((x.T @ x / count).numpy())[-1] / 3
    assert extreme(loss, x, labels).norm == pytest.approx(expected, rel=RESIDUAL)


def test_a_divergence_is_reported():
    found = extreme(quadratic(1.0, math.inf, 2.0), *ONE)
    assert math.isnan(found.norm)
    assert math.isnan(found.residual)


def test_what_has_not_converged_is_not_taken():
    """Ten thousand eigenvalues at even distances, and one restart for the largest."""
    h = torch.linspace(1, 2, 10_000).tolist()
    found = extreme(quadratic(*h), *ONE, steps=1)
    assert found.residual == math.inf
    assert math.isnan(found.norm)
    assert math.isnan(curvature.Extreme(3.0, 2 * RESIDUAL).norm)


def test_a_diverged_run_of_a_stack_leaves_the_others(split):
    settings = NETWORKS["weight norm"]
    stack = Stack([Run(0, "a", 0, settings), Run(1, "b", 1, settings)], split)
    alone = stack.measure((hessian(0.05),))["hessian_norm"][0]
    stack.weights  # noqa: B018  (computed, not kept)
    stack.network.parameters[0][1].fill_(math.inf)
    found = stack.measure((hessian(0.05),))
    assert found["hessian_norm"][0] == alone
    assert found["hessian_norm"][1].isnan()
    assert found["hessian_residual"][1].isnan()


def test_a_measure_of_nothing_is_refused(split):
    for bad in (None, "a", 1.5, float("nan")):
        with pytest.raises(ValueError, match=r"share must be in \(0, 1\], got"):
            curvature.hessian(bad)
    with pytest.raises(ValueError, match=r"share must be in \(0, 1\], got 0"):
        hessian(0)
    stack = Stack([Run(0, "a", 0, NETWORKS["mlp"])], split)
    blind = replace(stack.view(), differentiable=None)
    assert isinstance(blind, View)
    with pytest.raises(ValueError, match="needs a loss that can be differentiated twice"):
        hessian()(blind)
