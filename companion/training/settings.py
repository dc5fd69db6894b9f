"""What defines a run: an arm's settings and a seed."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass
from typing import Any

from companion import models
from companion.data import INPUTS, Split
from companion.data.augmentation import AUGMENTATIONS
from companion.methods import initialization
from companion.methods.rescaling import Rescaling
from companion.models import mlp

OPTIMIZERS = ("sgd", "sgdw", "adam", "adamw")
SCHEDULES = ("constant", "step", "cosine")
PRECISIONS = ("float32", "half")
SHARED = (
    "model",
    "widths",
    "activation",
    "normalization",
    "dropout",
    "optimizer",
    "betas",
    "inputs",
    "augmentation",
    "precision",
    "batch_size",
    "epochs",
)
"""The settings that the runs of a stack have in common; all others are each run's own."""


@dataclass(frozen=True)
class Settings:
    """One arm: a network trained on cross entropy, with a variance penalty if asked.

    model: a name of `models.MODELS`; widths: inputs, hidden layers, classes (for convolutional
    networks, channels). normalization: ``none``, ``batch``, ``layer``, ``weight``; dropout: the
    probability of zeroing. gain: factor of the initialization's sigma; the weights' target under
    ``wr`` too.

    optimizer: ``sgd`` and ``adam`` add weight_decay times the parameter to the gradient, as torch
    does; ``sgdw`` and ``adamw`` shrink the parameter instead. Weights, biases and normalization
    parameters decay alike. variance_penalty: kappa, the factor of ``(Var(w) / sigma^2 - 1)^2``,
    summed over the layers, in the loss (`training.variance_penalty`); not under weight
    normalization. momentum is SGD's, betas are Adam's. schedule: ``constant``, ``step``
    (times ``drop`` after each of the ``milestones``, in epochs), ``cosine``; warmup in epochs.

    rescale: ``none``, ``wr``, ``wrs``; tau: rescale period in optimizer steps, 0 for once an
    epoch; the other ``rescale_`` settings are the choices of `Rescaling`. inputs: an input scaling
    of `data.INPUTS`; augmentation: ``none``, ``crop_flip``. precision: ``float32``, or ``half``:
    matrix products in the device's 16-bit format. batch_size in images, learning_rate per step.

    >>> Settings(weight_decay=-1)
    Traceback (most recent call last):
    ...
    ValueError: weight_decay must be >= 0, got -1; 0 switches it off
    """

    model: str = "mlp"
    widths: tuple[int, ...] = mlp.N_WIDTHS
    activation: str = "relu"
    normalization: str = "none"
    dropout: float = 0.0
    scheme: str = "kaiming"
    gain: float = math.sqrt(2)
    optimizer: str = "sgd"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    variance_penalty: float = 0.0
    schedule: str = "constant"
    milestones: tuple[int, ...] = ()
    drop: float = 0.1
    warmup: int = 0
    rescale: str = "none"
    tau: int = 0
    rescale_to: str = "sigma"
    rescale_per: str = "layer"
    rescale_mean: str = "keep"
    rescale_biases: str = "reset"
    rescale_window: tuple[int, ...] = ()
    rescale_at: str = "end"
    inputs: str = "standardised"
    augmentation: str = "none"
    precision: str = "float32"
    batch_size: int = 32
    epochs: int = 100

    def __post_init__(self) -> None:
        for name in ("widths", "betas", "milestones", "rescale_window"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        models.check(self.model, self.widths, self.activation, self.normalization, self.dropout)
        initialization.sigma(self.scheme, 1, 1, self.gain)
        self.rescaling  # noqa: B018  (building it checks its choices)
        for name, known in (
            ("inputs", INPUTS),
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("augmentation", AUGMENTATIONS),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}; "
                    "pick one"
                )
        ordered = all(a < b for a, b in itertools.pairwise(self.milestones))
        for name, ok, rule, remedy in (
            ("gain", 0 < self.gain < math.inf, "> 0", "sqrt 2 suits ReLU"),
            ("learning_rate", 0 < self.learning_rate < math.inf, "> 0", "the paper uses 1e-3"),
            ("momentum", 0 <= self.momentum < 1, "in [0, 1)", "0 switches it off"),
            ("betas", _betas(self.betas), "two numbers in [0, 1)", "(0.9, 0.999) is usual"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, ">= 0", "0 switches it off"),
            (
                "variance_penalty",
                0 <= self.variance_penalty < math.inf,
                "finite and >= 0",
                "0 switches it off",
            ),
            ("drop", 0 < self.drop < math.inf, "> 0", "0.1 is usual"),
            ("batch_size", _whole(self.batch_size), "a whole number >= 1", "the book uses 32"),
            ("epochs", _whole(self.epochs), "a whole number >= 1", "the paper trains 100"),
            (
                "milestones",
                ordered and all(map(_whole, self.milestones)),
                "whole numbers of epochs >= 1, rising",
                "for example (60, 120)",
            ),
            (
                "warmup",
                self.warmup == 0 or (_whole(self.warmup) and self.warmup < self.epochs),
                f"a whole number of epochs from 0 to {self.epochs - 1}",
                "0 switches it off",
            ),
        ):
            if not ok:
                raise ValueError(f"{name} must be {rule}, got {getattr(self, name)}; {remedy}")
        if (self.schedule == "step") != bool(self.milestones):
            raise ValueError(
                f"schedule 'step' and milestones need each other, got {self.schedule!r} and "
                f"{self.milestones}; give both or neither"
            )
        if self.scheme == "constant" and self.rescale != "none":
            raise ValueError(
                "rescaling needs weights that differ, got scheme 'constant'; use kaiming or xavier"
            )
        if self.variance_penalty and self.scheme == "constant":
            raise ValueError(
                "a variance penalty needs an initial standard deviation > 0, got scheme "
                "'constant'; use kaiming or xavier"
            )
        if self.variance_penalty and self.normalization == "weight":
            raise ValueError(
                "a variance penalty needs weights that are themselves trained, got normalization "
                "'weight', which computes them from others; use another normalization"
            )

    def check_fit(self, split: Split) -> None:
        """Raise ValueError unless widths and batches fit the images and classes of a split."""
        fitted = models.fitted(self.model, self.widths, split.shape, split.classes)
        what = "inputs" if self.model == "mlp" else "channels"
        for which, width, needed in (
            ("first", self.widths[0], fitted[0]),
            ("last", self.widths[-1], fitted[-1]),
        ):
            if width != needed:
                raise ValueError(
                    f"the {which} width must equal the {needed} "
                    f"{what if which == 'first' else 'classes'} of {split.name}, got {width}; "
                    "change widths"
                )
        images = len(split.train_labels)
        if self.normalization == "batch" and images % self.batch_size == 1:
            raise ValueError(
                f"batch normalization needs at least 2 images in a batch, and {images:,} images "
                f"in batches of {self.batch_size} leave 1; change batch_size"
            )

    @property
    def rescaling(self) -> Rescaling:
        """Rule and period together."""
        return Rescaling(
            self.rescale,
            self.tau,
            self.rescale_to,
            self.rescale_per,
            self.rescale_mean,
            self.rescale_biases,
            self.rescale_window,
            self.rescale_at,
        )

    @property
    def shape(self) -> tuple[Any, ...]:
        """What runs must share to train in one stack."""
        return tuple(getattr(self, name) for name in SHARED)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a record's provenance."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


def _whole(value: float) -> bool:
    return value >= 1 and value % 1 == 0


def _betas(values: tuple[float, ...]) -> bool:
    return len(values) == 2 and all(0 <= value < 1 for value in values)


@dataclass(frozen=True)
class Run:
    """One training: number in its record, arm, seed and settings."""

    number: int
    arm: str
    seed: int
    settings: Settings
