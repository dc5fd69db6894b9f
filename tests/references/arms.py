"""Runs of a tiny network that differ in everything that a run may have of its own."""

import math
from dataclasses import replace

from companion.training.settings import Run, Settings
from tests.references import tiny

BASE = Settings(
    widths=(tiny.INPUTS, 7, 5, tiny.CLASSES),
    gain=1.0,
    learning_rate=0.05,
    batch_size=8,
    epochs=2,
)
CHANGES = (
    {},
    {"gain": math.sqrt(2)},
    {"scheme": "xavier", "gain": 5 / 3},
    {"scheme": "constant", "gain": 0.1},
    {"learning_rate": 0.2},
    {"momentum": 0.0},
    {"momentum": 0.5, "weight_decay": 0.1},
    {"weight_decay": 1e-2},
    {"rescale": "wr"},
    {"rescale": "wr", "tau": 1},
    {"rescale": "wr", "tau": 3, "gain": 0.5, "weight_decay": 1e-2},
    {"rescale": "wrs"},
    {"rescale": "wrs", "tau": 3, "momentum": 0.0},
    {"rescale": "wr", "tau": 3, "scheme": "xavier"},
    {"variance_penalty": 0.3},
    {"variance_penalty": 2.0, "gain": 0.5, "weight_decay": 1e-2, "rescale": "wr", "tau": 3},
    {"distribution": "uniform"},
    {"distribution": "truncated", "scheme": "xavier"},
)


def runs(activation: str = "relu", epochs: int = 2) -> list[Run]:
    """One run a change; seeds and numbers are in no order."""
    return [
        Run(
            number=100 - index,
            arm=f"arm {index}",
            seed=17 * index % 23,
            settings=replace(BASE, activation=activation, epochs=epochs, **change),
        )
        for index, change in enumerate(CHANGES)
    ]
