"""Overlaps of residual branches with what they are given, against drawn networks."""

import itertools
import math

import numpy as np
import pytest

from companion.theory import overlap, weight_norm


def unit_rows(rng, draws, rows, columns):
    noise = rng.standard_normal((draws, rows, columns))
    return noise / np.linalg.norm(noise, axis=2, keepdims=True)


def cosine(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize("width", [2, 5, 40])
def test_a_linear_end_is_fair_at_any_width(width):
    """Two layers, the second linear; mean of cos and of its square, within five standard errors."""
    rng, draws = np.random.default_rng(width), 4000
    u = rng.standard_normal(width)
    inner = np.maximum(unit_rows(rng, draws, 8, width) @ u, 0)
    f = np.einsum("nij,nj->ni", unit_rows(rng, draws, width, 8), inner)
    alive = inner.any(axis=1)
    cos = cosine(f[alive], np.broadcast_to(u, f[alive].shape))
    for values, mean in ((cos, 0.0), (cos**2, overlap.deviation(width) ** 2)):
        assert abs(values.mean() - mean) < 5 * values.std() / math.sqrt(len(values))


def test_a_relu_at_the_end_is_not():
    """Wide layers, so that a cosine is its mean within some 1 / sqrt(width)."""
    rng, width = np.random.default_rng(0), 1000
    u = np.maximum(rng.standard_normal((20, width)), 0)
    f = np.maximum(np.einsum("nij,nj->ni", unit_rows(rng, 20, width, width), u), 0)
    cos = cosine(u, f)
    assert abs(cos.mean() - overlap.RELU) < 5 * cos.std(ddof=1) / math.sqrt(20) + 2 / width
    flat = cosine(np.ones_like(f), f)
    assert abs(flat.mean() - overlap.RELU_MOST) < 5 * flat.std(ddof=1) / math.sqrt(20) + 2 / width


def test_sums_of_relus_grow_between_the_two_overlaps():
    """Forty blocks that end in a ReLU: the first overlap is the smaller, the last the larger."""
    rng, width, blocks = np.random.default_rng(1), 300, 40
    h = np.maximum(rng.standard_normal(width), 0)
    first = np.linalg.norm(h)
    for _ in range(blocks):
        f = np.maximum(unit_rows(rng, 1, width, width)[0] @ h, 0)
        h = h + f * math.sqrt(2 / blocks)
    grown = np.linalg.norm(h) / first
    assert overlap.length(blocks, overlap.RELU) < grown
    assert grown < overlap.length(blocks, overlap.RELU_MOST)


def test_no_overlap_is_theorem_3_and_another_has_no_bound():
    for blocks in (1, 7, 40):
        assert overlap.length(blocks) == pytest.approx(weight_norm.residual_length([blocks]))
    lengths = [overlap.length(blocks, overlap.RELU) for blocks in (100, 400, 1600)]
    assert all(b > 10 * a for a, b in itertools.pairwise(lengths))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: overlap.deviation(0), "width must be finite and >= 1, got 0"),
        (lambda: overlap.length(0), r"needs blocks >= 1 .* got 0 and 0\.0"),
        (lambda: overlap.length(3, 1.5), r"an overlap in \[-1, 1\], got 3 and 1\.5"),
    ],
)
def test_refusals(call, match):
    with pytest.raises(ValueError, match=match):
        call()
