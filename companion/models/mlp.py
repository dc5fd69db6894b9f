"""The multi-layer perceptron, of any depth and width."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "linear": nn.Identity,
}

N_WIDTHS = (3072, 64, 32, 10)
"""The paper's MLP: its stated 199,082 parameters are 3072-64-32-10 (see the errata of N)."""


def check(widths: Sequence[int], activation: str) -> None:
    """Raise ValueError unless widths and activation describe an MLP."""
    if len(widths) < 2 or any(width % 1 != 0 or width < 1 for width in widths):
        raise ValueError(
            f"widths must be at least two whole numbers >= 1 (inputs, ..., outputs), got "
            f"{tuple(widths)}; for example {N_WIDTHS}"
        )
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}; pick one"
        )


class MLP(nn.Module):
    """``x -> W_L phi(... phi(W_1 x + b_1) ...) + b_L`` for flattened inputs.

    widths: ``(inputs, hidden, ..., outputs)``. The last layer has no activation. Weights start
    as torch's default; set them with `methods.initialization.initialize_`.

    >>> sum(p.numel() for p in MLP((3072, 64, 32, 10)).parameters())
    199082
    """

    def __init__(self, widths: Sequence[int] = N_WIDTHS, activation: str = "relu") -> None:
        super().__init__()
        check(widths, activation)
        self.layers = nn.ModuleList(
            nn.Linear(fan_in, fan_out) for fan_in, fan_out in itertools.pairwise(widths)
        )
        self.activation = ACTIVATIONS[activation]()

    def preactivations(self, images: Tensor) -> list[Tensor]:
        """``W_l x_l + b_l`` of every layer, each [images, units]; the last one is the logits."""
        signal = images.flatten(1)
        values = []
        for layer in self.layers:
            values.append(layer(signal))
            signal = self.activation(values[-1])
        return values

    def forward(self, images: Tensor) -> Tensor:
        """Logits [images, classes]."""
        return self.preactivations(images)[-1]


def parameter_count(widths: Sequence[int]) -> int:
    """Weights and biases of an MLP.

    >>> parameter_count((3072, 32, 32, 10))
    99722
    """
    return sum(a * b + b for a, b in itertools.pairwise(widths))
