"""A network whose call gives something beside its logits, or in place of them.

`torch.func.functional_call` takes a module and the tensors of one run; what a stack wants to know
of a run is therefore asked by a module that holds the network as ``model``.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from companion.measure import signals

Named = dict[str, Tensor]
"""The tensors of a network, or of some of it, by name."""


class Watched(nn.Module):
    """A network whose call also gives the moments of its layers."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and moments (`declare.Forward`)."""
        return signals.watched(self.model, images)


class Passing(nn.Module):
    """A network whose call gives what goes in and out of its layers, in turn."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Inputs and outputs, layer by layer."""
        return tuple(side for sides in signals.passed(self.model, images) for side in sides)


class Weights(nn.Module):
    """A network whose call gives the weights of some layers."""

    def __init__(self, model: nn.Module, layers: Sequence[str]) -> None:
        super().__init__()
        self.model, self.layers = model, layers

    def forward(self) -> tuple[Tensor, ...]:
        """One weight a layer."""
        return tuple(self.model.get_submodule(layer).weight for layer in self.layers)


def inside(tensors: tuple[Named, Named]) -> tuple[Named, Named]:
    """Names as a module sees them that holds the network as ``model``."""
    return tuple({f"model.{name}": value for name, value in part.items()} for part in tensors)
