"""Chapter 1's side pages: two inputs in random networks, depth by width, shapes of weights."""

import math

import numpy as np
import pytest

from companion.chapters.initialization import conclusions, figures, map_figures, maps, pairs
from companion.chapters.initialization.experiments import depth_width, distributions
from companion.evidence import claims, records
from companion.theory import meanfield


@pytest.fixture(scope="module")
def widths():
    return records.recorded("depth-width-relu-digits-book")


@pytest.fixture(scope="module")
def shapes():
    return records.recorded("initialization-distributions-digits-book")


@pytest.mark.parametrize("place", pairs.PLACES)
@pytest.mark.parametrize("start", pairs.STARTS)
def test_two_inputs_go_where_theory_says(place, start):
    """Five standard errors of the mean over networks, and the width's own share."""
    found = pairs.measured(place, start)
    assert found.shape == (pairs.NETWORKS, pairs.LAYERS + 1)
    error = found.std(axis=0, ddof=1) / math.sqrt(pairs.NETWORKS)
    gap = abs(found.mean(axis=0) - pairs.expected(place, start))
    assert (gap < 5 * error + 0.02).all()


def test_the_places_lie_below_on_and_above_the_edge():
    for place, sign in (("order", -1), ("edge", 0), ("chaos", 1)):
        sigma_w, sigma_b = pairs.PLACES[place]
        chi = meanfield.chi_1("tanh", meanfield.fixed_point("tanh", sigma_w, sigma_b), sigma_w)
        assert np.sign(round(chi - 1, 3)) == sign


@pytest.mark.parametrize("kind", map_figures.GAINS)
def test_a_drawn_layer_has_the_maps_variance(kind):
    dots = np.array([0.25, 1.0, 3.0])
    for gain in map_figures.GAINS[kind]:
        theory = [meanfield.variance_map(kind, float(q), gain) for q in dots]
        # the mean over 12 x 300 units of a squared normal number, whose layer's own signal
        # varies by a few percent more
        error = 5 * math.sqrt(2 / pairs.NETWORKS / pairs.WIDTH) + 0.05
        np.testing.assert_allclose(pairs.next_variances(kind, gain, dots), theory, rtol=error)


def test_a_cell_of_depth_and_width_is_its_best_rate(widths):
    cells = maps.depth_width_cells(widths)
    assert len(cells) == len(depth_width.DEPTHS) * len(depth_width.WIDTHS)
    last = widths.epochs[widths.epochs["epoch"] == 20]
    cell = cells[(cells["depth"] == 16) & (cells["width"] == 32)].iloc[0]
    means = [
        last.loc[last["arm"] == depth_width.arm_name(16, 32, rate), "test_accuracy"].mean()
        for rate in depth_width.RATES
    ]
    assert cell["accuracy"] == pytest.approx(max(means))
    assert cell["ratio"] == 0.5


def test_shapes_are_compared_at_the_rate_that_suits_the_normal_one(shapes):
    rows = maps.shape_differences(shapes)
    assert list(rows["arm"]) == [
        f"{kind}, {shape}" for kind in ("relu", "tanh") for shape in ("uniform", "truncated")
    ]
    reached = {arm: 100 * ends.mean() for arm, ends in maps.ends(shapes).items()}
    for row in rows.itertuples():
        best = max(
            distributions.RATES,
            key=lambda rate: reached[distributions.arm_name(row.activation, "normal", rate)],
        )
        one, two = (
            reached[distributions.arm_name(row.activation, shape, best)]
            for shape in (row.shape, "normal")
        )
        assert row.estimate == pytest.approx(one - two, abs=1e-3)


def test_the_side_pages_words_stand_under_guard(widths, shapes):
    conclusions.check_pairs()
    conclusions.check_depth_width(widths)
    conclusions.check_distributions(shapes)


def test_a_shape_that_made_a_difference_would_stop_the_build(shapes, monkeypatch):
    rows = maps.shape_differences(shapes).assign(differs=True)
    monkeypatch.setattr(maps, "shape_differences", lambda record: rows)
    with pytest.raises(claims.Unsupported, match="no shape differs"):
        conclusions.check_distributions(shapes)


def test_the_side_pages_figures_say_what_they_show(widths, shapes):
    assert "order, from 0.2: 0.99" in map_figures.two_inputs().alt
    assert "tanh with gain 0.7 settles at 0.00" in map_figures.variance_maps().alt
    assert "16 layers of 16: 100 %" in map_figures.depth_and_width(widths).alt
    assert "tanh, truncated" in figures.shape_results(shapes).alt
