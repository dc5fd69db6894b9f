"""Tables about tests: ranks step by step, effect sizes, optimism, runs needed, two columns.

Each returns a pandas Styler with a caption that says what its columns are and where they come from.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from pandas.io.formats.style import Styler

from companion.evidence import audit, comparison
from companion.evidence.arms import label
from companion.evidence.records import Record
from companion.experiments import report


def ranks(record: Record, first: str = "none", second: str = "wr") -> Styler:
    """All test accuracies of two arms in order, with their ranks: Mann-Whitney by hand."""
    best = comparison.best_epoch(record.epochs)
    one, two = (best.loc[best["arm"] == arm, "test_accuracy"] for arm in (first, second))
    rows = comparison.ranks(one, two)
    names = {"a": label(first), "b": label(second)}
    sums = {name: rows.loc[rows["sample"] == name, "beaten"].sum() for name in names}
    shown = pd.DataFrame(
        {
            "accuracy %": (100 * rows["value"]).map("{:.2f}".format),
            "arm": rows["sample"].map(names),
            "rank": rows["rank"].map("{:g}".format),
            "runs of the other arm below it": rows["beaten"].map("{:g}".format),
        }
    )
    return _styled(
        shown,
        f"U of {names['a']} is the sum of its last column, {sums['a']:g}; that of {names['b']} is "
        f"{sums['b']:g}; together they are {len(one)} x {len(two)}. {record.label()}.",
    )


def effects(record: Record, table: str) -> Styler:
    """How large the differences are: points, probability of superiority, Cliff's delta, g."""
    rows = report.effect_table(record, table)
    shown = pd.DataFrame(
        {
            "arms": _pairs(rows),
            "difference, points": _with_interval(
                rows["difference"], rows["low"], rows["high"], "+.2f"
            ),
            "superiority": _with_interval(
                rows["superiority"], rows["superiority_low"], rows["superiority_high"], ".2f"
            ),
            "Cliff's delta": rows["delta"].map("{:+.2f}".format),
            "Hedges' g": rows["g"].map("{:+.2f}".format),
            "paper g": rows["paper_g"].map("{:+.2f}".format),
        }
    )
    return _styled(
        shown,
        "The second arm against the first. Superiority is the probability that a run of the second "
        "arm beats one of the first; delta is twice that less 1; g is the difference in standard "
        f"deviations. Intervals are 95 %, by the bootstrap. {record.label()}.",
    )


def optimism(record: Record) -> Styler:
    """Accuracy at the best validation epoch, at the best test epoch, and at the last one."""
    rows = report.optimism_table(record)
    shown = pd.DataFrame(
        {
            "arm": rows["arm"].map(label),
            "at the best validation epoch": rows["chosen"].map("{:.2f}".format),
            "at the best test epoch": rows["highest"].map("{:.2f}".format),
            "optimism, points": _with_interval(
                rows["optimism"], rows["optimism_low"], rows["optimism_high"], "+.2f"
            ),
            "at the last epoch": rows["last"].map("{:.2f}".format),
        }
    )
    return _styled(shown, f"Mean test accuracy in percent, three ways. {record.label()}.")


def runs_needed(differences: Iterable[float], sd: float) -> Styler:
    """How many runs an arm a difference needs, and the power that a simulation then finds."""
    rows = report.runs_table(list(differences), sd=sd)
    shown = pd.DataFrame(
        {
            "true difference, points": rows["difference"].map("{:g}".format),
            "runs an arm": rows["runs"].map("{:d}".format),
            "power, simulated": _with_interval(rows["simulated"], rows["low"], rows["high"], ".2f"),
        }
    )
    return _styled(
        shown,
        f"Runs an arm for a power of 0.8 at level 0.05, two-sided, when runs scatter by {sd:g} "
        "points; then the share of simulated experiments in which Mann-Whitney finds it.",
    )


def printed_columns(draws: int = 2000) -> Styler:
    """The paper's statistics and p-values, and what each would be as U and as W."""
    rows = audit.test_rows(draws)
    shown = pd.DataFrame(
        {
            "table": rows["table"],
            "arms": _pairs(rows),
            "statistic": rows["statistic"].map("{:g}".format),
            "p": rows["p"].map("{:.2g}".format),
            "p if it were U": rows["p_as_U"].map("{:.2g}".format),
            "p if it were W": rows["p_as_W"].map("{:.2g}".format),
            "simulated U": rows["U"].map("{:g}".format),
            "simulated W": rows["W"].map("{:g}".format),
        }
    )
    return _styled(
        shown,
        "Printed statistic and p-value; the p-value the statistic would have as Mann-Whitney's "
        "U and as the signed-rank test's W; and the medians of both statistics over "
        f"{draws:,} simulated samples with the printed means and standard deviations.",
    )


def both_tests(record: Record, table: str) -> Styler:
    """Both tests on our runs, and which of them the printed column resembles."""
    rows = audit.ours(record, table)
    shown = pd.DataFrame(
        {
            "arms": _pairs(rows),
            "U": rows["U"].map("{:g}".format),
            "p of U": rows["p_U"].map("{:.2g}".format),
            "W": rows["W"].map("{:g}".format),
            "p of W": rows["p_W"].map("{:.2g}".format),
            "the printed pair resembles": rows["resembles"],
        }
    )
    return _styled(shown, f"Both tests on our own runs. {record.label()}.")


def _styled(rows: pd.DataFrame, caption: str) -> Styler:
    return rows.style.hide(axis="index").set_caption(caption)


def _pairs(rows: pd.DataFrame) -> pd.Series:
    return rows["group1"].map(label) + " and " + rows["group2"].map(label)


def _with_interval(middle: pd.Series, low: pd.Series, high: pd.Series, form: str) -> list[str]:
    """Value and interval as text; the value alone where there is no interval."""
    return [
        f"{m:{form}}" if pd.isna(a) else f"{m:{form}} ({a:{form}} to {b:{form}})"
        for m, a, b in zip(middle, low, high, strict=True)
    ]
