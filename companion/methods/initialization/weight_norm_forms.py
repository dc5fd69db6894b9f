"""Weight norm in its forms: torch's, the book's, and the older one with ``weight_g``.

The older `torch.nn.utils.weight_norm` computes ``weight`` from ``weight_g`` and ``weight_v`` before
each forward pass; the newer ones do so whenever it is read.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.weight_norm import WeightNorm as Older

from companion.methods.initialization import layers


def refuse_others(model: nn.Module, found: Mapping[str, nn.Module]) -> None:
    """Raise ValueError for weight norm along another axis than the first, or on a layer that is
    not among ``found``, whose rows are no output units."""
    for name, module in model.named_modules():
        for axis in _axes(module):
            if name not in found:
                raise ValueError(
                    f"lengths are those of output units, and the rows of {name}, a "
                    f"{type(module).__name__}, are none; start it by hand"
                )
            if axis != 0:
                raise ValueError(
                    f"weight norm must have one length for each output unit (dim=0), got dim={axis}"
                    f" in {name}; wrap it anew"
                )


def _axes(module: nn.Module) -> list[int | None]:
    """The axis of each weight norm on a module's parameters."""
    found = [hook.dim for hook in module._forward_pre_hooks.values() if isinstance(hook, Older)]
    if parametrize.is_parametrized(module):
        for chain in module.parametrizations.values():
            normed = [one for one in chain if type(one).__name__ in ("WeightNorm", "_WeightNorm")]
            found += [getattr(one, "dim", 0) for one in normed]
    return found


def trained(layer: nn.Module, name: str = "") -> list[Tensor]:
    """What a layer's weight is or is computed from."""
    if "weight_v" in layer._parameters:
        return [layer.weight_g, layer.weight_v]
    return layers.held(layer, "weight", name)


def direction(layer: nn.Module, name: str = "") -> Tensor:
    """The vectors whose direction a layer's weight has: under weight norm v, which has one where
    the length is 0; else the weight."""
    if "weight_v" in layer._parameters:
        return layer.weight_v
    trained(layer, name)  # refuses what is computed anew
    return layer.parametrizations.weight.original1 if _axes(layer) else layer.weight


def set_(layer: nn.Module, weight: Tensor, name: str = "") -> None:
    """Give a layer this weight, so that its forward pass uses it; as `layers.set_weight_`, in the
    older form too."""
    if "weight_v" not in layer._parameters:
        layers.set_weight_(layer, weight, name)
        return
    fine = torch.promote_types(weight.dtype, torch.float32)
    norms = torch.linalg.vector_norm(weight.flatten(1), dim=1, dtype=fine)
    layer.weight_g.copy_(norms.view_as(layer.weight_g))
    layer.weight_v.copy_(weight)
    refresh(layer)


@torch.no_grad()
def refresh(layer: nn.Module) -> None:
    """Let ``weight`` read what the forward pass will use."""
    if "weight_v" in layer._parameters:
        layer.weight = torch._weight_norm(layer.weight_v, layer.weight_g, 0)
