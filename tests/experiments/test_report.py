"""A record beside the paper: each number against an independent computation."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from companion.chapters import errata, reproduction
from companion.chapters import repeated as all_repeated
from companion.chapters.rescaling import figures, repeated
from companion.chapters.rescaling.experiments import mlp, networks
from companion.evidence import (
    claims,
    power,
    published,
    readings,
    records,
    selection,
    summaries,
)
from companion.evidence.summaries import Interval
from companion.experiments import report

NAME = "weight-rescaling-mlp-cifar10-jpeg-full"


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
    fall = readings.fall_after_best(epochs, "none")
    assert fall.mean == pytest.approx((0.52 - 0.40 + 0.0) / 2)
    assert fall.runs == 2


def test_the_generalization_error_is_test_minus_train_at_the_last_epoch(epochs):
    assert readings.final_generalization_error(epochs, "none") == pytest.approx([1.2, 0.6])


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
    growth = readings.growth(layers, "a", "weight_std", layer=1)
    assert growth.mean == pytest.approx(4.0)
    assert growth.sd == pytest.approx(math.sqrt(2))


def test_the_accuracy_table_is_the_records_best_epochs(record):
    table = report.accuracy_table(mlp.MLP, record).set_index("arm")
    for arm, rows in record.epochs[record.epochs["epoch"] > 0].groupby("arm"):
        wide = rows.pivot(index="run", columns="epoch", values="validation_accuracy")
        chosen = wide.to_numpy().argmax(axis=1)
        test = rows.pivot(index="run", columns="epoch", values="test_accuracy").to_numpy()
        scores = 100 * test[np.arange(len(test)), chosen].astype(float)
        name = mlp.MLP.arms[arm].label
        assert table.loc[name, "accuracy"] == pytest.approx(scores.mean(), rel=1e-6)
        assert table.loc[name, "sd"] == pytest.approx(scores.std(ddof=1), rel=1e-5)
        assert table.loc[name, "epoch"] == pytest.approx(np.mean(chosen + 1))
        assert table.loc[name, "paper_accuracy"] == pytest.approx(
            100 * published.value("N", "I", arm, "test_accuracy")
        )
    assert table.loc["none", "verdict"] == ""


def test_a_verdict_needs_the_papers_sign_and_an_interval_without_zero(record):
    best = selection.best_epoch(record.epochs)
    accuracy = {arm: rows["test_accuracy"] for arm, rows in best.groupby("arm")}
    for arm, claim in report.accuracy_claims(mlp.MLP, record).items():
        gap = stats.ttest_ind(accuracy[arm], accuracy["none"], equal_var=False)
        interval = gap.confidence_interval()
        theirs = published.value("N", "I", arm, "test_accuracy")
        printed = theirs - published.value("N", "I", "none", "test_accuracy")
        sign = math.copysign(1, printed)
        agrees = min(sign * interval.low, sign * interval.high) > 0
        both = interval.low <= min(0, printed) and max(0, printed) <= interval.high
        expected = "undecided" if both else "not reproduced"
        overlap = claim.ours.low <= claim.theirs.high and claim.theirs.low <= claim.ours.high
        if agrees:
            expected = "reproduced" if overlap else "direction"
        assert claim.verdict == expected


def test_the_tests_are_scipys_and_corrected_together(record):
    best = selection.best_epoch(record.epochs)
    accuracy = {arm: rows["test_accuracy"] for arm, rows in best.groupby("arm")}
    table = report.test_table(mlp.MLP, record)
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
    paper, ours, correlation = report.ranking(mlp.MLP, record).split("\n")
    assert paper.startswith("paper: WD 0.001 50.2 % > WR 50.1 %")
    means = [float(part.split()[-2]) for part in ours.split(":")[1].split(" > ")]
    assert means == sorted(means, reverse=True)
    table = report.accuracy_table(mlp.MLP, record)
    expected = stats.spearmanr(table["paper_accuracy"], table["accuracy"]).statistic
    assert correlation.endswith(f"{expected:+.1f}")


def test_a_cut_full_record_earns_no_more_than_the_books(record):
    def of(**provenance):
        return report.claimed_scale(SimpleNamespace(provenance=provenance))

    assert of(scale="full", reduced=True) == "book"
    assert of(scale="full", reduced=False) == "full"
    assert report.claimed_scale(record) == "full"


def test_the_findings_say_one_thing_for_each_figure(record):
    found = repeated.claims_of(record)
    assert [claim.sentence.split(",")[0] for claim in found] == [
        "Figure 1",
        "Figure 3",
        "Figure 3",
        "Figure 2",
        "Table I",
        "Figure 7",
    ]
    assert all(claim.verdict in ("direction", "undecided", "not reproduced") for claim in found)
    fall = readings.fall_after_best(record.epochs, "wr")
    assert found[2].verdict == ("not reproduced" if fall.low > 0 else "undecided")


def test_what_the_slides_claim_is_repeated():
    found = {claim.sentence.split(":")[0]: claim.verdict for claim in all_repeated.claims("S")}
    assert found == {
        "Constant weights": "direction",
        "Any random weights": "direction",
        "Two rules": "holds",
        "Useful features": "direction",
        "Relying on others": "direction",
        "Lower test error": "not reproduced",
        "Faster convergence": "direction",
        "Scale and shift": "holds",
        "Entangled units": "holds",
        "Products": "holds",
    }
    with pytest.raises(ValueError, match="source must be one of A, C, L, N, S"):
        all_repeated.claims("Z")


def test_what_l_derives_is_repeated():
    found = {claim.sentence.split(":")[0]: claim.verdict for claim in all_repeated.claims("L")}
    assert found == {
        "Orthogonal gradient": "holds",
        "Growth": "holds",
        "Low rank": "holds",
        "Effective learning rate": "does not hold",
        "Figure 7": "does not hold",
        "Figure 8": "holds",
        "Figure 1": "does not hold",
        "Figure S3a": "holds",
        "Figure S3b": "does not hold",
        "Noise outside the input span": "does not hold",
    }


def test_what_the_companders_paper_says_is_repeated():
    found = {claim.sentence.split(":")[0]: claim.verdict for claim in all_repeated.claims("C")}
    assert found == {
        "Figure 3": "holds",
        "Figure 4": "holds",
        "Section IV-D": "does not hold",
        "Section IV-E, a": "holds",
        "Section IV-E, b": "undecided",
        "Section IV-E, fine and coarse": "undecided",
        "Section III-A3": "holds",
    }


@pytest.mark.parametrize(
    ("interval", "sign", "expected"),
    [
        (Interval(1.0, 0.5, 1.5), 1, "direction"),
        (Interval(1.0, 0.5, 1.5), -1, "not reproduced"),
        (Interval(1.0, -0.5, 2.5), 1, "undecided"),
        (Interval(-1.0, -1.5, -0.5), -1, "direction"),
    ],
)
def test_a_claim_of_direction_follows_the_sign(interval, sign, expected):
    assert claims.direction("a sentence", interval, sign).verdict == expected


# Effects, optimism, runs


def test_effects_are_those_of_the_best_epochs(record):
    best = selection.best_epoch(record.epochs)
    accuracy = {arm: rows["test_accuracy"].to_numpy(float) for arm, rows in best.groupby("arm")}
    for row in report.effect_table(mlp.MLP, record).itertuples():
        one, two = accuracy[row.group2], accuracy[row.group1]
        assert row.difference == pytest.approx(100 * (one.mean() - two.mean()))
        pairs = [(x > y) + (x == y) / 2 for x in one for y in two]
        assert row.superiority == pytest.approx(np.mean(pairs))
        assert row.delta == pytest.approx(2 * row.superiority - 1)
        assert row.low < row.difference < row.high
        assert math.isnan(row.superiority_low) == (row.superiority in (0, 1))
        assert math.copysign(1, row.g) == math.copysign(1, row.difference)
    assert report.effect_table(mlp.MLP, record).loc[0, "paper_g"] == pytest.approx(
        (50.08 - 48.72) / math.sqrt((0.5**2 + 0.48**2) / 2) * (1 - 3 / (4 * 198 - 1))
    )


def test_the_optimism_of_each_arm(record):
    table = readings.optimism_table(record).set_index("arm")
    epochs = record.epochs[record.epochs["epoch"] > 0]
    highest = epochs.groupby(["arm", "run"])["test_accuracy"].max().groupby("arm").mean()
    last = epochs[epochs["epoch"] == 100].groupby("arm")["test_accuracy"].mean()
    chosen = {arm: s.mean for arm, s in selection.by_arm(selection.best_epoch(epochs)).items()}
    for arm, row in table.iterrows():
        assert row["highest"] == pytest.approx(100 * float(highest[arm]), rel=1e-6)
        assert row["last"] == pytest.approx(100 * float(last[arm]), rel=1e-6)
        assert row["chosen"] == pytest.approx(100 * chosen[arm], rel=1e-6)
        assert row["optimism_low"] <= row["optimism"] <= row["optimism_high"]
        assert row["optimism"] >= 0
        assert row["late"] == pytest.approx(row["chosen"] - row["last"], abs=1e-9)


def test_runs_table_finds_with_the_power_asked_for():
    table = readings.runs_table([0.4, 0.8], sd=0.5, wanted=0.8, draws=2000)
    assert table["runs"].tolist() == [power.runs_needed(d, 0.5) for d in (0.4, 0.8)]
    # five standard errors of a share of 2000, and 0.03 for the theory at 8 runs
    error = 5 * math.sqrt(0.16 / 2000) + 0.03
    assert table["simulated"].tolist() == pytest.approx([0.8, 0.8], abs=error)
    assert ((table["low"] < table["simulated"]) & (table["simulated"] < table["high"])).all()


# Pairs


def test_runs_that_share_seeds_are_compared_pair_by_pair():
    """Four runs an arm: seeds scatter by points, and WR is one point ahead in every one of them."""
    start = np.array([0.40, 0.44, 0.48, 0.52])
    ahead = start + np.array([0.008, 0.011, 0.009, 0.012])
    arms = ("none", "wr")
    epochs = pd.DataFrame(
        {
            "run": range(8),
            "arm": np.repeat(arms, 4),
            "seed": [0, 1, 2, 3] * 2,
            "epoch": 1,
            "validation_accuracy": 0.5,
            "test_accuracy": [*start, *ahead],
        }
    )
    provenance = {"scale": "full", "epochs": 100, "reduced": False}
    record = SimpleNamespace(epochs=epochs, provenance=provenance)
    apart, pairs = mlp.MLP, replace(mlp.MLP, paired=True)

    found = report.differences(pairs, record).loc["wr"]
    expected = summaries.paired_difference(100 * ahead, 100 * start)
    assert found[["estimate", "low", "high"]].tolist() == pytest.approx(
        [expected.estimate, expected.low, expected.high]
    )
    assert found["p"] == pytest.approx(stats.wilcoxon(ahead, start, method="exact").pvalue)
    welch = report.differences(apart, record).loc["wr"]
    assert welch["estimate"] == pytest.approx(found["estimate"])
    assert welch["low"] < 0 < found["low"]

    said = report.accuracy_claims(pairs, record)["wr"].sentence
    assert f"ours +1.0 points ({expected.low:+.1f} to {expected.high:+.1f})" in said
    for row in reproduction.table([record_of(record)], [pairs]).query("cell == 'wr'").itertuples():
        assert (said.split("; ")[1] in row.note) == (row.quantity == "test_accuracy")


def record_of(record):
    """The record as the reproduction page looks at it."""
    more = {"experiment": mlp.MLP.name, "dataset": "cifar10", "machine": {}, "arms": ()}
    return SimpleNamespace(name="pairs", epochs=record.epochs, provenance=record.provenance | more)


# The two pages


def test_errata_has_one_row_a_lead():
    table = errata.errata()
    assert table["lead"].is_unique
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
        "small components": "does not hold",
        "output layer": "does not hold",
        "constant initialization": "does not hold",
        "the average of the two variances": "holds",
        "dropout at test time": "does not hold",
        "batch norm and the internal covariate shift": "left open",
        "product of variances": "holds",
        "the constant K_n": "holds",
        "the gradient at h^1": "does not hold",
        "the place of g": "does not hold",
        "where batch norm is ahead": "does not hold",
        "the band of several stages": "holds",
        "PyTorch's default": "left open",
        "what borders take": "does not hold",
        "the gain on TinyImageNet": "does not hold",
        "the exception": "does not hold",
        "what weight norm does": "does not hold",
        "what powerpropagation does": "does not hold",
        "one cell twice": "left open",
        "the inverse beyond the range": "does not hold",
        "a seed chosen and reported": "left open",
        "SGD and the slope-aware step": "holds",
    }
    assert (table["effect"].str.len() > 20).all()
    direction = table.set_index("lead").loc["direction", "computed"]
    assert "after our training" in direction


@pytest.fixture(scope="module")
def rows(record):
    return reproduction.table(shown=[record])


def test_every_printed_result_has_a_row(rows):
    for source in published.sources():
        frame = published.rows(source)
        results = ["test_accuracy", "best_epoch", "statistic", "p"]
        results += ["map_gain", "miou_gain", "mae", "mse", "test_error", "hessian_norm"]
        frame = frame[(frame["table"] != "text") & frame["quantity"].isin(results)]
        printed = set(frame[["table", "cell", "quantity"]].itertuples(index=False, name=None))
        mine = rows[rows["source"] == source]
        found = set(mine[["table", "cell", "quantity"]].itertuples(index=False, name=None))
        assert found == printed
    assert rows.columns.tolist() == list(reproduction.COLUMNS)


def test_accuracy_rows_are_the_claims_of_the_record(rows, record):
    mine = rows[(rows["record"] == NAME) & (rows["quantity"] == "test_accuracy")]
    mine = mine.set_index("cell")
    for arm, claim in report.accuracy_claims(mlp.MLP, record).items():
        assert mine.loc[arm, "verdict"] == claim.verdict
        assert mine.loc[arm, "ours"] == pytest.approx(100 * claim.ours.mean)
        assert mine.loc[arm, "low"] == pytest.approx(100 * claim.ours.low)
        assert mine.loc[arm, "paper_low"] == pytest.approx(100 * claim.theirs.low)
    assert mine.loc["none", "verdict"] == ""
    assert mine.loc["none", "note"] == "what the other arms are measured against"
    assert (mine["scale"] == "full").all()
    assert mine["command"].isna().all()


def test_test_rows_have_numbers_and_no_verdict(rows, record):
    mine = rows[(rows["record"] == NAME) & (rows["table"] == "II")].set_index(["cell", "quantity"])
    for row in report.test_table(mlp.MLP, record).itertuples():
        cell = f"{row.group1} vs {row.group2}"
        assert mine.loc[(cell, "p"), "ours"] == pytest.approx(row.p)
        assert mine.loc[(cell, "statistic"), "ours"] == min(row.U, 100 * 100 - row.U)
        assert f"ours {row.difference:+.2f} points" in mine.loc[(cell, "p"), "note"]
    assert (mine["verdict"] == "").all()


def test_what_has_no_record_says_what_to_do(rows):
    other = rows[rows["verdict"] == "not run"]
    assert set(other["table"]) == {"I", "II", "III", "IV", "V", "VI", "1", "2", "S2"}
    assert other["note"].str.contains(r"`companion run .* --scale full` runs it").all()
    epochs = other["source"].map({"N": "100", "C": "200", "A": "200", "L": "200"})
    epochs = epochs.where(other["quantity"] != "hessian_norm", "1")
    wanted = "runs of " + epochs + " epochs, for a GPU"
    assert all(want in cost for want, cost in zip(wanted, other["cost"], strict=True))
    missing = rows[rows["verdict"] == "not built"]
    theirs = missing["source"] == "C"
    assert set(missing.loc[theirs, "table"]) == {"IV", "V", "VII"}
    reason = r"no experiment of this library|this library loads no|searched a and b"
    assert missing.loc[theirs, "note"].str.contains(reason).all()
    missing = missing[missing["source"] == "L"]
    assert set(missing["table"]) == {"1", "S2", "section 6.2"}
    section = missing["table"] == "section 6.2"
    assert missing.loc[~section, "note"].str.endswith("loads no Tiny ImageNet.").all()
    assert (
        missing.loc[section, "note"]
        .str.endswith("not built, because no network of this library detects, segments or counts.")
        .all()
    )
    assert missing["command"].isna().all()
    assert set(rows["verdict"]) <= {*claims.MEANINGS, ""}


def test_a_record_that_is_not_full_names_the_command(record):
    book = SimpleNamespace(
        provenance={**record.provenance, "scale": "book"}, epochs=record.epochs, name="the book's"
    )
    found = reproduction.table(shown=[book], experiments=[mlp.MLP])
    mine = found[found["record"] == "the book's"]
    assert len(mine) == 16
    assert (mine["command"] == "companion run weight-rescaling-mlp --scale full").all()
    assert not (mine["verdict"] == "reproduced").any()


def test_a_run_too_short_to_show_its_best_epoch_is_undecided(record):
    epochs = record.epochs[record.epochs["epoch"] <= 5]
    short = SimpleNamespace(
        provenance={**record.provenance, "scale": "book", "epochs": 5}, epochs=epochs, name="short"
    )
    found = reproduction.table(shown=[short], experiments=[mlp.MLP]).set_index(["cell", "quantity"])
    assert found.loc[("wd-1e-3", "best_epoch"), "verdict"] == "undecided"
    assert found.loc[("wd-1e-3", "best_epoch"), "note"].endswith(
        "Our runs end too early to show it."
    )


def test_an_arm_without_its_baseline_has_no_verdict(record):
    epochs = record.epochs
    alone = SimpleNamespace(
        provenance={**record.provenance, "arms": ["wr"]},
        epochs=epochs[epochs["arm"] == "wr"],
        name="alone",
    )
    found = reproduction.table(shown=[alone], experiments=[mlp.MLP])
    mine = found[found["record"] == "alone"]
    assert mine["cell"].tolist() == ["wr", "wr"]
    assert (mine["note"] == "no record here has none to measure it against").all()
    assert (mine["verdict"] == "").all()


def test_an_undeclared_table_is_not_built():
    found = reproduction.table(shown=[], experiments=[])
    assert (found["verdict"] == "not built").all()
    first = found[found["source"] == "N"].iloc[0]
    assert first["note"] == "Base/None: not built, because no experiment declares it."


def test_an_arm_is_measured_against_its_own_initialization():
    """In the chapter and in the ledger alike: rescaled Xavier against Xavier."""
    lenet = records.recorded("weight-rescaling-lenet5-cifar10-jpeg-book")
    said = report.accuracy_claims(networks.LENET, lenet)
    assert set(said) == {"wr-kaiming"}  # the paper finds Xavier's two arms equal
    assert "difference to none, Kaiming" in said["wr-kaiming"].sentence
    ledger = reproduction.table(shown=[lenet]).query("quantity == 'test_accuracy'")
    ledger = ledger[ledger["record"] == lenet.name].set_index("cell")["verdict"]
    for arm, claim in said.items():
        assert ledger[arm] == claim.verdict
    assert ledger["none-xavier"] == ledger["wr-xavier"] == ""


def test_arms_without_baselines_take_them_from_the_experiment_that_has_them():
    names = ("weight-rescaling-lenet5", "weight-rescaling-lenet5-before")
    lenet, before = (records.recorded(f"{name}-cifar10-jpeg-book") for name in names)
    both = reproduction.table(shown=[lenet, before])
    mine = both[(both["record"] == before.name) & (both["quantity"] == "test_accuracy")]
    assert mine["cell"].tolist() == ["wr-xavier", "wr-kaiming"]
    judged = mine.set_index("cell").loc["wr-kaiming"]
    ours, base = (selection.by_arm(selection.best_epoch(r.epochs)) for r in (before, lenet))
    gap = summaries.difference(ours["wr-kaiming"], base["none-kaiming"])
    assert f"ours {100 * gap.estimate:+.1f} points" in judged["note"]
    alone = reproduction.table(shown=[before])
    alone = alone[(alone["record"] == before.name) & (alone["quantity"] == "test_accuracy")]
    assert (alone["verdict"] == "").all()


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
    best = selection.by_arm(selection.best_epoch(after.epochs))
    claims_made = networks.before_and_after(after, before)
    for scheme, claim in zip(("kaiming", "xavier"), claims_made, strict=True):
        wr, none = best[f"wr-{scheme}"].mean, best[f"none-{scheme}"].mean
        assert f"{100 * wr:.1f} % measured after each" in claim.sentence
        assert f"{100 * (wr + 0.3):.1f} % before it" in claim.sentence
        assert f"differ by {100 * (wr + 0.3 - none):+.1f} points" in claim.sentence
        assert claim.records == (f"{after.name}: {after.label()}", "before: made up")
    assert [claim.verdict for claim in claims_made] == ["direction", "direction"]
    worse = networks.before_and_after(after, after)
    assert [claim.verdict for claim in worse] == ["not reproduced", "not reproduced"]
    grown, first, _ = networks.biases_kept(after, before, before)
    assert "is 2.00 to 2.00 times what WR sets it to" in grown
    assert f"{100 * (best['wr-kaiming'].mean + 0.3):.1f} % with the biases kept" in first
    assert "a difference of 30.0 points" in first
    shown = figures.what_a_rescaling_costs(after, before, after)
    assert f"WR, before it {100 * _last(before.epochs, 'wr-xavier'):.1f}" in shown.alt
    assert f"WR, biases kept {100 * _last(after.epochs, 'wr-xavier'):.1f}" in shown.alt


def test_batch_normalization_is_told_with_its_interval():
    record = records.recorded("weight-rescaling-batch-norm-cifar10-jpeg-book")
    best = selection.best_epoch(record.epochs).groupby("arm")["test_accuracy"]
    wr, none = (best.get_group(arm).to_numpy(float) for arm in ("wr", "none"))
    interval = stats.ttest_ind(wr, none, equal_var=False).confidence_interval()
    said = networks.with_batch_norm(record)
    assert f"{100 * wr.mean():.1f} % with rescaling, {100 * none.mean():.1f} % without" in said
    assert f"({100 * interval.low:+.1f} to {100 * interval.high:+.1f})" in said
    assert ("do not tell" in said) == (interval.low < 0 < interval.high)


def _last(epochs, arm):
    rows = epochs[(epochs["arm"] == arm) & (epochs["epoch"] == epochs["epoch"].max())]
    return float(rows["test_accuracy"].mean())
