"""The papers' printed numbers as data, one CSV file a paper.

Columns: `source` (N is Niehaus, Krumnack and Heidemann, doi 10.3384/ecp208010; L is Liu, Cui, Wan,
Mao and Chan, arXiv 2102.03497), `table` ("I" to "VI" of N; "1", "S1" and "S2" of L; or "text"),
`cell` (named by our arms: none, wr, wd-1e-2, ...; in L: network, optimizer, image set and
regularizer), `label` (the paper's words), `quantity`, `unit`, and `mean`, `sd`, `runs` as printed:
accuracies are in percent here. `summary` gives them as fractions, the unit of our own tables.

L prints its results on detection, segmentation and counting in its section 6.2, without a table;
they stand under "section 6.2". Of the first two it prints only how far WRS is ahead of WD.

The statistic of Table VI's second row, 1.10e1, is hard to read in the text we have; the exponent
may be another.
"""

from functools import cache
from pathlib import Path

import pandas as pd

from companion.evidence.summaries import Summary, from_printed

_FILES = {"N": "niehaus.csv", "L": "liu.csv"}
SOURCES = tuple(_FILES)


@cache
def _read(source: str) -> pd.DataFrame:
    text = dict.fromkeys(["source", "table", "cell", "label", "quantity", "unit"], str)
    path = Path(__file__).parent / _FILES[source]
    return pd.read_csv(path, dtype={**text, "mean": float, "sd": float, "runs": "Int64"})


def rows(source: str = "N", table: str | None = None) -> pd.DataFrame:
    """Return a paper's printed numbers, of one table or of all.

    >>> rows(table="I").query("cell == 'wr'")[["quantity", "unit", "mean", "sd"]].values.tolist()
    [['test_accuracy', 'percent', 50.08, 0.5], ['best_epoch', 'epoch', 76.01, 20.52]]
    """
    if source not in _FILES:
        raise ValueError(f"the sources are {', '.join(_FILES)}, got {source!r}; use one of them.")
    frame = _read(source)
    if table is None:
        return frame.copy()
    names = frame["table"].unique()
    if table not in names:
        raise ValueError(
            f"the tables of {source} are {', '.join(names)}, got {table!r}; use one of them."
        )
    return frame[frame["table"] == table].reset_index(drop=True)


def _row(table: str, cell: str, quantity: str, source: str) -> pd.Series:
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


def value(table: str, cell: str, quantity: str, source: str = "N") -> float:
    """Return one printed number; percent become fractions.

    >>> value("text", "mlp", "parameters")
    199082.0
    """
    row = _row(table, cell, quantity, source)
    return float(row["mean"]) / (100 if row["unit"] == "percent" else 1)


def summary(
    table: str, cell: str, quantity: str, source: str = "N", confidence: float = 0.95
) -> Summary:
    """Return a printed mean +- sd with the interval it implies; accuracies are fractions.

    >>> s = summary("I", "wr", "test_accuracy")
    >>> round(s.mean, 4), round(s.sd, 4), s.runs
    (0.5008, 0.005, 100)
    """
    row = _row(table, cell, quantity, source)
    if pd.isna(row["sd"]) or pd.isna(row["runs"]):
        raise ValueError(
            f"a summary needs sd and runs, and {quantity} of {cell} in table {table} is printed "
            "without; use value()."
        )
    scale = 100 if row["unit"] == "percent" else 1
    return from_printed(row["mean"] / scale, row["sd"] / scale, int(row["runs"]), confidence)


def mann_whitney_rows(table: str, source: str = "N") -> pd.DataFrame:
    """Return a table of printed Mann-Whitney tests, one row a test.

    Columns: group1, group2 (cells of the accuracy table), statistic, p, alpha (the paper's
    corrected threshold), starred (printed as significant) and runs (in each group).

    >>> mann_whitney_rows("VI")[["group1", "group2", "p"]].values.tolist()[0]
    ['alexnet-none', 'alexnet-wr', 6.8e-08]
    """
    frame = rows(source, table)
    if "statistic" not in set(frame["quantity"]):
        names = rows(source).query("quantity == 'statistic'")["table"].unique()
        raise ValueError(
            f"the tables of tests are {', '.join(names)}, got {table!r}; use one of them."
        )
    wide = frame.pivot(index=["cell", "runs"], columns="quantity", values="mean").reset_index()
    wide = wide.set_index("cell").loc[frame["cell"].unique()].reset_index()
    wide[["group1", "group2"]] = wide["cell"].str.split(" vs ", expand=True)
    wide["starred"] = wide["starred"] == 1
    wide.columns.name = None
    return wide[["group1", "group2", "statistic", "p", "alpha", "starred", "runs"]]


def paired_rows(table: str = "1", source: str = "L") -> pd.DataFrame:
    """Return a table of accuracies with and without rescaling side by side, in percent.

    Columns: network, optimizer, dataset, wd, wrs; one row a setting, in the table's order.

    >>> paired_rows().query("dataset == 'tiny'")[["wd", "wrs"]].values.tolist()[0]
    [57.9, 58.28]
    """
    frame = rows(source, table)
    frame = frame[frame["quantity"] == "test_accuracy"].copy()
    keys = ["network", "optimizer", "dataset"]
    names = frame["cell"].str.split(" ", expand=True)
    if names.shape[1] != 4:
        raise ValueError(
            f"pairs are printed in the tables 1 and S2 of L, got table {table!r} of {source}; "
            "use one of them."
        )
    frame[[*keys, "arm"]] = names
    wide = frame.pivot(index=keys, columns="arm", values="mean")
    wide = wide.loc[frame[keys].drop_duplicates().itertuples(index=False, name=None)]
    wide.columns.name = None
    return wide.reset_index()[[*keys, "wd", "wrs"]]
