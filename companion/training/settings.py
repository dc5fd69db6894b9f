"""What defines a run: an arm's settings and a seed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from companion.methods import initialization
from companion.methods.rescaling import Rescaling
from companion.models import mlp


@dataclass(frozen=True)
class Settings:
    """One arm: an MLP trained by SGD on cross entropy.

    gain: factor of the initialization's sigma; the weights' target under ``wr`` too.
    weight_decay: coupled L2 as in ``torch.optim.SGD`` (added to the gradient of weights and
    biases). rescale: ``none``, ``wr``, ``wrs``; rescale_every: tau in optimizer steps, 0 for
    once an epoch. batch_size in images, learning_rate per step.

    >>> Settings(weight_decay=-1)
    Traceback (most recent call last):
    ...
    ValueError: weight_decay must be >= 0, got -1; 0 switches it off
    """

    widths: tuple[int, ...] = mlp.N_WIDTHS
    activation: str = "relu"
    scheme: str = "kaiming"
    gain: float = math.sqrt(2)
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    rescale: str = "none"
    rescale_every: int = 0
    batch_size: int = 32
    epochs: int = 100

    def __post_init__(self) -> None:
        mlp.check(self.widths, self.activation)
        initialization.sigma(self.scheme, 1, 1, self.gain)
        self.rescaling  # noqa: B018  (building it checks rule and period)
        for name, ok, rule, remedy in (
            ("gain", 0 < self.gain < math.inf, "> 0", "sqrt 2 suits ReLU"),
            ("learning_rate", 0 < self.learning_rate < math.inf, "> 0", "the paper uses 1e-3"),
            ("momentum", 0 <= self.momentum < 1, "in [0, 1)", "0 switches it off"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, ">= 0", "0 switches it off"),
            ("batch_size", self.batch_size >= 1, ">= 1", "the book uses 32"),
            ("epochs", self.epochs >= 1, ">= 1", "the paper trains 100"),
        ):
            if not ok:
                raise ValueError(f"{name} must be {rule}, got {getattr(self, name)}; {remedy}")
        if self.scheme == "constant" and self.rescale != "none":
            raise ValueError(
                "rescaling needs weights that differ, got scheme 'constant'; use kaiming or xavier"
            )

    @property
    def rescaling(self) -> Rescaling:
        """Rule and period together."""
        return Rescaling(self.rescale, self.rescale_every)

    @property
    def shape(self) -> tuple[Any, ...]:
        """What runs must share to train in one stack."""
        return (self.widths, self.activation, self.batch_size, self.epochs)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a record's provenance."""
        return {**asdict(self), "widths": list(self.widths)}


@dataclass(frozen=True)
class Run:
    """One training: number in its record, arm, seed and settings."""

    number: int
    arm: str
    seed: int
    settings: Settings
