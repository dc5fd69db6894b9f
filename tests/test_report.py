"""A record beside the paper: each number against an independent computation."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from companion.evidence import claims, comparison, published, records
from companion.evidence.summaries import Interval
from companion.experiments import report, weight_rescaling

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
