"""A whole model set by one scheme."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor, nn

from companion.methods.initialization import layers
from companion.methods.initialization.connections import KINDS, Matrix, matrices, refuse_lazy
from companion.methods.initialization.schemes import (
    SCHEMES,
    check_names,
    check_weight,
    draw,
    sigma,
)


@torch.no_grad()
def initialize_(
    model: nn.Module,
    scheme: str = "kaiming",
    gain: float | None = None,
    seed: int = 0,
    distribution: str = "normal",
) -> nn.Module:
    """Set the weights of ``model`` by the scheme and its biases to 0, in place; return it.

    Every layer of `connections.KINDS` is set, with the fans of `matrices` and the names of
    `fill_`; by default with normal weights (N section III-G) of gain sqrt 2 (1 for ``lecun`` and
    ``orthogonal``). Numbers depend on the seed, and for linear and convolution layers on the
    layer's number in the order of the forward pass, from 1 on; for other layers on the parameter's
    name. So an embedding that is added leaves the linear layers' weights as they were.

    * Frozen weights are set too: a random layer that stays random starts here.
    * A weight that layers share is set once, by the first of them.
    * The padding row of an embedding stays 0.
    * Normalizations and other parameters of fewer than 2 axes are left alone. A larger parameter
      that no scheme knows (a position's embedding, say) is left too, and a warning names it.

    ValueError for names that do not exist, weights that no scheme can draw (`check_weight`, and
    lazy ones), layers that share a weight and want different scales, and where the forward pass
    would use another weight (`set_weight_`).

    >>> model = nn.Sequential(nn.Embedding(10, 8, padding_idx=0), nn.Linear(8, 2))
    >>> initialize_(model, "lecun", seed=1)[0].weight[0].any().item()
    False
    """
    check_names(scheme, distribution)
    refuse_lazy(model)
    found = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, KINDS)]
    for name, layer, matrix, key in _plan(model, found, scheme, gain):
        weight = getattr(layer, matrix.parameter)
        new = draw(seed, key, weight, scheme, gain, distribution, matrix)
        if isinstance(layer, nn.Embedding) and layer.padding_idx is not None:
            new[layer.padding_idx] = 0
        layers.set_weight_(layer, new, name, matrix.parameter)
    for name, layer in found:
        for bias in layers.biases(layer):
            layers.set_weight_(layer, torch.zeros_like(getattr(layer, bias)), name, bias)
    _name_the_rest(model, found)
    return model


def _plan(
    model: nn.Module, found: list[tuple[str, nn.Module]], scheme: str, gain: float | None
) -> list[tuple[str, nn.Module, Matrix, int | str]]:
    """Layer, matrix and the name of its numbers, for each weight to draw, in order.

    A list, so that a model is refused before any of it is changed.
    """
    numbers = {layer: i for i, (_, layer) in enumerate(layers.scalable_layers(model), start=1)}
    owners: dict[Tensor, tuple[str, float]] = {}
    plan = []
    for name, layer in found:
        where = f"layer {name or type(layer).__name__}"
        for matrix in matrices(layer, name):
            parameter = matrix.parameter
            check_weight(getattr(layer, parameter), f"the {parameter} of {where}")
            std = sigma(scheme, matrix.fan_in, matrix.fan_out, gain) if scheme in SCHEMES else 0.0
            weight = layers.held(layer, parameter, name)[0]
            if weight not in owners:
                owners[weight] = (where, std)
                key = numbers.get(layer, f"{name}.{parameter}" if name else parameter)
                plan.append((name, layer, matrix, key))
            elif not math.isclose(owners[weight][1], std, rel_tol=1e-12):
                first, wanted = owners[weight]
                raise ValueError(
                    f"layers that share a weight must want the same scale, and {first} wants "
                    f"{wanted:.4g} and {where} {std:.4g}; initialize them before you tie them"
                )
    return plan


def _name_the_rest(model: nn.Module, found: list[tuple[str, nn.Module]]) -> None:
    known: set[Tensor] = set()
    for layer in model.modules():
        if isinstance(layer, nn.LayerNorm | nn.RMSNorm):
            known.update(layer.parameters())
    for _, layer in found:
        for parameter in (*(m.parameter for m in matrices(layer)), *layers.biases(layer)):
            known.update(layers.held(layer, parameter))
    rest = [
        name for name, value in model.named_parameters() if value.dim() > 1 and value not in known
    ]
    if rest:
        warnings.warn(
            f"no scheme knows {', '.join(rest)}, which initialize_ left as they were; set them "
            "yourself, with fill_ say",
            stacklevel=4,
        )
