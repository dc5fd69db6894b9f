"""What a network of the book may be made of, and the sentences that refuse the rest."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from companion import kinds

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "linear": nn.Identity,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "selu": nn.SELU,
}

NORMALIZATIONS = ("none", "batch", "layer", "batch_mean")


def one_of(what: str, value: str, allowed: Sequence[str]) -> None:
    """Raise ValueError unless ``value`` is a name of ``allowed``."""
    if value not in allowed:
        raise ValueError(f"{what} must be one of {', '.join(allowed)}, got {value!r}; pick one")


def parts(activation: str, normalization: str, dropout: float) -> None:
    """Raise ValueError unless these three name parts that exist."""
    one_of("activation", activation, tuple(ACTIVATIONS))
    one_of("normalization", normalization, NORMALIZATIONS)
    dropout_probability(dropout)


def dropout_probability(p: float) -> None:
    """Raise ValueError unless values can be zeroed with probability p and the rest kept."""
    kinds.below_1("0 switches it off", dropout=p)


def whole(widths: Sequence[int]) -> bool:
    """Whether all widths are whole numbers >= 1."""
    return all(kinds.fits(width, int) and width >= 1 and width % 1 == 0 for width in widths)


def any_widths(widths: Sequence[int], example: tuple, least: int = 2) -> None:
    """Raise ValueError unless there are so many whole widths >= 1, or more."""
    if not _several(widths) or len(widths) < least or not whole(widths):
        number = {2: "two", 4: "four"}.get(least, str(least))
        raise ValueError(
            f"widths must be at least {number} whole numbers >= 1 (inputs, ..., outputs), got "
            f"{tuple(widths) if _several(widths) else widths!r}; for example {example}"
        )


def _several(widths: object) -> bool:
    return hasattr(widths, "__len__") and not isinstance(widths, str | dict)


def fixed_widths(name: str, widths: Sequence[int], roles: Sequence[str], example: tuple) -> None:
    """Raise ValueError unless there is one whole width >= 1 for each role."""
    if not _several(widths) or len(widths) != len(roles) or not whole(widths):
        raise ValueError(
            f"widths of {name} must be {len(roles)} whole numbers >= 1 ({', '.join(roles)}), got "
            f"{tuple(widths) if _several(widths) else widths!r}; for example {example}"
        )
