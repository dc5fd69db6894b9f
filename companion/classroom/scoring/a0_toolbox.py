"""Assignment 0: the tools that every comparison uses."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from companion.classroom.exercise import Assignment, Exercise
from companion.classroom.law import Given
from companion.classroom.marking import lawful
from companion.classroom.rows import named_rows
from companion.classroom.scoring.laws import a0_toolbox as laws
from companion.evidence.corrections import holm


def _pvalues(rows: list[dict[str, Any]]) -> np.ndarray:
    """Welch's p-value of each row, from its printed means, standard deviations and runs."""
    cells = [
        [arm[name] for arm in (row["arm"], row["base"]) for name in ("mean", "std", "runs")]
        for row in rows
    ]
    return np.array([stats.ttest_ind_from_stats(*one, equal_var=False).pvalue for one in cells])


def _table(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Six comparisons, of which some are small enough alone and not among six; none at the edge."""
    while True:
        rows = []
        for index in range(6):
            runs = [int(one) for one in generator.integers(5, 12, 2)]
            stds = [round(float(one), 2) for one in generator.uniform(0.2, 0.9, 2)]
            base = round(float(generator.uniform(60, 80)), 2)
            gap = generator.uniform(0.1, 1.6)
            cells = [
                {"mean": mean, "std": std, "runs": count}
                for mean, std, count in zip((round(base + gap, 2), base), stds, runs, strict=True)
            ]
            rows.append({"name": f"row{index}", "arm": cells[0], "base": cells[1]})
        alone = _pvalues(rows)
        together = holm(alone)
        edge = np.any((together > 0.035) & (together < 0.07)) or np.any(abs(alone - 0.05) < 0.01)
        lost = np.sum((alone < 0.05) & (together > 0.05))
        if not edge and lost >= 1 and np.sum(together < 0.05) >= 2:
            return [{"rows": rows}]


def _known(given: Given) -> list[str]:
    return [row["name"] for row in given["rows"]]


def _holding(given: Given) -> list[str]:
    together = holm(_pvalues(given["rows"]))
    return [row["name"] for row, p in zip(given["rows"], together, strict=True) if p <= 0.05]


ASSIGNMENT = Assignment(
    number=0,
    name="toolbox",
    title="The tools of every comparison",
    minutes=120,
    goals=(
        "Write dropout and batch normalization as they act in training and in evaluation.",
        "Turn a rule for early stopping into code, to the letter.",
        "Compute an interval, an exact p-value and an adjustment by hand.",
        "Say which differences of a printed table hold.",
    ),
    exercises=(
        Exercise(
            "dropped",
            3,
            "find two bugs in two forms of dropout",
            "function",
            laws.draw_dropped,
            lawful(laws.dropped_law),
        ),
        Exercise(
            "early_stop",
            3,
            "find two bugs in a rule for early stopping",
            "function",
            laws.draw_early_stop,
            lawful(laws.early_stop_law),
        ),
        Exercise(
            "normalized",
            4,
            "implement batch normalization for images",
            "function",
            laws.draw_normalized,
            lawful(laws.normalized_law),
        ),
        Exercise(
            "welch",
            3,
            "derive an interval from few runs",
            "function",
            laws.draw_welch,
            lawful(laws.welch_law),
        ),
        Exercise(
            "adjusted",
            3,
            "implement Holm's adjustment",
            "function",
            laws.draw_adjusted,
            lawful(laws.adjusted_law),
        ),
        Exercise(
            "exact_p",
            4,
            "predict the smallest p-value of few runs, then compute any",
            "function",
            laws.draw_exact_p,
            lawful(laws.exact_p_law),
        ),
        Exercise(
            "holds",
            3,
            "audit a table: which differences hold",
            "value",
            _table,
            named_rows(_known, _holding),
        ),
    ),
)
