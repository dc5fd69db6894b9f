"""Statistic and p-value, two columns of one table: do they belong together?

N's Tables II, IV and VI print a statistic and a p-value of Mann-Whitney's test for independent
samples. Here each pair is checked twice: by arithmetic (what p would this statistic have), and by
simulation (what would the tests give for normal samples with the printed means, SDs and runs).

U is the smaller of the two rank statistics here, U and runs^2 - U; W, of Wilcoxon's signed-rank
test for *paired* samples, is the smaller of the two signed rank sums.
"""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import stats

from companion.evidence import published, rank_tests, selection, summaries
from companion.evidence.findings import Finding, judge
from companion.evidence.records import Record

TABLES = {"II": "I", "IV": "III", "VI": "V"}
"""A table of tests, and the table of accuracies behind it."""
TIES = 0.01
"""How far ties may move a p-value: accuracies are multiples of 0.01 points."""
ZEROS = 3
"""Pairs of equal accuracies that a signed-rank test may have left out."""


def rounded(printed: float, digits: int = 3) -> tuple[float, float]:
    """Return the ends of what rounds to a printed number of so many digits.

    >>> rounded(2080.0)
    (2075.0, 2085.0)
    """
    if printed == 0:
        return 0.0, 0.0
    half = 0.5 * 10.0 ** (math.floor(math.log10(abs(printed))) - digits + 1)
    return printed - half, printed + half


def belongs(statistic: float, p: float, runs: int, test: str) -> bool:
    """Whether a printed statistic and p-value can be one test's, "U" or "W".

    The rule: some statistic that rounds to the printed one (three digits) has, by the normal
    approximation with or without continuity correction, a p-value within 1 % (`TIES`) of one that
    rounds to the printed p. For W up to 3 pairs (`ZEROS`) may be equal and left out.

    >>> belongs(0, 6.80e-8, 20, "U"), belongs(12, 1.01e-31, 100, "U")
    (True, False)
    """
    if test not in ("U", "W"):
        raise ValueError(f"test must be one of U, W, got {test!r}; use one.")
    ends = rounded(statistic)
    low, high = rounded(p)
    for left_out in range(1 if test == "U" else ZEROS + 1):
        pairs = runs - left_out
        if ends[1] > (runs**2 if test == "U" else pairs * (pairs + 1) / 2):
            continue  # larger than this test's statistic can be
        found = [
            rank_tests.mann_whitney_p(end, runs, runs, continuity)
            if test == "U"
            else rank_tests.signed_rank_p(end, pairs, continuity)
            for end in ends
            for continuity in (True, False)
        ]
        if min(found) * (1 - TIES) <= high and max(found) * (1 + TIES) >= low:
            return True
    return False


def simulated(
    first: summaries.Summary, second: summaries.Summary, draws: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Return U, W and their p-values for `draws` pairs of normal samples, one row a draw.

    Means, SDs and runs (equal on both sides) are those of the summaries. W pairs the runs in the
    order drawn. Columns: U, W, p_U, p_W, by the normal approximation.
    """
    if first.runs != second.runs:
        raise ValueError(
            f"pairs need as many runs on both sides, got {first.runs} and {second.runs}; "
            "give two arms of one table."
        )
    runs = first.runs
    random = np.random.default_rng(seed)
    a = random.normal(first.mean, first.sd, (draws, runs))
    b = random.normal(second.mean, second.sd, (draws, runs))
    test = stats.mannwhitneyu(a, b, alternative="two-sided", method="asymptotic", axis=1)
    gaps = a - b
    positive = np.where(gaps > 0, stats.rankdata(np.abs(gaps), axis=1), 0).sum(axis=1)
    w = np.minimum(positive, runs * (runs + 1) / 2 - positive)
    spread = math.sqrt(runs * (runs + 1) * (2 * runs + 1) / 24)
    return pd.DataFrame(
        {
            "U": np.minimum(test.statistic, runs**2 - test.statistic),
            "W": w,
            "p_U": test.pvalue,
            "p_W": 2 * stats.norm.sf((runs * (runs + 1) / 4 - w) / spread),
        }
    )


def rows(draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Every printed test, what its statistic would say, and what simulation gives.

    Columns: table, group1, group2, runs, statistic, p, p_as_U and p_as_W (the p-value that belongs
    to the statistic as either), belongs ("U", "W" or "neither", by `belongs`); the simulated
    medians U, W, log10_p_U, log10_p_W; and statistic_in, p_in: in which test's central 95 % of the
    simulation the printed number lies ("U", "W", "both" or "neither").
    """
    found = []
    for table, accuracies in TABLES.items():
        for row in published.mann_whitney_rows("N", table).itertuples():
            arms = [
                published.summary("N", accuracies, arm, "test_accuracy")
                for arm in (row.group1, row.group2)
            ]
            made = simulated(*arms, draws=draws, seed=seed)
            ends = made.quantile([0.025, 0.975])
            runs = int(row.runs)
            found.append(
                {
                    "table": table,
                    "group1": row.group1,
                    "group2": row.group2,
                    "runs": runs,
                    "statistic": row.statistic,
                    "p": row.p,
                    "p_as_U": rank_tests.mann_whitney_p(row.statistic, runs, runs),
                    "p_as_W": rank_tests.signed_rank_p(row.statistic, runs),
                    "belongs": _which(belongs(row.statistic, row.p, runs, t) for t in "UW"),
                    "U": made["U"].median(),
                    "W": made["W"].median(),
                    "log10_p_U": np.log10(made["p_U"]).median(),
                    "log10_p_W": np.log10(made["p_W"]).median(),
                    "statistic_in": _which(_inside(row.statistic, ends[t]) for t in "UW"),
                    "p_in": _which(_inside(row.p, ends[f"p_{t}"]) for t in "UW"),
                }
            )
    return pd.DataFrame(found)


def other_readings() -> pd.DataFrame:
    """Table VI's ResNet row under other exponents: the print that we have is hard to read there.

    Columns: statistic, p, belongs (as in `rows`). Read as 1.10e2 and 5.53e-5 it would be a
    signed-rank test's statistic and p-value.
    """
    row = published.mann_whitney_rows("N", "VI").iloc[1]
    found = [
        (s, p, _which(belongs(s, p, int(row["runs"]), t) for t in "UW"))
        for p in (row["p"], row["p"] / 10)
        for s in (row["statistic"], 10 * row["statistic"], 100 * row["statistic"])
    ]
    return pd.DataFrame(found, columns=["statistic", "p", "belongs"])


def _inside(value: float, ends: pd.Series) -> bool:
    return bool(ends.iloc[0] <= value <= ends.iloc[1])


def _which(flags: Iterable[bool]) -> str:
    first, second = flags
    return {(True, True): "both", (True, False): "U", (False, True): "W"}.get(
        (first, second), "neither"
    )


def statistic_and_p(draws: int = 2000, seed: int = 0) -> Finding:
    """N: can the printed statistics and p-values be those of one test?"""
    table = rows(draws, seed)
    count = len(table)

    def share(column: str, *names: str) -> int:
        return int(table[column].isin(names).sum())

    together = share("belongs", "U", "both")
    mixed = share("statistic_in", "W", "both") > share("statistic_in", "U", "both") and share(
        "p_in", "U", "both"
    ) > share("p_in", "W", "both")
    starred = pd.concat([published.mann_whitney_rows("N", name) for name in TABLES])["starred"]
    alpha = pd.concat([published.mann_whitney_rows("N", name) for name in TABLES])["alpha"]
    decisions = 10.0 ** table["log10_p_U"] < alpha.to_numpy()
    stay = bool((decisions == starred.to_numpy()).all())
    return Finding(
        lead="statistic and p-value",
        source="N",
        where="Tables II, IV and VI",
        printed=f"{count} Mann-Whitney tests, each with a statistic and a p-value",
        computed=f"statistic and p-value belong together as U in {together} of {count} rows and "
        f"as a signed-rank W in {share('belongs', 'W', 'both')}; among normal samples with the "
        f"printed means and SDs the printed statistic is within the middle 95 % of W in "
        f"{share('statistic_in', 'W', 'both')} rows and of U in "
        f"{share('statistic_in', 'U', 'both')}, the printed p-value within that of Mann-Whitney's "
        f"in {share('p_in', 'U', 'both')} and of the signed-rank test's in "
        f"{share('p_in', 'W', 'both')}",
        verdict=judge([together == count]),
        effect=("A signed-rank W beside a Mann-Whitney p is likely" if mixed else "Why is open")
        + "; it changes what a reader can check in the tables, and "
        + ("no decision changes." if stay else "not every decision is safe."),
    )


def ours(record: Record, table: str) -> pd.DataFrame:
    """Both tests on a record's runs, and which of our statistics resembles the printed column.

    `table` is one of N's tables of tests whose arms the record has. Our runs are independent, so
    W pairs them by their order only. Columns: group1, group2, runs, U, p_U, W, p_W;
    U_gap = log10(p that Mann-Whitney gives to our U / p_U), near 0 because the two belong
    together; W_gap = log10(p that Mann-Whitney would give to our W / p_U); printed_gap, the same
    of the printed statistic and p-value; and resembles: the closer of the two gaps, "either" when
    they differ by less than 0.1.
    """
    best = selection.best_epoch(record.epochs)
    accuracy = {arm: part["test_accuracy"].to_numpy(float) for arm, part in best.groupby("arm")}
    found = []
    for row in published.mann_whitney_rows("N", table).itertuples():
        lost = [arm for arm in (row.group1, row.group2) if arm not in accuracy]
        if lost:
            raise ValueError(
                f"table {table} needs the arm {lost[0]}, and the record has "
                f"{', '.join(accuracy)}; give a record of that experiment."
            )
        first, second = accuracy[row.group1], accuracy[row.group2]
        n, m = len(first), len(second)
        u, p_u = rank_tests.mann_whitney(first, second, method="asymptotic")
        u = min(u, n * m - u)
        w, p_w = rank_tests.signed_rank(first, second)
        printed = rank_tests.mann_whitney_p(row.statistic, int(row.runs), int(row.runs))
        gaps = {
            "U_gap": math.log10(rank_tests.mann_whitney_p(u, n, m) / p_u),
            "W_gap": math.log10(rank_tests.mann_whitney_p(w, n, m) / p_u),
            "printed_gap": math.log10(printed / row.p),
        }
        far_u, far_w = (abs(gaps[t] - gaps["printed_gap"]) for t in ("U_gap", "W_gap"))
        resembles = "either" if abs(far_u - far_w) < 0.1 else "U" if far_u < far_w else "W"
        found.append(
            {
                "group1": row.group1,
                "group2": row.group2,
                "runs": n,
                "U": u,
                "p_U": p_u,
                "W": w,
                "p_W": p_w,
                **gaps,
                "resembles": resembles,
            }
        )
    return pd.DataFrame(found)
