"""The book's explorables and plates say what their records say."""

import gzip
import hashlib
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from companion import streams
from companion.chapters.rescaling import explorables, figures
from companion.chapters.rescaling.experiments import scale_grid
from companion.chapters.rescaling.experiments.mlp import MLP
from companion.chapters.variance_propagation import explorables as depth
from companion.display.explorables.curves import inside
from companion.evidence import readings, records
from companion.methods import initialization
from companion.theory import scale

NAME = "weight-rescaling-mlp-cifar10-jpeg-full"
BUNDLE = Path(__file__).parents[2] / "book" / "vendor" / "explorable"


@pytest.fixture(scope="module")
def grid():
    return records.recorded("scale-grid-digits-book")


@pytest.fixture(scope="module")
def explorable(grid):
    return explorables.width_gain_period(grid)


@pytest.fixture(scope="module")
def mlp():
    return records.recorded(NAME)


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
        runs = 100 * last.loc[last["arm"] == arm, "test_accuracy"].astype(float)
        *each, mean = [c for c in point.curves["accuracy"] if c.role != "reference"]
        assert mean.y[-1] == pytest.approx(100 * means[arm], abs=1e-4)
        learned = int((runs > explorables.LEARNED).sum())
        if learned in (0, len(runs)):
            assert f"test accuracy {100 * means[arm]:.1f} %" in point.caption
            assert not each
        else:
            assert f"{learned} of {len(runs)} runs learned" in point.caption
            ends = [curve.y[-1] for curve in each]
            assert sorted(ends) == pytest.approx(sorted(runs), abs=0.05)  # drawn to a tenth


def test_a_curve_stops_where_a_run_explodes(grid, explorable):
    gain = scale_grid.GAINS.index(3.0)
    std = explorable.grid[2, gain, 0].curves["std"][1]
    assert "the weights exploded" in explorable.grid[2, gain, 0].caption
    assert np.isnan(std.y[-1])
    drawn = [y for y in std.y if not np.isnan(y)]
    assert all(explorables.STD_LIMITS[0] <= y <= explorables.STD_LIMITS[1] for y in drawn)


def test_the_prediction_is_the_initial_sigma(explorable):
    theory, measured = explorable.grid[2, scale_grid.GAINS.index(1.0), 0].curves["std"][:2]
    assert theory.role == "theory"
    assert theory.y == pytest.approx([(2 / 64) ** 0.5] * len(theory.y))
    # twenty runs of a 64 x 64 layer: the std of their mean std is sigma / sqrt(2 * 4096 * 20)
    assert measured.y[0] == pytest.approx(theory.y[0], rel=5 / (2 * 4096 * 20) ** 0.5)


def test_held_weights_are_shown_beside_those_left_alone(explorable):
    held = explorable.grid[2, 2, 1].curves["accuracy"]
    assert [curve.role for curve in held] == ["data", "reference"]
    assert held[1].y == explorable.grid[2, 2, 0].curves["accuracy"][0].y


def test_the_map_shows_the_final_accuracy_of_every_setting(grid, explorable):
    shown = explorables.scale_map(grid)
    last = grid.epochs[grid.epochs["epoch"] == grid.epochs["epoch"].max()]
    means = last.astype({"test_accuracy": float}).groupby("arm")["test_accuracy"].mean()
    heat = shown.heat(shown.panels[0], (1, 0, 0))
    for p, period in enumerate(scale_grid.PERIODS):
        for g, gain in enumerate(scale_grid.GAINS):
            mean = means[scale_grid.arm_name(scale_grid.WIDTHS[1], gain, period)]
            assert heat[p][g] == pytest.approx(100 * mean, abs=1e-4)
    assert [shown.grid[cell].caption for cell in shown.grid] == [
        explorable.grid[cell].caption for cell in shown.grid
    ]
    assert shown.note == explorable.note == f"{grid.label()}."


def test_each_layer_shows_its_own_weight_std(mlp):
    shown = explorables.weight_std_by_layer(mlp)
    arms = list(mlp.provenance["arms"])
    assert shown.controls[0].values == tuple(MLP.arms[arm].label for arm in arms)
    rows = mlp.layers.astype({"weight_std": float})
    for a, arm in enumerate(arms):
        point = shown.grid[a,]
        for layer, fan_in in ((1, 3072), (2, 64), (3, 32)):
            theory_line, mean, *rest = point.curves[f"layer-{layer}"]
            assert theory_line.y == pytest.approx([math.sqrt(2 / fan_in)] * 2)
            mine = rows[(rows["arm"] == arm) & (rows["layer"] == layer)]
            expected = mine.groupby("epoch")["weight_std"].mean()
            assert mean.x == tuple(expected.index)
            assert mean.y == pytest.approx(expected.to_numpy())
            assert all(
                low <= y <= high for low, y, high in zip(mean.low, mean.y, mean.high, strict=True)
            )
            assert [(c.label, c.role) for c in rest] == [("none", "reference")] * (arm != "none")
            growth = readings.growth(mlp.layers, arm, "weight_std", layer).mean
            assert f"{growth:.2f}" in point.caption
        ends = mlp.epochs[(mlp.epochs["arm"] == arm) & (mlp.epochs["epoch"] == 100)]
        assert f"ends at {100 * ends['test_accuracy'].mean():.1f} %" in point.caption
    assert shown.note == f"{mlp.label()}."


def test_the_histograms_are_densities_in_units_of_the_initial_sigma(mlp):
    shown = explorables.weights_before_and_after(mlp)
    runs = mlp.histograms["run"].nunique() // len(mlp.provenance["arms"])
    for a, arm in enumerate(mlp.provenance["arms"]):
        for layer, weights in ((1, 3072 * 64), (2, 64 * 32), (3, 320)):
            before, after = shown.grid[a,].curves[f"layer-{layer}"]
            family = MLP.arms[arm].family
            assert (before.label, after.label, after.family) == ("before", "after", family)
            width = np.diff(before.edges)
            middle = np.array(before.edges[:-1]) + width / 2
            share = np.array(before.density) * width
            assert 0.995 < share.sum() <= 1 + 1e-9
            # five standard errors of the std of that many normal numbers; a bin rounds up a little
            error = 5 / math.sqrt(2 * weights * runs)
            assert math.sqrt((share * middle**2).sum()) == pytest.approx(1, abs=error + 0.02)
            growth = readings.growth(mlp.layers, arm, "weight_std", layer).mean
            share = np.array(after.density) * width
            spread = math.sqrt((share * middle**2).sum() - (share * middle).sum() ** 2)
            assert spread == pytest.approx(growth, rel=0.1)


@pytest.fixture(scope="module")
def signals():
    return depth.signal_rms()


def test_the_signal_is_that_of_a_plain_forward_pass(signals):
    seed, gain = 3, 1.2
    signal = streams.normal(seed, "inputs", 0, depth.INPUTS * depth.WIDTH).double()
    signal = signal.view(depth.INPUTS, depth.WIDTH)
    sizes = [float(signal.square().mean().sqrt())]
    for layer in range(1, depth.DEPTH + 1):
        weight = torch.empty(depth.WIDTH, depth.WIDTH)
        drawn = initialization.draw(seed, layer, weight, gain=gain * 2**0.5)
        signal = (signal @ drawn.double().T).clamp(min=0)
        sizes.append(float(signal.square().mean().sqrt()))
    assert signals[gain, False][seed] == pytest.approx(np.array(sizes) / sizes[0], rel=1e-3)


def test_the_signal_follows_the_theory(signals):
    assert depth.predicted(1.1) == pytest.approx(1.1 ** np.arange(depth.DEPTH + 1))
    # A layer multiplies the mean square by a factor of mean 1 and variance 5 / width, so log rms
    # has mean and variance of 5 / (4 width) a layer, the mean downwards.
    drift = 5 * depth.DEPTH / (4 * depth.WIDTH)
    for gain in depth.GAINS:
        logs = np.log(signals[gain, False][:, -1] / gain**depth.DEPTH)
        assert logs.mean() == pytest.approx(-drift, abs=5 * math.sqrt(drift / depth.NETWORKS))


def test_rescaling_holds_the_signal_whatever_the_gain(signals):
    # The std of n weights has a standard error of 1 / sqrt(2 n): at gain 1 there is that to mend.
    error = math.sqrt(depth.DEPTH / (2 * depth.WIDTH**2))
    logs = np.log(signals[1.0, True][:, -1] / signals[1.0, False][:, -1])
    assert np.abs(logs).max() < 5 * error
    # WR keeps the mean of the weights, so what is held still knows a little of the gain.
    for gain in depth.GAINS:
        assert abs(np.log(signals[gain, True][:, -1]).mean()) < math.log(3)


def test_the_hero_explodes_dies_and_is_held(signals):
    shown = depth.hero()
    at = {gain: i for i, gain in enumerate(depth.GAINS)}
    for gain, held, fate in (
        (1.2, 0, "It explodes."),
        (0.8, 0, "It dies."),
        (1.0, 0, "It lives."),
        (2.0, 1, "It lives."),
    ):
        point = shown.grid[at[gain], held]
        assert point.caption.endswith(fate)
        curves = point.curves["signal"]
        prediction, measured = (c for c in curves if c.role != "context")
        assert prediction.role == "theory"
        assert prediction.y[1] == pytest.approx(1 if held else gain)
        mean = np.exp(np.log(signals[gain, bool(held)]).mean(axis=0))
        kept = [(y, m) for y, m in zip(measured.y, mean, strict=True) if not math.isnan(y)]
        assert all(y == pytest.approx(m) for y, m in kept)
        fan = {c.label: c.y[1] for c in curves if c.role == "context"}
        assert fan == {
            f"gain {g:g}": pytest.approx(np.exp(np.log(signals[g, False][:, 1]).mean()))
            for g in depth.GAINS
        }
    lost = shown.grid[at[2.0], 0].curves["signal"][-1]
    assert math.isnan(lost.y[-1])  # it has left the axis
    assert scale.GAINS["relu"] == pytest.approx(2**0.5)
    factor = re.search(r"signal is ([\d.,]+) times", shown.grid[at[1.1], 0].caption)[1]
    mean = np.exp(np.log(signals[1.1, False][:, -1]).mean())
    assert float(factor) == pytest.approx(mean, rel=0.01)


def test_a_band_that_leaves_the_axis_is_cut():
    import pandas as pd

    band = pd.DataFrame({"mean": [1, 5, 20, np.nan], "low": [0, 4, 1, 1], "high": [2, 90, 30, 1]})
    curve = inside("c", band, (0.5, 10), "wr")
    assert curve.low[:2] == (0.5, 4)
    assert curve.high[:2] == (2, 10)
    assert np.isnan(curve.y[2:]).all()
    assert np.isnan(curve.low[2:]).all()
    faint = inside("c", band, (0.5, 10), "wr", faint=True)
    assert (faint.role, faint.low) == ("reference", None)


def test_the_bundle_is_built_from_its_sources():
    folder = BUNDLE.parents[1] / "explorable"
    sources = ["build.js", "package-lock.json", *sorted((folder / "src").iterdir())]
    digest = hashlib.sha256(b"".join((folder / name).read_bytes() for name in sources))
    first = (BUNDLE / "explorable.js").read_text().split("\n")[0]
    assert first == f"/* sources {digest.hexdigest()} */", "run: npm ci && npm run build"


@pytest.mark.parametrize("name", explorables.__all__)
def test_an_explorable_costs_at_most_150_kb(name):
    """Gzipped, over a plain page: script, style sheet and what stands in the page."""
    plain = "<!doctype html><title>Page</title><p>Text.</p>"
    pages = [plain + getattr(explorables, name)().html(), plain]
    full, empty = (len(gzip.compress(page.encode(), mtime=0)) for page in pages)
    bundle = sum(
        len(gzip.compress((BUNDLE / file).read_bytes(), mtime=0))
        for file in ("explorable.js", "explorable.css")
    )
    assert full - empty + bundle <= 150_000


@pytest.mark.parametrize(
    "plate",
    [
        figures.weights_before_and_after,
        lambda record: figures.test_accuracy(record, number=3),
        figures.generalization_error,
        figures.preactivation_variance,
    ],
)
def test_a_plate_says_what_it_shows_and_where_it_comes_from(mlp, plate):
    shown = plate(mlp)
    assert re.search(r"\d\.\d", shown.alt)
    assert mlp.label() in shown.caption + shown.ran
    assert "<svg" in shown.html()


def test_the_alt_text_names_every_arm_with_its_number(mlp):
    alt = figures.generalization_error(mlp).alt
    last = mlp.epochs[mlp.epochs["epoch"] == 100]
    for arm, rows in last.groupby("arm"):
        error = (rows["test_loss"] - rows["train_loss"]).mean()
        assert f"{MLP.arms[arm].label} {error:.2f}" in alt


def test_the_weight_std_plate_draws_any_layers_table(mlp):
    shown = figures.weight_std(mlp.layers, caption="a caption")
    assert shown.caption == "a caption"
    assert "for none" in shown.alt
    assert "for WR" in shown.alt


def test_the_tables_carry_the_records_label(mlp):
    assert mlp.label() in figures.results(mlp).caption
    html = figures.mann_whitney(mlp).to_html()
    assert mlp.label() in html
    assert html.count("none and") == 2


@pytest.mark.parametrize(
    "figure", [explorables.weight_std_by_layer, explorables.weights_before_and_after]
)
def test_a_figure_by_layer_refuses_a_record_of_another_network(figure):
    """Its initial sigma follows from the widths, which are fans in an MLP alone."""
    lenet = records.recorded("weight-rescaling-lenet5-cifar10-jpeg-book")
    with pytest.raises(ValueError, match=r"needs a record of MLPs, .* got one of lenet5; choose"):
        figure(lenet)
