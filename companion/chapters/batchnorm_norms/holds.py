"""What holds a norm in the chapter's first explorable, and where the recursion takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from companion.chapters.batchnorm_norms import parts
from companion.evidence.records import Record
from companion.theory import norm_paths

RATES = (0.05, 0.2, 0.5, 1.0, 2.0)
MOMENTA = (0.0, 0.9)


@dataclass(frozen=True)
class Hold:
    """What holds a norm: decay and rescale period, its colour, the arm whose early gradients stand
    for it, and the arms that were recorded, by learning rate and momentum."""

    weight_decay: float = 0.0
    tau: int = 0
    family: str = "none"
    arm: str = "none"
    recorded: Mapping[tuple[float, float], str] = field(default_factory=dict)


HOLDS = {
    "nothing": Hold(recorded={(0.2, 0.9): "none"}),
    "WD 5e-4": Hold(
        5e-4,
        family="wd",
        arm="wd-5e-4",
        recorded={(0.2, 0.9): "wd-5e-4", (2.0, 0.9): "wd-5e-4, rate x 10"},
    ),
    "WD 1e-3": Hold(
        1e-3,
        family="wd",
        arm="wd-1e-3, no momentum",
        recorded={(1.0, 0.0): "wd-1e-3, no momentum"},
    ),
    "WD 5e-3": Hold(5e-3, family="wd", arm="wd-5e-4"),
    "WRS every 20": Hold(tau=20, family="wrs", arm="wrs", recorded={(0.2, 0.9): "wrs"}),
    "WRS every 400": Hold(tau=400, family="wrs", arm="wrs"),
}


def predicted(record: Record, layers: list[int], measured: dict) -> dict[tuple, norm_paths.Path]:
    """The predicted path of every setting, computed together."""
    steps, constant = _steps(record), parts.constant_steps(record)
    cells = [
        (hold, rate, momentum, layer)
        for hold in HOLDS
        for rate in RATES
        for momentum in MOMENTA
        for layer in layers
    ]
    arms = [HOLDS[hold].recorded.get((rate, m), HOLDS[hold].arm) for hold, rate, m, _ in cells]
    early = [
        measured[arm, layer]["unit_gradient_square"].loc[: parts.EARLY].mean()
        for arm, (*_, layer) in zip(arms, cells, strict=True)
    ]
    rates = np.repeat(np.array([[rate for _, rate, _, _ in cells]]), steps, axis=0)
    rates[constant:] *= 0.1
    path = norm_paths.path(
        steps,
        2.0,
        np.broadcast_to(early, rates.shape),
        rates,
        np.array([HOLDS[hold].weight_decay for hold, *_ in cells]),
        np.array([momentum for _, _, momentum, _ in cells]),
        np.array([HOLDS[hold].tau for hold, *_ in cells]),
    )
    return {
        cell: norm_paths.Path(path.norm_square[:, k], path.angle[:, k])
        for k, cell in enumerate(cells)
    }


def _steps(record: Record) -> int:
    return parts.epoch_steps(record) * record.provenance["epochs"]


def with_gradients(record: Record, arm: str, found: pd.DataFrame) -> norm_paths.Path:
    """The recursion of an arm's own settings, fed with the gradients as they were measured."""
    at = np.arange(1, _steps(record) + 1)
    gradient = np.interp(at, found.index, found["unit_gradient_square"])
    return parts.path(record.provenance["arms"][arm], gradient, parts.constant_steps(record))
