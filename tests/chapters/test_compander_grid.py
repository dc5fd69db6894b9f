"""Chapter 4's page on the grid of a and b: runs that are one, cells, searches, ranges, guards."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from companion.chapters.compander import (
    cells,
    dial,
    grid_conclusions,
    grid_explorable,
    grid_figures,
    reach_figures,
)
from companion.chapters.compander.experiments import grid, reach
from companion.evidence import claims, records
from companion.methods.parametrizations.compander import CUT


@pytest.fixture(scope="module")
def record():
    return records.recorded("compander-grid-digits-book")


@pytest.fixture(scope="module")
def ranges():
    return records.recorded("compander-range-digits-book")


# --- b is a learning rate ------------------------------------------------------------------------


@pytest.mark.parametrize("b", [0.25, 2.0])
def test_runs_that_differ_by_a_power_of_two_are_the_same_to_the_last_bit(b):
    for law, one, other in (
        ("w", {"rate": 0.04 * b**2, "decay_w": 1e-2}, {"rate": 0.04, "decay_w": 1e-2}),
        ("v", {"rate": 0.04 * b**2, "decay_v": 1e-2 / b**2}, {"rate": 0.04, "decay_v": 1e-2}),
        (
            "adam",
            {"rate": 1e-3 * b, "optimizer": "adam", "eps": 1e-8 / b},
            {"rate": 1e-3, "optimizer": "adam", "eps": 1e-8},
        ),
    ):
        assert dial.apart(dial.trained(b, **one), dial.trained(1.0, **other)) == 0, law


def test_for_another_b_they_are_the_same_but_for_roundings():
    one = dial.trained(0.6, rate=0.02 * 0.36, decay_w=1e-2)
    assert dial.apart(one, dial.trained(1.0, rate=0.02, decay_w=1e-2)) < 1e-13


def test_a_law_for_the_wrong_decay_is_no_law():
    one = dial.trained(0.5, rate=0.02, decay_v=1e-2)
    assert dial.apart(one, dial.trained(1.0, rate=0.08, decay_v=1e-2)) > 1e-3


def test_another_optimizer_is_refused():
    with pytest.raises(ValueError, match="optimizer must be sgd or adam, got 'lion'; use one"):
        dial.trained(1.0, rate=0.1, optimizer="lion")


# --- the grid ------------------------------------------------------------------------------------


def test_the_grid_is_the_papers_with_two_small_a_besides():
    found = grid.pairs()
    assert [pair for pair in found if pair[0] in grid.VALUES] == [
        (a, b) for a in grid.VALUES for b in grid.VALUES
    ]
    small = [pair for pair in found if pair[0] in grid.SMALL]
    factors = [(a / b) ** 2 for a, b in small]
    assert factors == pytest.approx([*grid.SMALL_FACTORS] * len(grid.SMALL))
    assert {grid.cell(a, b) for a, b in found} < set(grid.MLP.arms)


def test_a_plain_networks_weights_alone_are_faster():
    for factor in grid.FACTORS:
        own = grid.MLP.arms[grid.straight(factor)].settings
        assert own.learning_rate * own.rate_factor(("bias", "hidden")) == pytest.approx(0.01)
        assert own.learning_rate * own.rate_factor(("weight", "hidden")) == pytest.approx(
            0.01 * factor
        )


def test_the_small_start_has_the_spread_of_cut_weights():
    """E[min(|z|, c)^2] against a million draws: five standard errors."""
    sigma, n = math.sqrt(2 / 64), 10**6
    draws = sigma * torch.randn(n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    limit = CUT * math.pi / 2 * min(grid.SMALL)
    squares = draws.clamp(-limit, limit).square()
    error = 5 * float(squares.std()) / math.sqrt(n)
    wanted = (grid.low_gain(grid.PLAIN) / 8) ** 2
    assert float(squares.mean()) == pytest.approx(wanted, abs=error)


def test_a_plain_networks_mean_step_is_its_rate(record):
    steps = cells.mean_steps(record)
    for factor in grid.FACTORS:
        assert steps[grid.straight(factor)] == pytest.approx(factor)
    found = cells.table(record)
    assert (found["step"] < found["nominal"]).all()
    widest = found[found["a"] == 1.0]
    assert (widest["step"] > 0.9 * widest["nominal"]).all()


def test_a_gap_at_a_plain_rate_is_the_paired_difference(record):
    values = cells.accuracies(record)
    found = cells.gaps(record, "nominal").cells.set_index("arm")
    for a, b, factor in ((1.0, 0.5, 4.0), (0.5, 1.0, 0.25), (0.7, 0.7, 1.0), (0.1, 0.1, 1.0)):
        by_hand = values[grid.cell(a, b)] - values[grid.straight(factor)]
        assert found.loc[grid.cell(a, b), "gap"] == pytest.approx(by_hand.mean(), abs=1e-9)


def test_cells_beyond_the_plain_rates_have_no_gap(record):
    arms = set(cells.gaps(record, "nominal").cells["arm"])
    assert grid.cell(0.1, 0.025) not in arms
    assert len(arms) == len(grid.pairs()) - 2
    kept = cells.gaps(record, "nominal", least=0.5).cells
    assert kept["a"].min() == 0.5


def test_what_is_left_is_the_share_of_the_variance(record):
    found = cells.gaps(record, "step", least=0.5)
    table = cells.table(record)
    spread = table[table["a"] >= 0.5]["accuracy"].to_numpy()
    by_hand = np.mean(found.cells["gap"] ** 2) / np.mean((spread - spread.mean()) ** 2)
    assert found.left == pytest.approx(by_hand)


def test_another_axis_is_refused(record):
    with pytest.raises(ValueError, match="axis must be nominal or step, got 'b'; use one"):
        cells.gaps(record, "b")


def test_the_spline_of_a_mean_is_the_mean_of_the_splines():
    values = torch.rand(5, 6, generator=torch.Generator().manual_seed(0)).numpy()
    at = math.log(0.7)
    assert cells.spline(values)(at).mean() == pytest.approx(cells.spline(values.mean(0))(at))
    nodes = cells.spline(values)(np.log(grid.FACTORS))
    np.testing.assert_allclose(nodes, values, atol=1e-12)


def test_a_search_takes_the_best_of_its_own_seed(record):
    found = cells.searches(record)
    rows = record.epochs[record.epochs["epoch"] == record.epochs["epoch"].max()]
    one = found.iloc[3]
    mine = rows[(rows["seed"] == one["seed"]) & rows["arm"].str.startswith("a ")]
    mine = mine[~mine["arm"].str.startswith(("a 0.1", "a 0.2"))]
    assert len(mine) == 36
    best = mine.loc[mine["arm"] == one["arm"], "validation_accuracy"].iloc[0]
    assert best == mine["validation_accuracy"].max()
    values = cells.accuracies(record)[one["arm"]]
    others = values.drop(one["seed"])
    assert one["elsewhere"] == pytest.approx(others.mean())


# --- the range of weights ------------------------------------------------------------------------


def test_no_weight_leaves_its_bound_and_quantiles_lie_within(ranges):
    rows = ranges.layers
    bound = rows[rows["weight_bound"] > 0]
    assert set(bound["arm"]) == {"wc", "tight"}
    assert (bound["weight_most"] <= bound["weight_bound"]).all()
    assert (-bound["weight_least"] <= bound["weight_bound"]).all()
    ordered = rows[[*reach_figures.EDGES]].diff(axis=1).iloc[:, 1:]
    assert (ordered >= 0).all(axis=None)
    wide = bound[bound["arm"] == "wc"]["weight_bound"]
    assert wide.unique() == pytest.approx(reach.A * math.pi / 2)


def test_twin_and_curve_start_with_one_range(ranges):
    start = reach_figures.edges(ranges, layer=1).xs(0, level="epoch")
    assert start.loc["none"][[*reach_figures.EDGES]].equals(
        start.loc["twin"][[*reach_figures.EDGES]]
    )


# --- words, figures ------------------------------------------------------------------------------


def test_the_pages_words_stand_under_guard(record, ranges):
    grid_conclusions.check_laws()
    grid_conclusions.check_grid(record)
    grid_conclusions.check_small(record)
    grid_conclusions.check_reach(ranges)
    grid_conclusions.check_shapes(ranges)


def test_a_grid_that_does_not_fold_up_stops_the_build(record, monkeypatch):
    real = cells.gaps

    def worse(*arguments):
        return dataclasses.replace(real(*arguments), left=0.4)

    monkeypatch.setattr(cells, "gaps", worse)
    with pytest.raises(claims.Unsupported, match="36 cells over the learning rate"):
        grid_conclusions.check_grid(record)


def test_a_curve_that_lets_weights_grow_stops_the_build(ranges, monkeypatch):
    real = reach_figures.edges
    monkeypatch.setattr(
        reach_figures, "edges", lambda *given, **named: real(*given, **named).mul(1.0).abs() * 0 + 1
    )
    with pytest.raises(claims.Unsupported, match="more than doubles"):
        grid_conclusions.check_reach(ranges)


def test_figures_and_the_explorable_say_what_they_show(record, ranges):
    shown = grid_figures.redrawn(record)
    assert "at a = 1, b = 0.5" in shown.alt
    assert "of the variance of the cells" in shown.alt
    assert "WC, a = 0.2: -0.3" in reach_figures.ranges(ranges).alt
    made = grid_explorable.explore(record)
    assert made.grid[made.start].caption.startswith("a = 1, σ/a = 0.18 at the start")
    assert made.grid[(0,)].caption.startswith("a = 0.1, σ/a = 1.77 at the start")
    for point in made.grid.values():
        assert [curve.label for curve in point.curves["b"] if curve.role == "data"] == [
            point.caption.partition(",")[0]
        ]
        labels = [curve.label for curve in point.curves["step"]]
        assert labels[:2] == ["plain", "plain, small start"]
