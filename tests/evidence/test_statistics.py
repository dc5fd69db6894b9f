"""The tables about tests show the numbers of the functions behind them."""

import pytest

from companion.chapters.rescaling import tables
from companion.chapters.rescaling.errata import audit
from companion.chapters.rescaling.experiments.mlp import MLP
from companion.display import statistics
from companion.evidence import power, rank_tests, readings, records, selection
from companion.experiments import report

NAME = "weight-rescaling-mlp-cifar10-jpeg-full"


@pytest.fixture(scope="module")
def record():
    return records.recorded(NAME)


def test_ranks_add_up_to_u(record):
    best = selection.best_epoch(record.epochs).groupby("arm")["test_accuracy"]
    one, two = (best.get_group(arm).to_numpy(float)[:7] for arm in ("none", "wr"))
    page = statistics.ranks(one, two, "none", "WR").to_html()
    u = rank_tests.mann_whitney(one, two).statistic
    assert f"U of none is the sum of its last column, {u:g}" in page
    assert f"that of WR is {len(one) * len(two) - u:g}" in page
    for value in (*one, *two):
        assert f"{100 * value:.2f}" in page


def test_effects_and_optimism_show_their_intervals(record):
    page = statistics.effects(MLP, record).to_html()
    for row in report.effect_table(MLP, record).itertuples():
        assert f"{row.difference:+.2f} ({row.low:+.2f} to {row.high:+.2f})" in page
        assert f"{row.g:+.2f}" in page
    assert "nan" not in page.lower()
    page = statistics.optimism(record, MLP.arms).to_html()
    for row in readings.optimism_table(record).itertuples():
        assert f"{row.optimism:+.2f} ({row.optimism_low:+.2f}" in page
        assert f"{row.last:.2f}" in page


def test_runs_needed_fall_as_the_difference_grows():
    page = statistics.runs_needed([0.2, 0.8], sd=0.5).to_html()
    few, many = (power.runs_needed(d, 0.5) for d in (0.8, 0.2))
    assert few < many
    assert f">{few}<" in page
    assert f">{many}<" in page


def test_printed_columns_and_ours(record):
    rows = audit.test_rows(200)
    page = tables.printed_columns(200).to_html()
    assert page.count("<tr>") == len(rows) + 1
    assert "200 simulated samples" in page
    ours = audit.ours(record, "II")
    page = tables.both_tests(record, "II").to_html()
    for row in ours.itertuples():
        assert f">{row.U:g}<" in page
        assert f">{row.resembles}<" in page
