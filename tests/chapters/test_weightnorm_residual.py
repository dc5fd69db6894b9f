"""Chapter 6's side page: records as tables, guards, figures, and A's Table 1 on its ledger."""

import copy

import numpy as np
import pandas as pd
import pytest

from companion.chapters import reproduction
from companion.chapters.weightnorm_initialization import (
    repeated,
    residual_conclusions,
    residual_figures,
    residual_maps,
)
from companion.chapters.weightnorm_initialization.experiments import (
    depth,
    neighbours,
    survival,
    table_1,
)
from companion.cli import texts
from companion.evidence import records, selection
from companion.models import residual


@pytest.fixture(scope="module")
def recorded():
    return {
        name.removesuffix("-digits"): records.recorded(f"weight-norm-{name}-book")
        for name in (
            "survival-digits",
            "deeper-digits",
            "table-1-digits",
            "neighbours-digits",
        )
    }


def last(record, arm, column):
    rows = record.epochs[(record.epochs["arm"] == arm)]
    return rows.loc[rows["epoch"] == rows["epoch"].max(), column].to_numpy(float)


def test_a_run_survives_that_does_better_than_a_guess(recorded):
    rows = residual_maps.survived(recorded["survival"]).set_index(["start", "warmup", "rate"])
    assert len(rows) == len(survival.STARTS) * 2 * len(survival.RATES)
    for (start, warmup, rate), share in rows["share"].items():
        arm = survival.arm_name(start, warmup, rate)
        assert share == np.mean(last(recorded["survival"], arm, "train_accuracy") > 0.2)


def test_a_run_that_is_no_number_or_guesses_does_not_survive(monkeypatch):
    monkeypatch.setattr(
        residual_maps, "ends", lambda *_: _Same(pd.Series([np.nan, 0.1, 0.19, 0.9]))
    )
    assert set(residual_maps.survived(None)["share"]) == {0.25}


class _Same(dict):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def __missing__(self, key):
        return self.value


def test_a_hundred_layers_are_the_records_runs(recorded):
    rows = residual_maps.deepest(recorded["deeper"])
    assert len(rows) == 2 * len(depth.DEEP_RATES)
    for row in rows.itertuples():
        arm = depth.arm_name(100, row.start, row.rate)
        assert row.runs == sorted(np.nan_to_num(last(recorded["deeper"], arm, "test_accuracy")))


def test_an_error_is_what_accuracy_leaves(recorded):
    found = residual_maps.errors(recorded["table-1"])
    assert list(found) == ["data", "forward", "forward warmup", "batch"]
    best = selection.best_epoch(recorded["table-1"].epochs)
    for arm, values in found.items():
        mine = best.loc[best["arm"] == f"{table_1.BOOK} {arm}", "test_accuracy"]
        # float32 shares: 100 roundings of 6e-8 at most
        assert values == pytest.approx((100 - 100 * mine).tolist(), abs=1e-5)


def test_a_rate_trains_where_every_run_learns(monkeypatch):
    runs = {
        neighbours.arm_name("fixup", rate): pd.Series(values)
        for rate, values in zip(
            neighbours.RATES, ([0.9, 0.9], [0.9, 0.6], [0.9, 0.1], [0.9, 0.8], [np.nan, 0.9]),
            strict=True,
        )
    }  # fmt: skip
    monkeypatch.setattr(residual_maps, "ends", lambda *_: runs)
    assert residual_maps.largest_rate(None, "fixup") == neighbours.RATES[3]
    monkeypatch.setattr(residual_maps, "ends", lambda *_: _Same(pd.Series([0.1, 0.9])))
    assert residual_maps.largest_rate(None, "zero") == 0


def test_starts_that_end_branches_in_0_pass_signals_alike():
    fixup, skipinit = (residual_maps.through(start) for start in ("fixup", "skipinit"))
    assert fixup == pytest.approx(skipinit, rel=1e-5)
    signal, gradient = residual_maps.through("kaiming")
    assert min(signal, gradient) > 1000  # 48 blocks double the squares, but for borders
    for start in ("fixup", "scaled_ws", "forward"):
        assert max(*(np.abs(np.log2(residual_maps.through(start)))), 0) < 1


def test_the_words_stand_under_guard(recorded):
    residual_conclusions.check_survival(recorded["survival"])
    residual_conclusions.check_deeper(recorded["deeper"])
    residual_conclusions.check_table_1(recorded["table-1"])
    residual_conclusions.check_neighbours(recorded["neighbours"])
    residual_conclusions.check_curvature()


def test_figures_say_what_they_show(recorded):
    assert "forward rule, warmup: " in residual_figures.survivors(recorded["survival"]).alt
    assert "from data, rate 0.001: " in residual_figures.hundred_layers(recorded["deeper"]).alt
    shown = residual_figures.beside_batch_norm(recorded["table-1"])
    assert "(A 9.19 %)" in shown.alt
    assert "norm, length 1: " in shown.alt
    table = residual_figures.neighbours_table(recorded["neighbours"]).data
    assert list(table.index) == list(neighbours.NAMES.values())
    assert table.loc["Kaiming alone", "largest rate that trains"] == "none"


def test_table_1_has_its_rows(recorded):
    rows = reproduction.table().query("source == 'A' and table == '1'").set_index("cell")
    ours = rows.loc["c10 resnet56 forward"]
    errors = residual_maps.errors(recorded["table-1"])["forward"]
    assert ours["ours"] == pytest.approx(np.mean(errors))
    assert ours["command"] == "companion run weight-norm-table-1 --scale full"
    assert rows.loc["c10 wrn40-10 data", "verdict"] == "not run"
    assert rows.loc["c10 resnet110 shang", "verdict"] == "not built"


def test_a_report_sets_no_accuracies_beside_errors(recorded):
    record = recorded["table-1"]
    there = copy.copy(record)
    there.provenance = {**record.provenance, "dataset": "cifar10"}
    assert "The paper's Table 1 has no accuracies to set beside them." in texts._results(there)


def test_full_networks_have_the_papers_widths():
    full = {name: arm.settings for name, arm in table_1.CIFAR10.arms.items()}
    assert full["c10 wrn40-10 forward"].widths == residual.widths(40, 10)
    assert full["c10 resnet110 batch"].normalization == "batch"
    assert full["c10 resnet56 forward warmup"].warmup == 5
    assert survival.EXPERIMENT.arms["one, lr 0.1"].settings.widths == residual.widths(40, 10)


def test_claims_about_figure_4_and_table_2_are_from_the_records():
    said = [claim.sentence for claim in repeated.repeated()]
    for start in ("Figure 4", "Table 2"):
        assert sum(sentence.startswith(start) for sentence in said) == 1
