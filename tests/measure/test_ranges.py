"""The range of a layer's weights against NumPy, and what a curve's bound is."""

import math

import numpy as np
import pytest
import torch

from companion.measure.declare import View
from companion.measure.ranges import RANGES, TAIL
from companion.training.many_runs import Stack
from companion.training.settings import Run, Settings
from tests.references import tiny


def stack(**changes):
    settings = Settings(
        widths=(tiny.INPUTS, 7, tiny.CLASSES), batch_size=8, epochs=1, gain=0.5, **changes
    )
    return Stack([Run(k, "x", k, settings) for k in range(2)], tiny.split(), torch.float64)


def test_edges_and_quantiles_are_numpys():
    made = stack()
    found = RANGES(made.view())
    for layer, weights in enumerate(made.weights):
        for run, w in enumerate(weights.numpy()):
            wanted = {
                "weight_least": w.min(),
                "weight_lower": np.quantile(w, TAIL),
                "weight_upper": np.quantile(w, 1 - TAIL),
                "weight_most": w.max(),
            }
            for name, value in wanted.items():
                assert found[name][run, layer].item() == pytest.approx(value, rel=1e-12), name
    assert found["weight_bound"].tolist() == [[0.0, 0.0]] * 2


def test_the_quantiles_of_normal_weights_are_three_sigma_out():
    """3.0902 standard deviations; the standard error of a quantile is sqrt(p (1 - p) / n) over the
    density there."""
    n = 10**6
    draws = torch.randn(1, 1, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = RANGES(View(None, [draws], None, curves=[None]))
    place = 3.0902
    density = math.exp(-(place**2) / 2) / math.sqrt(2 * math.pi)
    error = 5 * math.sqrt(TAIL * (1 - TAIL) / n) / density
    assert found["weight_upper"].item() == pytest.approx(place, abs=error)
    assert found["weight_lower"].item() == pytest.approx(-place, abs=error)


@pytest.mark.parametrize(
    ("kind", "bound"), [("arctan", 2 * math.pi / 2), ("erf", 2.0), ("arsinh", 0.0)]
)
def test_the_bound_is_that_of_the_curve(kind, bound):
    found = RANGES(stack(parametrization=kind, compander_a=2.0).view())
    assert found["weight_bound"].flatten().tolist() == pytest.approx([bound] * 4)
    if bound:
        assert (found["weight_most"] < found["weight_bound"]).all()


def test_a_learned_a_below_zero_bounds_as_its_size_does():
    made = stack(parametrization="arctan", compander_learn="fine")
    for curve, _ in made.network.bent:
        curve.a.data.neg_()
    found = RANGES(made.view())
    assert found["weight_bound"].flatten().tolist() == pytest.approx([math.pi / 2] * 4)
