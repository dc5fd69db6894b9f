"""Chapter 6: random networks against theory, curvature, maps, guards, figures, errata and lab."""

import math

import numpy as np
import pytest

from companion import data
from companion.chapters.weightnorm_initialization import (
    conclusions,
    curvature,
    errata,
    explorables,
    figures,
    lab,
    maps,
    random_networks,
)
from companion.chapters.weightnorm_initialization.experiments import depth, rate, rescued
from companion.display.labs.control import Refusal
from companion.display.labs.settings import plan
from companion.evidence import claims, records
from companion.measure import curvature as measure
from companion.methods.initialization import weight_norm_
from companion.theory import weight_norm as theory
from companion.training.many_runs import Stack
from companion.training.settings import Run


@pytest.fixture(scope="module")
def depths():
    return maps.shipped()


@pytest.fixture(scope="module")
def deep():
    return maps.deep()


@pytest.fixture(scope="module")
def steps():
    return records.recorded("weight-norm-rate-digits-book")


@pytest.fixture(scope="module")
def rescue():
    return records.recorded("weight-norm-rescued-digits-book")


# --- random networks -----------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["forward", "backward", "one", "torch"])
def test_random_networks_have_the_expected_lengths(start):
    """The mean square over networks; widths of a network are its own, so ratios to theory."""
    found = random_networks.plain((30, 60), 40, (start,))[start]
    ratios = []
    for seed in range(40):
        widths = random_networks.drawn_widths((30, 60), random_networks.LAYERS + 1, seed)
        up, down = random_networks.expected(start, widths)
        ratios.append([found.signals[seed, 5] / up[5], found.gradients[seed, -6] / down[-6]])
    squares = np.square(ratios)
    error = squares.std(axis=0, ddof=1) / math.sqrt(40)
    assert (np.abs(squares.mean(axis=0) - 1) < 5 * error).all()
    assert (error < 0.2).all()


def test_residual_networks_grow_as_theory_says():
    found = random_networks.residual((30, 60), 30, ("forward",), blocks=6)["forward"]
    for values in (found.signals[:, -1], found.gradients[:, 0]):
        squares = values**2
        error = squares.std(ddof=1) / math.sqrt(30)
        assert abs(squares.mean() - theory.residual_length([6]) ** 2) < 5 * error
        assert error < 0.2


def test_the_papers_wide_residual_network_ends_in_the_band():
    """Figure 1 at the paper's width, which the page draws at half of it."""
    found = random_networks.residual(random_networks.WIDE, 1, ("forward",), blocks=10)["forward"]
    expected = theory.residual_length([10])
    assert found.signals[0, -1] == pytest.approx(expected, rel=0.03)
    assert found.gradients[0, 0] == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("start", ["forward", "torch"])
def test_a_factor_of_every_length_is_one_of_every_signal(start):
    """What the explorable multiplies is what a network with other lengths does."""
    shape = next(iter(explorables.WIDTHS))
    model, inputs = explorables._network(shape, 1)
    whole = random_networks.lengths(model, start, inputs, 1, 0.9)
    shown = explorables.passed(shape, 1, start, 0.9)
    np.testing.assert_allclose(whole.signals, shown.signals, rtol=1e-4)
    np.testing.assert_allclose(whole.gradients, shown.gradients, rtol=1e-4)


def test_gradients_are_by_the_signals():
    model = weight_norm_(random_networks.Plain([5, 7, 4]), "forward", seed=2)
    x = random_networks.white(2, 5)
    found = random_networks.lengths(model, "forward", x, 2)
    first = model.layers[0](x).relu()
    open_units = (model.layers[1](first) > 0).float()
    from companion import streams

    outward = streams.normal(2, "gradient", 0, 64 * 4).view(64, 4)
    back = (outward * open_units) @ model.layers[1].weight
    ratio = (back.square().sum(1).mean() / outward.square().sum(1).mean()).sqrt()
    assert found.gradients[1] == pytest.approx(ratio.item(), rel=1e-5)
    assert found.gradients[-1] == found.signals[0] == 1


def test_one_layer_has_the_exact_variance():
    for kind in theory.DIRECTIONS:
        values = random_networks.one_layer(kind, 24, 4000)
        squares = (values - 1) ** 2
        error = squares.std() / math.sqrt(4000)
        assert abs(squares.mean() - theory.factor_variance(kind, 24, 24)) < 5 * error


# --- curvature -----------------------------------------------------------------------------------


def test_a_figures_curvature_is_what_a_record_would_hold():
    split = data.split(data.load("digits"))
    settings = rate.settings("forward", 0.01)
    stack = Stack([Run(0, "arm", 2, settings)], split)
    share = 90 / len(split.train_labels)
    measured = stack.measure((measure.hessian(share),))["hessian_norm"].item()
    assert curvature.at_start(settings, 2, 90) == pytest.approx(measured, rel=2e-3)


# --- records, guards, figures --------------------------------------------------------------------


def test_cells_are_the_records_runs(depths):
    cells = maps.cells(depths)
    assert len(cells) == len(depth.BOOK_DEPTHS) * len(depth.STARTS) * len(depth.RATES)
    last = depths[0].epochs[depths[0].epochs["epoch"] == 10]
    cell = cells[(cells["depth"] == 20) & (cells["start"] == "data") & (cells["rate"] == 0.004)]
    mine = last.loc[last["arm"] == "depth 20, data, lr 0.004", "test_accuracy"]
    assert cell["accuracy"].item() == pytest.approx(mine.mean())
    assert cell["learned"].item() == np.mean(mine > 0.5)
    best = maps.best(depths)
    assert len(best) == len(depth.BOOK_DEPTHS) * len(depth.STARTS)
    row = best[(best["depth"] == 20) & (best["start"] == "data")].iloc[0]
    same = cells[(cells["depth"] == 20) & (cells["start"] == "data")]
    assert row["accuracy"] == same["accuracy"].max()


def test_the_largest_rate_is_the_last_before_a_run_fails(steps):
    rows = maps.falling(steps)
    for start in rate.STARTS:
        mine = rows[rows["start"] == start].sort_values("rate")
        limit = maps.largest_rate(steps, start)
        assert (mine.loc[mine["rate"] <= limit, "share"] == 1).all()
        above = mine[mine["rate"] > limit]
        assert above.empty or above.iloc[0]["share"] < 1


def test_very_deep_cells_are_the_records_runs(deep):
    cells = maps.deep_cells(deep)
    assert len(cells) == sum(len(depth.deep_arms(layers)) for layers in depth.DEEP)
    for row in cells.itertuples():
        record = deep[depth.DEEP.index(row.depth)]
        mine = record.epochs[record.epochs["arm"] == depth.arm_name(row.depth, row.start, row.rate)]
        last = mine.loc[mine["epoch"] == mine["epoch"].max(), "test_accuracy"]
        assert row.runs == sorted(np.nan_to_num(last.to_numpy(float)))
    best = maps.deep_best(deep).set_index(["start", "depth"])["accuracy"]
    assert best.to_dict() == cells.groupby(["start", "depth"])["accuracy"].max().to_dict()


def test_the_chapters_words_stand_under_guard(depths, deep, steps, rescue):
    conclusions.check_untrained()
    conclusions.check_depth(depths)
    conclusions.check_deep(deep)
    conclusions.check_rate(steps)
    conclusions.check_rescued(rescue)


def test_a_record_that_says_otherwise_stops_the_build(depths, rescue, monkeypatch):
    real = maps.best
    monkeypatch.setattr(maps, "best", lambda shown: real(shown).assign(learned=1.0))
    with pytest.raises(claims.Unsupported, match="from length 1 ten do and twenty do not"):
        conclusions.check_depth(depths)
    ends = maps.ends(rescue)
    swapped = {**ends, "one, wr every step": ends["one"]}
    monkeypatch.setattr(maps, "ends", lambda record: swapped)
    with pytest.raises(claims.Unsupported, match="with WR all runs learn"):
        conclusions.check_rescued(rescue)


def test_figures_say_what_they_show(depths, deep, steps, rescue):
    assert "signal, length 1: 0.00094" in figures.plain_networks().alt
    assert "forward rule, signal: 1.61" in figures.residual_networks().alt
    assert "PyTorch's:" in figures.trained_depths(depths, deep).alt
    assert "at 10 layers 2/norm is" in figures.curvatures(steps).alt
    assert "length 1, none: 8 %" in figures.rescues(rescue).alt


def test_explorables_point_and_explain(depths):
    shown = explorables.two_handles()
    cell = shown.grid[0, 2, 0, 0]
    assert "Lengths: length 1, times 1; directions at 20°" in cell.caption
    assert "the signal is 0.0012 times as long" in cell.caption
    vectors = [shown.grid[3, f, 1, 1].curves["vector"][-1] for f in range(len(explorables.FACTORS))]
    sizes = [math.hypot(v.x[1], v.y[1]) for v in vectors]
    assert np.array(sizes) / sizes[2] == pytest.approx(explorables.FACTORS, rel=2e-3)
    plan_ = explorables.depth_and_rate(depths)
    assert "of 3 runs learned" in plan_.grid[0, 3, 2].caption


def test_the_lab_shows_each_start_beside_itself_without_rescaling():
    shown = explorables.rescue()
    arms = shown.controls[0].values
    assert arms[shown.start[0]] == "length 1, WR"
    assert set(arms) == {arm.label for arm in rescued.EXPERIMENT.arms.values()}
    drawn = {
        arm: [curve.label for curve in shown.grid[(place,)].curves["logits"]]
        for place, arm in enumerate(arms)
    }
    assert drawn["length 1"] == ["length 1"]
    assert drawn["length 1, WR once an epoch"] == ["length 1, WR once an epoch", "length 1"]
    assert drawn["PyTorch's, WR"] == ["PyTorch's, WR"]  # recorded with WR alone
    assert "and 95 % of the test digits are right" in shown.grid[shown.start].caption


def test_the_length_shown_is_the_first_layers():
    for shape, widths in explorables.WIDTHS.items():
        for start in ("forward", "backward", "one"):
            expected = theory.length(start, *widths[:2])
            assert explorables.first_length(shape, start) == pytest.approx(expected)
    assert explorables.first_length(shape, "torch") == pytest.approx(1 / math.sqrt(3))


def test_widths_change_and_are_the_same_for_every_depth():
    assert depth.hidden_widths(20) == depth.hidden_widths(50)[:19]
    assert len(set(depth.hidden_widths(20))) > 10
    for experiment in (depth.COMPARED, depth.UNPLANNED):
        assert set(experiment.scale("book").arms) < set(experiment.arms)


def test_the_errata_are_computed():
    found = {finding.lead: finding for finding in errata.findings()}
    assert {lead: one.verdict for lead, one in found.items()} == {
        "the constant K_n": "holds",
        "the gradient at h^1": "does not hold",
        "the place of g": "does not hold",
        "where batch norm is ahead": "does not hold",
        "the band of several stages": "holds",
        "PyTorch's default": "left open",
        "what borders take": "does not hold",
    }
    assert "1.398 (B = 4), 1.440 (B = 5)" in found["the gradient at h^1"].computed
    assert "inside the product in 2 of 2" in found["the place of g"].computed
    assert "3 of them by 4.00" in found["the band of several stages"].computed
    assert "2.75 of 3 taps" in found["what borders take"].computed
    assert "length 1/√3: 1.63 times, length 1: 38.4 times" in found["PyTorch's default"].computed


def test_the_errata_would_notice(monkeypatch):
    monkeypatch.setattr(theory, "k_n", lambda n, higher=True: 1.01)
    assert errata.constant(5).verdict == "does not hold"
    assert errata.first_block((5, 40)).verdict == "holds"
    monkeypatch.setattr(theory, "residual_length", lambda stages: 2.0)
    assert errata.band().verdict == "does not hold"


# --- lab -----------------------------------------------------------------------------------------


def test_the_lab_trains_the_records_arm_and_widths_that_change():
    setup = lab.setup()
    settings = plan(setup, setup.usual).settings
    arm = rescued.EXPERIMENT.arms["one, wr every step"].settings
    assert settings == type(settings)(**{**arm.as_dict(), "epochs": 20})
    wide = plan(setup, setup.usual | {"width": 128}).settings
    assert wide.widths[1:-1] == tuple(2 * width for width in settings.widths[1:-1])
    forward = plan(setup, setup.usual | {"lengths": "forward", "gain": 0.5}).settings
    assert forward.gain == pytest.approx(0.5 * math.sqrt(2))


def test_the_lab_rescales_at_most_as_rarely_as_it_trains():
    """18 batches of 64 an epoch, 20 epochs."""
    setup = lab.setup()
    with pytest.raises(Refusal, match="k must be at most 360, the steps of the whole training"):
        plan(setup, setup.usual | {"period": 361})
    assert plan(setup, setup.usual | {"period": 360}).settings.tau == 360


def test_the_lab_refuses_a_gain_that_means_nothing():
    setup = lab.setup()
    with pytest.raises(Refusal, match=r"No gain changes the lengths of this start \(length 1\)"):
        plan(setup, setup.usual | {"gain": 0.5})


def test_the_lab_starts_at_a_recorded_arm(tmp_path):
    made = lab.rescue(tmp_path)
    assert "recorded band of one, wr every step" in made.figure.value
    assert made.message.value == ""
