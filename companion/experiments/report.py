"""A record beside the paper it repeats: the accuracy table, its claims, its tests."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from companion.evidence import claims, comparison, published
from companion.evidence.arms import label
from companion.evidence.claims import Claim
from companion.evidence.records import Record
from companion.evidence.summaries import Summary, summary


def accuracy_claims(record: Record, table: str) -> dict[str, Claim]:
    """Arm -> the claim that sets its test accuracy at the best epoch beside the paper's.

    An arm is measured against its `baseline`, which has no claim of its own.
    """
    ours = comparison.by_arm(_best(record))
    theirs = {arm: published.summary(table, arm, "test_accuracy") for arm in ours}
    bases = {arm: baseline(arm) for arm in ours if baseline(arm) != arm}
    return {
        arm: claims.compare(
            f"Test accuracy of {label(arm)}",
            ours[arm],
            theirs[arm],
            baseline=(ours[base], theirs[base]),
            baseline_name=label(base),
            scale=claimed_scale(record),
        )
        for arm, base in bases.items()
        if base in ours
    }


def baseline(arm: str) -> str:
    """The arm without regularization that an arm is measured against: same network, same
    initialization.

    >>> baseline("wd-1e-3"), baseline("wr-xavier"), baseline("alexnet-wr"), baseline("none")
    ('none', 'none-xavier', 'alexnet-none', 'none')
    """
    return re.sub(r"wrs|wr|wd-1e-\d", "none", arm)


def claimed_scale(record: Record) -> str:
    """The scale a verdict may rest on: a full record cut in runs, epochs, arms or images counts
    as the book's."""
    cut = record.provenance["scale"] == "full" and record.provenance.get("reduced", False)
    return "book" if cut else record.provenance["scale"]


def accuracy_table(record: Record, table: str) -> pd.DataFrame:
    """One row an arm: the paper's accuracy (percent) and best epoch beside ours, with verdict.

    The columns are those of `display.figures.results_table`.
    """
    best = _best(record)
    epochs = comparison.by_arm(best, "best_epoch")
    verdicts = {arm: claim.verdict for arm, claim in accuracy_claims(record, table).items()}
    rows = []
    for arm, ours in comparison.by_arm(best).items():
        theirs = published.summary(table, arm, "test_accuracy")
        rows.append(
            {
                "arm": arm,
                "paper_accuracy": 100 * theirs.mean,
                "paper_sd": 100 * theirs.sd,
                "paper_epoch": published.value(table, arm, "best_epoch"),
                "accuracy": 100 * ours.mean,
                "sd": 100 * ours.sd,
                "low": 100 * ours.low,
                "high": 100 * ours.high,
                "epoch": epochs[arm].mean,
                "runs": ours.runs,
                "verdict": verdicts.get(arm, ""),
            }
        )
    return pd.DataFrame(rows)


def test_table(record: Record, table: str) -> pd.DataFrame:
    """The paper's Mann-Whitney tests, each beside ours on the same two arms.

    Columns: group1, group2, paper_p, U (of group1), p, holm (Holm's adjusted p over the rows),
    difference, low, high (Welch's 95 % interval of group2 - group1, in points).
    """
    best = _best(record)
    accuracy = {arm: rows["test_accuracy"].to_numpy() for arm, rows in best.groupby("arm")}
    rows = []
    for pair in published.mann_whitney_rows(table).itertuples():
        first, second = accuracy[pair.group1], accuracy[pair.group2]
        test = comparison.mann_whitney(first, second)
        gap = comparison.difference(second, first)
        rows.append(
            {
                "group1": pair.group1,
                "group2": pair.group2,
                "paper_p": pair.p,
                "U": test.statistic,
                "p": test.p,
                "difference": 100 * gap.estimate,
                "low": 100 * gap.low,
                "high": 100 * gap.high,
            }
        )
    frame = pd.DataFrame(rows)
    return frame.assign(holm=comparison.holm(frame["p"]))


def effect_table(record: Record, table: str, confidence: float = 0.95) -> pd.DataFrame:
    """How large the differences of the paper's pairs are in our runs, beside the paper's own.

    Columns: group1, group2, runs; difference of group2 - group1 in points with its bootstrap
    interval low, high; superiority (the probability that a run of group2 is the better one) with
    superiority_low, superiority_high, NaN where one side always wins; delta (Cliff's); g
    (Hedges') and paper_g, from the printed means and SDs.
    """
    best = _best(record)
    accuracy = {arm: rows["test_accuracy"].to_numpy(float) for arm, rows in best.groupby("arm")}
    asked = {"II": "I", "IV": "III", "VI": "V"}[table]
    rows = []
    for pair in published.mann_whitney_rows(table).itertuples():
        one, two = accuracy[pair.group2], accuracy[pair.group1]
        gap = comparison.bootstrap(one, two, "difference", confidence)
        won = comparison.bootstrap(one, two, "superiority", confidence)
        theirs = [
            published.summary(asked, arm, "test_accuracy") for arm in (pair.group2, pair.group1)
        ]
        rows.append(
            {
                "group1": pair.group1,
                "group2": pair.group2,
                "runs": len(one),
                "difference": 100 * gap.estimate,
                "low": 100 * gap.low,
                "high": 100 * gap.high,
                "superiority": won.estimate,
                "superiority_low": won.low,
                "superiority_high": won.high,
                "delta": comparison.cliffs_delta(one, two),
                "g": comparison.hedges_g(one, two),
                "paper_g": comparison.hedges_g(*theirs),
            }
        )
    return pd.DataFrame(rows)


def optimism_table(record: Record) -> pd.DataFrame:
    """One row an arm, means over its runs in percent: the test accuracy at the epoch that the
    validation images choose, at the epoch that the test images would choose, and at the last.

    Columns: arm, runs, chosen, highest, last, optimism (highest - chosen) and late (chosen -
    last), each difference with its 95 % t interval (optimism_low, ..., late_high), in points.
    """
    rows = []
    for arm, runs in comparison.optimism(record.epochs).groupby("arm", sort=False):
        row = {"arm": arm, "runs": len(runs)}
        for name in ("chosen", "highest", "last", "optimism", "late"):
            found = summary(100 * runs[name])
            row[name] = found.mean
            if name in ("optimism", "late"):
                row |= {f"{name}_low": found.low, f"{name}_high": found.high}
        rows.append(row)
    return pd.DataFrame(rows)


def runs_table(
    differences: Sequence[float],
    sd: float,
    power: float = 0.8,
    alpha: float = 0.05,
    draws: int = 4000,
) -> pd.DataFrame:
    """How many runs an arm needs to find each difference, and the power that simulation gives.

    Columns: difference, sd (points, or any one unit), runs (`comparison.runs_needed`), simulated,
    low, high (the power of that many runs with its 95 % interval).

    >>> runs_table([0.4, 1.4], sd=0.5, draws=500)["runs"].tolist()
    [27, 4]
    """
    rows = []
    for difference in differences:
        runs = comparison.runs_needed(difference, sd, power, alpha)
        found = comparison.power(difference, sd, runs, alpha, draws=draws)
        rows.append((difference, sd, runs, found.estimate, found.low, found.high))
    names = ["difference", "sd", "runs", "simulated", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def ranking(record: Record, table: str) -> str:
    """The arms from best to worst, in the paper and in the record, and how far the two orders
    agree: Spearman's rank correlation, 1 for the same order and -1 for the reverse."""
    ours = {arm: value.mean for arm, value in comparison.by_arm(_best(record)).items()}
    theirs = {arm: published.value(table, arm, "test_accuracy") for arm in ours}
    correlation = stats.spearmanr([theirs[arm] for arm in ours], list(ours.values())).statistic
    return (
        f"paper: {_in_order(theirs)}\n"
        f"ours:  {_in_order(ours)}\n"
        f"rank correlation of the two orders: {correlation:+.1f}"
    )


def _in_order(means: dict[str, float]) -> str:
    ordered = sorted(means, key=means.get, reverse=True)
    return " > ".join(f"{label(arm)} {100 * means[arm]:.1f} %" for arm in ordered)


def _best(record: Record) -> pd.DataFrame:
    return comparison.best_epoch(record.epochs)


def smallest_p(runs: int) -> str:
    """What the exact Mann-Whitney test can say at most with `runs` a side, as a sentence.

    >>> smallest_p(3)
    'With 3 runs a side the smallest possible two-sided p-value is 2 / 20 = 0.1.'
    """
    orders = math.comb(2 * runs, runs)
    return (
        f"With {runs} runs a side the smallest possible two-sided p-value is "
        f"2 / {orders:,} = {2 / orders:.2g}."
    )


def growth(layers: pd.DataFrame, arm: str, quantity: str, layer: int) -> Summary:
    """The factor by which a layer's quantity changes from before training to its end, over runs.

    layers: a record's table of that name.
    """
    mine = layers[(layers["arm"] == arm) & (layers["layer"] == layer)]
    wide = mine.pivot(index="run", columns="epoch", values=quantity)
    return summary(wide.iloc[:, -1] / wide.iloc[:, 0])


def final_generalization_error(epochs: pd.DataFrame, arm: str) -> np.ndarray:
    """L(test) - L(train) of an arm's runs after the last epoch (N eq. 2)."""
    last = epochs[(epochs["arm"] == arm) & (epochs["epoch"] == epochs["epoch"].max())]
    return (last["test_loss"] - last["train_loss"]).to_numpy(float)


def fall_after_best(epochs: pd.DataFrame, arm: str) -> Summary:
    """Test accuracy at the best epoch minus at the last, over an arm's runs: what overfitting
    takes from a run that is trained to the end."""
    best = comparison.best_epoch(epochs[epochs["arm"] == arm]).set_index("run")["test_accuracy"]
    last = epochs[(epochs["arm"] == arm) & (epochs["epoch"] == epochs["epoch"].max())]
    return summary((best - last.set_index("run")["test_accuracy"]).to_numpy(float))
