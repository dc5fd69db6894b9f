"""Weight norm's theory: exact laws, and random directions within five standard errors."""

import itertools
import math

import numpy as np
import pytest

from companion.theory import weight_norm

DRAWS = 20_000


def directions(random, kind, rows, inputs, draws=DRAWS):
    """[draws, rows, inputs] of unit rows, independent or orthogonal."""
    noise = random.standard_normal((draws, rows, inputs))
    if kind == "gaussian":
        return noise / np.linalg.norm(noise, axis=2, keepdims=True)
    q, r = np.linalg.qr(np.swapaxes(noise, 1, 2))
    signs = np.sign(np.diagonal(r, axis1=1, axis2=2))
    return np.swapaxes(q * signs[:, None, :], 1, 2)


def close(values, expected):
    """The mean lies within five standard errors."""
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    assert error < 0.05 * expected  # a test that could fail
    assert abs(np.mean(values) - expected) < 5 * error


@pytest.mark.parametrize("n", [*range(2, 30), 151, 500])
def test_k_n_is_one_for_every_n(n):
    assert weight_norm.k_n(n) == pytest.approx(1, rel=1e-11)
    assert weight_norm.k_n(n, higher=False) < 1 - 0.4 / n


@pytest.mark.parametrize("kind", weight_norm.DIRECTIONS)
@pytest.mark.parametrize(("inputs", "outputs"), [(2, 2), (7, 3), (12, 12)])
def test_theorem_1_holds_at_small_widths_and_its_variance_is_exact(kind, inputs, outputs):
    random = np.random.default_rng(0)
    x = random.standard_normal(inputs)  # any fixed one
    r = weight_norm.length("forward", inputs, outputs)
    h = np.maximum(r * directions(random, kind, outputs, inputs) @ x, 0)
    found = (h**2).sum(axis=1) / (x @ x)
    close(found, 1.0)
    expected = weight_norm.factor_variance(kind, inputs, outputs)
    close((found - 1) ** 2, expected)


@pytest.mark.parametrize("kind", weight_norm.DIRECTIONS)
def test_theorem_2_holds_for_fair_masks(kind):
    random = np.random.default_rng(1)
    delta = random.standard_normal(5)
    mask = random.integers(0, 2, (DRAWS, 9))
    back = math.sqrt(2) * mask * np.einsum("drn,r->dn", directions(random, kind, 5, 9), delta)
    close((back**2).sum(axis=1), delta @ delta)


def test_lengths_through_layers_of_changing_width():
    random = np.random.default_rng(2)
    widths = [12, 30, 7, 18]
    for rule in weight_norm.RULES:
        h = np.tile(random.standard_normal(12), (DRAWS, 1))
        first = (h**2).sum(axis=1)
        delta = random.standard_normal((DRAWS, 18))
        layers, masks = [], []
        for a, b in itertools.pairwise(widths):
            w = weight_norm.length(rule, a, b) * directions(random, "gaussian", b, a)
            z = np.einsum("doi,di->do", w, h)
            h = np.maximum(z, 0)
            layers.append(w)
            masks.append(z > 0)
        close((h**2).sum(axis=1) / first, weight_norm.signal_lengths(widths, rule)[-1] ** 2)
        last = (delta**2).sum(axis=1)
        for w, mask in zip(reversed(layers), reversed(masks), strict=True):
            delta = np.einsum("doi,do->di", w, delta * mask)
        close((delta**2).sum(axis=1) / last, weight_norm.gradient_lengths(widths, rule)[0] ** 2)


def test_the_forward_rules_gradient_telescopes_and_the_backward_rules_signal_too():
    widths = [40, 250, 31, 160, 90]
    gradients = weight_norm.gradient_lengths(widths, "forward")
    assert gradients**2 == pytest.approx(np.array(widths) / 90)
    signals = weight_norm.signal_lengths(widths, "backward")
    assert signals**2 == pytest.approx(np.array(widths) / 40)
    assert weight_norm.gradient_lengths(widths, "backward") == pytest.approx(np.ones(5))


@pytest.mark.parametrize("blocks", [1, 4, 40])
def test_a_residual_stage_stays_in_its_band(blocks):
    """Theorem 3: the last layer of each block has gain 1 / sqrt B."""
    low, high = weight_norm.stage_bounds()
    assert low <= weight_norm.residual_length([blocks]) < high
    random, width, draws = np.random.default_rng(3), 10, 4_000
    h = random.standard_normal((draws, width))
    first = (h**2).sum(axis=1)
    for _ in range(blocks):
        first_u, last_u = (directions(random, "gaussian", width, width, draws) for _ in range(2))
        inside = np.maximum(np.einsum("doi,di->do", math.sqrt(2) * first_u, h), 0)
        h = h + np.einsum("doi,di->do", last_u / math.sqrt(blocks), inside)
    close((h**2).sum(axis=1) / first, weight_norm.residual_length([blocks]) ** 2)


def test_stages_multiply_and_three_reach_twice_the_papers_band():
    assert weight_norm.residual_length([6, 6, 6]) == pytest.approx(
        weight_norm.residual_length([6]) ** 3
    )
    assert weight_norm.residual_length([6, 6, 6]) > 2 * math.sqrt(math.e)
    assert weight_norm.stage_bounds(3)[1] == pytest.approx(math.e**1.5)


def test_what_data_dependent_initialization_settles_at():
    """A batch through wide layers whose units are standardised over it."""
    random, width, batch, layers = np.random.default_rng(4), 600, 400, 14
    h, lengths = random.standard_normal((batch, width)), []
    for _ in range(layers):
        u = random.standard_normal((width, width))
        t = h @ (u / np.linalg.norm(u, axis=1, keepdims=True)).T
        lengths.append(1 / t.std(axis=0))
        h = np.maximum((t - t.mean(axis=0)) / t.std(axis=0), 0)
    found = np.mean([(one**2).mean() for one in lengths[6:]])
    # correlations between images leave a few percent at this width and batch
    assert found == pytest.approx(weight_norm.DATA_LENGTH**2, rel=0.05)
    assert pytest.approx(weight_norm.DATA_LENGTH**2 / 2) == weight_norm.DATA_GRADIENT
    assert abs(found - 2) > 0.7  # not the forward rule's


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    ("size", "kernel", "padding", "dilation"),
    [(9, 3, 1, 1), (8, 5, 0, 1), (11, 3, 2, 2), (7, 4, 3, 1)],
)
def test_reads_counts_the_outputs_of_each_input(size, kernel, padding, dilation, stride):
    import torch

    image = torch.zeros(1, 1, size, requires_grad=True)
    out = torch.nn.functional.conv1d(
        image, torch.ones(1, 1, kernel), None, stride, padding, dilation
    )
    (counts,) = torch.autograd.grad(out.sum(), image)
    found = weight_norm.reads(size, kernel, stride, padding, dilation)
    assert found == pytest.approx(counts.mean().item())


def test_zero_padding_costs_two_percent_and_stride_two_half():
    whole = (weight_norm.reads(32, 3, padding=1) / 3) ** 2
    assert math.sqrt(whole) == pytest.approx(0.979, abs=5e-4)
    halved = (weight_norm.reads(32, 3, stride=2, padding=1) / 3) ** 2
    assert math.sqrt(halved) == pytest.approx(0.49, abs=5e-3)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: weight_norm.length("both", 3, 4), "rule must be one of forward, backward, one"),
        (lambda: weight_norm.length("one", 0, 4), "fan_in must be finite and > 0, got 0"),
        (lambda: weight_norm.length("one", 1, 4, -1), "gain must be finite and > 0, got -1"),
        (lambda: weight_norm.k_n(1), "n must be >= 2, got 1"),
        (lambda: weight_norm.factor_variance("wide", 3, 3), "directions must be one of gaussian"),
        (
            lambda: weight_norm.factor_variance("gaussian", 0, 3),
            "fan_in must be finite and >= 1, got 0",
        ),
        (lambda: weight_norm.factor_variance("orthogonal", 3, 4), "at most the 3 inputs, got 4"),
        (lambda: weight_norm.residual_length([3, 0]), r"at least one block, got \[3, 0\]"),
        (lambda: weight_norm.reads(4, 3, stride=0), "stride must be >= 1, got 0"),
        (lambda: weight_norm.reads(4, 7), "got 7 taps for 4; pad more"),
    ],
)
def test_refusals(call, match):
    with pytest.raises(ValueError, match=match):
        call()
