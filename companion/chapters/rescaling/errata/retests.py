"""Tests and corrections recomputed from printed numbers: N's correction and the arms it leaves
out, L's paired t test."""

import numpy as np
import pandas as pd
from scipy import stats

from companion.chapters.rescaling.experiments.mlp import MLP
from companion.evidence import corrections, published, summaries
from companion.evidence.findings import Finding, judge


def correction_rows(alpha: float | None = None) -> pd.DataFrame:
    """N's printed p-values under both corrections, table by table as one family.

    Columns: table, group1, group2, starred (as printed), and those of `corrections.corrections`.
    Table VI's two tests rest on different data, so each is a family of its own, as printed.
    """
    base = published.value("N", "text", "training", "alpha_base") if alpha is None else alpha
    parts = []
    for table in ("II", "IV", "VI"):
        rows = published.mann_whitney_rows("N", table)
        families = [[p] for p in rows["p"]] if table == "VI" else [rows["p"]]
        found = pd.concat([corrections.corrections(family, base) for family in families])
        names = rows[["group1", "group2", "starred"]].assign(table=table)
        parts.append(pd.concat([names, found.reset_index(drop=True)], axis=1))
    frame = pd.concat(parts, ignore_index=True)
    return frame[["table", *[name for name in frame.columns if name != "table"]]]


def correction() -> Finding:
    """N: is the correction the one that is named, and does it matter?"""
    rows = correction_rows()
    printed = published.mann_whitney_rows("N", "II")["alpha"].tolist()
    used = rows[rows["table"] == "II"]
    holm = np.allclose(printed, used["holm_alpha"])
    same = int((rows["holm_finds"] == rows["bonferroni_finds"]).sum())
    stars = int((rows["starred"] == rows["bonferroni_finds"]).sum())
    return Finding(
        lead="correction",
        source="N",
        where="section VI, eq. 18",
        printed="the Holm-Bonferroni method, with alpha divided by the number of tests",
        computed="dividing by the number of tests for every comparison is Bonferroni's "
        f"correction; Holm's thresholds in Table II would be "
        f"{', '.join(f'{x:.4f}' for x in sorted(used['holm_alpha']))}; the two agree in {same} of "
        f"{len(rows)} decisions, and {stars} of {len(rows)} stars follow",
        verdict=judge([holm]),
        effect="It changes the name of the correction; "
        + ("no decision changes." if same == stars == len(rows) else "some decisions change."),
    )


def welch_rows(table: str = "I", baseline: str = "none") -> pd.DataFrame:
    """Welch's t test of each arm of a printed table against a baseline, from means and SDs.

    Columns: arm, difference and its 95 % interval low, high (points), t, freedom, p, holm (Holm's
    adjusted p over the rows), tested (whether N prints a test of this pair).
    """
    accuracy = published.rows("N", table).query("quantity == 'test_accuracy'").set_index("cell")
    if baseline not in accuracy.index:
        names = ", ".join(accuracy.index)
        raise ValueError(f"baseline must be one of {names}, got {baseline!r}; use one.")
    tests = {"I": "II", "III": "IV", "V": "VI"}[table]
    pairs = published.mann_whitney_rows("N", tests)
    printed = {frozenset(pair) for pair in zip(pairs["group1"], pairs["group2"], strict=True)}
    base = accuracy.loc[baseline]
    rows = []
    for arm, row in accuracy.drop(baseline).iterrows():
        test = stats.ttest_ind_from_stats(
            row["mean"], row["sd"], row["runs"], base["mean"], base["sd"], base["runs"], False
        )
        gap = summaries.difference(
            summaries.from_printed(row["mean"], row["sd"], row["runs"]),
            summaries.from_printed(base["mean"], base["sd"], base["runs"]),
        )
        parts = [one["sd"] ** 2 / one["runs"] for one in (row, base)]
        freedom = sum(parts) ** 2 / sum(
            part**2 / (one["runs"] - 1) for part, one in zip(parts, (row, base), strict=True)
        )
        t, p, was = float(test.statistic), float(test.pvalue), {arm, baseline} in printed
        rows.append((arm, gap.estimate, gap.low, gap.high, t, freedom, p, was))
    names = ["arm", "difference", "low", "high", "t", "freedom", "p", "tested"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.assign(holm=corrections.holm(frame["p"]))


def arms_left_out(alpha: float = 0.05) -> Finding:
    """N: are the decay arms that Table II leaves out close to the base?"""
    rows = welch_rows()
    out = rows[~rows["tested"]]
    said = "; ".join(
        f"{MLP.arms[row.arm].label} differs by {row.difference:+.2f} points ({row.low:+.2f} to "
        f"{row.high:+.2f}), Welch p = {row.p:.1g}, {row.holm:.1g} after Holm"
        for row in out.itertuples()
    )
    tested = rows[rows["tested"]]
    stay = bool((tested["holm"] <= alpha).all() and (tested["difference"] > 0).all())
    far = out.loc[out["p"].idxmin()]
    word = "worse" if far["difference"] < 0 else "better"
    return Finding(
        lead="arms left out",
        source="N",
        where="section VI-A, Tables I and II",
        printed="two of the three decays have no test, to keep the number of combinations "
        "small and because they are close to the base",
        computed=said,
        verdict=judge(out["holm"] > alpha),
        effect="The first reason stands; the second changes: "
        f"{MLP.arms[far['arm']].label} is {word} than none by {abs(far['difference']):.2f} points"
        + (
            "; the tests that are printed stay, and rescaling still beats no regularization."
            if stay
            else "; and the tests that are printed change too."
        ),
    )
