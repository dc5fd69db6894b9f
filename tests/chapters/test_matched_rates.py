"""Chapter 5's side page: runs that follow others, and decay of gains; Table 1 in small."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from companion.chapters.batchnorm_norms import matches, rate_conclusions, rate_figures
from companion.chapters.batchnorm_norms.experiments import gains, matched, networks, tables
from companion.evidence import claims, published, records
from tests.chapters.altered import swapped

MATCHED = "batchnorm-matched-rate-digits-book"
GAINS = "batchnorm-gain-decay-digits-book"
NETWORKS = "batchnorm-networks-digits-book"


def recorded(name):
    return records.recorded(name)


# --- experiments -----------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", matched.PLAIN)
def test_a_follower_differs_from_its_leader_in_the_hold_alone(optimizer):
    arms = {kind: matched.DIGITS.arms[matched.arm(kind, optimizer)].settings
            for kind in rate_figures.KINDS}  # fmt: skip
    for hold in matched.HOLDS:
        follower = arms[f"follows {hold}"]
        assert follower.leader == arms[hold]
        assert replace(follower, rate_from=()) == arms["none"]
        assert not follower.decays(("weight", "hidden"))
        assert follower.decays(("gain", "hidden"))
    for factor in matched.FACTORS:
        own = arms[f"rate x {factor}"]
        assert own.rate_factor(("weight", "hidden")) == factor
        assert own.rate_factor(("weight", "output")) == pytest.approx(1)


def test_what_decays_under_each_kind():
    arms = {name: one.settings for name, one in gains.DIGITS.arms.items()}
    for decay in gains.DECAYS:
        weights, both, gain = (arms[gains.arm(kind, decay)] for kind in ("wd", "both", "gain"))
        assert weights.decays(("weight", "hidden"))
        assert weights.rescale == "none"
        for held, shifts in ((gain, False), (both, True)):
            assert held.rescale == "wrs"
            assert not held.decays(("weight", "hidden"))
            assert held.decays(("gain", "hidden"))
            assert held.decays(("shift", "hidden")) == shifts
    assert {arms[gains.arm(kind, 0)].weight_decay for kind in gains.KINDS} == {0.0}


def test_the_small_networks_are_those_of_table_1():
    arms = {name: one.settings for name, one in networks.DIGITS.arms.items()}
    assert len(arms) == 12
    for cell in networks.CELLS:
        network, optimizer = cell.split()
        decayed, held = arms[f"{cell} wd"], arms[f"{cell} wrs"]
        assert decayed.model == held.model == tables.NETWORKS["1"][network]
        assert decayed.learning_rate == tables.OPTIMIZERS[optimizer]["learning_rate"]
        assert decayed.decays(("weight", "output"))
        assert not held.decays(("weight", "output"))
        assert (held.rescale, held.rescale_layers) == ("wrs", "all")


@pytest.mark.parametrize(
    ("name", "experiment"),
    [(MATCHED, matched.DIGITS), (GAINS, gains.DIGITS), (NETWORKS, networks.DIGITS)],
    ids=["matched", "gains", "networks"],
)
def test_records_are_paired_whole_and_of_the_declared_arms(name, experiment):
    record = recorded(name)
    assert set(record.provenance["arms"]) == set(experiment.arms)
    seeds = record.epochs.groupby("arm")["seed"].agg(lambda s: tuple(sorted(set(s))))
    assert len(set(seeds)) == 1
    assert len(seeds.iloc[0]) == experiment.scales["book"].runs
    assert np.isfinite(record.epochs["test_accuracy"]).all()
    assert not record.provenance["reduced"]


# --- parts -----------------------------------------------------------------------------------


class Made:
    """A follower three times as long as its leader, whose steps turn a tenth less."""

    provenance = {  # noqa: RUF012
        "arms": {"wd, sgd": {"batch_size": 10, "milestones": [1]}},
        "split": {"train": 100},
        "epochs": 2,
    }
    epochs = pd.DataFrame(
        [
            {"run": run, "arm": arm, "seed": run % 2, "epoch": 2, "test_accuracy": value}
            for run, (arm, value) in enumerate(
                [("wd, sgd", 0.5), ("wd, sgd", 0.7), ("follows wd, sgd", 0.4),
                 ("follows wd, sgd", 0.6)]
            )
        ]
    )  # fmt: skip
    steps = pd.DataFrame(
        [
            {"arm": arm, "layer": 2, "step": step, "turn_square": turn**2,
             "source_square": length**2}
            for arm, turn, length in (("wd, sgd", 0.1, 2.0), ("follows wd, sgd", 0.09, 6.0))
            for step in (5, 10, 20)
        ]
    )  # fmt: skip


def test_parts_by_hand():
    made = Made()
    assert matches.lengths_apart(made, "wd", "sgd", 2) == pytest.approx(3)
    assert matches.turns_apart(made, "wd", "sgd", 2) == pytest.approx(-0.1)
    pair = ("follows wd, sgd", "wd, sgd")
    assert matches.gap(made, *pair).estimate == pytest.approx(-10)
    assert matches.told(made, [pair]) == "follows wd, sgd minus wd, sgd: -10.0 (-10.0 to -10.0)"


def test_the_papers_side_of_the_small_table_is_its_table_1():
    rows = matches.small_table(recorded(NETWORKS)).set_index("cell")
    assert list(rows.index) == list(networks.CELLS)
    for cell in networks.CELLS:
        for images, column in (("c10", "C10"), ("c100", "C100")):
            wrs, wd = (
                published.value("L", "1", f"{cell} {images} {arm}", "test_accuracy")
                for arm in ("wrs", "wd")
            )
            assert rows.loc[cell, column] == pytest.approx(100 * (wrs - wd))
    assert (rows["low"] <= rows["ours"]).all()
    assert (rows["ours"] <= rows["high"]).all()


# --- guards and figures ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "name", "arms"),
    [
        (rate_conclusions.check_followed, MATCHED, ("follows wd, adamw", "none, adamw")),
        (rate_conclusions.check_followed, MATCHED, ("follows wrs, sgd", "none, sgd")),
        (rate_conclusions.check_followed, MATCHED, ("rate x 10, sgd", "wd, sgd")),
        (rate_conclusions.check_gains, GAINS, ("wd, 0", "wd, 1")),
        (rate_conclusions.check_networks, NETWORKS, ("vgg16 adamw wd", "vgg16 adamw wrs")),
    ],
    ids=["decay", "rescaling", "uniform", "gains", "networks"],
)
def test_a_guard_holds_on_its_record_and_not_on_another(check, name, arms):
    check(recorded(name))
    with pytest.raises(claims.Unsupported):
        check(swapped(recorded(name), *arms))


@pytest.mark.parametrize(
    ("draw", "name", "word"),
    [
        (rate_figures.followed, MATCHED, "AdamW, rate of WRS"),
        (rate_figures.decays, GAINS, "WRS, gains decay at decays of 0, 0.05"),
        (rate_figures.small_table, NETWORKS, "the paper's +0.92"),
    ],
    ids=["followed", "gains", "networks"],
)
def test_figures_say_their_numbers(draw, name, word):
    shown = draw(recorded(name))
    assert word in shown.alt
    assert shown.caption.endswith(".")
    assert "book scale" in shown.ran
