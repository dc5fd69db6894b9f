"""How a network learns: loss, optimizer, schedule, decay, and what differs by role."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from companion.models.roles import ROLES
from companion.training.parts import rules

OPTIMIZERS = ("sgd", "sgdw", "adam", "adamw")
SCHEDULES = ("constant", "step", "cosine")
LOSSES = ("cross_entropy", "squared_error")


@dataclass(frozen=True)
class Optimization:
    """loss: what is trained on, ``cross_entropy`` or ``squared_error`` (`training.losses`); what
    is recorded as a loss is the cross entropy.

    optimizer: ``sgd`` and ``adam`` add weight_decay times the parameter to the gradient, as torch
    does; ``sgdw`` and ``adamw`` shrink the parameter instead. momentum is SGD's; betas and eps are
    Adam's. learning_rate is per step; rate_factors: role -> factor of it, given as pairs, such as
    ``(("bias", 2.0),)``; a parameter with several roles (`models.roles`) is multiplied by all.
    weight_decay acts on the roles that ``decayed`` names, and so does l1_penalty, which adds
    l1_penalty times the sum of their absolute values to the loss (`training.l1`). decay_as_rate: a
    decay that acts on the weights of all layers but the output, which a normalization follows, by
    the learning rate that rises so that directions move as under this decay
    (`theory.norms.rising_factors`). rate_from: what another run from the same seed has otherwise,
    whose norms the learning rates of the same weights follow (`training.pacing`), given as pairs,
    such as ``(("rescale", "wrs"), ("tau", 20))``.

    schedule: ``constant``, ``step`` (times ``drop`` after each of the ``milestones``, in epochs),
    ``cosine``; warmup in epochs. batch_size in images, 0 for all of them at once.
    """

    loss: str = "cross_entropy"
    optimizer: str = "sgd"
    learning_rate: float = 1e-3
    rate_factors: tuple[tuple[str, float], ...] = ()
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    l1_penalty: float = 0.0
    decayed: tuple[str, ...] = ("weight", "bias", "gain", "shift")
    decay_as_rate: float = 0.0
    rate_from: tuple[tuple[str, object], ...] = ()
    schedule: str = "constant"
    milestones: tuple[int, ...] = ()
    drop: float = 0.1
    warmup: int = 0
    batch_size: int = 32
    epochs: int = 100

    def check_optimization(self) -> None:
        """Raise ValueError unless every field keeps its rule."""
        for name, known in (
            ("loss", LOSSES),
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
        ):
            rules.one_of(name, getattr(self, name), known)
        for role in (*self.decayed, *(role for role, _ in self.rate_factors)):
            rules.one_of("role", role, ROLES)
        rising = all(a < b for a, b in itertools.pairwise(self.milestones))
        factors = [factor for _, factor in self.rate_factors]
        for name, ok, rule, remedy in (
            ("learning_rate", rules.positive(self.learning_rate), "> 0", "0.001 suits SGD here"),
            (
                "rate_factors",
                all(map(rules.not_negative, factors))
                and len(dict(self.rate_factors)) == len(factors),
                "one factor >= 0 a role",
                "0 keeps a role as it starts",
            ),
            ("momentum", 0 <= self.momentum < 1, "in [0, 1)", "0 switches it off"),
            ("betas", _betas(self.betas), "two numbers in [0, 1)", "(0.9, 0.999) is usual"),
            ("eps", rules.positive(self.eps), "> 0", "1e-8 is usual"),
            ("weight_decay", rules.not_negative(self.weight_decay), ">= 0", "0 switches it off"),
            ("l1_penalty", rules.not_negative(self.l1_penalty), ">= 0", "0 switches it off"),
            ("drop", rules.positive(self.drop), "> 0", "0.1 is usual"),
            (
                "batch_size",
                self.batch_size == 0 or rules.whole(self.batch_size),
                "a whole number >= 1, or 0 for all images",
                "the book uses 32",
            ),
            (
                "decay_as_rate",
                rules.not_negative(self.decay_as_rate),
                "finite and >= 0",
                "0 switches it off",
            ),
            ("epochs", rules.whole(self.epochs), "a whole number >= 1", "the book trains 100"),
            (
                "milestones",
                rising and all(map(rules.whole, self.milestones)),
                "whole numbers of epochs >= 1, rising",
                "for example (60, 120)",
            ),
            (
                "warmup",
                self.warmup == 0 or (rules.whole(self.warmup) and self.warmup < self.epochs),
                f"a whole number of epochs from 0 to {self.epochs - 1}",
                "0 switches it off",
            ),
        ):
            rules.require(name, ok, rule, getattr(self, name), remedy)
        if (self.schedule == "step") != bool(self.milestones):
            raise ValueError(
                f"schedule 'step' and milestones need each other, got {self.schedule!r} and "
                f"{self.milestones}; give both or neither"
            )

        if self.decay_as_rate:
            self._check_decay_as_rate()
        if self.rate_from and (self.decay_as_rate or self.optimizer not in ("sgd", "adamw")):
            raise ValueError(
                "rate_from follows SGD with coupled or AdamW with decoupled decay, got optimizer "
                f"{self.optimizer!r}{' and decay_as_rate' * bool(self.decay_as_rate)}; use sgd or "
                "adamw, and one of the two"
            )

    def _check_decay_as_rate(self) -> None:
        pulls = self.weight_decay or self.l1_penalty
        twice = pulls and self.decays(("weight", "hidden"))
        if self.optimizer != "sgd" or twice:
            raise ValueError(
                "decay_as_rate replaces the decay of SGD, got optimizer "
                f"{self.optimizer!r}{' and a decay that acts on weights too' * bool(twice)}; use "
                "sgd, and let decayed name gains and shifts alone"
            )

    def rate_factor(self, roles: tuple[str, ...]) -> float:
        """The factor of the learning rate for a parameter with these roles."""
        return math.prod(factor for role, factor in self.rate_factors if role in roles)

    def decays(self, roles: tuple[str, ...]) -> bool:
        """Whether weight decay acts on a parameter with these roles."""
        return any(role in self.decayed for role in roles)

    def rises(self, roles: tuple[str, ...]) -> bool:
        """Whether a rising rate stands for the decay of a parameter with these roles."""
        return self.decay_as_rate > 0 and _normalized(roles)

    def follows(self, roles: tuple[str, ...]) -> bool:
        """Whether the learning rate of a parameter with these roles follows another run's norm."""
        return bool(self.rate_from) and _normalized(roles)


def _normalized(roles: tuple[str, ...]) -> bool:
    """Whether a normalization may follow it: a weight of any layer but the output."""
    return "weight" in roles and "output" not in roles


def _betas(values: tuple[float, ...]) -> bool:
    return len(values) == 2 and all(0 <= value < 1 for value in values)
