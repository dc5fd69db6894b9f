"""The book's account of itself: versions, records by scale, and how far seeds scatter."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from companion.display import standing
from companion.evidence import records, selection

ROOT = Path(__file__).resolve().parents[2]
NAME = "weight-rescaling-mlp-cifar10-jpeg-full"


def test_the_sentence_about_this_machine_names_its_versions():
    said = standing.here()
    assert f"torch {torch.__version__}" in said
    assert re.search(r"\d+ CPU threads; python 3\.\d+", said)


def test_every_record_is_listed_with_its_scale():
    shown = [records.recorded(name) for name in records.recorded_names()]
    page = standing.shipped(shown).to_html()
    for record in shown:
        assert f">{record.path.name}<" in page
    scales = [record.provenance["scale"] for record in shown]
    found = re.search(r"(\d+) records ship with the book: (.+)\.</caption>", page)
    assert int(found[1]) == len(scales)
    assert sum(map(int, re.findall(r"(\d+) at \w+ scale", found[2]))) == len(scales)


def test_the_spread_over_seeds_is_that_of_the_record():
    record = records.recorded(NAME)
    best = selection.best_epoch(record.epochs)
    values = 100 * best.loc[best["arm"] == "none", "test_accuracy"].to_numpy()
    runs, sd = len(values), values.std(ddof=1)
    said = standing.spread(record, "none")
    gap, single, ten = map(float, re.findall(r"(\d+\.\d) points|ten new runs within", said)[:2]
                           + re.findall(r"within (\d+\.\d)\.$", said))  # fmt: skip
    assert gap == float(f"{np.ptp(values):.1f}")
    # Student's quantile for 100 runs is 1.984; a new mean of n has the variance sd^2 (1/n + 1/100)
    for shown, n in ((single, 1), (ten, 10)):
        assert abs(shown - 1.984 * sd * np.sqrt(1 / n + 1 / runs)) <= 0.051
    figure = standing.seeds(record, "none")
    assert f"{runs} runs that differ in their seed alone" in figure.alt
    assert f"from {values.min():.1f} to {values.max():.1f} %" in figure.alt
    assert "full scale" in figure.ran


def test_what_ran_in_colab_is_said_from_its_file(tmp_path):
    tested = {
        "day": "2026-01-02", "seconds": {"a": 10.0, "b": 31.6},
        "versions": {"python": "3.12.1", "torch": "2.9.0", "numpy": "2.0.2"},
    }  # fmt: skip
    (tmp_path / "colab.json").write_text(json.dumps(tested), encoding="utf-8")
    assert standing.in_colab(tmp_path / "colab.json") == (
        "2026-01-02: 2 notebooks ran to their end with python 3.12.1, torch 2.9.0, "
        "numpy 2.0.2; b took longest, 32 s."
    )
    (tmp_path / "colab.json").write_text("{}", encoding="utf-8")
    for name in ("colab.json", "gone.json"):
        with pytest.raises(ValueError, match=r"must hold day, versions and seconds as tools/colab"):
            standing.in_colab(tmp_path / name)


def test_the_file_that_the_book_shows_is_of_its_notebooks():
    tested = json.loads((ROOT / "book/colab.json").read_text(encoding="utf-8"))
    assert set(tested["seconds"]) <= {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert max(tested["seconds"].values()) <= 180
