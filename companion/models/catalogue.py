"""The networks of the book by name."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from companion.models import (
    alexnet,
    checks,
    convnet,
    lenet,
    mlp,
    preactivation,
    residual,
    resnet,
    vgg,
)
from companion.models.declare import Model
from companion.models.parametrization import PARAMETRIZATIONS, reparametrize_

_ALL: dict[str, Model] = {
    "mlp": mlp.MODEL,
    "lenet5": lenet.MODEL,
    "alexnet": alexnet.MODEL,
    **resnet.MODELS,
    **convnet.MODELS,
    **residual.MODELS,
    **vgg.MODELS,
    **preactivation.MODELS,
}
MODELS = tuple(_ALL)


def model(name: str) -> Model:
    """What the file of a network says of it, or a ValueError that lists the names."""
    checks.one_of("model", name, MODELS)
    return _ALL[name]


def default_widths(name: str) -> tuple[int, ...]:
    """The widths of the papers, for 32 x 32 colour images and 10 classes.

    >>> default_widths("lenet5")
    (3, 6, 16, 120, 84, 10)
    """
    return model(name).widths


def check(
    name: str,
    widths: Sequence[int],
    activation: str = "relu",
    normalization: str = "none",
    dropout: float = 0.0,
    parametrization: str = "none",
) -> None:
    """Raise ValueError unless these describe a network; nothing is built."""
    model(name).check(name, widths, activation, normalization, dropout)
    checks.one_of("parametrization", parametrization, PARAMETRIZATIONS)


def build(
    name: str,
    widths: Sequence[int],
    activation: str = "relu",
    normalization: str = "none",
    dropout: float = 0.0,
    parametrization: str = "none",
    **compander: str | bool | float,
) -> nn.Module:
    """The network of this name: images [n, C, H, W] -> logits [n, classes].

    widths: ``(inputs, hidden..., classes)``; inputs are pixels for the MLP (C H W) and channels
    for the others. Weights are torch's default until `methods.initialization.initialize_`; masks
    are those of run 0 until `seed_dropout`. compander: ``learn``, ``clamp`` and
    ``alpha`` of `models.parametrization.reparametrize_`, where the parametrization is a curve.

    >>> import torch
    >>> build("lenet5", (1, 6, 16, 120, 84, 10))(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """
    check(name, widths, activation, normalization, dropout, parametrization)
    made = model(name).make(
        widths=widths, activation=activation, normalization=normalization, dropout=dropout
    )
    return reparametrize_(made, parametrization, **compander)


def fitted(name: str, widths: Sequence[int], shape: Sequence[int], classes: int) -> tuple[int, ...]:
    """``widths`` with the first and last put to a data set's: images of ``shape`` (C, H, W).

    >>> fitted("mlp", (3072, 64, 32, 10), (1, 8, 8), 10)
    (64, 64, 32, 10)
    >>> fitted("lenet5", default_widths("lenet5"), (1, 28, 28), 10)
    (1, 6, 16, 120, 84, 10)
    """
    check(name, widths)
    model(name).check_size(*shape[1:])
    inputs = math.prod(shape) if model(name).vectors else shape[0]
    return (inputs, *widths[1:-1], classes)


def parameter_count(network: nn.Module) -> int:
    """Numbers that training changes: weights, biases, gains and shifts of normalizations.

    >>> parameter_count(nn.Linear(3, 2))
    8
    """
    return sum(parameter.numel() for parameter in network.parameters())
