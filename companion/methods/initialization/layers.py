"""Which layers a scheme sets, and how a layer is given a weight that its forward pass uses."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from companion.methods.initialization.connections import CONVOLUTIONS, check_module


def scalable_layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The linear and convolution layers of a model, by name, in the order of the forward pass:
    the layers whose weights a rescaling resets. Transposed convolutions are left out: a row of
    their weight is no output unit. ValueError for what is no module."""
    check_module(model)
    for name, layer in model.named_modules():
        if isinstance(layer, (nn.Linear, *CONVOLUTIONS)):
            yield name, layer


def held(layer: nn.Module, parameter: str, name: str = "") -> list[Tensor]:
    """The parameters that a layer's weight is, or is computed from by a parametrization (and its
    buffers).

    ValueError where a hook computes the weight anew before each forward pass (the older weight and
    spectral norm). name: that of the layer, for the sentence.
    """
    if parametrize.is_parametrized(layer, parameter):
        inside = layer.parametrizations[parameter]
        return [*inside.parameters(), *inside.buffers()]
    if parameter not in layer._parameters:
        raise ValueError(
            f"the {parameter} of {_called(layer, name)} is computed anew before each forward pass, "
            "so that what is written would be lost; use the form in "
            "torch.nn.utils.parametrizations, or set the weight before you wrap the layer"
        )
    return [layer._parameters[parameter]]


def biases(layer: nn.Module) -> list[str]:
    """The names of a layer's own biases, of every gate and of attention's key and value too."""
    computed = list(layer.parametrizations) if parametrize.is_parametrized(layer) else []
    names = [name for name, value in layer._parameters.items() if value is not None]
    return [name for name in (*names, *computed) if "bias" in name]


@torch.no_grad()
def set_weight_(
    layer: nn.Module, weight: Tensor, name: str = "", parameter: str = "weight"
) -> None:
    """Give a layer this weight, so that it is the weight which the forward pass uses.

    Behind a parametrization (weight norm, say) it is set through the ``right_inverse``. ValueError,
    with nothing changed, where another weight would be used: where a hook computes the weight
    anew before each forward pass (the older weight and spectral norm), or a parametrization does
    not give back what it is set to (spectral norm, orthogonal). A parametrization whose
    ``nearest(weight)`` says so gives that instead (a compander that may cut). name: that of the
    layer, for the sentence. parameter: which weight of the layer, ``weight_hh_l0`` say.
    """
    values = held(layer, parameter, name)
    if not parametrize.is_parametrized(layer, parameter):
        values[0].copy_(weight)
        return
    before = [value.clone() for value in values]
    _assign(layer, parameter, weight)
    rounding = max(1e-3, 4 * torch.finfo(weight.dtype).eps)
    inside = layer.parametrizations[parameter]
    if len(inside) == 1 and hasattr(inside[0], "nearest"):
        weight = inside[0].nearest(weight)
    if torch.allclose(getattr(layer, parameter), weight, rtol=rounding, atol=1e-6):
        return
    # setting may have put a new buffer in an old one's place
    for value, old in zip(held(layer, parameter), before, strict=True):
        value.copy_(old)
    raise ValueError(
        f"the parametrization of {_called(layer, name)} must give back the weight that it is set "
        "to, and it gives another; set the weight before you register it, or use another "
        "parametrization"
    )


def _assign(layer: nn.Module, parameter: str, weight: Tensor) -> None:
    """Set a parametrized weight. torch's own assignment wants each of several tensors in the
    precision in which it was registered: not so where a model was put to half precision since, the
    lengths of the book's weight norm too."""
    inside = layer.parametrizations[parameter]
    kinds = {value.dtype for value in (*inside.parameters(), *inside.buffers())}
    if inside.is_tensor or kinds not in ({torch.float16}, {torch.bfloat16}):
        setattr(layer, parameter, weight)
        return
    values = weight
    for one in reversed(inside):
        values = one.right_inverse(values)
    for number, value in enumerate(values):
        getattr(inside, f"original{number}").copy_(value)


def _called(layer: nn.Module, name: str) -> str:
    return f"layer {name}" if name else f"this {type(layer).__name__}"
