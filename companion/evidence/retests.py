"""Tests and corrections recomputed from printed numbers: N's correction and the arms it leaves
out, L's paired t test."""

import math

import numpy as np
import pandas as pd
from scipy import stats

from companion.evidence import comparison, published
from companion.evidence.arms import label
from companion.evidence.findings import Finding, judge


def correction_rows(alpha: float | None = None) -> pd.DataFrame:
    """N's printed p-values under both corrections, table by table as one family.

    Columns: table, group1, group2, starred (as printed), and those of `comparison.corrections`.
    Table VI's two tests rest on different data, so each is a family of its own, as printed.
    """
    base = published.value("text", "training", "alpha_base") if alpha is None else alpha
    parts = []
    for table in ("II", "IV", "VI"):
        rows = published.mann_whitney_rows(table)
        families = [[p] for p in rows["p"]] if table == "VI" else [rows["p"]]
        found = pd.concat([comparison.corrections(family, base) for family in families])
        names = rows[["group1", "group2", "starred"]].assign(table=table)
        parts.append(pd.concat([names, found.reset_index(drop=True)], axis=1))
    frame = pd.concat(parts, ignore_index=True)
    return frame[["table", *[name for name in frame.columns if name != "table"]]]


def correction() -> Finding:
    """N: is the correction the one that is named, and does it matter?"""
    rows = correction_rows()
    printed = published.mann_whitney_rows("II")["alpha"].tolist()
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
    pairs = published.mann_whitney_rows(tests)
    printed = {frozenset(pair) for pair in zip(pairs["group1"], pairs["group2"], strict=True)}
    base = accuracy.loc[baseline]
    rows = []
    for arm, row in accuracy.drop(baseline).iterrows():
        test = stats.ttest_ind_from_stats(
            row["mean"], row["sd"], row["runs"], base["mean"], base["sd"], base["runs"], False
        )
        gap = comparison.difference(
            comparison.from_printed(row["mean"], row["sd"], row["runs"]),
            comparison.from_printed(base["mean"], base["sd"], base["runs"]),
        )
        parts = [one["sd"] ** 2 / one["runs"] for one in (row, base)]
        freedom = sum(parts) ** 2 / sum(
            part**2 / (one["runs"] - 1) for part, one in zip(parts, (row, base), strict=True)
        )
        t, p, was = float(test.statistic), float(test.pvalue), {arm, baseline} in printed
        rows.append((arm, gap.estimate, gap.low, gap.high, t, freedom, p, was))
    names = ["arm", "difference", "low", "high", "t", "freedom", "p", "tested"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.assign(holm=comparison.holm(frame["p"]))


def arms_left_out(alpha: float = 0.05) -> Finding:
    """N: are the decay arms that Table II leaves out close to the base?"""
    rows = welch_rows()
    out = rows[~rows["tested"]]
    said = "; ".join(
        f"{label(row.arm)} differs by {row.difference:+.2f} points ({row.low:+.2f} to "
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
        printed="two of the three decays have no test, because they are close to the base",
        computed=said,
        verdict=judge(out["holm"] > alpha),
        effect=f"It changes the reason given: {label(far['arm'])} is {word} than none by "
        f"{abs(far['difference']):.2f} points"
        + (
            "; the tests that are printed stay, and rescaling still beats no regularization."
            if stay
            else "; and the tests that are printed change too."
        ),
    )


def paired_t_rows(table: str = "1") -> pd.DataFrame:
    """L's paired t test recomputed from a table's cells: all settings, and each optimizer's.

    Columns: settings ("all", "sgdm", "adamw"), pairs, wd and wrs (mean accuracies, percent), gain
    (points), low and high (its 95 % interval), t, freedom, p, and signed_rank_p (Wilcoxon's test
    for pairs, which assumes no normal distribution).
    """
    pairs = published.paired_rows(table)
    rows = []
    for name in ("all", *pairs["optimizer"].unique()):
        part = pairs if name == "all" else pairs[pairs["optimizer"] == name]
        test = stats.ttest_rel(part["wrs"], part["wd"])
        ends = test.confidence_interval()
        rows.append(
            {
                "settings": name,
                "pairs": len(part),
                "wd": part["wd"].mean(),
                "wrs": part["wrs"].mean(),
                "gain": (part["wrs"] - part["wd"]).mean(),
                "low": ends.low,
                "high": ends.high,
                "t": float(test.statistic),
                "freedom": int(test.df),
                "p": float(test.pvalue),
                "signed_rank_p": comparison.signed_rank(part["wrs"], part["wd"]).p,
            }
        )
    return pd.DataFrame(rows)


def adamw_decay(images: int = 50_000) -> float:
    """Return the share by which L's AdamW decay shrinks a weight in a whole training.

    ``1 - prod(1 - lr lambda)`` over all steps, with L's batch size, learning rate and drops;
    decoupled decay acts apart from the gradient. `images` are those of the training part.

    >>> round(adamw_decay(), 3)
    0.016
    """
    plan = {
        row.quantity: row.mean
        for row in published.rows("L", "text").itertuples()
        if row.cell in ("training", "training-adamw")
    }
    drops = [plan["first_drop"], plan["second_drop"], plan["third_drop"], plan["epochs"]]
    steps, rate, epoch, left = images / plan["batch_size"], plan["learning_rate"], 0.0, 0.0
    for drop in drops:
        left += steps * (drop - epoch) * math.log1p(-rate * plan["weight_decay"])
        epoch, rate = drop, rate * plan["learning_rate_factor"]
    return -math.expm1(left)


def paired_t() -> Finding:
    """L: does the printed paired t test follow from Table 1?"""
    rows = paired_t_rows().set_index("settings")
    ours, sgdm, adamw = rows.loc["all"], rows.loc["sgdm"], rows.loc["adamw"]
    t, freedom, p = (published.value("text", "wrs minus wd", q, "L") for q in ("t", "freedom", "p"))
    wd, wrs = (100 * published.value("text", arm, "mean_accuracy", "L") for arm in ("wd", "wrs"))
    agree = [
        round(ours["t"], 4) == t,
        ours["freedom"] == freedom,
        round(ours["p"], 3) == p,
        round(ours["wd"], 1) == round(wd, 1),
        round(ours["wrs"], 1) == round(wrs, 1),
    ]
    return Finding(
        lead="paired t test",
        source="L",
        where="Table 1",
        printed=f"WRS {wrs:.1f} against WD {wd:.1f} on average, t({freedom:g}) = {t:.4f}, "
        f"p = {p:g}",
        computed=f"{ours['wrs']:.1f} against {ours['wd']:.1f}, t({ours['freedom']:.0f}) = "
        f"{ours['t']:.4f}, p = {ours['p']:.2g}; SGDM alone gains {sgdm['gain']:.2f}, "
        f"t({sgdm['freedom']:.0f}) = {sgdm['t']:.2f}, p = {sgdm['p']:.2g}; AdamW alone "
        f"{adamw['gain']:.2f}, t({adamw['freedom']:.0f}) = {adamw['t']:.2f}, p = {adamw['p']:.2g}",
        verdict=judge(agree),
        effect=("The test stays as printed" if all(agree) else "The test changes")
        + "; the two optimizers apart say where the gain is: "
        f"{100 * adamw['gain'] / (adamw['gain'] + sgdm['gain']):.0f} % of it with AdamW, whose "
        f"decay shrinks a weight by {100 * adamw_decay():.1f} % in the whole training on CIFAR.",
    )
