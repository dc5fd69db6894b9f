"""What the records of `rescaling_questions` answer: differences with intervals, and sentences.

The arms of a record have seeds of their own, so their runs are independent samples: a difference
is that of two means with Welch's interval, and a p-value is Mann-Whitney's, adjusted by Holm over
the pairs of the question. A question asked in six pairs finds something by chance in one of four
answers otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from companion.chapters.rescaling.experiments.questions import (
    DECAYS,
    PENALTIES,
    QUESTIONS,
    Question,
    decay_name,
    penalty_name,
)
from companion.evidence import claims, comparison, selection, summaries
from companion.evidence.claims import Claim
from companion.evidence.records import Record
from companion.evidence.summaries import Interval, summary
from companion.training.schedules import learning_rate
from companion.training.settings import Settings

QUANTITIES = ("accuracy", "loss")
"""Test accuracy at the epoch with the best validation accuracy, in points (percent); test loss
after the last epoch, in nats."""


def question(record: Record) -> Question:
    """The question that a record answers; ValueError for a record of another experiment."""
    name = record.provenance["experiment"]
    if name not in QUESTIONS:
        raise ValueError(
            f"a record must be of one of {', '.join(QUESTIONS)}, got one of {name}; open another"
        )
    return QUESTIONS[name]


def samples(record: Record) -> dict[str, dict[str, np.ndarray]]:
    """Quantity -> arm -> one value a run; a run that diverged has a loss that is not finite."""
    best = selection.best_epoch(record.epochs)
    last = record.epochs[record.epochs["epoch"] == record.epochs["epoch"].max()]
    return {
        "accuracy": {arm: 100 * of for arm, of in _by_arm(best, "test_accuracy")},
        "loss": dict(_by_arm(last, "test_loss")),
    }


def _by_arm(rows: pd.DataFrame, column: str):
    for arm, mine in rows.groupby("arm", sort=False):
        yield arm, mine[column].to_numpy(float)


def differences(record: Record) -> pd.DataFrame:
    """Each pair of the record's question, arm less baseline: two rows, one a quantity.

    Columns: name, expected (a sign or None), family (of the arm), quantity, and those of
    `comparison.compare`, by which all pairs of a quantity are judged together. Pairs of arms that
    the record does not hold are left out.
    """
    asked, values = question(record), samples(record)
    held = set(values["accuracy"])
    pairs = [pair for pair in asked.pairs if {pair.arm, pair.baseline} <= held]
    shown = pd.DataFrame(
        {
            "name": [pair.name for pair in pairs],
            "expected": [pair.expected for pair in pairs],
            "family": [asked.experiment.arms[pair.arm].family for pair in pairs],
        }
    )
    frames = []
    for quantity in QUANTITIES:
        found = comparison.compare(values[quantity], [(one.arm, one.baseline) for one in pairs])
        frames.append(pd.concat([shown.assign(quantity=quantity), found], axis=1))
    together = pd.concat(frames)
    return together.sort_index(kind="stable").reset_index(drop=True)


def means(record: Record) -> pd.DataFrame:
    """One row an arm, with its label: runs, best epoch, accuracy and its sd (percent), accuracy
    after the last epoch, test and training loss there, and growth, the factor of the hidden
    weights' std."""
    values, best = samples(record), selection.best_epoch(record.epochs)
    epochs = selection.by_arm(best, "best_epoch")
    last = record.epochs[record.epochs["epoch"] == record.epochs["epoch"].max()]
    ends = last.groupby("arm")[["test_accuracy", "test_loss", "train_loss"]].mean()
    grown = growth(record)
    rows = []
    for arm, accuracy in values["accuracy"].items():
        found = summary(accuracy)
        rows.append(
            {
                "arm": arm,
                "label": question(record).experiment.arms[arm].label,
                "runs": found.runs,
                "epoch": epochs[arm].mean,
                "accuracy": found.mean,
                "sd": found.sd,
                "last": 100 * float(ends.loc[arm, "test_accuracy"]),
                "test_loss": values["loss"][arm].mean(),
                "train_loss": float(ends.loc[arm, "train_loss"]),
                "growth": grown[grown["epoch"] == grown["epoch"].max()]
                .groupby("arm")["growth"]
                .mean()[arm],
            }
        )
    return pd.DataFrame(rows)


def growth(record: Record) -> pd.DataFrame:
    """Run by run and epoch by epoch: the std of the layer-2 weights as a multiple of its start.

    Columns: run, arm, epoch, growth.
    """
    rows = record.layers[record.layers["layer"] == 2]
    start = rows[rows["epoch"] == 0].set_index("run")["weight_std"].astype(float)
    found = rows["weight_std"].astype(float) / rows["run"].map(start)
    return rows[["run", "arm", "epoch"]].assign(growth=found)


def relative_steps(record: Record) -> pd.DataFrame:
    """The learning rate of each epoch over the weights' growth: how large a step is to the weights
    it changes, as a multiple of that at the start. Columns: run, arm, epoch, relative."""
    rows = growth(record)
    rates = {}
    for arm, said in record.provenance["arms"].items():
        settings = Settings(**said)
        rates[arm] = [learning_rate(settings, epoch, 1) for epoch in range(settings.epochs + 1)]
    factor = [rates[row.arm][row.epoch] / rates[row.arm][0] for row in rows.itertuples()]
    return rows[["run", "arm", "epoch"]].assign(relative=np.array(factor) / rows["growth"])


# --- sentences ----------------------------------------------------------------------------------


def sentences(record: Record) -> list[str]:
    """What the record says, one sentence a pair, then what it comes to."""
    rows = differences(record)
    said = [_sentence(mine) for _, mine in rows.groupby("name", sort=False)]
    return [*said, *_more(record), _tally(rows)]


def _sentence(rows: pd.DataFrame) -> str:
    accuracy, loss = (rows[rows["quantity"] == name].iloc[0] for name in QUANTITIES)
    against = "plain" if accuracy["baseline"].endswith("none") else accuracy["baseline"]
    against = {"wr": "the paper's WR", "never": "no rescaling"}.get(against, against)
    text = f"{accuracy['name']}, against {against}: test accuracy {_gap(accuracy, ' points', 2)}"
    if loss["lost"]:
        return f"{text}; {loss['lost']} of {2 * loss['runs']} runs diverged."
    return f"{text}; test loss at the end {_gap(loss, '', 3)}."


def _gap(row: pd.Series, unit: str, digits: int) -> str:
    found = "not told apart"
    if row["differs"]:
        found = "higher" if row["estimate"] > 0 else "lower"
    numbers = f"{row['estimate']:+.{digits}f}{unit} ({row['low']:+.{digits}f} to "
    return f"{numbers}{row['high']:+.{digits}f}): {found}"


def _tally(rows: pd.DataFrame) -> str:
    counts = []
    for quantity, name in zip(QUANTITIES, ("test accuracy", "test loss"), strict=True):
        mine = rows[rows["quantity"] == quantity]
        counts.append(f"{int(mine['differs'].sum())} of {len(mine)} in {name}")
    return f"Told apart by Holm's adjusted test: {', '.join(counts)}."


def _more(record: Record) -> list[str]:
    more = {
        "rescaling-decay": (decay_sentence,),
        "rescaling-learning-rate": (learning_rate_sentence,),
        "rescaling-schedule": (_schedule_sentence,),
        "rescaling-variance-penalty": (penalty_sentence, _growth_sentence),
    }.get(record.provenance["experiment"], ())
    return [sentence(record) for sentence in more]


def chosen(record: Record, arms: Iterable[str]) -> str:
    """The arm that mean validation accuracy at the best epoch chooses: test images have no say."""
    best = selection.best_epoch(record.epochs)
    mean = best.groupby("arm")["validation_accuracy"].mean()
    return max(arms, key=lambda arm: mean[arm])


def learning_rate_sentence(record: Record) -> str:
    """A plain run at the rate that suits it, against a rescaled one at the rate that suits that."""
    pairs = question(record).pairs
    held = chosen(record, [pair.arm for pair in pairs])
    plain = chosen(record, [pair.baseline for pair in pairs])
    values = samples(record)["accuracy"]
    gap = summaries.difference(values[held], values[plain])
    return (
        f"Validation chooses {held.removesuffix(', WR')} with rescaling and "
        f"{plain.removesuffix(', none')} without. Test accuracy of the first minus that of the "
        f"second: {gap.estimate:+.2f} points ({gap.low:+.2f} to {gap.high:+.2f})."
    )


def decay_sentence(record: Record) -> str:
    """What a tuned weight decay gains on untuned WR, what the tuning costs, and what it risks."""
    return _tuned_sentence(record, [decay_name(decay) for decay in DECAYS])


def penalty_sentence(record: Record) -> str:
    """`decay_sentence` of the variance penalty: what tuning gains, costs and risks."""
    return _tuned_sentence(record, [penalty_name(kappa) for kappa in PENALTIES])


def _tuned_sentence(record: Record, tried: list[str]) -> str:
    values = samples(record)["accuracy"]
    tuned = chosen(record, tried)
    gap = summaries.difference(values[tuned], values["wr"])
    worst = min(tried, key=lambda arm: values[arm].mean())
    risk = summaries.difference(values[worst], values["wr"])
    return (
        f"Validation chooses {tuned} of {len(tried)} values. Its test accuracy minus that of WR: "
        f"{gap.estimate:+.2f} points ({gap.low:+.2f} to {gap.high:+.2f}), for {len(tried)} "
        f"trainings instead of one. The worst value tried, {worst}: {risk.estimate:+.2f} points "
        f"({risk.low:+.2f} to {risk.high:+.2f})."
    )


def _growth_sentence(record: Record) -> str:
    rows = means(record)
    listed = ", ".join(f"{row.label} {row.growth:.2f}" for row in rows.itertuples())
    return f"The hidden weights' std at the end, as a multiple of that at the start: {listed}."


def _schedule_sentence(record: Record) -> str:
    rows = relative_steps(record)
    last = rows[rows["epoch"] == rows["epoch"].max()]
    ends = last.groupby("arm", sort=False)["relative"].median()
    arms = question(record).experiment.arms
    listed = ", ".join(f"{arms[arm].label} {value:.2f}" for arm, value in ends.items())
    return f"The relative step at the end, as a multiple of that at the start (median): {listed}."


def findings(record: Record) -> list[Claim]:
    """The paper's own result, a rescaled run beats a plain one in accuracy, at every setting of
    the question where it applies: "direction" where our interval agrees."""
    rows = differences(record)
    rows = rows[(rows["quantity"] == "accuracy") & rows["expected"].notna()]
    return [
        claims.direction(
            f"{row.name}: test accuracy minus that of {row.baseline} {row.estimate:+.2f} points "
            f"({row.low:+.2f} to {row.high:+.2f}).",
            Interval(row.estimate, row.low, row.high),
            int(row.expected),
            [record],
        )
        for row in rows.itertuples(index=False)
    ]


def not_built() -> list[Claim]:
    """The question that this code cannot ask, and why."""
    return [
        claims.not_built(
            "A plain run with exactly a rescaled run's relative step",
            "a learning rate follows a schedule given before training, not the weights; a rate "
            "that rises in steps comes near it",
        ),
    ]
