"""Why the MLP's table comes out otherwise: the differences, and the figure that says them."""

import numpy as np
import pytest

from companion.chapters.rescaling import causes
from companion.evidence import records, selection


@pytest.fixture(scope="module")
def four():
    name = "weight-rescaling-mlp{}-cifar10-jpeg-{}"
    return [
        records.recorded(name.format(which, scale))
        for which, scale in (
            ("", "full"), ("-causes", "full"), ("-small-batches", "full"),
            ("-small-batches-causes", "book"),
        )
    ]  # fmt: skip


def test_each_method_is_measured_against_none_of_the_same_setting(four):
    rows = causes.differences(*four).set_index(["method", "reading"])
    assert len(rows) == sum(map(len, causes.READINGS.values()))
    full, changed, small, both = (
        {arm: 100 * runs.mean() for arm, runs in
         selection.best_epoch(one.epochs).groupby("arm")["test_accuracy"]}
        for one in four
    )  # fmt: skip
    for cell, expected in (
        (("wr", causes.HERE), full["wr"] - full["none"]),
        (("wr", "biases kept"), changed["wr-biases"] - full["none"]),
        (("wr", "inputs in [−1, 1]"), changed["wr-inputs"] - changed["none-inputs"]),
        (("wd-1e-3", "batches of 4"), small["wd-1e-3"] - small["none"]),
        (("wr", "batches of 4, biases kept"), both["wr-biases"] - small["none"]),
    ):
        assert rows.loc[cell, "estimate"] == pytest.approx(expected, abs=1e-3)
    assert (rows["adjusted"] >= rows["p"]).all()


def test_the_papers_differences_are_those_of_its_table():
    found = causes.printed().set_index("method")["estimate"]
    np.testing.assert_allclose(found[["wr", "wd-1e-2", "wd-1e-3"]], [1.36, -0.72, 1.45])


def test_the_figure_says_every_difference(four):
    shown = causes.figure(*four)
    for row in causes.differences(*four).itertuples():
        assert f"{row.name} {row.estimate:+.2f} ({row.low:+.2f} to {row.high:+.2f})" in shown.alt
    for record in four:
        assert record.label() in shown.ran
