"""What defines a run: an arm's settings and a seed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from companion.data import INPUTS, Split
from companion.methods import initialization
from companion.methods.rescaling import Rescaling
from companion.models import mlp


@dataclass(frozen=True)
class Settings:
    """One arm: an MLP trained by SGD on cross entropy.

    gain: factor of the initialization's sigma; the weights' target under ``wr`` too.
    weight_decay: coupled L2 as in ``torch.optim.SGD`` (added to the gradient of weights and
    biases). rescale: ``none``, ``wr``, ``wrs``; tau: rescale period in optimizer steps, 0 for once
    an epoch. inputs: an input scaling of `data.INPUTS`. batch_size in images, learning_rate per
    step.

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
    tau: int = 0
    inputs: str = "standardised"
    batch_size: int = 32
    epochs: int = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        mlp.check(self.widths, self.activation)
        initialization.sigma(self.scheme, 1, 1, self.gain)
        if self.inputs not in INPUTS:
            raise ValueError(
                f"inputs must be one of {', '.join(INPUTS)}, got {self.inputs!r}; pick one"
            )
        self.rescaling  # noqa: B018  (building it checks rule and period)
        for name, ok, rule, remedy in (
            ("gain", 0 < self.gain < math.inf, "> 0", "sqrt 2 suits ReLU"),
            ("learning_rate", 0 < self.learning_rate < math.inf, "> 0", "the paper uses 1e-3"),
            ("momentum", 0 <= self.momentum < 1, "in [0, 1)", "0 switches it off"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, ">= 0", "0 switches it off"),
            ("batch_size", _whole(self.batch_size), "a whole number >= 1", "the book uses 32"),
            ("epochs", _whole(self.epochs), "a whole number >= 1", "the paper trains 100"),
        ):
            if not ok:
                raise ValueError(f"{name} must be {rule}, got {getattr(self, name)}; {remedy}")
        if self.scheme == "constant" and self.rescale != "none":
            raise ValueError(
                "rescaling needs weights that differ, got scheme 'constant'; use kaiming or xavier"
            )

    def check_fit(self, split: Split) -> None:
        """Raise ValueError unless the widths fit the images and classes of a split."""
        for which, width, needed in (
            ("first", self.widths[0], split.inputs),
            ("last", self.widths[-1], split.classes),
        ):
            if width != needed:
                raise ValueError(
                    f"the {which} width must equal the {needed} "
                    f"{'inputs' if which == 'first' else 'classes'} of {split.name}, got {width}; "
                    "change widths"
                )

    @property
    def rescaling(self) -> Rescaling:
        """Rule and period together."""
        return Rescaling(self.rescale, self.tau)

    @property
    def shape(self) -> tuple[Any, ...]:
        """What runs must share to train in one stack."""
        return (self.widths, self.activation, self.inputs, self.batch_size, self.epochs)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a record's provenance."""
        return {**asdict(self), "widths": list(self.widths)}


def _whole(value: float) -> bool:
    return value >= 1 and value % 1 == 0


@dataclass(frozen=True)
class Run:
    """One training: number in its record, arm, seed and settings."""

    number: int
    arm: str
    seed: int
    settings: Settings
