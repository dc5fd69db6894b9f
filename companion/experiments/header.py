"""What a record says of itself, and its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from companion import data, machine
from companion.evidence import tables
from companion.experiments import sources
from companion.experiments.plan import Experiment, Scale
from companion.training.settings import Run

SPLIT_SEED = 0
"""All runs of all records share one division of an image set."""


def header(
    experiment: Experiment,
    scale: str,
    split: data.Split,
    runs: Sequence[Run],
    device: torch.device,
) -> dict[str, Any]:
    """What a record says of itself; a resumed run must agree with all but machine and commit."""
    arms = {run.arm: run.settings.as_dict() for run in runs}
    per_arm, epochs = len(runs) // len(arms), runs[0].settings.epochs
    size = experiment.scale(scale)
    reduced = [
        f"Reduced from the {scale} scale's {what}: {wanted}."
        for what, wanted, smaller in (
            ("runs an arm", size.runs, per_arm < size.runs),
            ("epochs", size.epochs, epochs < size.epochs),
            (
                "arms",
                len(size.arms or experiment.arms),
                len(arms) < len(size.arms or experiment.arms),
            ),
            ("images", " or ".join(size.datasets), split.name not in size.datasets),
        )
        if smaller
    ]
    detailed = size.detailed_seeds(runs)
    return {
        "name": record_name(experiment, split.name, scale),
        "experiment": experiment.name,
        "title": experiment.title,
        "source": experiment.source,
        "scale": scale,
        "dataset": split.name,
        "dataset_digest": split.digest,
        "split": {**split.sizes, "seed": SPLIT_SEED},
        "arms": arms,
        "seeds": list(dict.fromkeys(run.seed for run in runs)),  # once where arms share them
        **({} if detailed is None else {"detailed_seeds": detailed}),
        "runs_per_arm": per_arm,
        "epochs": epochs,
        "classes": split.classes,
        "columns": tables.declared(experiment.measures),
        "reduced": bool(reduced or size.changes),
        "deviations": [*experiment.deviations, *_changes(size), *reduced],
        "code": sources.code(),
        "machine": machine.describe(device),
    }


def _changes(size: Scale) -> list[str]:
    """What a scale replaces in every arm, as a sentence."""
    changed = ", ".join(
        f"{name} {'-'.join(map(str, value)) if isinstance(value, tuple) else value}"
        for name, value in size.changes.items()
    )
    return [f"At the {size.name} scale every arm has {changed}."] if changed else []


def record_name(experiment: Experiment, dataset: str, scale: str) -> str:
    """The folder of a record, for example ``weight-rescaling-mlp-digits-quick``."""
    return f"{experiment.name}-{dataset}-{scale}"
