"""Chapter 4: its record's pairs, random walks, guards, figures, lab, errata and printed numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from companion.chapters import reproduction
from companion.chapters.compander import (
    conclusions,
    differences,
    errata,
    explorables,
    figures,
    gain_conclusions,
    lab,
    learned_conclusions,
    learned_figures,
    walks,
)
from companion.chapters.compander.experiments import mlp, networks
from companion.display.labs.settings import plan
from companion.evidence import claims, published, records
from companion.experiments.performance import shipped_overheads
from companion.methods.parametrizations.curves import CURVES

PRINTED = {
    ("II", "resnet18"): ((94.04, 0.08), (92.94, 0.17), (94.26, 0.14), (94.44, 0.12)),
    ("II", "resnet34"): ((93.69, 0.30), (93.29, 0.16), (94.17, 0.22), (94.43, 0.25)),
    ("II", "resnet50"): ((93.31, 0.36), (93.47, 0.14), (93.89, 0.23), (94.06, 0.27)),
    ("III", "resnet18"): ((76.47, 0.20), (74.70, 1.32), (76.83, 0.22), (76.73, 0.09)),
    ("III", "resnet34"): ((77.07, 0.45), (74.70, 1.32), (76.98, 0.39), (77.54, 0.42)),
    ("III", "resnet50"): ((76.17, 0.69), (75.23, 0.25), (76.10, 0.25), (77.73, 0.40)),
}
"""Plain, powerpropagation, weight norm, compander."""
PAIRS = {
    ("II", "vgg16"): ((93.27, 0.12), (93.52, 0.19)),
    ("II", "vgg19"): ((93.21, 0.08), (93.33, 0.25)),
    ("III", "vgg16"): ((72.48, 0.35), (72.74, 0.25)),
    ("III", "vgg19"): ((71.34, 0.14), (71.86, 0.26)),
    ("III", "wrn28-10"): ((80.09, 0.14), (80.24, 0.36)),
    ("IV", "resnet50"): ((65.08, 0.38), (65.93, 0.12)),
    ("V", "resnet50"): ((76.80, 0.11), (77.02, 0.08)),
}
OTHERS = {
    "resnet18 arsinh": (94.34, 0.24, 76.59, 0.25),
    "resnet18 erf": (94.36, 0.26, 76.80, 0.11),
    "resnet18 wc": (94.44, 0.12, 76.73, 0.09),
    "resnet34 arsinh": (94.68, 0.39, 77.21, 0.23),
    "resnet34 erf": (94.52, 0.14, 77.26, 0.39),
    "resnet34 wc": (94.43, 0.25, 77.54, 0.42),
    "resnet50 arsinh": (93.82, 0.34, 76.76, 0.42),
    "resnet50 erf": (93.87, 0.30, 77.51, 0.37),
    "resnet50 wc": (94.06, 0.27, 77.73, 0.40),
}


@pytest.fixture(scope="module")
def digits():
    return records.recorded("compander-curves-digits-book")


@pytest.fixture(scope="module")
def cifar():
    return records.recorded("compander-mlp-cifar10-jpeg-book")


@pytest.fixture(scope="module")
def adaptive():
    return records.recorded("compander-adamw-digits-book")


# --- printed numbers -----------------------------------------------------------------------------


def printed(table: str, cell: str) -> tuple[float, float]:
    row = published.summary("C", table, cell, "test_accuracy")
    return round(100 * row.mean, 2), round(100 * row.sd, 2)


def test_the_papers_tables_are_as_printed():
    for (table, network), cells in PRINTED.items():
        found = tuple(printed(table, f"{network}-{arm}") for arm in ("none", "pp", "wn", "wc"))
        assert found == cells
    for (table, network), cells in PAIRS.items():
        assert tuple(printed(table, f"{network}-{arm}") for arm in ("none", "wc")) == cells
    for cell, numbers in OTHERS.items():
        assert (*printed("VII", f"{cell} c10"), *printed("VII", f"{cell} c100")) == numbers
    for depth, learned in ((18, (94.16, 0.08)), (34, (94.46, 0.07)), (50, (94.80, 0.14))):
        assert printed("VI", f"resnet{depth}-wc-fine") == learned
        assert printed("VI", f"resnet{depth}-none") == PRINTED["II", f"resnet{depth}"][0]
    rows = published.rows("C")
    accuracies = rows[rows["quantity"] == "test_accuracy"]
    assert len(accuracies) == 4 * 6 + 2 * 7 + 2 * 9 + 2 * 3
    runs = accuracies.set_index("table")["runs"]
    assert set(runs.loc[["IV", "V"]]) == {3}
    assert set(runs.drop(["IV", "V"])) == {5}


def test_the_declared_pairs_are_those_of_table_i():
    for table, images in (("II", "c10"), ("III", "c100")):
        for depth, pair in networks.BEST[table].items():
            cell = f"resnet{depth} {images}"
            assert pair == tuple(published.value("C", "I", cell, name) for name in ("a", "b"))
        for name in ("vgg16", "vgg19"):
            cell = f"{name} {images}"
            found = tuple(published.value("C", "I", cell, one) for one in ("a", "b"))
            assert networks.OTHERS[table][name] == found


def test_every_table_has_a_row_in_the_ledger():
    rows = reproduction.table(shown=[])
    mine = rows[rows["source"] == "C"]
    assert set(mine["table"]) == {"II", "III", "IV", "V", "VI", "VII"}
    verdicts = mine.groupby("table")["verdict"].agg(set)
    assert verdicts["II"] == verdicts["III"] == verdicts["VI"] == {"not run"}
    assert verdicts["IV"] == verdicts["V"] == verdicts["VII"] == {"not built"}


# --- the experiments -----------------------------------------------------------------------------


def test_every_twin_has_the_rate_that_its_curve_implies():
    for experiment in (mlp.CIFAR, mlp.DIGITS):
        plain = experiment.arms["none"].settings
        twin = experiment.arms["twin"].settings
        for name, arm in experiment.arms.items():
            if arm.baseline != "twin":
                continue
            own = arm.settings
            slope = explorables.steepness(own.parametrization)
            factor = (own.compander_a / own.compander_b * slope) ** 2
            assert twin.learning_rate == pytest.approx(plain.learning_rate * factor), name
    for table, experiment in networks.TABLES.items():
        for name, arm in experiment.arms.items():
            if name.endswith("-twin"):
                bent = experiment.arms[name.replace("twin", "wc")].settings
                factor = (bent.compander_a / bent.compander_b) ** 2
                assert arm.settings.learning_rate == pytest.approx(0.1 * factor), table


def test_table_vi_trains_one_pair_a_layer_and_one_a_network():
    arms = networks.TABLES["VI"].arms
    for depth in (18, 34, 50):
        fine, coarse = (arms[f"resnet{depth}-wc-{one}"].settings for one in ("fine", "coarse"))
        assert (fine.compander_a, fine.compander_b, fine.compander_learn) == (0.5, 1.0, "fine")
        assert replace(coarse, compander_learn="fine") == fine
    assert networks.TABLES["VI"].scale("full").arms is None


def test_pairs_are_taken_seed_by_seed(digits):
    found = differences.accuracies(digits)
    assert all(values.index.tolist() == list(range(24)) for values in found.values())
    row = differences.one(digits, "wc", "twin")
    by_hand = (found["wc"] - found["twin"]).to_numpy()
    assert row["estimate"] == pytest.approx(by_hand.mean())
    half = 2.0687 * by_hand.std(ddof=1) / math.sqrt(24)  # Student's t with 23 degrees of freedom
    assert row["high"] - row["estimate"] == pytest.approx(half, rel=1e-4)
    assert row["none"] == (abs(by_hand.mean()) + half < 0.3)


def test_arms_with_seeds_of_their_own_are_no_pairs():
    with pytest.raises(ValueError, match=r"arms with the same seeds, and variance-in-training-"):
        differences.accuracies(records.recorded("variance-in-training-digits-book"))


def test_the_step_factor_of_a_faster_plain_network_is_its_rate(cifar):
    found = differences.step_factors(cifar)
    assert found["none"] == 1
    assert found["twin"] == pytest.approx(mlp.FACTOR)
    assert found["wc-100"] == pytest.approx(mlp.FACTOR, rel=1e-3)
    layers = differences.by_layer(cifar, "step_factor")
    assert found["wc"] == pytest.approx(layers.loc["wc"].mean())


def test_a_wide_interval_is_not_none(digits):
    rows = differences.compared(digits, [("fine", "none"), ("wc-100", "twin")])
    assert rows["none"].tolist() == [False, True]


# --- walks and the explorables -------------------------------------------------------------------


def test_a_walk_behind_a_wide_curve_is_a_faster_plain_walk():
    for kind in walks.KINDS:
        slope = explorables.steepness(kind)
        wide = walks.walked(kind, 1000.0, 1000.0 * slope / 1.5)
        np.testing.assert_allclose(wide, walks.plain(2.25), atol=1e-4)


def test_no_walk_leaves_the_range():
    for kind in ("arctan", "erf"):
        ended = walks.walked(kind, 0.35, 0.2)
        assert np.abs(ended).max() <= 0.35 * CURVES[kind].bound


def test_the_reach_of_normal_weights_is_their_mean_fourth_power():
    weights = torch.randn(10**6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for s in (0.1, 0.5, 1.0):
        powers = torch.cos(s * weights).pow(4)
        error = 5 * float(powers.std()) / 1000
        assert float(powers.mean()) == pytest.approx(explorables.reach(s, 1.0), abs=error)


def test_explorables_say_what_they_show(digits):
    hero = explorables.hero()
    start = hero.grid[hero.start]
    assert "arctan, a = 1, b = 0.6: a step at w = 0 is 2.8 plain ones, at w = 0.5 1.6" in (
        start.caption
    )
    assert "erf, a = 0.5" in hero.grid[(2, 0, 2)].caption
    assert "and no weight reaches 0.5" in hero.grid[(2, 0, 2)].caption
    shown = explorables.training(digits)
    assert "a = 1, b = 0.6: at the end the training loss is 1.2" in shown.grid[(0,)].caption


def test_the_lab_shows_curves_of_every_kind_beside_the_twin(digits):
    shown = explorables.kinds(digits)
    kinds = shown.controls[0].values
    assert kinds[shown.start[0]] == "arctan"
    for place, kind in enumerate(kinds):
        point = shown.grid[(place,)]
        drawn = [curve.label for curve in point.curves["loss"]]
        assert point.caption.startswith(f"{kind}: at the end the training loss is")
        assert drawn[:2] == ["plain", "plain, 2.78 × rate"]
        assert len(drawn) == (2 if kind == "none" else 3)
    assert shown.grid[(kinds.index("erf"),)].caption.count("1.2 times") == 1


# --- words, figures, errata, lab -----------------------------------------------------------------


def test_the_chapters_words_stand_under_guard(digits, cifar, adaptive):
    conclusions.check_curve()
    conclusions.check_reach()
    conclusions.check_printed()
    conclusions.check_overhead(shipped_overheads())
    gain_conclusions.check_only_a_rate(cifar)
    gain_conclusions.check_pairs(records.recorded("compander-pairs-cifar10-jpeg-book"))
    gain_conclusions.check_batch_norm(records.recorded("compander-batch-norm-digits-book"))
    gain_conclusions.check_resnet(records.recorded("compander-resnet-cifar10-jpeg-book"))
    gain_conclusions.check_digits(digits)
    learned_conclusions.check_learned(digits)
    gain_conclusions.check_adaptive(adaptive)
    conclusions.check_lab()


def test_a_record_that_says_otherwise_stops_the_build(cifar, monkeypatch):
    real = differences.compared

    def other(record, pairs):
        return real(record, pairs).assign(none=False)

    monkeypatch.setattr(differences, "compared", other)
    with pytest.raises(claims.Unsupported, match="only a learning rate"):
        gain_conclusions.check_only_a_rate(cifar)


def test_pairs_that_agree_stop_the_build(monkeypatch):
    pairs = records.recorded("compander-pairs-cifar10-jpeg-book")
    near = differences.one(pairs, "wc", "wc")
    monkeypatch.setattr(differences, "one", lambda *_: near)
    with pytest.raises(claims.Unsupported, match="ends some tenths of a point below its twin"):
        gain_conclusions.check_pairs(pairs)


@pytest.mark.parametrize(
    ("network", "batch", "changed", "words"),
    [
        ("ResNet-18, one run", 32, {"added": 0.08}, "adds a twentieth to a step of 32"),
        ("N's MLP, one run", 32, {"added": 0.1}, "adds more than half at 32"),
        ("N's MLP, one run", 32, {"least": 0.01}, "a factor alone adds more"),
    ],
)
def test_a_benchmark_that_says_otherwise_stops_the_build(network, batch, changed, words):
    measured = shipped_overheads()[0]
    shares = [
        replace(one, **changed) if (one.network, one.batch) == (network, batch) else one
        for one in measured.shares
    ]
    with pytest.raises(claims.Unsupported, match=words):
        conclusions.check_overhead([replace(measured, shares=tuple(shares))])


def test_figures_say_what_they_show(digits, cifar, adaptive):
    assert "WC over plain, 2.78 × rate" in figures.only_a_rate(cifar).alt
    assert "WC, 100 a and b: 1.000, 1.000, 1.000" in figures.where_the_weights_are(cifar).alt
    assert "Kurtosis, WC, σ/a = 1" in figures.near_zero(digits).alt
    assert "WC, slope-aware: 0.1" in figures.adaptive(adaptive).alt
    assert "learned, one a layer, layer 3: a 1." in learned_figures.learned(digits).alt


def test_the_errata_recompute_the_leads():
    found = {one.lead: one for one in errata.findings()}
    assert "tinyimagenet 0.85" in found["the gain on TinyImageNet"].computed
    assert "ResNet18 on CIFAR-100" in found["the exception"].computed
    assert "ResNet50 on CIFAR-100 -0.07" in found["what weight norm does"].computed
    assert "ResNet50 on CIFAR-10 +0.16" in found["what powerpropagation does"].computed
    assert "comes back as -0.571" in found["the inverse beyond the range"].computed
    assert "2.1 standard deviations" in found["a seed chosen and reported"].computed
    verdicts = {lead: one.verdict for lead, one in found.items()}
    assert [lead for lead, verdict in verdicts.items() if verdict == "holds"] == [
        "SGD and the slope-aware step"
    ]
    assert verdicts["one cell twice"] == verdicts["a seed chosen and reported"] == "left open"


def test_the_lab_bends_the_network_it_trains(tmp_path):
    setup = lab.setup()
    bent = plan(setup, setup.usual).settings
    assert (bent.parametrization, bent.compander_a, bent.compander_b) == ("arctan", 1.0, 0.6)
    assert lab.straight(bent) == pytest.approx(mlp.FACTOR)
    plain = plan(setup, setup.usual | {"curve": "none", "a": "3"}).settings
    assert (plain.parametrization, plain.compander_a) == ("none", 1.0)
    assert lab.straight(plain) == 1.0
    power = plan(setup, setup.usual | {"curve": "powerprop"}).settings
    assert math.isnan(lab.straight(power))
    assert "arctan, a 1.0, b 0.6" in setup.words(setup.usual)
    assert "no curve" in setup.words(setup.usual | {"curve": "none"})
    made = lab.compander(tmp_path)
    assert made.message.value == ""
