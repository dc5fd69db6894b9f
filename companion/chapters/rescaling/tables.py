"""The paper's columns of tests beside what they would be: pandas Stylers with captions."""

from __future__ import annotations

import pandas as pd
from pandas.io.formats.style import Styler

from companion.chapters.rescaling.errata import audit
from companion.chapters.rescaling.experiments import mlp, networks
from companion.evidence.records import Record


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
    arms = mlp.MLP.arms | networks.LENET.arms | networks.ALEXNET.arms | networks.RESNET.arms
    names = {name: arm.label for name, arm in arms.items()}
    return rows["group1"].map(names) + " and " + rows["group2"].map(names)
