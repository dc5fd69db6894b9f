"""What defines a run: an arm's settings and a seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from companion import kinds, models
from companion.data import Split
from companion.models.parametrization import WEIGHT_NORMS
from companion.training.parts.companding import Companding
from companion.training.parts.hold import Hold
from companion.training.parts.images import Images
from companion.training.parts.network import Network
from companion.training.parts.optimization import LOSSES, OPTIMIZERS, SCHEDULES, Optimization
from companion.training.parts.start import Start

__all__ = ["LOSSES", "OPTIMIZERS", "PER_RUN", "SCHEDULES", "Run", "Settings"]

PER_RUN = (
    *(field.name for part in (Start, Hold) for field in fields(part)),
    "learning_rate",
    "momentum",
    "weight_decay",
    "l1_penalty",
    "schedule",
    "milestones",
    "drop",
    "warmup",
    "compander_a",
    "compander_b",
    "compander_units",
)
"""The settings that are each run's own in a stack; all others its runs have in common, so that a
setting which nobody thought of never trains two arms as one."""
HOLDING = (*(field.name for field in fields(Hold)), "weight_decay", "decayed")
"""The settings that hold weights, in which a run may differ from the one it follows."""


@dataclass(frozen=True)
class Settings(Images, Hold, Optimization, Start, Companding, Network):
    """One arm: what its parts say, each in a file of `training.parts`, and how they fit together.

    >>> Settings(weight_decay=-1)
    Traceback (most recent call last):
    ...
    ValueError: weight_decay must be >= 0, got -1; 0 switches it off
    """

    def __post_init__(self) -> None:
        for field in fields(self):
            if isinstance(field.default, tuple):  # JSON has lists
                object.__setattr__(self, field.name, _frozen(getattr(self, field.name)))
        kinds.check(self)
        self.check_network()
        self.check_companding(self.parametrization, self.rescale)
        self.check_start()
        self.check_optimization()
        self.check_hold()
        self.check_images()
        if self.scheme == "constant" and self.rescale != "none":
            raise ValueError(
                "rescaling needs weights that differ, got scheme 'constant'; use kaiming or xavier"
            )
        if self.scheme == "constant" and self.compander_units == "sigma":
            raise ValueError(
                "a compander in units of sigma needs an initial standard deviation > 0, got "
                "scheme 'constant'; use kaiming or xavier"
            )
        if (self.decay_as_rate or self.rate_from) and (
            self.normalization in ("none", "batch_mean") or self.parametrization != "none"
        ):
            raise ValueError(
                f"{'decay_as_rate' if self.decay_as_rate else 'rate_from'} needs weights that are "
                "themselves trained and a normalization that "
                f"ignores their size, got normalization {self.normalization!r} and parametrization "
                f"{self.parametrization!r}; use batch and none"
            )
        if self.rate_from:
            self._check_leader()
        if self.variance_penalty and self.scheme == "constant":
            raise ValueError(
                "a variance penalty needs an initial standard deviation > 0, got scheme "
                "'constant'; use kaiming or xavier"
            )
        if self.variance_penalty and self.parametrization != "none":
            raise ValueError(
                "a variance penalty needs weights that are themselves trained, got "
                f"parametrization {self.parametrization!r}, which computes them from others; use "
                "none"
            )

        if self.l1_penalty and self.parametrization != "none":
            raise ValueError(
                "an L1 penalty needs weights that are themselves trained, got parametrization "
                f"{self.parametrization!r}, which computes them from others; use none"
            )
        if self.lengths != "drawn" and self.parametrization not in WEIGHT_NORMS:
            raise ValueError(
                f"lengths of their own need weight norm, got {self.lengths!r} for parametrization "
                f"{self.parametrization!r}; use weight_norm, or lengths 'drawn'"
            )
        if self.lengths != "drawn" and self.model in ("lenet5", "alexnet"):
            raise ValueError(
                "lengths need a network whose structure can be found, an mlp or a resnet, got "
                f"{self.lengths!r} for {self.model}; use lengths 'drawn'"
            )

    def _check_leader(self) -> None:
        changed = [name for name, _ in self.rate_from]
        unknown = [name for name in changed if name not in HOLDING]
        if unknown or len(set(changed)) < len(changed):
            raise ValueError(
                "rate_from must name settings that hold weights, each once, got "
                f"{', '.join(changed)}; use some of {', '.join(HOLDING)}"
            )
        self.leader  # noqa: B018  (building it checks its settings)
        if self.variance_penalty or self.l1_penalty:
            raise ValueError(
                "rate_from needs a loss that ignores the weights' size, got a variance penalty of "
                f"{self.variance_penalty:g} and an L1 penalty of {self.l1_penalty:g}; use 0"
            )

    @property
    def units_follow(self) -> bool:
        """Whether each unit follows its own rather than its layer (`training.pacing`)."""
        return dict(self.rate_from).get("rescale") == "wrs"

    @property
    def gradients_follow(self) -> bool:
        """Whether a gradient is taken as at the leader's norm before the optimizer remembers it,
        rather than a learning rate squared (`training.pacing`)."""
        return self.optimizer != "sgd" or dict(self.rate_from).get("rescale", "none") != "none"

    @property
    def leader(self) -> Settings:
        """Those of the run whose norms the learning rates follow."""
        return replace(self, rate_from=(), **dict(self.rate_from))

    def check_fit(self, split: Split) -> None:
        """Raise ValueError unless widths and batches fit the images and classes of a split."""
        fitted = models.fitted(self.model, self.widths, split.shape, split.classes)
        what = "inputs" if models.model(self.model).vectors else "channels"
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
        if self.normalization in ("batch", "batch_mean") and images % self.batch(images) == 1:
            raise ValueError(
                f"batch normalization needs at least 2 images in a batch, and {images:,} images "
                f"in batches of {self.batch_size} leave 1; change batch_size"
            )

    def batch(self, images: int) -> int:
        """Images in a batch, of so many: all of them where batch_size is 0."""
        return self.batch_size or images

    @property
    def shape(self) -> tuple[Any, ...]:
        """What runs must share to train in one stack."""
        return tuple(
            getattr(self, field.name) for field in fields(self) if field.name not in PER_RUN
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a record's provenance."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def _frozen(value: Any) -> Any:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(map(_frozen, value))
    return value


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Run:
    """One training: number in its record, arm, seed and settings."""

    number: int
    arm: str
    seed: int
    settings: Settings
