"""The papers recomputed: every lead against an independent computation, and its verdict's rule."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from companion.chapters.rescaling.errata import audit, counts, statistic_or_p
from companion.evidence import (
    claims,
    corrections,
    published,
    rank_tests,
    records,
    selection,
    summaries,
)
from companion.evidence.findings import Finding, judge

RECORD = "weight-rescaling-mlp-cifar10-jpeg-full"


@pytest.fixture(scope="module")
def record():
    return records.recorded(RECORD)


@pytest.fixture(scope="module")
def tests():
    return audit.test_rows(draws=1000)


# A finding


def finding(verdict: str) -> Finding:
    return Finding("lead", "N", "Table I", "one", "two", verdict, "It changes nothing.")


def test_a_finding_becomes_a_claim_with_its_verdict():
    claim = finding("does not hold").claim()
    assert claim.verdict == "does not hold"
    assert claim.sentence == "N, Table I. Printed: one. Computed: two. It changes nothing."
    assert set(audit.VERDICTS) < set(claims.MEANINGS)
    with pytest.raises(ValueError, match=r"one of holds, does not hold, left open, got 'direction"):
        finding("direction")


def test_one_false_row_and_it_does_not_hold():
    assert judge([True, True]) == "holds"
    assert judge([True, False]) == "does not hold"


# The direction of the weights


@pytest.mark.parametrize(("mean", "target"), [(0.05, 0.0255), (-0.05, 0.0255), (0.02, 0.3)])
def test_the_cosine_is_exact_and_the_flips_are_those_of_normal_weights(mean, target):
    w = np.random.default_rng(0).normal(mean, 0.17, 200_000)
    new = target * (w - w.mean()) / w.std() + w.mean()
    cosine = w @ new / np.linalg.norm(w) / np.linalg.norm(new)
    flipped = np.mean(np.sign(w) != np.sign(new))
    ours, flips = audit.kept_direction(w.mean(), w.std(), target)
    assert ours == pytest.approx(cosine, rel=1e-9)
    # five standard errors of the share of 200,000 weights
    assert flips == pytest.approx(flipped, abs=5 * math.sqrt(0.25 / len(w)))
    assert flips > 0.01


def test_the_direction_is_kept_without_a_mean_or_without_a_change():
    assert audit.kept_direction(0, 2, 1) == (1, 0)
    cosine, flips = audit.kept_direction(0.3, 0.2, 0.2)
    assert cosine == pytest.approx(1)
    assert flips == 0
    one = audit.kept_direction(0.1, 0.2, 0.05)
    assert audit.kept_direction(-1, 2, 0.5) == pytest.approx(one)  # only the ratios count


@pytest.mark.parametrize("wrong", [(math.nan, 1, 1), (0, 0, 1), (0, 1, 0), (0, math.inf, 1)])
def test_direction_errors(wrong):
    with pytest.raises(ValueError, match="mean must be finite, std and target > 0, got"):
        audit.kept_direction(*wrong)


def test_direction_rows_follow_the_records_layers(record):
    rows = audit.direction_rows(record.layers).set_index("layer")
    layer2 = record.layers[(record.layers["arm"] == "none") & (record.layers["layer"] == 2)]
    start, end = (layer2[layer2["epoch"] == e].set_index("run") for e in (0, 100))
    found = [
        audit.kept_direction(end["weight_mean"][r], end["weight_std"][r], start["weight_std"][r])
        for r in end.index
    ]
    assert rows.loc[2, "cosine"] == pytest.approx(min(c for c, _ in found))
    assert rows.loc[2, "flips"] == pytest.approx(max(f for _, f in found))
    assert rows["cosine"].between(0.99, 1).all()  # the means of our layers are small
    with pytest.raises(ValueError, match=r"arm must be one of none, wr, .*got 'wn'"):
        audit.direction_rows(record.layers, "wn")


def test_the_direction_does_not_hold_for_a_mean_and_holds_without(record):
    ours = audit.direction()
    assert ours.verdict == "does not hold"
    assert "the cosine is 0.69 and 36 % of normal weights change sign" in ours.computed
    assert audit.direction(mean=0).verdict == "holds"
    found = audit.direction(record.layers).computed
    assert found.index("the smallest cosine of a layer is 0.99") < found.index("0.69")  # ours leads


# Counts


def test_counts_equal_the_real_networks():
    import torch
    from torchvision import models

    def size(model):
        return sum(p.numel() for p in model.parameters())

    found = dict(zip(counts.rows()["reading"], counts.rows()["parameters"], strict=True))
    with torch.device("meta"):
        resnet = models.resnet50(num_classes=10)
        large = found["torchvision, 10 classes: first convolution 7x7"]
        assert large == size(resnet) == 23_528_522
        resnet.conv1 = torch.nn.Conv2d(3, 64, 3, bias=False)
        assert found["first convolution 3x3"] == size(resnet) == 23_520_842
        alexnet = size(models.alexnet(num_classes=10))
        assert found["torchvision, 10 classes"] == alexnet == 57_044_810
        nn = torch.nn
        lenet = nn.Sequential(
            nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5), nn.Linear(400, 120), nn.Linear(120, 84),
            nn.Linear(84, 10),
        )  # fmt: skip
        assert found["conv 6, conv 16, dense 120-84-10"] == size(lenet) == 62_006


def test_alexnets_smallest_input_is_where_torchvision_begins_to_work():
    import torch
    from torchvision.models import alexnet

    side = counts.smallest_side()
    with torch.device("meta"):
        features = alexnet().features
        assert min(features(torch.empty(1, 3, side, side)).shape) >= 1
        with pytest.raises(RuntimeError, match="too small"):
            features(torch.empty(1, 3, side - 1, side - 1))
    found = audit.alexnet_input()
    assert found.verdict == "left open"
    assert f"at least {side} x {side} pixels" in found.computed


def test_hidden_widths_are_all_pairs():
    small = [
        (a, b)
        for a, b in itertools.product(range(1, 40), range(1, 400))
        if 6 * a + b * (a + 1) + 3 * (b + 1) == 303
    ]
    assert counts.hidden_widths(303, inputs=5, outputs=3) == small
    assert small
    for pair in counts.hidden_widths(199_082):
        assert counts.size("mlp", (3072, *pair, 10)) == 199_082
    assert counts.hidden_widths(100) == []


def test_two_of_four_counts_follow_from_the_text():
    rows = audit.parameter_rows()
    assert rows.loc[rows["stated"], "equal"].tolist() == [False, True, True, False]
    assert rows.loc[~rows["stated"], "equal"].all()
    found = audit.parameters()
    assert found.verdict == "does not hold"
    assert "2 of 4 follow" in found.computed
    assert "MLP 3072-32-32-10 has 99,722, and 3072-64-32-10 has 199,082" in found.computed
    assert "only 64-32 has no layer above 256 units" in found.computed


# Arithmetic


def test_gains_by_hand():
    rows = audit.gain_rows().set_index("cell")
    assert rows["tables"].tolist() == [0.22, 0.73, 1.50, 2.30, 0.85]
    assert rows["result_ok"].tolist() == [True, True, True, False, True]
    assert rows["operands_ok"].tolist() == [True, False, True, True, True]
    assert rows.loc["wr-kaiming minus none-kaiming", "operands"] == 0.83
    found = audit.arithmetic()
    assert found.verdict == "does not hold"
    assert "3 of 5 differences are right" in found.computed
    assert "56.22% - 55.39% would be 0.83" in found.computed
    assert "70.63% - 68.33% is 2.30, not 2.33" in found.computed


# Corrections and the arms left out


def test_the_correction_is_bonferronis_and_no_decision_depends_on_it():
    rows = audit.correction_rows()
    assert len(rows) == 11
    for table, count in [("II", 3), ("IV", 6), ("VI", 1)]:
        part = rows[rows["table"] == table]
        assert part["bonferroni_alpha"].tolist() == pytest.approx([0.05 / count] * len(part))
        printed = published.mann_whitney_rows("N", table)["alpha"]
        assert part["bonferroni_alpha"].tolist() == pytest.approx(printed.tolist())
    assert (rows["bonferroni_finds"] == rows["starred"]).all()
    assert (rows["holm_finds"] == rows["starred"]).all()
    found = audit.correction()
    assert found.verdict == "does not hold"
    assert "agree in 11 of 11 decisions, and 11 of 11 stars follow" in found.computed
    assert found.effect.endswith("no decision changes.")
    assert (audit.correction_rows(alpha=1e-9)["bonferroni_finds"].sum()) == 4


def test_welch_from_the_table_is_that_of_samples_with_its_moments():
    random = np.random.default_rng(3)

    def exactly(mean, sd, runs=100):
        values = random.normal(size=runs)
        return mean + sd * (values - values.mean()) / values.std(ddof=1)

    a, b = exactly(48.00, 0.45), exactly(48.72, 0.48)
    test = stats.ttest_ind(a, b, equal_var=False)
    row = audit.welch_rows().set_index("arm").loc["wd-1e-2"]
    assert (row["t"], row["freedom"], row["p"]) == pytest.approx(
        (test.statistic, test.df, test.pvalue)
    )
    ends = test.confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx((ends.low, ends.high))
    assert row["difference"] == pytest.approx(-0.72)


def test_the_arms_left_out_are_not_close():
    rows = audit.welch_rows().set_index("arm")
    assert rows["tested"].to_dict() == {
        "wr": True, "wd-1e-2": False, "wd-1e-3": True, "wd-1e-4": False
    }  # fmt: skip
    assert f"{rows.loc['wd-1e-2', 'p']:.0e}" == "4e-22"
    assert rows["holm"].tolist() == pytest.approx(corrections.holm(rows["p"]).tolist())
    found = audit.arms_left_out()
    assert found.verdict == "does not hold"
    assert "WD 0.01 differs by -0.72 points (-0.85 to -0.59), Welch p = 4e-22" in found.computed
    assert "WD 0.01 is worse than none by 0.72 points" in found.effect
    assert "rescaling still beats no regularization" in found.effect
    assert audit.arms_left_out(alpha=1e-30).verdict == "holds"  # the rule can say so
    with pytest.raises(ValueError, match=r"baseline must be one of none, wr, .*got 'base'"):
        audit.welch_rows(baseline="base")


def test_welch_rows_of_the_other_tables():
    rows = audit.welch_rows("III", "none-kaiming").set_index("arm")
    assert rows["tested"].all()
    assert rows.loc["wr-kaiming", "difference"] == pytest.approx(0.73)


# Statistic and p-value


@pytest.mark.parametrize(
    ("printed", "ends"),
    [(12.0, (11.95, 12.05)), (2080, (2075, 2085)), (0.131, (0.1305, 0.1315)), (0, (0, 0))],
)
def test_rounded_is_what_rounds_to_the_print(printed, ends):
    assert statistic_or_p.rounded(printed) == pytest.approx(ends)


def test_what_belongs_together_is_recognized():
    random = np.random.default_rng(4)
    for runs in (20, 50, 100):
        a = random.normal(50, 0.5, runs).round(2)  # accuracies, with ties
        b = random.normal(50.3, 0.5, runs).round(2)
        u = stats.mannwhitneyu(a, b)
        w = stats.wilcoxon(a, b, method="approx")
        printed = {
            "U": (float(f"{u.statistic:.2e}"), float(f"{u.pvalue:.2e}")),
            "W": (float(f"{w.statistic:.2e}"), float(f"{w.pvalue:.2e}")),
        }
        for test, other in [("U", "W"), ("W", "U")]:
            assert statistic_or_p.belongs(*printed[test], runs, test)
            assert not statistic_or_p.belongs(printed[test][0], printed[other][1], runs, test)


def test_a_statistic_beyond_its_range_belongs_to_nothing():
    assert not statistic_or_p.belongs(1100, 5.53e-4, 40, "W")
    with pytest.raises(ValueError, match="test must be one of U, W, got 't'"):
        statistic_or_p.belongs(1, 0.5, 40, "t")


def test_the_simulation_is_scipys_tests_on_the_same_draws():
    arms = [
        published.summary("N", "III", arm, "test_accuracy") for arm in ("none-xavier", "wr-xavier")
    ]
    made = statistic_or_p.simulated(*arms, draws=20, seed=7)
    random = np.random.default_rng(7)
    a = random.normal(arms[0].mean, arms[0].sd, (20, 50))
    b = random.normal(arms[1].mean, arms[1].sd, (20, 50))
    for row, x, y in zip(made.itertuples(), a, b, strict=True):
        u = stats.mannwhitneyu(x, y)
        w = stats.wilcoxon(x, y, method="approx")
        assert min(u.statistic, 2500 - u.statistic) == row.U
        assert (row.p_U, row.W, row.p_W) == pytest.approx((u.pvalue, w.statistic, w.pvalue))


def test_the_simulation_needs_equal_runs():
    one, two = summaries.from_printed(1, 1, 5), summaries.from_printed(1, 1, 6)
    with pytest.raises(ValueError, match="as many runs on both sides, got 5 and 6"):
        statistic_or_p.simulated(one, two)


def test_ten_of_eleven_rows_do_not_belong_together(tests):
    assert len(tests) == 11
    together = tests[tests["belongs"].isin(["U", "both"])]
    assert together["group1"].tolist() == ["alexnet-none"]
    assert tests.loc[tests["belongs"] == "W", ["group1", "group2"]].to_numpy().tolist() == [
        ["wr", "wd-1e-3"]
    ]
    for row in tests.itertuples():
        assert row.p_as_U == rank_tests.mann_whitney_p(row.statistic, row.runs, row.runs)
        assert row.p_as_W == rank_tests.signed_rank_p(row.statistic, row.runs)


def test_the_medians_are_where_theory_puts_them(tests):
    """E[U] = runs^2 P(a > b), and P is normal's; E[W+] = n (n-1) / 2 P2 + n P."""
    for row in tests[tests["runs"] == 50].itertuples():
        one, two = (
            published.summary("N", "III", arm, "test_accuracy") for arm in (row.group1, row.group2)
        )
        gap = abs(one.mean - two.mean)
        spread = math.hypot(one.sd, two.sd)
        lost = stats.norm.sf(gap / spread)
        if lost > 0.4:
            continue  # the smaller of two near equals is not the one that theory counts
        u = 2500 * lost
        w = 50 * 49 / 2 * stats.norm.sf(math.sqrt(2) * gap / spread) + 50 * lost
        # five standard errors of a median of 1000, from the largest variance the two can have
        assert pytest.approx(u, abs=5 * 1.25 * math.sqrt(50**2 * 101 / 12 / 1000) + 10) == row.U
        assert pytest.approx(w, abs=5 * 1.25 * math.sqrt(50 * 51 * 101 / 24 / 1000) + 10) == row.W


def test_the_statistics_look_like_w_and_the_p_values_like_mann_whitney(tests):
    assert tests["p_in"].isin(["U", "both"]).all()
    assert (tests["statistic_in"] == "W").sum() >= 7
    assert (tests["statistic_in"] == "U").sum() == 0
    found = audit.statistic_and_p(draws=1000)
    assert found.verdict == "does not hold"
    assert "belong together as U in 1 of 11 rows and as a signed-rank W in 1" in found.computed
    assert found.effect.startswith("A signed-rank W beside a Mann-Whitney p is likely")
    assert found.effect.endswith("no decision changes.")


def test_no_reading_of_the_statistic_saves_the_resnet_row():
    rows = audit.other_readings()
    as_printed = rows[rows["p"] == 5.53e-4]
    assert as_printed["statistic"].tolist() == [11, 110, 1100]
    assert (as_printed["belongs"] == "neither").all()
    assert rows.loc[rows["belongs"] != "neither", ["statistic", "p", "belongs"]].to_numpy(
    ).tolist() == [[110, pytest.approx(5.53e-5), "W"]]  # fmt: skip


# Our own runs


def made_record(runs: int):
    """Stands for a record: the best epochs of three arms drawn with the paper's means and SDs."""
    random = np.random.default_rng(9)
    rows = []
    for arm in ("none", "wr", "wd-1e-3"):
        paper = published.summary("N", "I", arm, "test_accuracy")
        for value in random.normal(paper.mean, paper.sd, runs):
            number = len(rows)
            rows.append((number, arm, number, 1, 0.5, value))
    names = ["run", "arm", "seed", "epoch", "validation_accuracy", "test_accuracy"]
    return SimpleNamespace(epochs=pd.DataFrame(rows, columns=names))


def test_at_the_papers_size_the_printed_statistic_resembles_w():
    rows = audit.ours(made_record(100), "II")
    assert rows["resembles"].tolist() == ["W", "W", "W"]
    assert rows["runs"].tolist() == [100, 100, 100]
    assert rows["U_gap"].abs().max() < 0.01
    assert (rows["W_gap"] < 0).all()


def test_our_tests_are_scipys(record):
    best = selection.best_epoch(record.epochs)
    accuracy = {arm: part["test_accuracy"].to_numpy(float) for arm, part in best.groupby("arm")}
    for row in audit.ours(record, "II").itertuples():
        a, b = accuracy[row.group1], accuracy[row.group2]
        u = stats.mannwhitneyu(a, b, method="asymptotic")
        w = stats.wilcoxon(a, b)
        assert min(u.statistic, len(a) * len(b) - u.statistic) == row.U
        assert (row.p_U, row.W, row.p_W) == (u.pvalue, w.statistic, w.pvalue)
        assert row.resembles in ("U", "W", "either")
    with pytest.raises(ValueError, match="table IV needs the arm none-kaiming, and the record has"):
        audit.ours(record, "IV")


# The end of training


def test_best_epochs_that_run_into_the_end():
    rows = audit.stopped_early_rows()
    assert len(rows) == 13
    row = rows.set_index(["table", "cell"]).loc[("I", "wr")]
    share = 0.5 * math.erfc((100 - 76.01) / 20.52 / math.sqrt(2))
    assert row["beyond"] == pytest.approx(share) == pytest.approx(0.121, abs=5e-4)
    found = audit.stopped_early()
    assert found.verdict == "left open"
    assert "wr 12.1 %" in found.computed
    assert f"in {(rows['beyond'] > 0.05).sum()} of 13 arms" in found.computed
    assert audit.stopped_early(share=0.5).verdict == "holds"
