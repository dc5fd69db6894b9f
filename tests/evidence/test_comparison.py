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

from companion.evidence import corrections, effects, power, rank_tests, selection
from companion.evidence.summaries import difference, from_printed, summary

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
    best = selection.best_epoch(table.sample(frac=1, random_state=1))
    assert best.columns.tolist() == [
        "run", "arm", "seed", "best_epoch", "validation_accuracy", "test_accuracy",
    ]  # fmt: skip
    assert best["run"].tolist() == [0, 1, 2]
    assert best["arm"].tolist() == ["wr", "wr", "none"]
    assert best["best_epoch"].tolist() == [2, 1, 2]
    assert best["test_accuracy"].tolist() == [2, 101, 202]


def test_best_epoch_equals_the_papers_loop():
    values = {f"wr_{seed}": RNG.integers(0, 6, 21) / 10 for seed in range(8)}
    best = selection.best_epoch(epochs(**values))
    for row, accuracies in zip(best.itertuples(), values.values(), strict=True):
        e_star, top = None, -1.0
        for epoch in range(1, len(accuracies)):
            if accuracies[epoch] > top:
                e_star, top = epoch, accuracies[epoch]
        assert row.best_epoch == e_star


def test_best_epoch_errors():
    table = epochs(wr_1=[0.1, 0.2], wr_2=[0.1, np.nan])
    with pytest.raises(ValueError, match="validation accuracy after epoch 0; run 1 has none"):
        selection.best_epoch(table)
    with pytest.raises(ValueError, match="needs the column seed; give a record's epochs"):
        selection.best_epoch(table.drop(columns="seed"))
    with pytest.raises(ValueError, match="one row an epoch, got two"):
        selection.best_epoch(pd.concat([table, table]))
    with pytest.raises(ValueError, match="after epoch 0; the table is empty"):
        selection.best_epoch(table.iloc[:0])


def test_by_arm_summarises_each_arm():
    best = selection.best_epoch(epochs(wr_1=[0, 1, 0], none_1=[0, 0, 1], wr_2=[0, 0, 1]))
    found = selection.by_arm(best, "best_epoch")
    assert list(found) == ["wr", "none"]
    assert found["wr"] == summary([1, 2])
    assert found["none"].runs == 1
    with pytest.raises(ValueError, match=r"quantity must be one of run, arm.*got 'loss'"):
        selection.by_arm(best, "loss")


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
        found = rank_tests.mann_whitney(chosen, rest)
        u = sum(chosen) - 3  # the rank sum less its smallest value
        assert found.statistic == u
        expected = min(1, 2 * sum(counts[: min(u, 9 - u) + 1]) / 20)
        assert found.p == pytest.approx(expected)
        assert brute_force(chosen, rest) == pytest.approx((u, expected))


@settings(deadline=None, max_examples=50)  # the first example imports
@given(st.permutations(range(9)), st.integers(1, 8))
def test_mann_whitney_is_exact_without_ties(order, cut):
    found = rank_tests.mann_whitney(order[:cut], order[cut:])
    assert tuple(found) == pytest.approx(brute_force(order[:cut], order[cut:]))


def test_mann_whitney_equals_scipy_and_mirrors():
    a, b = RNG.normal(0, 1, 30), RNG.normal(0.4, 1, 25)
    found = rank_tests.mann_whitney(a, b)
    expected = stats.mannwhitneyu(a, b, alternative="two-sided")
    assert found == (expected.statistic, expected.pvalue)
    mirrored = rank_tests.mann_whitney(b, a)
    assert mirrored.statistic == 30 * 25 - found.statistic
    assert mirrored.p == pytest.approx(found.p)
    with pytest.raises(ValueError, match="a sample is a list of at least one number"):
        rank_tests.mann_whitney([], b)


def test_mann_whitney_p_belongs_to_the_statistic():
    a, b = RNG.normal(0, 1, 40), RNG.normal(0.7, 1, 35)
    found = rank_tests.mann_whitney(a, b)
    assert rank_tests.mann_whitney_p(found.statistic, 40, 35) == pytest.approx(found.p)
    assert rank_tests.mann_whitney_p(40 * 35 / 2, 40, 35) == 1
    for u, n in [(-1, 5), (26, 5), (0, 0)]:
        with pytest.raises(ValueError, match=r"U must be between 0 and runs_a \* runs_b"):
            rank_tests.mann_whitney_p(u, n, n)


# Holm


def test_holm_by_hand():
    # sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, then at least 0.06
    found = corrections.holm([0.01, 0.04, 0.03, 0.005])
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert corrections.holm([0.6, 0.7]) == pytest.approx([1, 1])
    assert corrections.holm([0.2]) == pytest.approx([0.2])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_equals_its_definition(pvalues):
    adjusted, running = {}, 0.0
    for rank, index in enumerate(sorted(range(len(pvalues)), key=pvalues.__getitem__)):
        running = min(1.0, max(running, (len(pvalues) - rank) * pvalues[index]))
        adjusted[index] = running
    expected = [adjusted[i] for i in range(len(pvalues))]
    assert corrections.holm(pvalues) == pytest.approx(expected)


def test_both_corrections_equal_statsmodels():
    from statsmodels.stats.multitest import multipletests

    pvalues = [0.01, 0.04, 0.02, 0.02, 0.9, 0.6]
    table = corrections.corrections(pvalues)
    for name in ("holm", "bonferroni"):
        finds, adjusted, *_ = multipletests(pvalues, alpha=0.05, method=name)
        assert table[name].tolist() == pytest.approx(adjusted.tolist())
        assert table[f"{name}_finds"].tolist() == finds.tolist()


def test_holm_errors():
    with pytest.raises(ValueError, match=r"a p-value lies between 0 and 1, got 1\.2; check"):
        corrections.holm([0.1, 1.2])
    with pytest.raises(ValueError, match="at least one number"):
        corrections.holm([])


def test_statsmodels_is_not_imported_with_the_module():
    code = "import sys, companion.evidence.claims as c; print('statsmodels' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# The steps of the test


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=7),
    st.lists(st.integers(0, 5), min_size=1, max_size=7),
)
def test_ranks_lead_to_u_by_both_ways(a, b):
    table = rank_tests.ranks(a, b)
    assert table["value"].is_monotonic_increasing
    assert table["rank"].sum() == len(table) * (len(table) + 1) / 2
    mine = table[table["sample"] == "a"]
    u, p = rank_tests.mann_whitney(a, b)
    assert mine["rank"].sum() - len(a) * (len(a) + 1) / 2 == u
    assert mine["beaten"].sum() == u == brute_force(a, b)[0]
    assert u + rank_tests.mann_whitney(b, a).statistic == len(a) * len(b)
    assert 0 <= p <= 1 or len(set(a + b)) == 1


def test_the_method_of_p_is_a_choice():
    a, b = RNG.normal(0, 1, 11), RNG.normal(1, 1, 11)
    exact = rank_tests.mann_whitney(a, b, method="exact")
    few = rank_tests.mann_whitney(a[:5], b[:6], method="exact")
    assert few == pytest.approx(brute_force(a[:5], b[:6]))
    asymptotic = rank_tests.mann_whitney(a, b, method="asymptotic")
    assert asymptotic.p == pytest.approx(rank_tests.mann_whitney_p(asymptotic.statistic, 11, 11))
    assert rank_tests.mann_whitney(a, b) == asymptotic != exact
    assert rank_tests.mann_whitney(a[:10], b[:10]) == rank_tests.mann_whitney(
        a[:10], b[:10], method="exact"
    )
    tied = rank_tests.mann_whitney([1, 2, 2, 3], [2, 3, 4, 4])
    assert tied == pytest.approx(brute_force([1, 2, 2, 3], [2, 3, 4, 4]))
    with pytest.raises(ValueError, match="method must be one of auto, exact, asymptotic, got 'x'"):
        rank_tests.mann_whitney(a, b, method="x")


def test_the_signed_rank_test_by_all_sign_patterns():
    a, b = RNG.normal(0, 1, 8), RNG.normal(0.5, 1, 8)
    ranked = stats.rankdata(abs(a - b))
    sums = [
        sum(r for r, s in zip(ranked, signs, strict=True) if s)
        for signs in itertools.product([False, True], repeat=8)
    ]
    plus = ranked[a > b].sum()
    w = min(plus, 36 - plus)
    share = sum(s <= w for s in sums) / 256
    found = rank_tests.signed_rank(a, b)
    assert found == pytest.approx((w, min(1, 2 * share)))
    assert rank_tests.signed_rank(b, a) == pytest.approx(found)


@pytest.mark.parametrize("continuity", [True, False])
def test_signed_rank_p_belongs_to_the_statistic(continuity):
    a, b = RNG.normal(0, 1, 60), RNG.normal(0.4, 1, 60)
    expected = stats.wilcoxon(a, b, method="approx", correction=continuity)
    found = rank_tests.signed_rank_p(expected.statistic, 60, continuity)
    assert found == pytest.approx(expected.pvalue)
    u = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=continuity)
    assert rank_tests.mann_whitney_p(u.statistic, 60, 60, continuity) == pytest.approx(u.pvalue)


def test_signed_rank_errors():
    with pytest.raises(ValueError, match="samples of one length, got 2 and 3; use mann_whitney"):
        rank_tests.signed_rank([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="all pairs are equal"):
        rank_tests.signed_rank([1, 2], [1, 2])
    for w, pairs in [(-1, 5), (16, 5), (0, 0)]:
        with pytest.raises(ValueError, match="W must be between 0 and pairs"):
            rank_tests.signed_rank_p(w, pairs)


# Corrections side by side


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.sampled_from([0.01, 0.05, 0.2]))
def test_holm_finds_all_that_bonferroni_finds(pvalues, alpha):
    table = corrections.corrections(pvalues, alpha)
    assert (table["holm"] <= table["bonferroni"] + 1e-12).all()
    assert (table["holm_finds"] | ~table["bonferroni_finds"]).all()
    assert sorted(table["step"]) == list(range(1, len(pvalues) + 1))
    stopped = False
    for row in table.sort_values("step").itertuples():
        stopped |= row.p > row.holm_alpha
        near = math.isclose(row.p, row.holm_alpha) or math.isclose(row.holm, alpha)
        assert row.holm_finds == (not stopped) or near
        close = math.isclose(row.p, row.bonferroni_alpha)
        assert row.bonferroni_finds == (row.p <= row.bonferroni_alpha) or close


def test_corrections_by_hand():
    table = corrections.corrections([0.01, 0.04, 0.02])
    assert table["bonferroni"].tolist() == pytest.approx([0.03, 0.12, 0.06])
    assert table["holm"].tolist() == pytest.approx([0.03, 0.04, 0.04])
    assert table["holm_alpha"].tolist() == pytest.approx([0.05 / 3, 0.05, 0.025])
    with pytest.raises(ValueError, match="alpha must be between 0 and 1, got 5"):
        corrections.corrections([0.1], alpha=5)
    with pytest.raises(ValueError, match=r"a p-value lies between 0 and 1, got -0\.1"):
        corrections.corrections([-0.1])


# How optimistic a choice of epoch is


def test_optimism_by_hand():
    table = pd.DataFrame(
        {
            "run": [0] * 4 + [1] * 4,
            "arm": "none",
            "seed": [7] * 4 + [8] * 4,
            "epoch": [0, 1, 2, 3] * 2,
            "validation_accuracy": [0.9, 0.3, 0.6, 0.5, 0.1, 0.2, 0.3, 0.4],
            "test_accuracy": [0.9, 0.5, 0.55, 0.4, 0.1, 0.3, 0.2, 0.35],
        }
    )
    found = selection.optimism(table.sample(frac=1, random_state=0))
    assert found["seed"].tolist() == [7, 8]
    assert found["chosen"].tolist() == [0.55, 0.35]
    assert found["highest"].tolist() == [0.55, 0.35]
    assert found["last"].tolist() == [0.4, 0.35]
    assert found["late"].tolist() == pytest.approx([0.15, 0])
    table.loc[1, "test_accuracy"] = 0.7  # epoch 1 of run 0: only the test images would choose it
    assert selection.optimism(table)["optimism"].tolist() == pytest.approx([0.15, 0])
    assert selection.optimism(table)["late"].tolist() == pytest.approx([0.15, 0])
    with pytest.raises(ValueError, match="needs the column seed"):
        selection.optimism(table.drop(columns="seed"))


def test_choosing_on_the_test_images_flatters_by_the_expected_maximum():
    """On pure noise the chosen epoch is unbiased; the highest of k is E[max of k normals] up."""
    runs, length, random = 400, 20, np.random.default_rng(1)
    noise = random.normal(0.5, 0.01, (2, runs, length))
    table = pd.DataFrame(
        {
            "run": np.repeat(np.arange(runs), length),
            "arm": "noise",
            "seed": np.repeat(np.arange(runs), length),
            "epoch": np.tile(np.arange(1, length + 1), runs),
            "validation_accuracy": noise[0].ravel(),
            "test_accuracy": noise[1].ravel(),
        }
    )
    found = selection.optimism(table)
    error = 5 * 0.01 / math.sqrt(runs)  # five standard errors
    assert found["chosen"].mean() == pytest.approx(0.5, abs=error)
    assert found["last"].mean() == pytest.approx(0.5, abs=error)
    expected = 1.86748 * 0.01  # the mean of the largest of 20 standard normals, from tables
    assert found["optimism"].mean() == pytest.approx(expected, abs=1.5 * error)
    assert (found["optimism"] >= 0).all()


# Effect sizes


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=7),
    st.lists(st.integers(0, 5), min_size=1, max_size=7),
)
def test_superiority_counts_pairs(a, b):
    pairs = [(x > y) + 0.5 * (x == y) for x in a for y in b]
    assert effects.superiority(a, b) == pytest.approx(sum(pairs) / len(pairs))
    assert effects.superiority(a, b) == pytest.approx(1 - effects.superiority(b, a))
    wins = sum(np.sign(x - y) for x in a for y in b) / len(pairs)
    assert effects.cliffs_delta(a, b) == pytest.approx(wins)
    u = rank_tests.mann_whitney(a, b).statistic
    assert effects.superiority(a, b) == pytest.approx(u / len(pairs))


def test_hedges_g_equals_statsmodels():
    from statsmodels.stats.meta_analysis import effectsize_smd

    expected, _ = effectsize_smd(A.mean(), A.std(ddof=1), len(A), B.mean(), B.std(ddof=1), len(B))
    assert effects.hedges_g(A, B) == pytest.approx(expected)
    assert effects.hedges_g(summary(A), B) == pytest.approx(expected)
    assert effects.hedges_g(B, A) == pytest.approx(-expected)
    with pytest.raises(ValueError, match="at least 2 runs on each side, got 1 and 9"):
        effects.hedges_g(A[:1], B)
    with pytest.raises(ValueError, match="values that differ within a sample"):
        effects.hedges_g([1, 1], [2, 2])


def test_bootstrap_is_scipys_and_seeded():
    found = effects.bootstrap(A, B, resamples=999)
    assert found == effects.bootstrap(A, B, resamples=999)
    assert found != effects.bootstrap(A, B, resamples=999, seed=1)
    assert found.estimate == pytest.approx(A.mean() - B.mean())
    assert found.low < found.estimate < found.high

    def gap(a, b):
        return a.mean() - b.mean()

    slow = stats.bootstrap(
        (A, B), gap, vectorized=False, n_resamples=999, random_state=np.random.default_rng(0)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((slow.low, slow.high))


def test_bootstrap_of_delta_follows_superiority():
    a, b = RNG.normal(0, 1, 20), RNG.normal(0.6, 1, 25)
    one = effects.bootstrap(a, b, "superiority", resamples=999)
    two = effects.bootstrap(a, b, "delta", resamples=999)
    assert one.estimate == pytest.approx(effects.superiority(a, b))
    assert (two.low, two.high) == pytest.approx((2 * one.low - 1, 2 * one.high - 1))
    assert 0 <= one.low < one.estimate < one.high <= 1


def test_the_bootstrap_covers_about_as_often_as_it_says():
    random, trials, hits = np.random.default_rng(2), 120, 0
    for _ in range(trials):
        found = effects.bootstrap(
            random.normal(1, 1, 25), random.normal(0, 1, 25), confidence=0.9, resamples=499
        )
        hits += found.low <= 1 <= found.high
    # 25 runs a side cover 88 to 89 % instead of 90; five standard errors of a share of 120
    assert hits / trials == pytest.approx(0.885, abs=5 * math.sqrt(0.885 * 0.115 / trials))


def test_the_bootstrap_says_when_it_cannot_say():
    found = effects.bootstrap([4, 5, 6], [1, 2, 3], "superiority", resamples=99)
    assert found.estimate == 1
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert not found.excludes_zero
    with pytest.raises(ValueError, match="one of difference, superiority, delta, got 'median'"):
        effects.bootstrap(A, B, "median")
    with pytest.raises(ValueError, match="at least 2 runs on each side, got 6 and 1"):
        effects.bootstrap(A, B[:1])


def test_the_bootstraps_superiority_wants_the_runs_on_the_last_axis():
    from companion.evidence import effects

    with pytest.raises(ValueError, match="axis must be -1, got 0; move the runs"):
        effects.STATISTICS["superiority"](A[:, None], B[:, None], axis=0)


# Power


def test_simulated_power_equals_a_loop_over_experiments():
    random = np.random.default_rng(5)
    a, b = random.normal(0.8, 1, (200, 10)), random.normal(0, 2, (200, 10))
    found = power.power(0.8, 1, runs=10, sd_b=2, draws=200, seed=5)
    hits = sum(rank_tests.mann_whitney(x, y).p <= 0.05 for x, y in zip(a, b, strict=True))
    assert found.estimate == hits / 200
    assert found.low < found.estimate < found.high


def test_without_a_difference_power_is_alpha():
    found = power.power(0, 1, runs=30, draws=4000)
    assert found.estimate == pytest.approx(0.05, abs=5 * math.sqrt(0.05 * 0.95 / 4000))


@pytest.mark.parametrize(("effect", "runs"), [(0.8, 27), (0.5, 40), (1.5, 10), (0.3, 100)])
def test_the_formula_and_the_simulation_agree(effect, runs):
    simulated = power.power(effect, 1, runs, draws=4000)
    formula = power.power_by_formula(effect, 1, runs)
    # five standard errors of the share, and 0.02 for a theory of large samples
    error = 5 * math.sqrt(formula * (1 - formula) / 4000) + 0.02
    assert simulated.estimate == pytest.approx(formula, abs=error)


def test_the_formula_is_the_t_test_with_fewer_runs():
    from statsmodels.stats.power import TTestIndPower

    runs = TTestIndPower().solve_power(effect_size=0.8, power=0.8, alpha=0.05)
    assert runs == pytest.approx(25.52, abs=0.01)  # Cohen's tables: 26
    assert power.power_by_formula(0.8, 1, runs * math.pi / 3) == pytest.approx(0.8)
    assert power.power_by_formula(-0.8, 1, 30) == power.power_by_formula(0.8, 1, 30)


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 3])
@pytest.mark.parametrize("effect", [0.2, 0.8, 3.0])
def test_runs_needed_is_the_smallest_that_will_do(effect, alpha):
    runs = power.runs_needed(effect, 1, power=0.9, alpha=alpha)
    assert power.power_by_formula(effect, 1, runs, alpha) >= 0.9
    if runs > power.FEW:
        assert power.power_by_formula(effect, 1, runs - 1, alpha) < 0.9
    else:
        # 0.01 is four standard errors of a share of 20,000
        assert power.power(effect, 1, runs, alpha, draws=20_000, seed=1).estimate >= 0.89
        fewer = max(runs - 1, power.smallest_runs(alpha))
        assert fewer == runs or power.power(effect, 1, fewer, alpha, seed=1).estimate < 0.91
    assert power.runs_needed(5 * effect, 5, power=0.9, alpha=alpha) == runs


def test_a_huge_difference_still_needs_the_smallest_number_of_runs():
    assert power.runs_needed(100, 1) == power.smallest_runs() == 4
    for runs, expected in [(3, 0.0), (4, 1.0)]:
        assert power.power(100, 1, runs, draws=50).estimate == expected
        assert power.power_by_formula(100, 1, runs) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: power.runs_needed(0, 1), "other than 0, got 0; no number of runs"),
        (lambda: power.runs_needed(math.nan, 1), "other than 0, got nan"),
        (lambda: power.runs_needed(1e-5, 1), r"1e-05 at sd 1 needs more than 1,000,000 runs"),
        (lambda: power.runs_needed(1, 0), "sd must be a finite number > 0, got 0"),
        (lambda: power.runs_needed(1, 1, power=80), "power must be between 0 and 1, got 80"),
        (lambda: power.power(1, 1, 0), "runs must be at least 1, got 0"),
        (lambda: power.power(1, 1, 5, draws=0), "draws must be at least 1, got 0"),
        (lambda: power.power(1, 1, 5, sd_b=-1), "sd_b must be a finite number > 0, got -1"),
        (lambda: power.power_by_formula(1, 1, 5, 2), "alpha must be between 0 and 1, got 2"),
        (lambda: power.smallest_runs(0), "alpha must be between 0 and 1, got 0"),
    ],
)
def test_power_errors(act, message):
    with pytest.raises(ValueError, match=message):
        act()
