"""Statistics against scipy, against brute force, and against hand computation."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from companion.evidence import comparison
from companion.evidence.comparison import difference, from_printed, summary

RNG = np.random.default_rng(0)
A = RNG.normal(50.1, 0.5, 6)
B = RNG.normal(48.7, 0.9, 9)


# The best-epoch metric


def epochs(**validation) -> pd.DataFrame:
    """Runs by name `<arm>_<seed>`, each with its validation accuracies from epoch 0."""
    rows = [
        {
            "run": run,
            "arm": name.split("_")[0],
            "seed": int(name.split("_")[1]),
            "epoch": epoch,
            "validation_accuracy": np.float32(value),
            "test_accuracy": np.float32(100 * run + epoch),
        }
        for run, (name, values) in enumerate(validation.items())
        for epoch, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_best_epoch_by_hand():
    table = epochs(
        wr_1=[0.9, 0.2, 0.5, 0.3],  # epoch 0 does not count
        wr_2=[0.1, 0.4, 0.4, 0.4],  # the first of equals
        none_1=[0.1, np.nan, 0.3, 0.2],  # NaN is never the best
    )
    best = comparison.best_epoch(table.sample(frac=1, random_state=1))
    assert best.columns.tolist() == [
        "run", "arm", "seed", "best_epoch", "validation_accuracy", "test_accuracy",
    ]  # fmt: skip
    assert best["run"].tolist() == [0, 1, 2]
    assert best["arm"].tolist() == ["wr", "wr", "none"]
    assert best["best_epoch"].tolist() == [2, 1, 2]
    assert best["test_accuracy"].tolist() == [2, 101, 202]


def test_best_epoch_equals_the_papers_loop():
    values = {f"wr_{seed}": RNG.integers(0, 6, 21) / 10 for seed in range(8)}
    best = comparison.best_epoch(epochs(**values))
    for row, accuracies in zip(best.itertuples(), values.values(), strict=True):
        e_star, top = None, -1.0
        for epoch in range(1, len(accuracies)):
            if accuracies[epoch] > top:
                e_star, top = epoch, accuracies[epoch]
        assert row.best_epoch == e_star


def test_best_epoch_errors():
    table = epochs(wr_1=[0.1, 0.2], wr_2=[0.1, np.nan])
    with pytest.raises(ValueError, match="validation accuracy after epoch 0; run 1 has none"):
        comparison.best_epoch(table)
    with pytest.raises(ValueError, match="needs the column seed; give a record's epochs"):
        comparison.best_epoch(table.drop(columns="seed"))
    with pytest.raises(ValueError, match="one row an epoch, got two"):
        comparison.best_epoch(pd.concat([table, table]))
    with pytest.raises(ValueError, match="after epoch 0; the table is empty"):
        comparison.best_epoch(table.iloc[:0])


def test_by_arm_summarises_each_arm():
    best = comparison.best_epoch(epochs(wr_1=[0, 1, 0], none_1=[0, 0, 1], wr_2=[0, 0, 1]))
    found = comparison.by_arm(best, "best_epoch")
    assert list(found) == ["wr", "none"]
    assert found["wr"] == summary([1, 2])
    assert found["none"].runs == 1
    with pytest.raises(ValueError, match=r"quantity must be one of run, arm.*got 'loss'"):
        comparison.by_arm(best, "loss")


# Means and intervals


def test_summary_by_hand():
    # 1, 2, 3, 4: mean 2.5, sd sqrt(5/3); t(3) at 0.975 is 3.1824463 in every table
    found = summary([1, 2, 3, 4])
    assert found.mean == 2.5
    assert found.sd == pytest.approx(math.sqrt(5 / 3))
    assert found.high - 2.5 == pytest.approx(3.1824463 * math.sqrt(5 / 3) / 2, rel=1e-7)
    assert found.low == pytest.approx(5 - found.high)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_summary_equals_scipy(confidence):
    found = summary(A, confidence)
    expected = stats.ttest_1samp(A, 0).confidence_interval(confidence)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert from_printed(found.mean, found.sd, found.runs, confidence) == found


def test_one_run_has_no_interval():
    found = summary([0.5])
    assert (found.mean, found.runs, found.low, found.high) == (0.5, 1, -math.inf, math.inf)
    assert math.isnan(found.sd)
    assert not difference([0.5], [0.1, 0.1]).excludes_zero


def test_equal_values_have_an_interval_without_width():
    found = summary([0.5, 0.5, 0.5])
    assert (found.sd, found.low, found.high) == (0, 0.5, 0.5)
    gap = difference([2, 2], [1, 1])
    assert (gap.estimate, gap.low, gap.high) == (1, 1, 1)


def test_float32_columns_are_summed_in_float64():
    values = pd.Series(np.full(1000, 0.1, dtype=np.float32))
    assert summary(values).mean == pytest.approx(float(np.float32(0.1)), rel=1e-12)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: summary([]), r"at least one number, got shape \(0,\)"),
        (lambda: summary([[1, 2]]), r"got shape \(1, 2\); give one value a run"),
        (lambda: summary([1, math.nan]), "holds finite numbers, got nan; leave out"),
        (lambda: summary([1, 2], confidence=95), "between 0 and 1, got 95; 0.95 is usual"),
        (lambda: difference([1, 2], [1, 2], confidence=0), "between 0 and 1, got 0"),
        (lambda: from_printed(1, 1, 0), "runs must be a whole number >= 1, got 0"),
        (lambda: from_printed(1, 1, 2.5), "runs must be a whole number >= 1, got 2.5"),
        (lambda: from_printed(math.inf, 1, 2), "mean must be a finite number, got inf"),
        (lambda: from_printed(1, -1, 2), "sd must be a finite number >= 0, got -1"),
    ],
)
def test_summary_errors(act, message):
    with pytest.raises(ValueError, match=message):
        act()


# Differences


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_difference_equals_scipys_welch_interval(confidence):
    expected = stats.ttest_ind(A, B, equal_var=False).confidence_interval(confidence)
    found = difference(A, B, confidence)
    assert found.estimate == pytest.approx(A.mean() - B.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_difference_from_summaries_equals_that_from_values():
    mixed = difference(summary(A), B)
    assert mixed == difference(A, B)
    turned = difference(B, A)
    assert (turned.low, turned.high) == pytest.approx((-mixed.high, -mixed.low))


def test_difference_by_hand():
    # 1, 2, 3 and 4, 6, 8: s_a = 1/3, s_b = 4/3, total 5/3,
    # freedom (5/3)^2 / ((1/9 + 16/9) / 2) = 50/17; t(50/17) at 0.975 lies between t(2) and t(3)
    found = difference([4, 6, 8], [1, 2, 3])
    t = (found.high - 4) / math.sqrt(5 / 3)
    assert found.estimate == 4
    assert 3.182 < t < 4.303
    assert stats.t.cdf(t, 50 / 17) == pytest.approx(0.975)


def test_excludes_zero():
    assert difference(A, B).excludes_zero
    assert difference(B, A).excludes_zero
    assert not difference(A, A).excludes_zero


# Mann-Whitney


def brute_force(a, b) -> tuple[float, float]:
    """U of `a`, and the share of all splits at least as far from the middle."""

    def u(one, two):
        return sum((x > y) + 0.5 * (x == y) for x in one for y in two)

    pool, middle = [*a, *b], len(a) * len(b) / 2
    observed = abs(u(a, b) - middle)
    far = total = 0
    for chosen in itertools.combinations(range(len(pool)), len(a)):
        rest = [pool[i] for i in range(len(pool)) if i not in chosen]
        far += abs(u([pool[i] for i in chosen], rest) - middle) >= observed
        total += 1
    return u(a, b), far / total


def test_mann_whitney_by_hand_for_three_and_three():
    # of the 20 ways to split six ranks, U takes 0..9 with counts 1 1 2 3 3 3 3 2 1 1
    counts = [1, 1, 2, 3, 3, 3, 3, 2, 1, 1]
    for chosen in itertools.combinations(range(6), 3):
        rest = [i for i in range(6) if i not in chosen]
        found = comparison.mann_whitney(chosen, rest)
        u = sum(chosen) - 3  # the rank sum less its smallest value
        assert found.statistic == u
        expected = min(1, 2 * sum(counts[: min(u, 9 - u) + 1]) / 20)
        assert found.p == pytest.approx(expected)
        assert brute_force(chosen, rest) == pytest.approx((u, expected))


@settings(deadline=None, max_examples=50)  # the first example imports
@given(st.permutations(range(9)), st.integers(1, 8))
def test_mann_whitney_is_exact_without_ties(order, cut):
    found = comparison.mann_whitney(order[:cut], order[cut:])
    assert tuple(found) == pytest.approx(brute_force(order[:cut], order[cut:]))


def test_mann_whitney_equals_scipy_and_mirrors():
    a, b = RNG.normal(0, 1, 30), RNG.normal(0.4, 1, 25)
    found = comparison.mann_whitney(a, b)
    expected = stats.mannwhitneyu(a, b, alternative="two-sided")
    assert found == (expected.statistic, expected.pvalue)
    mirrored = comparison.mann_whitney(b, a)
    assert mirrored.statistic == 30 * 25 - found.statistic
    assert mirrored.p == pytest.approx(found.p)
    with pytest.raises(ValueError, match="a sample is a list of at least one number"):
        comparison.mann_whitney([], b)


def test_mann_whitney_p_belongs_to_the_statistic():
    a, b = RNG.normal(0, 1, 40), RNG.normal(0.7, 1, 35)
    found = comparison.mann_whitney(a, b)
    assert comparison.mann_whitney_p(found.statistic, 40, 35) == pytest.approx(found.p)
    assert comparison.mann_whitney_p(40 * 35 / 2, 40, 35) == 1
    for u, n in [(-1, 5), (26, 5), (0, 0)]:
        with pytest.raises(ValueError, match=r"U must be between 0 and runs_a \* runs_b"):
            comparison.mann_whitney_p(u, n, n)


# Holm


def test_holm_by_hand():
    # sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, then at least 0.06
    found = comparison.holm([0.01, 0.04, 0.03, 0.005])
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert comparison.holm([0.6, 0.7]) == pytest.approx([1, 1])
    assert comparison.holm([0.2]) == pytest.approx([0.2])


@settings(deadline=None, max_examples=50)  # the first example imports
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_equals_its_definition(pvalues):
    adjusted, running = {}, 0.0
    for rank, index in enumerate(sorted(range(len(pvalues)), key=pvalues.__getitem__)):
        running = min(1.0, max(running, (len(pvalues) - rank) * pvalues[index]))
        adjusted[index] = running
    expected = [adjusted[i] for i in range(len(pvalues))]
    assert comparison.holm(pvalues) == pytest.approx(expected)


def test_holm_errors():
    with pytest.raises(ValueError, match=r"a p-value lies between 0 and 1, got 1\.2; check"):
        comparison.holm([0.1, 1.2])
    with pytest.raises(ValueError, match="at least one number"):
        comparison.holm([])


def test_statsmodels_is_not_imported_with_the_module():
    code = "import sys, companion.evidence.claims as c; print('statsmodels' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
