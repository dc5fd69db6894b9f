"""The book's explorables and plates say what their records say."""

import re

import numpy as np
import pytest

from companion.display import gallery, plates
from companion.evidence import records
from companion.evidence.arms import label
from companion.experiments import scale_grid

MLP = "weight-rescaling-mlp-cifar10-jpeg-book"


@pytest.fixture(scope="module")
def grid():
    return records.recorded("scale-grid-digits-book")


@pytest.fixture(scope="module")
def explorable(grid):
    return gallery.width_gain_period(grid)


@pytest.fixture(scope="module")
def mlp():
    return records.recorded(MLP)


def test_every_cell_shows_its_own_runs(grid, explorable):
    last = grid.epochs[grid.epochs["epoch"] == grid.epochs["epoch"].max()]
    means = last.astype({"test_accuracy": float}).groupby("arm")["test_accuracy"].mean()
    cells = {
        (w, g, p): scale_grid.arm_name(width, gain, period)
        for w, width in enumerate(scale_grid.WIDTHS)
        for g, gain in enumerate(scale_grid.GAINS)
        for p, period in enumerate(scale_grid.PERIODS)
    }
    assert set(explorable.grid) == set(cells)
    for cell, arm in cells.items():
        point = explorable.grid[cell]
        assert f"test accuracy {100 * means[arm]:.1f} %" in point.caption
        assert point.curves["accuracy"][0].y[-1] == pytest.approx(100 * means[arm], abs=1e-4)


def test_a_curve_stops_where_a_run_explodes(grid, explorable):
    gain = scale_grid.GAINS.index(3.0)
    std = explorable.grid[2, gain, 0].curves["std"][1]
    assert "the weights exploded" in explorable.grid[2, gain, 0].caption
    assert np.isnan(std.y[-1])
    drawn = [y for y in std.y if not np.isnan(y)]
    assert all(gallery.STD_LIMITS[0] <= y <= gallery.STD_LIMITS[1] for y in drawn)


def test_the_prediction_is_the_initial_sigma(explorable):
    theory, measured = explorable.grid[2, 3, 0].curves["std"][:2]
    assert theory.role == "theory"
    assert theory.y == pytest.approx([(2 / 64) ** 0.5] * len(theory.y))
    # ten runs of a 64 x 64 layer: the std of a mean of ten stds is sigma / sqrt(2 * 4096 * 10)
    assert measured.y[0] == pytest.approx(theory.y[0], rel=5 / (2 * 4096 * 10) ** 0.5)


def test_held_weights_are_shown_beside_those_left_alone(explorable):
    held = explorable.grid[2, 3, 1].curves["accuracy"]
    assert [curve.role for curve in held] == ["data", "reference"]
    assert held[1].y == explorable.grid[2, 3, 0].curves["accuracy"][0].y


@pytest.mark.parametrize(
    "plate",
    [
        plates.weights_before_and_after,
        plates.test_accuracy,
        plates.generalization_error,
        plates.preactivation_variance,
    ],
)
def test_a_plate_says_what_it_shows_and_where_it_comes_from(mlp, plate):
    shown = plate(mlp)
    assert re.search(r"\d\.\d", shown.alt)
    assert mlp.label() in shown.caption
    assert "<svg" in shown.html()


def test_the_alt_text_names_every_arm_with_its_number(mlp):
    alt = plates.generalization_error(mlp).alt
    last = mlp.epochs[mlp.epochs["epoch"] == 100]
    for arm, rows in last.groupby("arm"):
        error = (rows["test_loss"] - rows["train_loss"]).mean()
        assert f"{label(arm)} {error:.2f}" in alt


def test_the_weight_std_plate_draws_any_layers_table(mlp):
    shown = plates.weight_std(mlp.layers, caption="a caption")
    assert shown.caption == "a caption"
    assert "for none" in shown.alt
    assert "for WR" in shown.alt


def test_the_tables_carry_the_records_label(mlp):
    assert mlp.label() in plates.results(mlp, "I").caption
    html = plates.mann_whitney(mlp, "II").to_html()
    assert mlp.label() in html
    assert html.count("none and") == 2
