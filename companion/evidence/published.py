"""The papers' printed numbers as data: a chapter's ``published.csv`` holds those of its source.

Columns: `source` (a letter, the key of a paper), `table` (its number as printed, or "text" or a
section), `cell` (named by our arms: none, wr, wd-1e-2, ...), `label` (the paper's words),
`quantity`, `unit`, and `mean`, `sd`, `runs` as printed: accuracies are in percent here. `summary`
gives them as fractions, the unit of our own tables.
"""

from functools import cache
from pathlib import Path

import pandas as pd

from companion.evidence.summaries import Summary, from_printed

_CHAPTERS = Path(__file__).parents[1] / "chapters"
_TEXT = dict.fromkeys(["source", "table", "cell", "label", "quantity", "unit"], str)


@cache
def _all() -> dict[str, pd.DataFrame]:
    """Source -> its printed numbers."""
    kinds = {**_TEXT, "mean": float, "sd": float, "runs": "Int64"}
    frames = [pd.read_csv(path, dtype=kinds) for path in sorted(_CHAPTERS.glob("*/published.csv"))]
    return {str(source): rows for frame in frames for source, rows in frame.groupby("source")}


def sources() -> tuple[str, ...]:
    """The papers' letters.

    >>> "N" in sources()
    True
    """
    return tuple(sorted(_all()))


def rows(source: str, table: str | None = None) -> pd.DataFrame:
    """Return a paper's printed numbers, of one table or of all.

    >>> rows("N", "I").query("cell == 'wr'")[["quantity", "unit", "mean", "sd"]].values.tolist()
    [['test_accuracy', 'percent', 50.08, 0.5], ['best_epoch', 'epoch', 76.01, 20.52]]
    """
    if source not in _all():
        raise ValueError(
            f"the sources are {', '.join(sources())}, got {source!r}; use one of them."
        )
    frame = _all()[source]
    if table is None:
        return frame.copy()
    names = frame["table"].unique()
    if table not in names:
        raise ValueError(
            f"the tables of {source} are {', '.join(names)}, got {table!r}; use one of them."
        )
    return frame[frame["table"] == table].reset_index(drop=True)


def _row(source: str, table: str, cell: str, quantity: str) -> pd.Series:
    """Return one row; `ValueError` lists what there is."""
    frame = rows(source, table)
    for column, value in (("cell", cell), ("quantity", quantity)):
        names = frame[column].unique()
        frame = frame[frame[column] == value]
        if frame.empty:
            raise ValueError(
                f"table {table} of {source} has the {column} {', '.join(names)}, got {value!r}; "
                "use one of them."
            )
    return frame.iloc[0]


def value(source: str, table: str, cell: str, quantity: str) -> float:
    """Return one printed number; percent become fractions.

    >>> value("N", "text", "mlp", "parameters")
    199082.0
    """
    row = _row(source, table, cell, quantity)
    return float(row["mean"]) / (100 if row["unit"] == "percent" else 1)


def summary(source: str, table: str, cell: str, quantity: str, confidence: float = 0.95) -> Summary:
    """Return a printed mean +- sd with the interval it implies; accuracies are fractions.

    >>> s = summary("N", "I", "wr", "test_accuracy")
    >>> round(s.mean, 4), round(s.sd, 4), s.runs
    (0.5008, 0.005, 100)
    """
    row = _row(source, table, cell, quantity)
    if pd.isna(row["sd"]) or pd.isna(row["runs"]):
        raise ValueError(
            f"a summary needs sd and runs, and {quantity} of {cell} in table {table} of {source} "
            "is printed without; use value()."
        )
    scale = 100 if row["unit"] == "percent" else 1
    return from_printed(row["mean"] / scale, row["sd"] / scale, int(row["runs"]), confidence)


def mann_whitney_rows(source: str, table: str) -> pd.DataFrame:
    """Return a table of printed Mann-Whitney tests, one row a test.

    Columns: group1, group2 (cells of the accuracy table), statistic, p, alpha (the paper's
    corrected threshold), starred (printed as significant) and runs (in each group).

    >>> mann_whitney_rows("N", "VI")[["group1", "group2", "p"]].values.tolist()[0]
    ['alexnet-none', 'alexnet-wr', 6.8e-08]
    """
    frame = rows(source, table)
    if "statistic" not in set(frame["quantity"]):
        names = rows(source).query("quantity == 'statistic'")["table"].unique()
        raise ValueError(
            f"the tables of tests of {source} are {', '.join(names)}, got {table!r}; "
            "use one of them."
        )
    wide = frame.pivot(index=["cell", "runs"], columns="quantity", values="mean").reset_index()
    wide = wide.set_index("cell").loc[frame["cell"].unique()].reset_index()
    wide[["group1", "group2"]] = wide["cell"].str.split(" vs ", expand=True)
    wide["starred"] = wide["starred"] == 1
    wide.columns.name = None
    return wide[["group1", "group2", "statistic", "p", "alpha", "starred", "runs"]]


def paired_rows(source: str, table: str) -> pd.DataFrame:
    """Return a table of accuracies with and without rescaling side by side, in percent.

    Columns: network, optimizer, dataset, wd, wrs; one row a setting, in the table's order.

    >>> paired_rows("L", "1").query("dataset == 'tiny'")[["wd", "wrs"]].values.tolist()[0]
    [57.9, 58.28]
    """
    frame = rows(source, table)
    frame = frame[frame["quantity"] == "test_accuracy"].copy()
    keys = ["network", "optimizer", "dataset"]
    names = frame["cell"].str.split(" ", expand=True)
    if names.shape[1] != 4:
        raise ValueError(
            f"pairs have cells named network, optimizer, dataset and arm, got table {table!r} of "
            f"{source}; use one of them."
        )
    frame[[*keys, "arm"]] = names
    wide = frame.pivot(index=keys, columns="arm", values="mean")
    wide = wide.loc[frame[keys].drop_duplicates().itertuples(index=False, name=None)]
    wide.columns.name = None
    return wide.reset_index()[[*keys, "wd", "wrs"]]
