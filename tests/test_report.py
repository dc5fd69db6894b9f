"""A record beside the paper: each number against an independent computation."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from companion.display import plates
from companion.evidence import claims, comparison, published, records
from companion.evidence.summaries import Interval
from companion.experiments import (
    errata,
    report,
    reproduction,
    weight_rescaling,
    weight_rescaling_networks,
)

NAME = "weight-rescaling-mlp-cifar10-jpeg-book"


@pytest.fixture(scope="module")
def record():
    return records.recorded(NAME)


@pytest.fixture
def epochs():
    """Two runs of one arm; validation peaks at epoch 1 in run 0 and at epoch 2 in run 1."""
    return pd.DataFrame(
        {
            "run": [0, 0, 0, 1, 1, 1],
            "arm": "none",
            "seed": [0, 0, 0, 1, 1, 1],
            "epoch": [0, 1, 2, 0, 1, 2],
            "validation_accuracy": [0.1, 0.5, 0.4, 0.1, 0.4, 0.6],
            "test_accuracy": [0.1, 0.52, 0.40, 0.1, 0.44, 0.58],
            "train_loss": [2.0, 1.0, 0.5, 2.0, 1.0, 0.7],
            "test_loss": [2.0, 1.5, 1.7, 2.0, 1.4, 1.3],
        }
    )


def test_fall_after_best_is_what_training_on_takes(epochs):
    fall = report.fall_after_best(epochs, "none")
    assert fall.mean == pytest.approx((0.52 - 0.40 + 0.0) / 2)
    assert fall.runs == 2


def test_the_generalization_error_is_test_minus_train_at_the_last_epoch(epochs):
    assert report.final_generalization_error(epochs, "none") == pytest.approx([1.2, 0.6])


def test_growth_is_the_ratio_of_the_last_to_the_first_epoch():
    layers = pd.DataFrame(
        {
            "run": [0, 0, 1, 1, 0],
            "arm": ["a", "a", "a", "a", "b"],
            "layer": [1, 1, 1, 1, 1],
            "epoch": [0, 9, 0, 9, 0],
            "weight_std": [0.1, 0.3, 0.2, 1.0, 7.0],
        }
    )
    growth = report.growth(layers, "a", "weight_std", layer=1)
    assert growth.mean == pytest.approx(4.0)
    assert growth.sd == pytest.approx(math.sqrt(2))


def test_the_accuracy_table_is_the_records_best_epochs(record):
    table = report.accuracy_table(record, "I").set_index("arm")
    for arm, rows in record.epochs[record.epochs["epoch"] > 0].groupby("arm"):
        wide = rows.pivot(index="run", columns="epoch", values="validation_accuracy")
        chosen = wide.to_numpy().argmax(axis=1)
        test = rows.pivot(index="run", columns="epoch", values="test_accuracy").to_numpy()
        scores = 100 * test[np.arange(len(test)), chosen].astype(float)
        assert table.loc[arm, "accuracy"] == pytest.approx(scores.mean(), rel=1e-6)
        assert table.loc[arm, "sd"] == pytest.approx(scores.std(ddof=1), rel=1e-5)
        assert table.loc[arm, "epoch"] == pytest.approx(np.mean(chosen + 1))
        assert table.loc[arm, "paper_accuracy"] == pytest.approx(
            100 * published.value("I", arm, "test_accuracy")
        )
    assert table.loc["none", "verdict"] == ""


def test_a_verdict_needs_the_papers_sign_and_an_interval_without_zero(record):
    best = comparison.best_epoch(record.epochs)
    accuracy = {arm: rows["test_accuracy"] for arm, rows in best.groupby("arm")}
    for arm, claim in report.accuracy_claims(record, "I").items():
        gap = stats.ttest_ind(accuracy[arm], accuracy["none"], equal_var=False)
        interval = gap.confidence_interval()
        theirs = published.value("I", arm, "test_accuracy")
        sign = math.copysign(1, theirs - published.value("I", "none", "test_accuracy"))
        agrees = min(sign * interval.low, sign * interval.high) > 0
        assert claim.verdict == ("direction" if agrees else "not reproduced")


def test_the_tests_are_scipys_and_corrected_together(record):
    best = comparison.best_epoch(record.epochs)
    accuracy = {arm: rows["test_accuracy"] for arm, rows in best.groupby("arm")}
    table = report.test_table(record, "II")
    assert list(zip(table["group1"], table["group2"], strict=True)) == [
        ("none", "wr"),
        ("none", "wd-1e-3"),
        ("wr", "wd-1e-3"),
    ]
    for row in table.itertuples():
        expected = stats.mannwhitneyu(accuracy[row.group1], accuracy[row.group2])
        assert row.p == pytest.approx(expected.pvalue)
        assert row.p <= row.holm <= min(1, 3 * row.p) + 1e-12


def test_the_ranking_sorts_both_and_correlates_them(record):
    paper, ours, correlation = report.ranking(record, "I").split("\n")
    assert paper.startswith("paper: WD 0.001 50.2 % > WR 50.1 %")
    means = [float(part.split()[-2]) for part in ours.split(":")[1].split(" > ")]
    assert means == sorted(means, reverse=True)
    table = report.accuracy_table(record, "I")
    expected = stats.spearmanr(table["paper_accuracy"], table["accuracy"]).statistic
    assert correlation.endswith(f"{expected:+.1f}")


def test_a_cut_full_record_earns_no_more_than_the_books(record):
    def of(**provenance):
        return report.claimed_scale(SimpleNamespace(provenance=provenance))

    assert of(scale="full", reduced=True) == "book"
    assert of(scale="full", reduced=False) == "full"
    assert report.claimed_scale(record) == "book"


def test_the_findings_say_one_thing_for_each_figure(record):
    found = weight_rescaling.findings(record)
    assert [claim.sentence.split(",")[0] for claim in found] == [
        "Figure 1",
        "Figure 3",
        "Figure 2",
        "Table I",
        "Figure 7",
    ]
    assert all(claim.verdict in ("direction", "not reproduced") for claim in found)


@pytest.mark.parametrize(
    ("interval", "sign", "expected"),
    [
        (Interval(1.0, 0.5, 1.5), 1, "direction"),
        (Interval(1.0, 0.5, 1.5), -1, "not reproduced"),
        (Interval(1.0, -0.5, 2.5), 1, "not reproduced"),
        (Interval(-1.0, -1.5, -0.5), -1, "direction"),
    ],
)
def test_a_claim_of_direction_follows_the_sign(interval, sign, expected):
    assert claims.direction("a sentence", interval, sign).verdict == expected


def test_what_is_not_run_names_a_command_that_can_run():
    for claim, experiment in zip(
        weight_rescaling.not_run(),
        (weight_rescaling.MLP, weight_rescaling.SMALL_INPUTS),
        strict=True,
    ):
        assert claim.verdict == "not run"
        assert f"`companion run {experiment.name} --scale full`" in claim.sentence
        runs = experiment.scales["full"].runs * len(experiment.arms)
        assert f"{runs} runs" in claim.sentence


# Effects, optimism, runs


def test_effects_are_those_of_the_best_epochs(record):
    best = comparison.best_epoch(record.epochs)
    accuracy = {arm: rows["test_accuracy"].to_numpy(float) for arm, rows in best.groupby("arm")}
    for row in report.effect_table(record, "II").itertuples():
        one, two = accuracy[row.group2], accuracy[row.group1]
        assert row.difference == pytest.approx(100 * (one.mean() - two.mean()))
        pairs = [(x > y) + (x == y) / 2 for x in one for y in two]
        assert row.superiority == pytest.approx(np.mean(pairs))
        assert row.delta == pytest.approx(2 * row.superiority - 1)
        assert row.low < row.difference < row.high
        assert math.isnan(row.superiority_low) == (row.superiority in (0, 1))
        assert math.copysign(1, row.g) == math.copysign(1, row.difference)
    assert report.effect_table(record, "II").loc[0, "paper_g"] == pytest.approx(
        (50.08 - 48.72) / math.sqrt((0.5**2 + 0.48**2) / 2) * (1 - 3 / (4 * 198 - 1))
    )


def test_the_optimism_of_each_arm(record):
    table = report.optimism_table(record).set_index("arm")
    epochs = record.epochs[record.epochs["epoch"] > 0]
    highest = epochs.groupby(["arm", "run"])["test_accuracy"].max().groupby("arm").mean()
    last = epochs[epochs["epoch"] == 100].groupby("arm")["test_accuracy"].mean()
    chosen = {arm: s.mean for arm, s in comparison.by_arm(comparison.best_epoch(epochs)).items()}
    for arm, row in table.iterrows():
        assert row["highest"] == pytest.approx(100 * float(highest[arm]), rel=1e-6)
        assert row["last"] == pytest.approx(100 * float(last[arm]), rel=1e-6)
        assert row["chosen"] == pytest.approx(100 * chosen[arm], rel=1e-6)
        assert row["optimism_low"] <= row["optimism"] <= row["optimism_high"]
        assert row["optimism"] >= 0
        assert row["late"] == pytest.approx(row["chosen"] - row["last"], abs=1e-9)


def test_runs_table_finds_with_the_power_asked_for():
    table = report.runs_table([0.4, 0.8], sd=0.5, power=0.8, draws=2000)
    assert table["runs"].tolist() == [comparison.runs_needed(d, 0.5) for d in (0.4, 0.8)]
    # five standard errors of a share of 2000, and 0.03 for the theory at 8 runs
    error = 5 * math.sqrt(0.16 / 2000) + 0.03
    assert table["simulated"].tolist() == pytest.approx([0.8, 0.8], abs=error)
    assert ((table["low"] < table["simulated"]) & (table["simulated"] < table["high"])).all()


# The two pages


def test_errata_has_one_row_a_lead(record):
    table = errata.errata(record, draws=200)
    assert table["lead"].is_unique
    assert len(table) == 9
    assert set(table["verdict"]) <= {"holds", "does not hold", "left open"}
    assert table.set_index("lead")["verdict"].to_dict() == {
        "direction": "does not hold",
        "parameter counts": "does not hold",
        "AlexNet's input": "left open",
        "arithmetic": "does not hold",
        "correction": "does not hold",
        "arms left out": "does not hold",
        "statistic and p-value": "does not hold",
        "end of training": "left open",
        "paired t test": "holds",
    }
    assert (table["effect"].str.len() > 20).all()
    assert "after our training" in table.loc[0, "effect"]
    assert "after our training" not in errata.errata(draws=200).loc[0, "effect"]


@pytest.fixture(scope="module")
def rows(record):
    return reproduction.table(shown=[record])


def test_every_printed_result_has_a_row(rows):
    for source in published.SOURCES:
        frame = published.rows(source)
        results = ["test_accuracy", "best_epoch", "statistic", "p"]
        results += ["map_gain", "miou_gain", "mae", "mse"]
        frame = frame[(frame["table"] != "text") & frame["quantity"].isin(results)]
        printed = set(frame[["table", "cell", "quantity"]].itertuples(index=False, name=None))
        mine = rows[rows["source"] == source]
        found = set(mine[["table", "cell", "quantity"]].itertuples(index=False, name=None))
        assert found == printed
    assert rows.columns.tolist() == list(reproduction.COLUMNS)


def test_accuracy_rows_are_the_claims_of_the_record(rows, record):
    mine = rows[(rows["record"] == NAME) & (rows["quantity"] == "test_accuracy")]
    mine = mine.set_index("cell")
    for arm, claim in report.accuracy_claims(record, "I").items():
        assert mine.loc[arm, "verdict"] == claim.verdict
        assert mine.loc[arm, "ours"] == pytest.approx(100 * claim.ours.mean)
        assert mine.loc[arm, "low"] == pytest.approx(100 * claim.ours.low)
        assert mine.loc[arm, "paper_low"] == pytest.approx(100 * claim.theirs.low)
    assert mine.loc["none", "verdict"] == ""
    assert mine.loc["none", "note"] == "what the other arms are measured against"
    assert (mine["scale"] == "book").all()
    assert (mine["command"] == "companion run weight-rescaling-mlp --scale full").all()


def test_test_rows_judge_the_difference(rows, record):
    mine = rows[(rows["record"] == NAME) & (rows["table"] == "II")].set_index(["cell", "quantity"])
    ours = report.test_table(record, "II")
    for row in ours.itertuples():
        cell = f"{row.group1} vs {row.group2}"
        assert mine.loc[(cell, "p"), "ours"] == pytest.approx(row.p)
        assert mine.loc[(cell, "statistic"), "ours"] == min(row.U, 36 - row.U)
        starred = cell != "wr vs wd-1e-3"
        agrees = row.low > 0  # in the paper group2 is the better one in both starred rows
        expected = ("direction" if agrees else "not reproduced") if starred else ""
        assert mine.loc[(cell, "p"), "verdict"] == expected
        assert mine.loc[(cell, "p"), "note"].startswith("the paper finds no") != starred


def test_what_has_no_record_says_what_to_do(rows):
    other = rows[rows["verdict"] == "not run"]
    assert set(other["table"]) == {"I", "II", "III", "IV", "V", "VI"}
    assert other["note"].str.contains(r"`companion run .* --scale full` runs it").all()
    assert other["cost"].str.contains("runs of 100 epochs, for a GPU").all()
    missing = rows[rows["verdict"] == "not built"]
    assert set(missing["table"]) == {"1", "S2", "section 6.2"}
    section = missing["table"] == "section 6.2"
    assert missing.loc[~section, "note"].str.contains("because no experiment of this").all()
    assert (
        missing.loc[section, "note"]
        .str.endswith("not built, because no network of this library detects, segments or counts.")
        .all()
    )
    assert missing["command"].isna().all()
    assert set(rows["verdict"]) <= {*claims.MEANINGS, ""}


def test_a_full_record_needs_no_command(record):
    full = SimpleNamespace(
        provenance={**record.provenance, "scale": "full", "reduced": False},
        epochs=record.epochs,
        name="a full one",
    )
    found = reproduction.table(shown=[full], experiments=[weight_rescaling.MLP])
    mine = found[found["record"] == "a full one"]
    assert len(mine) == 16
    assert mine["command"].isna().all()
    assert (mine["scale"] == "full").all()


def test_an_arm_without_its_baseline_has_no_verdict(record):
    epochs = record.epochs
    alone = SimpleNamespace(
        provenance={**record.provenance, "arms": ["wr"]},
        epochs=epochs[epochs["arm"] == "wr"],
        name="alone",
    )
    found = reproduction.table(shown=[alone], experiments=[weight_rescaling.MLP])
    mine = found[found["record"] == "alone"]
    assert mine["cell"].tolist() == ["wr", "wr"]
    assert (mine["note"] == "the record has no arm none to measure against").all()
    assert (mine["verdict"] == "").all()


def test_an_undeclared_table_is_not_built():
    found = reproduction.table(shown=[], experiments=[])
    assert (found["verdict"] == "not built").all()
    assert found.loc[0, "note"] == "Base/None: not built, because no experiment declares it."


def test_an_arm_is_measured_against_its_own_initialization():
    """In the chapter and in the ledger alike: rescaled Xavier against Xavier."""
    lenet = records.recorded("weight-rescaling-lenet5-cifar10-jpeg-book")
    said = report.accuracy_claims(lenet, "III")
    assert set(said) == {"wr-kaiming", "wr-xavier"}
    assert "difference to none, Xavier" in said["wr-xavier"].sentence
    ledger = reproduction.table(shown=[lenet]).query("quantity == 'test_accuracy'")
    ledger = ledger[ledger["record"] == lenet.name].set_index("cell")["verdict"]
    for arm, claim in said.items():
        assert ledger[arm] == claim.verdict
    assert ledger["none-xavier"] == ""


def test_what_a_rescaling_costs_lenet_is_told_with_the_papers_sign():
    """A record whose rescaled runs are exactly .3 better than those of the shipped one."""
    after = records.recorded("weight-rescaling-lenet5-cifar10-jpeg-book")
    rows = after.epochs[after.epochs["arm"].str.startswith("wr")]
    accuracies = {name: rows[name] + 0.3 for name in rows if name.endswith("_accuracy")}
    before = SimpleNamespace(
        epochs=rows.assign(**accuracies),
        layers=after.layers.assign(weight_std=2 * after.layers["weight_std"]),
        name="before",
        label=lambda: "made up",
        provenance={},
    )
    best = comparison.by_arm(comparison.best_epoch(after.epochs))
    claims_made = weight_rescaling_networks.before_and_after(after, before)
    for scheme, claim in zip(("kaiming", "xavier"), claims_made, strict=True):
        wr, none = best[f"wr-{scheme}"].mean, best[f"none-{scheme}"].mean
        assert f"{100 * wr:.1f} % measured after each" in claim.sentence
        assert f"{100 * (wr + 0.3):.1f} % before it" in claim.sentence
        assert f"differ by {100 * (wr + 0.3 - none):+.1f} points" in claim.sentence
        assert claim.records == (f"{after.name}: {after.label()}", "before: made up")
    assert [claim.verdict for claim in claims_made] == ["direction", "direction"]
    worse = weight_rescaling_networks.before_and_after(after, after)
    assert [claim.verdict for claim in worse] == ["not reproduced", "not reproduced"]
    grown, first, _ = weight_rescaling_networks.biases_kept(after, before, before)
    assert "is 2.00 to 2.00 times what WR sets it to" in grown
    assert f"{100 * (best['wr-kaiming'].mean + 0.3):.1f} % with the biases kept" in first
    assert "a difference of 30.0 points" in first
    shown = plates.what_a_rescaling_costs(after, before, after)
    assert f"WR, before it {100 * _last(before.epochs, 'wr-xavier'):.1f}" in shown.alt
    assert f"WR, biases kept {100 * _last(after.epochs, 'wr-xavier'):.1f}" in shown.alt


def test_batch_normalization_is_told_with_its_interval():
    record = records.recorded("weight-rescaling-batch-norm-cifar10-jpeg-book")
    best = comparison.best_epoch(record.epochs).groupby("arm")["test_accuracy"]
    wr, none = (best.get_group(arm).to_numpy(float) for arm in ("wr", "none"))
    interval = stats.ttest_ind(wr, none, equal_var=False).confidence_interval()
    said = weight_rescaling_networks.with_batch_norm(record)
    assert f"{100 * wr.mean():.1f} % with rescaling, {100 * none.mean():.1f} % without" in said
    assert f"({100 * interval.low:+.1f} to {100 * interval.high:+.1f})" in said
    assert ("do not tell" in said) == (interval.low < 0 < interval.high)


def _last(epochs, arm):
    rows = epochs[(epochs["arm"] == arm) & (epochs["epoch"] == epochs["epoch"].max())]
    return float(rows["test_accuracy"].mean())


def test_longer_training_is_told_with_the_papers_sign(record):
    """The record of 100 epochs, read as if it were the long one."""
    best = comparison.best_epoch(record.epochs)
    accuracy = comparison.by_arm(best)
    (claim,) = weight_rescaling.longer(record)
    gap = accuracy["wr"].mean - accuracy["none"].mean
    assert f"In {record.epochs['epoch'].max()} epochs" in claim.sentence
    assert f"without, {100 * gap:+.2f} points" in claim.sentence
    assert "in the paper, within 100 epochs, +1.36" in claim.sentence
    excludes = comparison.difference(accuracy["wr"], accuracy["none"]).low > 0
    assert claim.verdict == ("direction" if excludes else "not reproduced")
