"""The networks of the book by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from torch import nn

from companion.models import alexnet, checks, lenet, mlp, resnet

_MAKE: dict[str, Callable[..., nn.Module]] = {
    "mlp": mlp.MLP,
    "lenet5": lenet.LeNet5,
    "alexnet": alexnet.AlexNet,
    **{f"resnet{depth}": partial(resnet.ResNet, depth) for depth in resnet.BLOCKS},
    **{
        f"resnet{depth}-imagenet": partial(resnet.ResNet, depth, stem="imagenet")
        for depth in resnet.BLOCKS
    },
}
_FIXED = {"lenet5": lenet, "alexnet": alexnet}

MODELS = tuple(_MAKE)


def _module(name: str):
    """The file that knows the widths of this network."""
    return _FIXED.get(name, resnet)


def default_widths(name: str) -> tuple[int, ...]:
    """The widths of the papers, for 32 x 32 colour images and 10 classes.

    >>> default_widths("lenet5")
    (3, 6, 16, 120, 84, 10)
    """
    checks.one_of("model", name, MODELS)
    return mlp.N_WIDTHS if name == "mlp" else _module(name).WIDTHS


def check(
    name: str,
    widths: Sequence[int],
    activation: str = "relu",
    normalization: str = "none",
    dropout: float = 0.0,
) -> None:
    """Raise ValueError unless these describe a network; nothing is built."""
    checks.one_of("model", name, MODELS)
    if name == "mlp":
        mlp.check(widths, activation, normalization, dropout)
        return
    checks.fixed_widths(name, widths, _module(name).ROLES, _module(name).WIDTHS)
    checks.parts(activation, normalization, dropout)


def build(
    name: str,
    widths: Sequence[int],
    activation: str = "relu",
    normalization: str = "none",
    dropout: float = 0.0,
) -> nn.Module:
    """The network of this name: images [n, C, H, W] -> logits [n, classes].

    widths: ``(inputs, hidden..., classes)``; inputs are pixels for the MLP (C H W) and channels
    for the others. Weights are torch's default until `methods.initialization.initialize_`; masks
    are those of run 0 until `seed_dropout`.

    >>> import torch
    >>> build("lenet5", (1, 6, 16, 120, 84, 10))(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """
    check(name, widths, activation, normalization, dropout)
    return _MAKE[name](
        widths=widths, activation=activation, normalization=normalization, dropout=dropout
    )


def fitted(name: str, widths: Sequence[int], shape: Sequence[int], classes: int) -> tuple[int, ...]:
    """``widths`` with the first and last put to a data set's: images of ``shape`` (C, H, W).

    >>> fitted("mlp", (3072, 64, 32, 10), (1, 8, 8), 10)
    (64, 64, 32, 10)
    >>> fitted("lenet5", default_widths("lenet5"), (1, 28, 28), 10)
    (1, 6, 16, 120, 84, 10)
    """
    check(name, widths)
    if name == "lenet5":
        lenet.check_size(*shape[1:])
    inputs = math.prod(shape) if name == "mlp" else shape[0]
    return (inputs, *widths[1:-1], classes)


def parameter_count(model: nn.Module) -> int:
    """Numbers that training changes: weights, biases, gains and shifts of normalizations.

    >>> parameter_count(nn.Linear(3, 2))
    8
    """
    return sum(parameter.numel() for parameter in model.parameters())
