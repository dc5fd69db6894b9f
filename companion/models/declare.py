"""What a file of `models` says of its network, so that the catalogue need only collect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from companion.models import checks


@dataclass(frozen=True)
class Model:
    """A network of the book.

    make: widths, activation, normalization and dropout, by keyword, -> module. widths: those of
    its source, for 32 x 32 colour images and 10 classes. roles: what each width is; empty where
    there may be any number of them, ``least`` or more. vectors: whether the first width counts
    pixels, C H W, rather than channels. check_size: raises ValueError for images (height, width)
    that do not fit.
    """

    make: Callable[..., nn.Module]
    widths: tuple[int, ...]
    roles: tuple[str, ...] = ()
    vectors: bool = False
    check_size: Callable[[int, int], None] = lambda height, width: None
    least: int = 2

    def check(
        self, name: str, widths: Sequence[int], activation: str, normalization: str, dropout: float
    ) -> None:
        """Raise ValueError unless these describe the network of that name; nothing is built."""
        if self.roles:
            checks.fixed_widths(name, widths, self.roles, self.widths)
        else:
            checks.any_widths(widths, self.widths, self.least)
        checks.parts(activation, normalization, dropout)
