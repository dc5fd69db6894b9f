"""What the open questions come to: an answer in plain words for each, and the check that guards it.

An answer stands only while its record supports it: `answer` raises `claims.Unsupported` otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from companion.chapters.rescaling import answers
from companion.chapters.rescaling.experiments import questions
from companion.chapters.rescaling.experiments.questions import CHOICES, PENALTIES, penalty_name
from companion.evidence import claims
from companion.evidence.records import Record

LOSS, ACCURACY = "loss", "accuracy"


@dataclass(frozen=True)
class Answer:
    """A question, its answer in plain words, and the quantity whose differences show it best."""

    words: str
    quantity: str
    holds: Callable[[Differences], bool]


class Differences:
    """The pairs of a record, asked by name: is one lower, higher, or not told apart?"""

    def __init__(self, rows: pd.DataFrame):
        self._rows = rows.set_index(["quantity", "name"])

    def __getitem__(self, key: tuple[str, str]) -> float:
        """The estimate of (quantity, pair)."""
        return float(self._rows.loc[key, "estimate"])

    def names(self) -> list[str]:
        """Every pair, in the question's order."""
        return list(self._rows.loc[ACCURACY].index)

    def differs(self, quantity: str, name: str) -> bool:
        """Whether the pair is told apart."""
        return bool(self._rows.loc[(quantity, name), "differs"])

    def lower(self, quantity: str, *names: str) -> bool:
        """Every one is told apart, and lower."""
        return all(self.differs(quantity, n) and self[quantity, n] < 0 for n in names)

    def higher(self, quantity: str, *names: str) -> bool:
        """Every one is told apart, and higher."""
        return all(self.differs(quantity, n) and self[quantity, n] > 0 for n in names)

    def equal(self, quantity: str, *names: str) -> bool:
        """None of them is told apart."""
        return not any(self.differs(quantity, n) for n in names)


def _frequency(d: Differences) -> bool:
    sizes = [d[LOSS, name] for name in d.names()]
    return d.lower(LOSS, *d.names()) and min(sizes) > 1.25 * max(sizes)


def _gain(d: Differences) -> bool:
    return (
        d.lower(ACCURACY, "gain 0.5") and d.higher(LOSS, "gain 0.5")
        and d.higher(ACCURACY, "gain 0.7", "gain 1") and d.lower(LOSS, "gain 0.7", "gain 1")
        and d.equal(ACCURACY, "gain 2")
    )  # fmt: skip


def _width(d: Differences) -> bool:
    return d.higher(ACCURACY, "width 8") and max(
        d.names(), key=lambda name: d[ACCURACY, name]
    ) == "width 8"  # fmt: skip


def _rate(d: Differences) -> bool:
    low = ("rate 0.005", "rate 0.02", "rate 0.05")
    return (
        d.lower(LOSS, "rate 0.1", "rate 0.2") and d.higher(LOSS, "rate 0.001")
        and d.equal(LOSS, *low) and d.equal(ACCURACY, *d.names())
    )  # fmt: skip


def _choice(d: Differences) -> bool:
    others = [name for name in CHOICES if name != "per unit"]
    return d.lower(LOSS, "per unit") and d.equal(LOSS, *others) and d.equal(ACCURACY, *CHOICES)


def _optimizer(d: Differences) -> bool:
    pairs = ("WR with Adam", "WR with AdamW 0.01")
    return d.lower(LOSS, *pairs) and d.equal(ACCURACY, *pairs)


def _layer_norm(d: Differences) -> bool:
    return d.equal(ACCURACY, "layer norm for WR") and d.lower(LOSS, "WR on layer norm")


def _penalty(d: Differences) -> bool:
    weak, strong = ([penalty_name(kappa) for kappa in part] for part in
                    (PENALTIES[:2], PENALTIES[2:]))  # fmt: skip
    return d.equal(LOSS, *strong) and d.equal(ACCURACY, *strong) and d.higher(LOSS, *weak)


def _decay(d: Differences) -> bool:
    best = max((name for name in d.names() if name.startswith("WD")), key=lambda n: d[ACCURACY, n])
    return (
        best == "WD 0.001" and d.equal(ACCURACY, best) and d.equal(LOSS, best)
        and d.lower(ACCURACY, "WD 0.03")
    )  # fmt: skip


def _schedule(d: Differences) -> bool:
    return (
        d.lower(ACCURACY, "plain, rising rate") and d.higher(LOSS, "plain, rising rate")
        and d.equal(LOSS, "WR, falling for constant")
    )  # fmt: skip


ANSWERS = {
    questions.FREQUENCY.experiment.name: Answer(
        "Hardly ever is often enough: from every step to every ten epochs, each period lowers the "
        "test loss, and all by about as much.",
        LOSS,
        _frequency,
    ),
    questions.GAIN.experiment.name: Answer(
        "Near the usual one. Held at half of it, weights are too small to fit the digits; at "
        "twice it, most runs fail with or without rescaling.",
        ACCURACY,
        _gain,
    ),
    questions.WIDTH.experiment.name: Answer(
        "Yes: the narrowest network gains most.", ACCURACY, _width
    ),
    questions.LEARNING_RATE.experiment.name: Answer(
        "Yes: from 0.1 on rescaling lowers the test loss, at 0.001 it raises it a little, and in "
        "between no difference shows. In accuracy none shows at any rate.",
        LOSS,
        _rate,
    ),
    questions.CHOICE.experiment.name: Answer(
        "On the digits, only one: each unit to its own standard deviation is a little better than "
        "the layer as a whole. Biases, mean and target do not matter here.",
        LOSS,
        _choice,
    ),
    questions.OPTIMIZER.experiment.name: Answer(
        "A little: the test loss falls with both; in accuracy no difference shows.",
        LOSS,
        _optimizer,
    ),
    questions.NORMALIZATION.experiment.name: Answer(
        "In accuracy, yes. But a rescaled network with layer normalization still has the lower "
        "test loss.",
        LOSS,
        _layer_norm,
    ),
    questions.PENALTY.experiment.name: Answer(
        "If it is strong enough: the two strong penalties cannot be told apart from WR, the two "
        "weak ones leave a higher test loss.",
        LOSS,
        _penalty,
    ),
    questions.DECAY.experiment.name: Answer(
        "The best of seven decays is as good as WR, at the price of six more trainings; too strong "
        "a decay costs accuracy.",
        ACCURACY,
        _decay,
    ),
    questions.SCHEDULE.experiment.name: Answer(
        "No: give a plain run the rising rate that its growing weights seem to ask for, and it "
        "ends worse; a falling rate takes nothing from a rescaled one.",
        LOSS,
        _schedule,
    ),
}  # fmt: skip


def answer(record: Record) -> Answer:
    """The answer of a record's question; `claims.Unsupported` when the record does not hold it."""
    asked = answers.question(record)
    found = ANSWERS[asked.experiment.name]
    claims.require(found.words, found.holds(Differences(answers.differences(record))), record)
    return found
