"""Chapter 0's page on normalization: statistics, lag, invariances, ties and shifts by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from companion.chapters.toolbox import norm_figures, normalization


@pytest.mark.parametrize("batch", [2, 16, 128])
def test_a_batchs_statistics_scatter_as_the_closed_form_says(batch):
    """Standard deviations over 2,000 batches and 64 units: their relative error is at most
    sqrt((k - 1) / (4 n)) with k = 9 for the heaviest unit, were units copies of one."""
    found, expected = (
        np.array(normalization.batch_statistics(batch)),
        np.array(normalization.expected_statistics(batch)),
    )
    np.testing.assert_allclose(found, expected, rtol=5 * np.sqrt(8 / (4 * 2000)))


def test_the_closed_form_of_the_variance_is_that_of_two_coins():
    """Values of -1 and 1 have k = 1; two of them have variance 0 or 1, each half of the time."""
    n, k = 2, 1.0
    assert np.sqrt((n - 1) * ((n - 1) * k - n + 3) / n**3) == pytest.approx(0.5)


def test_torchs_running_mean_forgets_a_tenth_a_batch():
    np.testing.assert_allclose(normalization.lag(44), 0.9 ** np.arange(45), rtol=1e-12)
    np.testing.assert_allclose(normalization.lag(5, 0.5), 0.5 ** np.arange(6), rtol=1e-12)


def test_ours_is_torchs():
    z = torch.randn(6, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    batch = nn.BatchNorm1d(8, affine=False).double().train()
    torch.testing.assert_close(normalization.normalized(z, "batch"), batch(z))
    layer = nn.LayerNorm(8, elementwise_affine=False).double()
    torch.testing.assert_close(normalization.normalized(z, "layer"), layer(z))


def test_layer_norm_ties_units_by_the_formula_and_batch_norm_images():
    """(delta_ij - (1 + y_i y_j) / n) / s, along the axis that is averaged."""
    z = torch.randn(6, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for kind, axis in (("layer", 1), ("batch", 0)):
        along = z[0] if axis == 1 else z[:, 0]
        y = (
            normalization.normalized(z, kind)[0]
            if axis == 1
            else normalization.normalized(z, kind)[:, 0]
        )
        first = torch.zeros(len(y), dtype=torch.float64)
        first[0] = 1
        scale = (along.var(correction=0) + 1e-5).sqrt()
        expected = (first - (1 + y[0] * y) / len(y)) / scale
        slopes = normalization.ties(kind)
        mine = slopes[0] if axis == 1 else slopes[:, 0]
        torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-5)
        assert slopes.abs().sum() == pytest.approx(float(mine.abs().sum()))


def test_what_shares_a_mean_is_what_the_drawing_colours():
    """Changing every coloured value by one number changes none of the coloured outputs."""
    z = torch.randn(5, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for kind in ("batch", "layer"):
        shared = torch.from_numpy(norm_figures.averaged(kind))
        moved = torch.where(shared, z + 3, z)
        before, after = (normalization.normalized(one, kind) for one in (z, moved))
        torch.testing.assert_close(before[shared], after[shared])


def test_a_batch_of_one_is_refused_by_torch_and_constant_by_the_formula():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        nn.BatchNorm1d(4).train()(torch.randn(1, 4))
    assert normalization.normalized(torch.randn(1, 4), "batch").abs().max() == 0


@pytest.mark.parametrize("kind", normalization.KINDS)
def test_a_shift_is_that_of_two_networks_side_by_side(kind):
    """One step of two copies, of which one has the layers below as they are after it."""
    rate, batch = 0.1, normalization._batches(0, 1)[0]
    old, new = (normalization._model(kind, 0).float() for _ in range(2))
    loss = normalization._step(new, torch.optim.SGD(new.parameters(), lr=rate), batch)
    assert loss > 0
    found = normalization.shifts.__wrapped__(kind, rate, steps=1, every=1, seeds=1)
    images, labels = normalization.images().float(), normalization.split().train_labels
    for layer in range(1, len(old.layers)):
        mixed = normalization._model(kind, 0).float()
        for k in range(layer):
            mixed.layers[k].load_state_dict(new.layers[k].state_dict())
            mixed.normalizations[k].load_state_dict(new.normalizations[k].state_dict())
        slopes, means = [], []
        for model in (old, mixed):
            model.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            slopes.append(model.layers[layer].weight.grad.clone())
            z = images
            for k in range(layer):
                z = model.normalizations[k](model.layers[k](z)).relu()
            means.append((z.detach().mean(0), z.detach().std(0)))
        change = (slopes[1] - slopes[0]).norm() / slopes[0].norm()
        assert found["gradient"][0, layer - 1] == pytest.approx(float(change), rel=1e-3)
        (one, spread), (two, _) = means
        alive = spread > 1e-3
        drift = ((two - one) / spread)[alive].square().mean().sqrt()
        assert found["input"][0, layer - 1] == pytest.approx(float(drift), rel=1e-2)


def test_fresh_statistics_are_those_of_the_training_images():
    model = normalization._model("batch", 0).float()
    fresh = normalization._fresh(model)
    with torch.no_grad():
        z = model.layers[0](normalization.images().float())
    torch.testing.assert_close(
        fresh.normalizations[0].running_mean, z.mean(0), atol=1e-5, rtol=1e-4
    )
    assert model.normalizations[0].running_mean.abs().max() == 0


def test_company_matters_to_batch_norm_in_training_mode_alone():
    found = {kind: normalization.company(kind) for kind in ("batch", "layer")}
    assert found["batch"]["sorted"] < 0.5 < found["batch"]["mixed"] < 1
    assert len(set(found["layer"].values())) == 1
    assert found["batch"]["evaluation"] > 0.95


def test_figures_say_what_they_show():
    assert "one unit, or one channel at all its places" in norm_figures.axes_drawn().alt
    assert "0.71 for 2 images" in norm_figures.batches().alt
    assert norm_figures.tied().alt == (
        "batch norm: 6 of 48 outputs move; layer norm: 8 of 48 outputs move."
    )
    assert "gradient, batch norm: 0.3" in norm_figures.shifts().alt
