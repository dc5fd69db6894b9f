"""Tables that show how a test works: ranks step by step, effect sizes, optimism, runs needed.

Each returns a pandas Styler with a caption that says what its columns are and where they come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
from pandas.io.formats.style import Styler

from companion.evidence import rank_tests, readings
from companion.evidence.records import Record
from companion.experiments import report
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment


def ranks(one: Iterable[float], two: Iterable[float], first: str, second: str) -> Styler:
    """All accuracies of two arms, as fractions, in order, with their ranks: Mann-Whitney by hand.

    first, second: what the two are called.
    """
    one, two = list(one), list(two)
    rows = rank_tests.ranks(one, two)
    names = {"a": first, "b": second}
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
        f"U of {first} is the sum of its last column, {sums['a']:g}; that of {second} is "
        f"{sums['b']:g}; together they are {len(one)} x {len(two)}.",
    )


def effects(experiment: Experiment, record: Record) -> Styler:
    """How large the differences are that a paper tests: points, probability of superiority,
    Cliff's delta, g, and the paper's g."""
    rows, arms = report.effect_table(experiment, record), experiment.arms
    shown = pd.DataFrame(
        {
            "arms": [
                f"{arms[a].label} and {arms[b].label}"
                for a, b in zip(rows["group1"], rows["group2"], strict=True)
            ],
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


def optimism(record: Record, arms: Mapping[str, Arm]) -> Styler:
    """Accuracy at the best validation epoch, at the best test epoch, and at the last one."""
    rows = readings.optimism_table(record)
    shown = pd.DataFrame(
        {
            "arm": [arms[arm].label for arm in rows["arm"]],
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
    rows = readings.runs_table(list(differences), sd=sd)
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


def _styled(rows: pd.DataFrame, caption: str) -> Styler:
    return rows.style.hide(axis="index").set_caption(caption)


def _with_interval(middle: pd.Series, low: pd.Series, high: pd.Series, form: str) -> list[str]:
    """Value and interval as text; the value alone where there is no interval."""
    return [
        f"{m:{form}}" if pd.isna(a) else f"{m:{form}} ({a:{form}} to {b:{form}})"
        for m, a, b in zip(middle, low, high, strict=True)
    ]
