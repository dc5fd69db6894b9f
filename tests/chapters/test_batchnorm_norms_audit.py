"""Chapter 5's source recomputed."""

import math

import pytest
from scipy import stats

from companion.chapters import reproduction
from companion.chapters.batchnorm_norms import errata
from companion.chapters.batchnorm_norms.experiments import tables
from companion.evidence import published, rank_tests


def test_the_paired_t_test_by_hand():
    pairs = published.paired_rows("L", "1")
    gaps = (pairs["wrs"] - pairs["wd"]).to_numpy()
    t = gaps.mean() / (gaps.std(ddof=1) / math.sqrt(18))
    rows = errata.paired_t_rows().set_index("settings")
    assert rows.loc["all", "t"] == pytest.approx(t)
    assert rows.loc["all", "p"] == pytest.approx(2 * stats.t.sf(t, 17))
    assert f"{t:.4f}" == "3.4498"
    assert rows["pairs"].tolist() == [18, 9, 9]
    halves = rows.loc[["sgdm", "adamw"]]
    assert halves["gain"].mean() == pytest.approx(rows.loc["all", "gain"])
    assert halves["t"].round(2).tolist() == [1.98, 3.17]
    assert halves["p"].round(3).tolist() == [0.083, 0.013]
    assert ((rows["low"] > 0) == (rows["p"] < 0.05)).all()
    assert errata.paired_t_rows("S2")["pairs"].tolist() == [12, 6, 6]


def test_signs_alone_agree_with_the_paired_test():
    row = errata.paired_t_rows().iloc[0]
    pairs = published.paired_rows("L", "1")
    assert row["signed_rank_p"] == rank_tests.signed_rank(pairs["wrs"], pairs["wd"]).p < 0.05


def test_the_paired_t_test_holds_and_the_verdict_would_notice(monkeypatch):
    found = errata.paired_t()
    assert found.verdict == "holds"
    assert "t(17) = 3.4498, p = 0.0031" in found.computed
    assert found.effect.startswith("The test stays as printed; the two optimizers")
    changed = published.paired_rows("L", "1")
    changed.loc[0, "wrs"] += 1
    monkeypatch.setattr(published, "paired_rows", lambda source, table: changed)
    found = errata.paired_t()
    assert found.verdict == "does not hold"
    assert found.effect.startswith("The test changes; the two optimizers")


def test_adamws_decay_step_by_step():
    weight, rate = 1.0, 1e-3
    for epoch in range(200):
        if epoch in (60, 120, 160):
            rate *= 0.1
        weight *= (1 - rate * 5e-4) ** 500
    assert errata.adamw_decay() == pytest.approx(1 - weight)
    assert errata.adamw_decay(images=100_000) == pytest.approx(1 - weight**2)


# --- the declared tables ---------------------------------------------------------------------


def test_declared_periods_are_those_of_table_s1():
    found = set()
    for experiment in tables.TABLES:
        for name, arm in experiment.arms.items():
            assert published.value("L", experiment.published.table, name, "test_accuracy") > 0
            settings = arm.settings
            assert settings.weight_decay == 5e-4
            assert settings.decays(("gain", "hidden"))
            if not name.endswith("wrs"):
                assert settings.decays(("weight", "hidden"))
                continue
            found.add(settings.tau)
            assert not settings.decays(("weight", "hidden"))
            if experiment.published.table == "1":
                assert settings.tau == published.value("L", "S1", name, "tau")
            else:
                assert settings.tau == 40  # the caption of Table S2
    assert found == {10, 20, 40}


def test_every_result_of_the_tables_has_a_row_with_its_command():
    rows = reproduction.table(shown=[])
    for table, tiny, others in (("1", 12, 24), ("S2", 8, 16)):
        mine = rows[(rows["source"] == "L") & (rows["table"] == table)]
        assert dict(mine["verdict"].value_counts()) == {"not run": others, "not built": tiny}
        ready = mine[mine["verdict"] == "not run"]
        assert ready["command"].str.startswith("companion run batchnorm-").all()
        assert (ready["cost"] == "12 runs of 200 epochs, for a GPU").all()
        assert mine["cell"].nunique() == tiny + others
