"""The recorded band behind a lab's curves, and whether a new mean lies inside it."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion import machine
from companion.display.labs.settings import Plan
from companion.display.labs.setup import Panel
from companion.evidence.records import Record
from companion.evidence.summaries import half_width
from companion.experiments.header import SPLIT_SEED
from companion.training.memory import sizes
from companion.training.settings import Settings

LEVEL = 0.95


@dataclass(frozen=True)
class Band:
    """Per epoch the recorded mean, and from where to where new means fall."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Recorded:
    """A record as a lab sees it: which of its arms a plan repeats, and their bands."""

    def __init__(self, record: Record):
        self.record = record

    @functools.cached_property
    def _arms(self) -> dict[tuple, str]:
        return {
            _key(Settings(**settings)): arm
            for arm, settings in self.record.provenance["arms"].items()
        }

    def arm(self, plan: Plan) -> str | None:
        """The recorded arm with a plan's settings and its images in the same parts; the number of
        runs may differ, and where the learning rate is constant the number of epochs too."""
        arm = self._alike(plan)
        return None if arm is None or self.apart(plan.dataset) else arm

    def apart(self, dataset: str) -> str:
        """How the record divides an image set, where a lab does it in another way; else ""."""
        split = self.record.provenance["split"]
        own = {**sizes(dataset).parts, "seed": SPLIT_SEED}
        if split == own:
            return ""
        then, now = (
            ", ".join(f"{part} {count}" for part, count in sorted(parts.items()))
            for parts in (split, own)
        )
        return f"the record's are {then}, yours {now}"

    def _alike(self, plan: Plan) -> str | None:
        settings, length = plan.settings, self.record.provenance["epochs"]
        if plan.dataset != self.record.provenance["dataset"]:
            return None
        if settings.schedule != "constant" and settings.epochs != length:
            return None
        return self._arms.get(_key(settings))

    def holds(self, arm: str, panel: Panel) -> bool:
        """Whether the record has what a panel draws of an arm."""
        rows = self.record.epochs if panel.layer is None else self.record.layers
        if panel.column not in rows:
            return False
        return bool(len(_of_layer(rows[rows["arm"] == arm], panel.layer)))

    def band(self, arm: str, quantity: str, runs: int, layer: int | None = None) -> Band:
        """Where the mean of so many new runs falls, per epoch (`prediction`)."""
        rows = self.record.epochs if layer is None else self.record.layers
        rows = _of_layer(rows[rows["arm"] == arm], layer)
        table = rows.pivot(index="epoch", columns="run", values=quantity).sort_index()
        return prediction(table, runs)

    def verdict(self, plan: Plan, accuracy: np.ndarray) -> str:
        """One sentence: is the new mean of a plan inside the recorded band, at the last epoch
        that both have, or why is no band drawn? accuracy: test accuracies [epochs, runs]; "" where
        nothing is recorded.
        """
        arm = self._alike(plan)
        if arm is None or not len(accuracy):
            return ""
        if apart := self.apart(plan.dataset):
            return f"No recorded band is drawn, since the images are divided otherwise: {apart}."
        runs = accuracy.shape[1]
        band = self.band(arm, "test_accuracy", runs)
        epoch = min(len(accuracy), len(band.mean)) - 1
        new, low, high = (
            100 * float(value)
            for value in (accuracy[epoch].mean(), band.low[epoch], band.high[epoch])
        )
        low, high = max(low, 0.0), min(high, 100.0)
        if not all(map(math.isfinite, (new, low, high))):
            return ""
        inside = low <= new <= high
        whose = f"your {runs} runs have" if runs > 1 else "your run has"
        said = f"after epoch {epoch} {whose} a {'mean ' * (runs > 1)}test accuracy of {new:.1f} %"
        kind = f"means of {runs} runs" if runs > 1 else "single runs"
        rule = f"the recorded band, {low:.1f} to {high:.1f} %, holds {LEVEL:.0%} of new {kind}"
        rule = rule.replace("95%", "95 %")
        end = "" if inside else "; one honest repetition in twenty falls outside"
        end += elsewhere(self.record.provenance["machine"], machine.describe())
        return f"{'Inside' if inside else 'Outside'}: {said}; {rule}{end}."


def elsewhere(recorded: dict, here: dict) -> str:
    """What differs between the machine of a record and this one, as the end of a sentence.

    >>> old = {"hardware": "A", "threads": 2, "versions": {"torch": "2.6.0"}}
    >>> elsewhere(old, {**old, "threads": 8, "versions": {"torch": "2.9.1"}})
    '. It was recorded with torch 2.6.0 and 2 threads, you have torch 2.9.1 and 8 threads'
    >>> elsewhere(old, old)
    ''
    """
    facts = [
        {
            "hardware": f"on {one.get('hardware', 'an unknown machine')}",
            "torch": f"torch {one.get('versions', {}).get('torch', 'of an unknown version')}",
            "threads": f"{one.get('threads', 'unknown')} threads",
        }
        for one in (recorded, here)
    ]
    differ = [name for name in ("torch", "threads", "hardware") if facts[0][name] != facts[1][name]]
    if not differ:
        return ""
    then, now = (" and ".join(one[name] for name in differ) for one in facts)
    return f". It was recorded with {then}, you have {now}"


def _of_layer(rows: pd.DataFrame, layer: int | None) -> pd.DataFrame:
    """The rows of a layer, counted from the last where it is negative; all where it is None."""
    if layer is None:
        return rows
    number = layer if layer > 0 else rows["layer"].max() + 1 + layer
    return rows[rows["layer"] == number]


def prediction(table: pd.DataFrame, runs: int) -> Band:
    """Where the mean of n new runs falls in 95 % of repetitions, from m recorded ones.

    Per row of ``table`` [epochs, m]: mean +- t sd sqrt(1 / m + 1 / n), with t the quantile of
    Student's distribution with m - 1 degrees of freedom and sd the standard deviation (divided by
    m - 1): the spread of the recorded mean and of the new one together. A row with a run that is
    no longer finite has no band.
    """
    values = table.to_numpy(dtype=float)
    values = np.where(np.isfinite(values).all(axis=1, keepdims=True), values, np.nan)
    count = values.shape[1]
    mean = values.mean(axis=1)
    half = _half(values) * math.sqrt(1 + count / runs)
    return Band(mean, mean - half, mean + half)


def interval(values: np.ndarray) -> Band:
    """Mean and 95 % t interval of the mean, per row of values [epochs, runs]: a live curve's band.

    One run has no band; a row with a run that is no longer finite has no mean.
    """
    finite = np.isfinite(values).all(axis=1, keepdims=True)
    kept = np.where(finite, values, np.nan)
    mean, half = kept.mean(axis=1), _half(kept)
    return Band(mean, mean - half, mean + half)


def _half(values: np.ndarray) -> np.ndarray:
    """Half the interval of the mean, per row of values [epochs, runs]."""
    count = values.shape[1]
    sd = values.std(axis=1, ddof=1) if count > 1 else np.full(len(values), np.nan)
    return half_width(sd, count, LEVEL)


def _key(settings: Settings) -> tuple:
    """What makes two settings the same training: floats to nine digits, epochs left out, and no
    period where nothing is rescaled."""
    parts = settings.as_dict() | {"epochs": 0}
    if settings.rescale == "none":
        parts["tau"] = 0
    return tuple((name, _rounded(value)) for name, value in parts.items())


def _rounded(value: object) -> object:
    if isinstance(value, list):  # pairs are lists in a list
        return tuple(map(_rounded, value))
    return float(f"{value:.9g}") if isinstance(value, float) else value
