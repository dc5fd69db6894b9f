"""The benchmark's tables and figure say what was measured."""

import pytest

from companion.display import performance
from companion.experiments.benchmark import Line
from companion.experiments.growth import Point
from companion.experiments.overhead import BATCHES, Share
from companion.experiments.performance import Measured, Overhead, shipped, shipped_overheads

MADE = Measured(
    machine={
        "hardware": "2-core Made CPU",
        "threads": 2,
        "device": "cpu",
        "versions": {"torch": "2.15.0"},
    },
    code={},
    rounds=7,
    lines=(
        Line("mlp 4-3-2, batch 8", 30, "stack", 0.25, 1.0, 0.05, 0.43),
        Line("mlp 4-3-2, batch 8", 1, "DataLoader, transforms", 5.0, 20.0),
    ),
    growth=tuple(
        Point(along, value, ms, mib, None)
        for along in ("runs", "width", "depth")
        for value, ms, mib in ((1, 0.5, 0.1), (10, 2.0, 1.0))
    ),
)
ADDED = Overhead(
    MADE.machine, {}, 7, (Share("a net", 8, 2.0, 0.5, 0.1), Share("a net", 32, 8.0, 0.05, None))
)


def test_the_table_has_one_row_a_contender():
    html = performance.ratios(MADE).to_html()
    for text in ("stack, 30 runs", "0.25", "43%", "DataLoader, transforms", "20", "2-core Made"):
        assert text in html
    assert html.count("mlp 4-3-2, batch 8") == 1


def test_the_figure_says_how_much_longer_a_larger_stack_takes():
    shown = performance.growth(MADE)
    assert "from 1 to 10 runs a step takes 4 times as long" in shown.alt
    assert "2-core Made CPU" in shown.ran


def test_the_table_of_what_a_curve_adds_is_in_percent_of_a_plain_step():
    html = performance.overhead(ADDED).to_html()
    for text in ("50%", "10%", "5%", "2-core Made", "one thread"):
        assert text in html
    assert html.count("a net") == 1


def test_the_overhead_that_ships_is_of_every_network_and_batch():
    overheads = shipped_overheads()
    assert overheads
    for measured in overheads:
        found = [(share.network, share.batch) for share in measured.shares]
        assert found == [(name, one) for name, batches in BATCHES.items() for one in batches]


def test_what_ships_is_sound():
    benchmarks = shipped()
    assert benchmarks
    for measured in benchmarks:
        assert {line.contender for line in measured.lines} >= {"stack", "in memory, fused"}
        for line in measured.lines:
            stack = next(
                one for one in measured.lines if (one.case, one.contender) == (line.case, "stack")
            )
            assert line.ratio == pytest.approx(line.milliseconds / stack.milliseconds)
