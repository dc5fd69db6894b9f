"""Lengths and biases from a batch: every unit with mean 0 and variance 1 over it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from companion.methods.initialization import layers
from companion.methods.initialization import weight_norm_forms as forms
from companion.methods.initialization.connections import CONVOLUTIONS
from companion.methods.initialization.evaluation import evaluated


@torch.no_grad()
def lengths_from_data_(model: nn.Module, images: Tensor, found: Mapping[str, nn.Module]) -> None:
    """Salimans and Kingma 2016, equations 5 and 6, for the layers of ``found``, in place.

    A unit of length r and bias 0 gives r t; its length becomes 1 / std(t) and its bias
    -mean(t) / std(t), over images and places. The pass goes on with what the layer now gives, so
    one pass, as in evaluation, does for the whole model. A layer without a bias keeps its mean. A
    layer or weight that is used several times is set at its first use. Biases must be 0 before.
    ValueError for a unit that does not vary over the images.
    """
    names = {layer: name for name, layer in found.items()}
    done: set[int] = set()

    def settle(layer: nn.Module, _: tuple, output: Tensor) -> Tensor:
        weight = id(forms.trained(layer)[0])
        if weight in done:
            return output
        done.add(weight)
        units = 1 if isinstance(layer, CONVOLUTIONS) else output.dim() - 1
        over = tuple(axis for axis in range(output.dim()) if axis != units)
        fine = output.to(torch.promote_types(output.dtype, torch.float32))
        std = fine.std(dim=over, correction=0)
        mean = fine.mean(dim=over) if layer.bias is not None else torch.zeros_like(std)
        still = ~(torch.isfinite(std) & (std > 0))
        if still.any():
            raise ValueError(
                f"every unit must vary over the images, and unit {int(still.nonzero()[0])} of "
                f"layer {names[layer]} does not; use more images, or lengths that need none"
            )
        rows = layer.weight.to(fine.dtype) / std.view(-1, *[1] * (layer.weight.dim() - 1))
        forms.set_(layer, rows.to(layer.weight.dtype), names[layer])
        if layer.bias is not None:
            layers.set_weight_(layer, (-mean / std).to(layer.bias.dtype), names[layer], "bias")
        shape = [-1 if axis == units else 1 for axis in range(output.dim())]
        return ((fine - mean.view(shape)) / std.view(shape)).to(output.dtype)

    hooks = [layer.register_forward_hook(settle) for layer in names]
    try:
        with evaluated(model):
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
