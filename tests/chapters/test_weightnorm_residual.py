"""Chapter 6's side page: records as tables, guards, figures, and A's Table 1 on its ledger."""

import copy
import re

import numpy as np
import pandas as pd
import pytest

from companion.chapters import reproduction
from companion.chapters.weightnorm_initialization import (
    convolutional,
    maps,
    random_networks,
    repeated,
    residual_conclusions,
    residual_figures,
    residual_maps,
)
from companion.chapters.weightnorm_initialization.experiments import (
    neighbours,
    networks,
    survival,
    table_1,
    table_2,
)
from companion.cli import texts
from companion.evidence import records, selection, summaries
from companion.models import residual
from companion.theory import weight_norm as theory


@pytest.fixture(scope="module")
def recorded():
    return {
        re.sub("-(digits|cifar10-jpeg)$", "", name): records.recorded(f"weight-norm-{name}-book")
        for name in (
            "survival-digits",
            "table-1-digits",
            "table-2-digits",
            "neighbours-digits",
            "networks-cifar10-jpeg",
            "networks-residual-cifar10-jpeg",
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
    residual_conclusions.check_borders()
    residual_conclusions.check_table_1(recorded["table-1"])
    residual_conclusions.check_neighbours(recorded["neighbours"])
    residual_conclusions.check_curvature(recorded["table-2"])
    residual_conclusions.check_networks(recorded["networks"], recorded["networks-residual"])


def test_figures_say_what_they_show(recorded):
    assert "forward rule, warmup: " in residual_figures.survivors(recorded["survival"]).alt
    deep = residual_figures.very_deep(maps.deep()).alt
    assert "100 layers, from data, rate 0.001: " in deep
    assert "200 layers, forward rule, rate 0.001: " in deep
    shown = residual_figures.beside_batch_norm(recorded["table-1"], recorded["table-2"])
    assert "(A 9.19 %)" in shown.alt
    assert "norm, length 1: " in shown.alt
    assert "(A 4.68)" in shown.alt
    shown = convolutional.network_depths(recorded["networks"], recorded["networks-residual"])
    assert "plain, forward rule, fans counted: " in shown.alt
    table = residual_figures.neighbours_table(recorded["neighbours"]).data
    assert list(table.index) == list(neighbours.NAMES.values())
    assert table.loc["Kaiming alone", "largest rate that trains"] == "none"


def test_norms_are_the_records_and_unknown_ones_are_left_out(recorded):
    record = recorded["table-2"]
    found = residual_maps.hessians(record)
    first = record.epochs[record.epochs["epoch"] == 0]
    for start in table_2.STARTS:
        mine = first.loc[first["arm"] == f"c10 wrn40-10 {start}", "hessian_norm"]
        assert found[start] == pytest.approx(sorted(np.log10(mine)))
    gone = copy.copy(record)
    gone.epochs = first.assign(hessian_norm=first["hessian_norm"].where(first["run"] > 0))
    assert [len(one) for one in residual_maps.hessians(gone).values()].count(11) == 1


def test_a_table_of_norms_has_intervals(recorded):
    record = recorded["table-2"]
    shown = residual_figures.curved_table(record).data
    found = residual_maps.hessians(record)["forward"]
    ours = summaries.summary(found)
    cell = shown.loc["forward rule", "40 layers, ours"]
    assert cell == f"{ours.mean:.2f} ({ours.low:.2f} to {ours.high:.2f})"
    assert shown.loc["forward rule", "40 layers, A's"] == "1.31 ± 0.12"
    assert shown.loc["a new layer's", "40 layers, A's"] == "–"


def test_table_2_has_its_rows(recorded):
    rows = reproduction.table().query("source == 'A' and table == '2'").set_index("cell")
    row = rows.loc["c10 wrn40-10 forward"]
    found = residual_maps.hessians(recorded["table-2"])
    assert row["ours"] == pytest.approx(np.mean(found["forward"]))
    assert row["runs"] == len(found["forward"])
    gap = summaries.difference(found["forward"], found["data"])
    assert f"ours {gap.estimate:+.2f}" in row["note"]
    assert row["verdict"] == ("direction" if gap.high < 0 else "undecided")
    assert rows.loc["c10 wrn40-10 data", "verdict"] == ""


def test_the_rate_of_a_network_is_chosen_by_validation(recorded):
    for name, network in (("networks", "cnn"), ("networks-residual", "wrn")):
        record = recorded[name]
        last = record.epochs[record.epochs["epoch"] == 1].set_index("arm")
        for row in convolutional.best(record, network).itertuples():
            channels = networks.NARROW[network]
            arms = [networks.arm_name(network, row.depth, channels, row.start, rate)
                    for rate in networks.RATES[network]]  # fmt: skip
            chosen = last.loc[arms, "validation_accuracy"].idxmax()
            assert row.test == [last.loc[chosen, "test_accuracy"]]
            assert chosen.endswith(f"lr {row.rate:g}")


def test_borders_take_a_signal_and_counted_fans_give_it_back():
    """An 8 by 8 image loses 1 - reads(8, 3, padding 1)^2 / 9 of a flat signal's square a layer."""
    layers = 20
    bare, counted = (
        random_networks.convolutional(start, layers, 16) for start in ("forward", "corrected")
    )
    share = theory.reads(8, 3, padding=1) / 3
    grown = share ** -(layers - 3)  # lengths: the square root of a square of two axes
    assert counted[0] / bare[0] == pytest.approx(grown, rel=1e-3)
    assert counted[1] / bare[1] == pytest.approx(grown, rel=1e-3)


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


def test_claims_about_figures_3_and_4_and_table_2_are_from_the_records():
    said = [claim.sentence for claim in repeated.repeated()]
    for start in ("Figure 3, left", "Figure 3, right", "Figure 4", "Table 2"):
        assert sum(sentence.startswith(start) for sentence in said) == 1
