"""What each rule of early stopping did with a hundred recorded trainings."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pandas as pd
import torch

from companion import data
from companion.chapters.toolbox.experiments.stopping import EXPERIMENT
from companion.evidence.records import Record
from companion.evidence.stopping import Rule, replay
from companion.evidence.summaries import Summary, summary
from companion.measure.folds import FOLDS
from companion.training.many_runs import Stack

RULES = {
    "patience 1": Rule(1),
    "patience 3": Rule(3),
    "patience 5": Rule(5),
    "patience 10": Rule(10),
    "EMA 0.9": Rule(1, 0.9),
    "best of all": Rule(None),
}
"""Those that the chapter compares. EMA 0.9 stops at the first rise of the moving average."""
WATCHED = ("loss", "accuracy")
HALVES = tuple(itertools.combinations(range(FOLDS), FOLDS // 2))
"""The parts that choose; the other half of the parts tests."""


def curves(record: Record, arm: str, quantity: str) -> np.ndarray:
    """A loss or accuracy of each part of the images kept aside, [runs, parts, epochs], from epoch
    1 on. Every part has as many images, so that a mean over parts is one over images."""
    rows = record.epochs[(record.epochs["arm"] == arm) & (record.epochs["epoch"] > 0)]
    found = [
        rows.pivot(index="run", columns="epoch", values=f"fold_{fold + 1}_{quantity}").to_numpy()
        for fold in range(FOLDS)
    ]
    return np.stack(found, axis=1).astype(float)


def outcome(record: Record, arm: str, watched: str, rule: Rule) -> pd.DataFrame:
    """What the rule did with each run of an arm, watching ``loss`` or ``accuracy``; one row a run,
    means over `HALVES`.

    spent: epochs trained; kept: the epoch kept; test: accuracy there on the other half of the
    images, in percent; regret: the highest test accuracy of all recorded epochs less that, in
    points; optimism: the accuracy at the epoch kept on the half that chose it, less that on the
    other half. At an epoch that nobody chose, the optimism is 0 exactly: every half is once on
    either side.
    """
    accuracy = 100 * curves(record, arm, "accuracy")
    seen = curves(record, arm, "loss") if watched == "loss" else 100 - accuracy
    rows = []
    for choosing in HALVES:
        testing = [fold for fold in range(FOLDS) if fold not in choosing]
        own, other = accuracy[:, choosing].mean(1), accuracy[:, testing].mean(1)
        # without the last digits, in which equal accuracies may differ
        told = seen[:, choosing].mean(1).round(9)
        for run, (value, chosen, tested) in enumerate(zip(told, own, other, strict=True)):
            stopped = replay(value, rule)
            at = stopped.kept - 1
            rows.append(
                (run, stopped.spent, stopped.kept, tested[at], tested.max() - tested[at],
                 chosen[at] - tested[at])
            )  # fmt: skip
    names = ["run", "spent", "kept", "test", "regret", "optimism"]
    return pd.DataFrame(rows, columns=names).groupby("run").mean()


@cache
def outcomes(record: Record) -> dict[tuple[str, str, str], pd.DataFrame]:
    """(arm, watched, name of the rule) -> `outcome`."""
    return {
        (arm, watched, name): outcome(record, arm, watched, rule)
        for arm in record.provenance["arms"]
        for watched in WATCHED
        for name, rule in RULES.items()
    }


def mean(record: Record, arm: str, watched: str, rule: str, quantity: str) -> Summary:
    """Mean over runs of a column of `outcome`, with its interval."""
    return summary(outcomes(record)[arm, watched, rule][quantity])


def price(record: Record, arm: str, watched: str, rule: str) -> Summary:
    """Test accuracy under the rule less that under `best of all`, paired by run, in points."""
    found = outcomes(record)
    return summary(found[arm, watched, rule]["test"] - found[arm, watched, "best of all"]["test"])


@cache
def loss_by_fate(epochs: tuple[int, ...] = (12, 32), runs: int = 8) -> dict[int, tuple[float, ...]]:
    """Epoch -> the mean loss on the images kept aside, split in two: what the images that are right
    add to it, and what those that are wrong add; with the accuracy, means over runs.

    The first runs of the recorded arm with noisy labels, trained here once more.
    """
    images = data.split(data.load("digits"), validation=EXPERIMENT.validation)
    planned = EXPERIMENT.runs("book", images.shape, images.classes, runs=runs, arms=["noisy"])
    stack = Stack(planned, images)
    kept = torch.cat([images.validation_images, images.test_images])
    labels = torch.cat([images.validation_labels, images.test_labels])
    found = {}
    while stack.epoch < max(epochs):
        stack.train_epoch()
        if stack.epoch in epochs:
            logits = stack.network.forward(images.standardize(kept))[0]
            each = -logits.log_softmax(-1).gather(-1, labels.expand(runs, -1)[..., None])[..., 0]
            right = logits.argmax(-1) == labels
            parts = (each * right).mean(), (each * ~right).mean(), right.double().mean()
            found[stack.epoch] = tuple(map(float, parts))
    return found
