"""A record beside the paper it repeats: the accuracy table, its claims, its tests."""

from __future__ import annotations

import pandas as pd
from scipy import stats

from companion.evidence import (
    claims,
    comparison,
    corrections,
    effects,
    published,
    rank_tests,
    selection,
    summaries,
)
from companion.evidence.claims import Claim
from companion.evidence.records import Record
from companion.evidence.summaries import Interval
from companion.experiments.plan import Experiment, Published


def accuracy_claims(experiment: Experiment, record: Record) -> dict[str, Claim]:
    """Arm -> the claim that sets its test accuracy at the best epoch beside the paper's.

    An arm is measured against its baseline, which has no claim of its own; nor has an arm that the
    paper itself finds equal to it.
    """
    printed, arms, best = _published(experiment), experiment.arms, _best(record)
    ours = selection.by_arm(best)
    theirs = {
        arm: published.summary(printed.source, printed.table, arm, "test_accuracy") for arm in ours
    }
    return {
        arm: claims.compare(
            f"Test accuracy of {arms[arm].label}",
            ours[arm],
            theirs[arm],
            baseline=(ours[base], theirs[base]),
            baseline_name=arms[base].label,
            scale=claimed_scale(record),
            short=cut_short(experiment, record),
            gap=gap(experiment, best, arm, base),
        )
        for arm in ours
        if (base := arms[arm].baseline) in ours and not called_equal(experiment, arm, base)
    }


def gap(
    experiment: Experiment,
    best: pd.DataFrame,
    arm: str,
    baseline: str,
    quantity: str = "test_accuracy",
) -> Interval:
    """Our mean of an arm less that of its baseline, of a column of `selection.best_epoch`: pair by
    pair where the experiment's runs are pairs, else Welch's."""
    one, two = (best.loc[best["arm"] == name, quantity].to_numpy(float) for name in (arm, baseline))
    rule = summaries.paired_difference if experiment.paired else summaries.difference
    return rule(one, two)


def called_equal(experiment: Experiment, arm: str, baseline: str) -> bool:
    """Whether the paper tests the accuracies of two arms and finds no difference."""
    printed = _published(experiment)
    if printed.tests is None:
        return False
    tests = published.mann_whitney_rows(printed.source, printed.tests)
    pairs = [{one, two} for one, two in zip(tests["group1"], tests["group2"], strict=True)]
    return any(
        pair == {arm, baseline} and not starred
        for pair, starred in zip(pairs, tests["starred"], strict=True)
    )


def claimed_scale(record: Record) -> str:
    """The scale a verdict may rest on: a full record cut in runs, epochs, arms or images counts
    as the book's."""
    cut = record.provenance["scale"] == "full" and record.provenance.get("reduced", False)
    return "book" if cut else record.provenance["scale"]


def cut_short(experiment: Experiment, record: Record) -> bool:
    """Whether a record's runs end before those that the paper's size has."""
    return record.provenance["epochs"] < experiment.scale("full").epochs


def accuracy_table(experiment: Experiment, record: Record) -> pd.DataFrame:
    """One row an arm: the paper's accuracy (percent) and best epoch beside ours, with verdict.

    The columns are those of `display.figures.results_table`.
    """
    printed, best = _published(experiment), _best(record)
    epochs = selection.by_arm(best, "best_epoch")
    claimed = accuracy_claims(experiment, record)
    rows = []
    for arm, ours in selection.by_arm(best).items():
        place = (printed.source, printed.table, arm)
        theirs = published.summary(*place, "test_accuracy")
        rows.append(
            {
                "arm": experiment.arms[arm].label,
                "family": experiment.arms[arm].family,
                "paper_accuracy": 100 * theirs.mean,
                "paper_sd": 100 * theirs.sd,
                "paper_epoch": published.value(*place, "best_epoch"),
                "accuracy": 100 * ours.mean,
                "sd": 100 * ours.sd,
                "low": 100 * ours.low,
                "high": 100 * ours.high,
                "epoch": epochs[arm].mean,
                "runs": ours.runs,
                "verdict": claimed[arm].verdict if arm in claimed else "",
            }
        )
    return pd.DataFrame(rows)


def differences(
    experiment: Experiment, record: Record, quantity: str = "test_accuracy"
) -> pd.DataFrame:
    """Each arm less its baseline at the best epochs, all judged together by the book's rule.

    Indexed by arm. Columns: name (its label), family, and those of `comparison.compare`, pair by
    pair where the experiment's runs are pairs; accuracies in points. Arms whose baseline the record
    does not hold are left out.
    """
    best = _best(record)
    factor = 100 if quantity.endswith("accuracy") else 1
    values = {arm: factor * rows[quantity].to_numpy(float) for arm, rows in best.groupby("arm")}
    arms = {name: arm for name, arm in experiment.arms.items() if name in values}
    pairs = [(name, arm.baseline) for name, arm in arms.items() if arm.baseline in values]
    found = comparison.compare(values, pairs, paired=experiment.paired)
    return found.assign(
        name=[arms[arm].label for arm in found["arm"]],
        family=[arms[arm].family for arm in found["arm"]],
    ).set_index("arm", drop=False)


def test_table(experiment: Experiment, record: Record) -> pd.DataFrame:
    """The paper's Mann-Whitney tests, each beside ours on the same two arms.

    Columns: group1, group2, paper_p, U (of group1), p, holm (Holm's adjusted p over the rows),
    difference, low, high (Welch's 95 % interval of group2 - group1, in points).
    """
    best = _best(record)
    accuracy = {arm: rows["test_accuracy"].to_numpy() for arm, rows in best.groupby("arm")}
    rows = []
    for pair in _tests(experiment).itertuples():
        first, second = accuracy[pair.group1], accuracy[pair.group2]
        test = rank_tests.mann_whitney(first, second)
        gap = summaries.difference(second, first)
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
    return frame.assign(holm=corrections.holm(frame["p"]))


def effect_table(experiment: Experiment, record: Record, confidence: float = 0.95) -> pd.DataFrame:
    """How large the differences of the paper's pairs are in our runs, beside the paper's own.

    Columns: group1, group2, runs; difference of group2 - group1 in points with its bootstrap
    interval low, high; superiority (the probability that a run of group2 is the better one) with
    superiority_low, superiority_high, NaN where one side always wins; delta (Cliff's); g
    (Hedges') and paper_g, from the printed means and SDs.
    """
    best = _best(record)
    accuracy = {arm: rows["test_accuracy"].to_numpy(float) for arm, rows in best.groupby("arm")}
    printed = _published(experiment)
    rows = []
    for pair in _tests(experiment).itertuples():
        one, two = accuracy[pair.group2], accuracy[pair.group1]
        gap = effects.bootstrap(one, two, "difference", confidence)
        won = effects.bootstrap(one, two, "superiority", confidence)
        theirs = [
            published.summary(printed.source, printed.table, arm, "test_accuracy")
            for arm in (pair.group2, pair.group1)
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
                "delta": effects.cliffs_delta(one, two),
                "g": effects.hedges_g(one, two),
                "paper_g": effects.hedges_g(*theirs),
            }
        )
    return pd.DataFrame(rows)


def ranking(experiment: Experiment, record: Record) -> str:
    """The arms from best to worst, in the paper and in the record, and how far the two orders
    agree: Spearman's rank correlation, 1 for the same order and -1 for the reverse."""
    ours = {arm: value.mean for arm, value in selection.by_arm(_best(record)).items()}
    printed = _published(experiment)
    theirs = {
        arm: published.value(printed.source, printed.table, arm, "test_accuracy") for arm in ours
    }
    correlation = stats.spearmanr([theirs[arm] for arm in ours], list(ours.values())).statistic
    return (
        f"paper: {_in_order(experiment, theirs)}\n"
        f"ours:  {_in_order(experiment, ours)}\n"
        f"rank correlation of the two orders: {correlation:+.1f}"
    )


def _in_order(experiment: Experiment, means: dict[str, float]) -> str:
    ordered = sorted(means, key=means.get, reverse=True)
    return " > ".join(f"{experiment.arms[arm].label} {100 * means[arm]:.1f} %" for arm in ordered)


def _best(record: Record) -> pd.DataFrame:
    return selection.best_epoch(record.epochs)


def _published(experiment: Experiment) -> Published:
    if experiment.published is None:
        raise ValueError(
            f"the experiment must repeat a printed table, got {experiment.name}, which repeats "
            "none; compare its arms with each other"
        )
    return experiment.published


def _tests(experiment: Experiment) -> pd.DataFrame:
    printed = _published(experiment)
    if printed.tests is None:
        raise ValueError(
            f"the source must print tests between the arms, got {experiment.name}, whose "
            f"Table {printed.table} has none; compare its arms with each other"
        )
    return published.mann_whitney_rows(printed.source, printed.tests)
