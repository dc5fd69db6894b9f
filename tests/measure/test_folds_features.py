"""Folds of the images kept aside add up; features are what their formulas say."""

import numpy as np
import pytest
import torch

from companion.measure import catalogue, features, folds
from companion.measure.accuracy import PARTS
from companion.training.many_runs import Stack
from companion.training.settings import Run, Settings
from tests.references import tiny

BASE = Settings(widths=(tiny.INPUTS, 6, tiny.CLASSES), learning_rate=0.05)


def stack(**own) -> Stack:
    made = [Run(k, "an arm", k, Settings(**(BASE.as_dict() | own))) for k in range(3)]
    return Stack(made, tiny.split(), torch.float64)


def test_folds_are_the_images_kept_aside_each_once():
    """Weighted by their images, their mean is that of validation and test images together."""
    measured = stack()
    found = measured.measure((folds.KEPT_ASIDE,))
    split = measured.split
    whole = catalogue.measure(measured.view(), catalogue.EACH_EPOCH)
    counts = {part: len(getattr(split, f"{part}_labels")) for part in PARTS}
    total = counts["validation"] + counts["test"]
    sizes = [len(range(k, total, folds.FOLDS)) for k in range(folds.FOLDS)]
    for what in ("loss", "accuracy"):
        mine = sum(n * found[f"fold_{k + 1}_{what}"] for k, n in enumerate(sizes)) / total
        theirs = (
            sum(counts[part] * whole[f"{part}_{what}"] for part in ("validation", "test")) / total
        )
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)


def test_class_share_is_one_less_what_is_left_within_classes():
    random = torch.Generator().manual_seed(0)
    signal = torch.randn(2, 60, 5, generator=random).double()
    labels = torch.arange(60) % 4
    within = torch.stack([signal[:, labels == c].var(1, correction=0) for c in range(4)]).mean(0)
    expected = (1 - within / signal.var(1, correction=0)).mean(1)
    torch.testing.assert_close(features.class_share(signal, labels, 4), expected)


def test_correlation_is_numpys_and_a_dead_unit_counts_as_none():
    signal = torch.randn(1, 40, 4, generator=torch.Generator().manual_seed(1)).double()
    sizes = np.abs(np.corrcoef(signal[0].T.numpy()))
    expected = (sizes.sum() - 4) / 12
    assert features.correlation(signal).item() == pytest.approx(expected)
    signal[..., 0] = 3.0
    rest = sizes[1:, 1:]
    assert features.correlation(signal).item() == pytest.approx((rest.sum() - 3) / 12)
    assert features.class_share(signal[..., :1], torch.arange(40) % 2, 2).item() == 0


def test_half_of_equal_units_say_what_all_say():
    """Pairs of equal units whose partners are both kept or both dropped change nothing; here all
    units are equal, so that each half, doubled, gives the same logits."""
    made = stack()
    made.weights[0].copy_(made.weights[0][:, :1].expand_as(made.weights[0]))
    made.weights[1].copy_(made.weights[1][:, :, :1].expand_as(made.weights[1]))
    found = features.features(made.view())
    whole = made.measure(catalogue.EACH_EPOCH)["validation_accuracy"]
    torch.testing.assert_close(found["half_accuracy"], whole)
    assert found["unit_correlation"].tolist() == pytest.approx([1.0] * 3)
