"""The multi-layer perceptron, of any depth and width."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from companion.models import checks
from companion.models.checks import ACTIVATIONS
from companion.models.declare import Model
from companion.models.dropout import Dropout
from companion.models.normalization import of_vectors

__all__ = ["ACTIVATIONS", "MLP", "N_WIDTHS", "check", "parameter_count"]

N_WIDTHS = (3072, 64, 32, 10)
"""The paper's MLP: its stated 199,082 parameters are 3072-64-32-10 (see the errata of N)."""


def check(
    widths: Sequence[int], activation: str, normalization: str = "none", dropout: float = 0.0
) -> None:
    """Raise ValueError unless these describe an MLP."""
    checks.any_widths(widths, N_WIDTHS)
    checks.parts(activation, normalization, dropout)


class MLP(nn.Module):
    """``x -> W_L phi(... phi(W_1 x + b_1) ...) + b_L`` for flattened inputs.

    widths: ``(inputs, hidden, ..., outputs)``. The last layer has no activation. A hidden layer
    is linear, normalization, activation, dropout; every linear layer has a bias. Weights start
    as torch's default; set them with `methods.initialization.initialize_`.

    >>> sum(p.numel() for p in MLP((3072, 64, 32, 10)).parameters())
    199082
    """

    def __init__(
        self,
        widths: Sequence[int] = N_WIDTHS,
        activation: str = "relu",
        normalization: str = "none",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check(widths, activation, normalization, dropout)
        hidden = widths[1:-1]
        self.layers = nn.ModuleList(
            nn.Linear(fan_in, fan_out) for fan_in, fan_out in itertools.pairwise(widths)
        )
        self.normalizations = nn.ModuleList(of_vectors(normalization, width) for width in hidden)
        self.dropouts = nn.ModuleList(
            Dropout(dropout, number) for number in range(1, len(hidden) + 1)
        )
        self.activation = ACTIVATIONS[activation]()

    def preactivations(self, images: Tensor) -> list[Tensor]:
        """``W_l x_l + b_l`` of every layer before any normalization, each [images, units]; the
        last one is the logits."""
        values = [self.layers[0](images.flatten(1))]
        hidden = zip(self.layers[1:], self.normalizations, self.dropouts, strict=True)
        for layer, normalize, drop in hidden:
            values.append(layer(drop(self.activation(normalize(values[-1])))))
        return values

    def forward(self, images: Tensor) -> Tensor:
        """Logits [images, classes]."""
        return self.preactivations(images)[-1]


def parameter_count(widths: Sequence[int]) -> int:
    """Weights and biases of an MLP without normalization.

    >>> parameter_count((3072, 32, 32, 10))
    99722
    """
    return sum(a * b + b for a, b in itertools.pairwise(widths))


MODEL = Model(MLP, N_WIDTHS, vectors=True)
