"""Chapter 2: random networks against theory, its record's parts, guards, figures and lab."""

import math

import numpy as np
import pytest

from companion.chapters.variance_propagation import (
    conclusions,
    errata,
    explorables,
    figures,
    lab,
    parts,
    random_networks,
)
from companion.display.labs.settings import plan
from companion.evidence import claims, records
from companion.theory import depth, gains, meanfield


@pytest.fixture(scope="module")
def record():
    return records.recorded("variance-in-training-digits-book")


@pytest.fixture(scope="module")
def large():
    return records.recorded("weight-rescaling-mlp-cifar10-jpeg-full")


@pytest.fixture(scope="module")
def cifar():
    return records.recorded("variance-in-training-mlp-cifar10-jpeg-book")


@pytest.mark.parametrize("kind", random_networks.KINDS)
def test_random_networks_have_the_expected_sizes(kind):
    for found, expected in zip(
        random_networks.activation_sizes(kind), random_networks.expected_sizes(kind), strict=True
    ):
        error = found.std(ddof=1) / math.sqrt(len(found))
        # besides chance, a layer of 256 units is off by terms of order 1 / 256 a layer
        assert found.mean() == pytest.approx(expected, abs=5 * error + 0.04 * expected)


def test_relus_expected_sizes_are_the_closed_form():
    assert random_networks.expected_sizes("relu") == pytest.approx((2.0, 1.0))
    gain = gains.exact_gain("tanh")
    q = gain**2
    for _ in range(random_networks.LAYERS - 1):
        q = meanfield.variance_map("tanh", q, gain)
    assert random_networks.expected_sizes("tanh")[0] == pytest.approx(q)


@pytest.mark.parametrize("name", random_networks.ARCHITECTURES)
def test_a_block_multiplies_by_its_factor(name):
    """The mean over networks of the first block, whose spread is that of one layer of 256 units
    times 16 inputs."""
    sizes = random_networks.architecture_sizes(name, networks=40)[:, 1]
    error = sizes.std(ddof=1) / math.sqrt(len(sizes))
    expected = random_networks.architecture_factor(name)
    assert sizes.mean() == pytest.approx(expected, abs=5 * error + 0.01 * expected)


def test_the_gradient_is_autograds(monkeypatch):
    import torch

    from companion import streams
    from companion.methods.initialization import initialize_
    from companion.models import MLP

    for name, value in {"WIDTH": 12, "DEPTH": 4, "NETWORKS": 2, "INPUTS": 3}.items():
        monkeypatch.setattr(explorables, name, value)
    found = explorables.gradient_rms.__wrapped__()
    model = MLP((12,) * 5)
    inputs = streams.normal(1, "inputs", 0, 36).view(3, 12).requires_grad_(True)
    start = streams.normal(1, "gradient", 0, 36).view(3, 12)
    initialize_(model, seed=1)
    with torch.no_grad():
        for layer in model.layers:
            layer.weight.mul_(1.4)
    last = model.preactivations(inputs)[-1].relu()
    (gradient,) = torch.autograd.grad((last * start).sum(), inputs)
    expected = float(gradient.square().mean().sqrt() / start.square().mean().sqrt())
    assert found[1.4][1, 0] == pytest.approx(expected, rel=1e-5)
    assert found[1.4][1, -1] == 1


def test_parts_add_up_and_size_is_the_product_rule(record, cifar):
    assert max(parts.largest_gap(one) for one in (record, cifar)) < 1e-6
    found = parts.means(record)
    stds = record.layers.query("arm == 'none' and epoch == 5 and run == 3").sort_values("layer")
    fans = [64] * 6
    by_hand = depth.preactivation_variance(fans, stds["weight_std"].tolist(), "relu")
    others = record.layers.query("arm == 'none' and epoch == 5")
    runs = others.pivot(index="run", columns="layer", values="weight_std").to_numpy()
    mean = np.mean([depth.preactivation_variance(fans, run.tolist(), "relu") for run in runs], 0)
    np.testing.assert_allclose(found.loc["none", 5]["by_size"], mean)
    assert abs(by_hand[-1] - mean[-1]) < 0.5 * mean[-1]


def test_the_chapters_words_stand_under_guard(record, large, cifar):
    conclusions.check_untrained()
    conclusions.check_training(record)
    conclusions.check_large(large)
    conclusions.check_cifar(cifar)
    conclusions.check_lab()


def test_a_record_that_says_otherwise_stops_the_build(record, monkeypatch):
    real = parts.means
    monkeypatch.setattr(
        parts, "means", lambda one: real(one).assign(preactivation_variance=2.0, by_size=2.0)
    )
    with pytest.raises(claims.Unsupported, match="30 times that or more"):
        conclusions.check_training(record)


def test_figures_say_what_they_show(record, large, cifar):
    assert "ReLU: 2.1, theory 2" in figures.drawn_and_measured().alt
    assert "linear, 256 units" in figures.finite_widths().alt
    assert "residual: 9" in figures.architectures().alt
    assert "batch norm: 1, gradient 1.48 a block" in figures.architectures().alt
    assert "WR every epoch, layer 3" in figures.in_training(large).alt
    shares = figures.correlated_shares(record, cifar).alt
    assert "digits, WD 0.01: 91, 82" in shares
    assert "cifar, WR every 10 steps: 83" in shares


def test_the_errata_name_the_reason(record):
    (found,) = errata.findings(record)
    assert found.verdict == "holds"
    assert "eq. 9 gives 2 for the last layer and 63.3 is measured" in found.computed
    assert "correlation 53 %" in found.computed


def test_the_interval_of_a_variance_covers_it():
    random, hits = np.random.default_rng(0), 0
    for _ in range(400):
        found = figures.variance_interval(random.standard_normal(30))
        hits += found.low <= 1 <= found.high
    assert abs(hits / 400 - 0.95) < 5 * math.sqrt(0.95 * 0.05 / 400)


def test_explorables_point_and_explain():
    both = explorables.both_ways()
    cell = (explorables.GAINS.index(1.0), explorables.POINTED.index(50))
    assert "the gradient 1.0 times" in both.grid[cell].caption
    held = explorables.variance_parts().grid[(4, len(explorables.EPOCHS) - 1)]
    assert "WR every step, epoch 60" in held.caption
    assert "The size of all weights explains 2;" in held.caption


def test_the_labs_line_is_the_product_rule():
    setup = lab.setup()
    held = plan(setup, setup.usual).settings
    assert (held.rescale, held.tau) == ("wr", 1)
    assert lab.expected_variance(held) == pytest.approx(2)
    half = plan(setup, setup.usual | {"gain": 0.5}).settings
    assert lab.expected_variance(half) == pytest.approx(2 * 0.25**6)
    for other in ({"activation": "tanh"}, {"scheme": "constant", "frequency": "never"}):
        assert math.isnan(lab.expected_variance(plan(setup, setup.usual | other).settings))


def test_the_lab_starts_at_a_recorded_arm(tmp_path):
    made = lab.propagation(tmp_path)
    assert "recorded band of wr every step" in made.figure.value
    assert made.message.value == ""


@pytest.mark.parametrize(("weight", "layers"), [(0.9, 50), (1.1, 50), (-2.0, 7)])
def test_a_chain_of_single_units_multiplies_one_weight_by_all_others(weight, layers):
    output, slope = random_networks.chain(weight, layers)
    assert output == pytest.approx(weight**layers)
    assert slope == pytest.approx(weight ** (layers - 1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (name, random_networks.architecture_factor(name))
        for name in random_networks.ARCHITECTURES
        if name != "batch norm"
    ]
    + [("batch norm", math.pi / (math.pi - 1))],
)
def test_the_gradient_is_multiplied_as_the_signal_is_and_by_more_behind_batch_norm(name, expected):
    """Yang et al. 2019; five standard errors, and a twentieth for 256 units and 128 images."""
    factors = random_networks.gradient_factor(name, networks=8)
    error = factors.std(ddof=1) / math.sqrt(len(factors))
    assert abs(factors.mean() - expected) < 5 * error + 0.05 * expected
