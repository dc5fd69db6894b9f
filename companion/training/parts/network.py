"""Which network: model, widths, activation, normalization, parametrization, dropout, precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from companion import models
from companion.models import mlp, residual
from companion.training.parts import rules

PRECISIONS = ("float32", "half")


@dataclass(frozen=True)
class Network:
    """model: a name of `models.MODELS`; widths: inputs, hidden layers, classes (for convolutional
    networks, channels). normalization: ``none``, ``batch``, ``layer``, ``batch_mean``;
    parametrization: a name of `models.parametrization`, ``none``, ``weight_norm``,
    ``bounded_weight_norm`` or a curve, whose settings `Companding` has; dropout: the probability of
    zeroing. neighbour: a name of `models.NEIGHBOURS`, by which a ``residual`` network without
    normalization starts, in place of scheme and lengths. precision: ``float32``, or ``half``:
    matrix products in the device's 16-bit format.
    """

    model: str = "mlp"
    widths: tuple[int, ...] = mlp.N_WIDTHS
    activation: str = "relu"
    normalization: str = "none"
    parametrization: str = "none"
    dropout: float = 0.0
    neighbour: str = "none"
    precision: str = "float32"

    def check_network(self) -> None:
        """Raise ValueError unless this describes a network."""
        models.check(**self._parts)
        rules.one_of("precision", self.precision, PRECISIONS)
        rules.one_of("neighbour", self.neighbour, models.NEIGHBOURS)
        bare = (self.normalization, self.parametrization) == ("none", "none")
        if self.neighbour != "none" and not (self.model in residual.MODELS and bare):
            raise ValueError(
                f"neighbour {self.neighbour!r} needs one of {', '.join(residual.MODELS)} without "
                f"normalization and parametrization, got {self.model}, {self.normalization} and "
                f"{self.parametrization}; change them"
            )

    def build(self, **compander: str | bool | float) -> nn.Module:
        """The network, with torch's default weights, and a curve at a = b = 1; compander: as in
        `models.build`."""
        return models.build(**self._parts, **compander)

    @property
    def _parts(self) -> dict[str, Any]:
        return {
            "name": self.model,
            "widths": self.widths,
            "activation": self.activation,
            "normalization": self.normalization,
            "dropout": self.dropout,
            "parametrization": self.parametrization,
        }
