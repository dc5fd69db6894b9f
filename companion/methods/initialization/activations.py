"""An activation of torch as a function of one number, to be integrated."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from companion.theory.gains import Function

_TRIED = (-1.3, 0.4, 0.9)


@torch.no_grad()
def of_numbers(activation: Callable[[Any], Any]) -> Function:
    """The activation as a function of one number, also where it takes tensors only.

    ValueError for what is no function, and for one that does not act on each number alone and
    always alike, as a softmax, a random slope or a layer.

    >>> round(of_numbers(nn.Softplus(beta=2))(0.0), 4), of_numbers(abs)(-2.0)
    (0.3466, 2.0)
    """
    name = name_of(activation)
    if not callable(activation):
        raise ValueError(f"activation must be a name or a function, got {activation!r}; give one")
    try:
        float(activation(0.5))
        return activation
    except (TypeError, AttributeError):
        pass
    if isinstance(activation, nn.Module):
        activation = copy.deepcopy(activation).double()
    numbers = torch.tensor(_TRIED, dtype=torch.float64)
    try:
        alone = torch.cat([activation(one.clone()) for one in numbers.split(1)])
        found = [alone, activation(numbers.clone()), activation(numbers.clone())]
        fits = all(one.shape == numbers.shape and torch.equal(one, alone) for one in found)
    except Exception as error:
        why = f" ({' '.join(str(error).split())[:100]})"
        raise ValueError(_not_each(name, why)) from error
    if not fits:
        raise ValueError(_not_each(name))

    @torch.no_grad()
    def of_number(z: float) -> float:
        return activation(torch.tensor([z], dtype=torch.float64)).item()

    return of_number


def name_of(activation: Any) -> str:
    """What an activation is called."""
    return getattr(activation, "__name__", type(activation).__name__)


def _not_each(name: str, why: str = "") -> str:
    return (
        f"an activation must act on each number alone and always alike, and {name} does not{why}; "
        "give the gain yourself"
    )
