"""Chapter 1: its records as maps, its guards, its figures and its lab."""

import math

import numpy as np
import pytest

from companion.chapters.initialization import (
    conclusions,
    errata,
    explorables,
    figures,
    lab,
    maps,
    ties,
    widths,
)
from companion.chapters.initialization.experiments import depth_gain, schemes
from companion.display.labs.settings import plan
from companion.evidence import claims, records
from companion.theory import gains
from companion.training.many_runs import Stack
from companion.training.settings import Run


@pytest.fixture(scope="module")
def tanh():
    return records.recorded("depth-gain-tanh-digits-book")


@pytest.fixture(scope="module")
def relu():
    return records.recorded("depth-gain-relu-digits-book")


@pytest.fixture(scope="module")
def cells(tanh):
    return maps.depth_gain_cells(tanh)


def test_a_cell_is_its_best_rate(tanh, cells):
    assert len(cells) == len(depth_gain.DEPTHS) * len(depth_gain.GAINS["tanh"])
    last = tanh.epochs[tanh.epochs["epoch"] == 20]
    cell = cells[(cells["depth"] == 32) & (cells["gain"] == 1.3)].iloc[0]
    means = [
        last.loc[last["arm"] == f"depth 32, gain 1.3, lr {rate:g}", "test_accuracy"].mean()
        for rate in depth_gain.RATES
    ]
    assert cell["accuracy"] == pytest.approx(max(means))
    assert cell["rate"] == depth_gain.RATES[int(np.argmax(means))]
    assert len(cell["runs"]) == 10
    assert cell["share"] == np.mean([run > 0.5 for run in cell["runs"]])


def test_depth_scales_by_hand(cells):
    """Below gain 1 tanh's variance dies, and chi_1 is gain squared."""
    row = cells[(cells["depth"] == 64) & (cells["gain"] == 0.5)].iloc[0]
    assert row["scales"] == pytest.approx(64 * math.log(4))
    assert (cells.loc[cells["gain"] == 1.0, "scales"] == 0).all()
    assert maps.chi_1("relu", 0.5) == pytest.approx(0.25)
    assert maps.chi_1("tanh", 1.0001) == pytest.approx(1, abs=2e-3)  # no jump at the edge


def test_the_border_tells_four_cells_of_five_and_another_border_fewer(cells):
    assert maps.agreement(cells) >= 0.8
    assert maps.agreement(cells, 1e9) < maps.agreement(cells)
    assert maps.agreement(cells, 1.0) < maps.agreement(cells)
    assert -1 < maps.rank_correlation(cells) < -0.7


def test_steps_to_an_accuracy(tanh):
    quick = maps.steps_to(tanh, depth_gain.arm_name(2, 1.0, 0.05))
    assert (quick % 36 == 0).all()
    assert quick.max() <= 36 * 20
    assert np.isinf(maps.steps_to(tanh, depth_gain.arm_name(64, 0.5, 0.001))).all()


def test_the_chapters_words_stand_under_guard(tanh, relu):
    conclusions.check(tanh)
    conclusions.check_relu(tanh, relu)
    conclusions.check_ties()
    conclusions.check_schemes(records.recorded("initialization-schemes-digits-book"))


def test_a_record_that_says_otherwise_stops_the_build(tanh, monkeypatch):
    lost = maps.depth_gain_cells(tanh).assign(share=0.0)
    monkeypatch.setattr(maps, "depth_gain_cells", lambda _: lost)
    with pytest.raises(claims.Unsupported, match="two layers learn at every gain"):
        conclusions.check(tanh)


def test_relu_that_learned_like_tanh_stops_the_build(tanh, relu, monkeypatch):
    real = maps.depth_gain_cells
    learned = {"relu": lambda cells: cells.assign(share=1.0), "tanh": lambda cells: cells}
    monkeypatch.setattr(
        maps, "depth_gain_cells", lambda record: learned[maps.activation(record)](real(record))
    )
    with pytest.raises(claims.Unsupported, match="and ReLU not at"):
        conclusions.check_relu(tanh, relu)


def test_units_that_start_equal_stay_equal_and_random_ones_do_not():
    assert ties.largest_difference("float64", 20)[-1] < 1e-12
    assert ties.largest_difference("float64", 20)[0] == 0
    assert ties.largest_difference("float32", 5, "kaiming")[-1] > 0.1


def test_the_products_telescope():
    """Kaiming's forward scheme: the gradient's factor is the ratio of the end widths, whatever
    lies between."""
    hidden = schemes.SHAPES["narrowing"]
    backward = widths.second_moments(hidden, "kaiming", "backward")
    assert backward[-1] == pytest.approx(hidden[-1] / hidden[0])
    forward = widths.second_moments(hidden, "kaiming_out", "forward")
    assert forward[-1] == pytest.approx(hidden[0] / hidden[-1])
    assert (widths.second_moments(hidden, "kaiming", "forward") == 1).all()


@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu", "silu", "selu", "linear"])
def test_the_labs_theory_is_the_mean_over_networks(activation):
    """The mean over 200 networks of 5 layers lies within five standard errors."""
    setup = lab._setup()
    chosen = setup.usual | {"activation": activation, "depth": 4, "width": 128, "runs": 60}
    made = plan(setup, chosen)
    from companion import data

    stack = Stack(
        [Run(k, "a", k, made.settings) for k in range(60)], data.split(data.load("digits"))
    )
    values = stack.measure()["preactivation_variance"][:, -2].numpy()
    error = values.std(ddof=1) / math.sqrt(len(values))
    expected = lab.expected_variance(made.settings)
    # the digits are no Gaussian and a width of 128 is not infinite: 15 % more
    assert values.mean() == pytest.approx(expected, abs=5 * error + 0.15 * expected)


def test_a_constant_start_has_no_expected_variance():
    setup = lab._setup()
    made = plan(setup, setup.usual | {"scheme": "constant"})
    assert math.isnan(lab.expected_variance(made.settings))


def test_the_lab_starts_at_a_recorded_cell(tmp_path):
    made = lab.initialization(tmp_path)
    assert "recorded band of depth 32, gain 1, lr 0.004" in made.figure.value
    assert made.message.value == ""
    made.controls.fields["activation"].value = "gelu"
    assert made.message.value == ""
    assert "recorded band" not in made.figure.value


def test_figures_say_what_they_show(tanh, relu):
    assert "ReLU, 64 layers: 40 % at 1." in figures.two_maps(tanh, relu).alt
    shown = figures.border(tanh)
    assert "of 63 cells 43 learned" in shown.alt.lower()
    table = figures.gains_table().data.set_index("activation")
    assert table.loc["tanh", ""] == "lore"
    assert table.loc["ReLU", ""] == "the same"
    assert float(table.loc["GELU", "exact"]) == pytest.approx(gains.exact_gain("gelu"), abs=1e-4)


def test_torchs_default_is_what_the_page_says():
    import torch

    torch.manual_seed(0)
    weights = torch.nn.Linear(512, 2048).weight
    theirs, ours = figures.default_std(512)
    assert weights.std().item() == pytest.approx(theirs, rel=0.01)
    assert ours / theirs == pytest.approx(6**0.5)


def test_the_map_names_each_run_and_counts_the_border(tanh):
    shown = explorables.depth_and_gain(tanh)
    depths, gains_ = depth_gain.DEPTHS, depth_gain.GAINS["tanh"]
    cell = shown.grid[gains_.index(0.7), depths.index(32), 3]
    assert "0 of 10 runs learned" in cell.caption
    assert "right in 90 % of the cells" in cell.caption


def test_the_calculator_says_what_the_library_says():
    from companion.methods.initialization import recommend

    shown = explorables.calculator()
    caption = shown.grid[3, 1, 1, 1].caption  # four groups
    found = recommend("conv2d", "relu", 64, 64, kernel_size=3, groups=4)
    assert f"sums {found.fan_in:g} inputs" in caption
    assert found.fan_in == 16 * 9


def test_the_errata_are_computed():
    verdicts = {finding.lead: finding.verdict for finding in errata.findings()}
    assert verdicts == {
        "constant initialization": "does not hold",
        "the average of the two variances": "holds",
    }
