"""The curve behind which weights are trained: a, b, who learns them, and the slope-aware step."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from companion.methods import initialization
from companion.methods.parametrizations import CURVES, LEARNING, Curve, companders, power
from companion.training.parts import rules

UNITS = ("weight", "sigma")


@dataclass(frozen=True)
class Companding:
    """Of a network whose ``parametrization`` is a curve, ``w = a psi(v / b)``.

    compander_a, compander_b: in units of ``weight``, or of each layer's ``sigma``, the standard
    deviation that its scheme gives, as compander_units says. compander_learn: ``no``; ``coarse``,
    one learned pair a network; ``fine``, one a layer. compander_clamp: cut weights that start, or
    are rescaled, outside the curve's range. compander_alpha: powerpropagation's. slope_aware:
    the optimizer's step is made from dL/dw and multiplied by the slope
    (`methods.parametrizations.SlopeAware`).

    weight_decay acts on w where a and b are fixed, on v where they are learned (C section III).
    """

    compander_a: float = 1.0
    compander_b: float = 1.0
    compander_units: str = "weight"
    compander_learn: str = "no"
    compander_clamp: bool = False
    compander_alpha: float = 2.0
    slope_aware: bool = False

    def check_companding(self, parametrization: str, rescale: str) -> None:
        """Raise ValueError unless this describes a curve, or none is asked for."""
        rules.one_of("compander_units", self.compander_units, UNITS)
        rules.one_of("compander_learn", self.compander_learn, LEARNING)
        for name in ("compander_a", "compander_b"):
            value = getattr(self, name)
            rules.require(
                name, rules.positive(value), "finite and > 0", value, "b = a gives slope 1 at 0"
            )
        if parametrization not in CURVES:
            for field in fields(Companding):
                value = getattr(self, field.name)
                rules.require(
                    field.name,
                    value == field.default,
                    f"left at {field.default!r} without a curve",
                    repr(value),
                    f"set parametrization to one of {', '.join(CURVES)}",
                )
        elif parametrization == "powerprop":
            power(self.compander_alpha)  # checks it
        elif self.compander_alpha != 2.0:
            raise ValueError(
                f"compander_alpha is powerpropagation's, got {self.compander_alpha} for "
                f"{parametrization}; leave it at 2, or set parametrization to powerprop"
            )
        elif CURVES[parametrization].bound < float("inf"):
            rules.require(
                "compander_clamp",
                rescale == "none" or self.compander_clamp,
                f"True where a rescaling may ask for a weight outside the range of "
                f"{parametrization}",
                self.compander_clamp,
                "such weights are then cut",
            )
        rules.require(
            "compander_learn",
            not (self.slope_aware and self.compander_learn != "no"),
            "no under a slope-aware step",
            repr(self.compander_learn),
            "fix a and b",
        )
        if self.compander_learn == "coarse" and self.compander_units == "sigma":
            raise ValueError(
                "compander_units must be weight for a coarse compander, whose one a and b are "
                "every layer's, got 'sigma'; learn fine"
            )

    def curve(self, parametrization: str) -> Curve:
        """The curve of that name, powerpropagation with its alpha."""
        if parametrization == "powerprop":
            return power(self.compander_alpha)
        return CURVES[parametrization]

    @torch.no_grad()
    def bend_(self, model: nn.Module, scheme: str, gain: float) -> None:
        """Give the companders of a network their a and b, before its weights are set."""
        for _, layer, bent in companders(model):
            a, b = self.pair(layer.parametrizations.weight.original, scheme, gain)
            bent.a.fill_(a)
            bent.b.fill_(b)

    def pair(self, weight: Tensor, scheme: str, gain: float) -> tuple[float, float]:
        """The a and b of a layer whose weight has this shape."""
        unit = 1.0
        if self.compander_units == "sigma":
            unit = initialization.sigma(scheme, *initialization.fans(weight), gain)
        return self.compander_a * unit, self.compander_b * unit
