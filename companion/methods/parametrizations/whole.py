"""A whole model behind a curve, and the plain model back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from companion.methods.initialization.connections import refuse_lazy
from companion.methods.initialization.layers import held, scalable_layers
from companion.methods.initialization.schemes import check_weight
from companion.methods.parametrizations import compander, curves, weight_norm
from companion.methods.parametrizations.compander import Compander
from companion.methods.parametrizations.curves import Curve

LEARNING = ("no", "coarse", "fine")
Pair = tuple[float, float]


def compand_(
    model: nn.Module,
    curve: str | Curve = "arctan",
    a: float = 1.0,
    b: float = 1.0,
    learn: str = "no",
    clamp: bool = False,
    pair: Callable[[nn.Module], Pair] | None = None,
) -> nn.Module:
    """Write the weights of all linear and convolution layers as ``w = a psi(v / b)``; return it.

    Each layer keeps the weight that it has, to rounding. Norms and biases are left alone (C
    section III-A), and so are embeddings, recurrent layers and transposed convolutions. learn:
    ``no``; ``coarse``, one trained a and b for the network; ``fine``, a pair for each layer (C
    section III-B). pair: a layer -> its a and b, where each has its own. clamp: cut weights outside
    the range, knowingly.

    Make the optimizer after this: v is what is trained. ValueError, with nothing changed, for a
    weight outside the range (`Compander`), one that layers share, one that is parametrized, and one
    that is no weight to train (`check_weight`; on meta it may be).

    >>> model = compand_(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), b=0.6)
    >>> [name for name, _, _ in companders(model)]
    ['0', '2']
    """
    if learn not in LEARNING:
        raise ValueError(f"learn must be one of {', '.join(LEARNING)}, got {learn!r}; pick one")
    if learn == "coarse" and pair is not None:
        raise ValueError(
            "a coarse compander has one a and b for the network, got a pair for each layer; use "
            "learn='fine'"
        )
    bent = curves.curve(curve)
    layers = list(scalable_layers(model))
    if not layers:
        raise ValueError(
            "a compander needs a linear or convolution layer, got a model without one; compand a "
            "model that has weights to bend"
        )
    refuse_shared(model, layers, "a compander")
    made, shared = [], None
    for name, layer in layers:
        where = name or type(layer).__name__
        _refuse_parametrized(where, layer)
        weight = layer.weight
        if not weight.is_meta:
            check_weight(weight, f"the weight of layer {where}")
        one, two = (_like(value, weight) for value in (pair(layer) if pair else (a, b)))
        if learn == "coarse":
            shared = shared or (nn.Parameter(one), nn.Parameter(two))
            one, two = shared
        mine = Compander(bent, one, two, learn != "no", clamp, where)
        with torch.no_grad():
            mine.right_inverse(weight)  # refuses before anything is changed
        made.append((layer, mine))
    for layer, mine in made:
        parametrize.register_parametrization(layer, "weight", mine)
    return model


def companders(model: nn.Module) -> Iterator[tuple[str, nn.Module, Compander]]:
    """Name, layer and compander of every companded weight, in the order of the forward pass."""
    for name, layer in scalable_layers(model):
        found = compander.of(layer)
        if found is not None:
            yield name, layer, found


def bake(model: nn.Module) -> nn.Module:
    """A copy of the model with its weights behind a curve or weight norm, the book's or torch's, as
    plain ones: the same outputs to the bit, the names and shapes of a network that never had
    either, no cost at inference (C III-A4).

    The model itself is left as it is, and can go on training. A model without them is copied.
    ValueError where such a layer has another tensor behind a parametrization, and where a hook
    computes a weight anew before each forward pass, which cannot be copied.
    """
    for name, layer in scalable_layers(model):
        held(layer, "weight", name)
    baked = copy.deepcopy(model)
    for name, layer in list(scalable_layers(baked)):
        if compander.of(layer) is None and not weight_norm.is_behind(layer):
            continue
        if list(layer.parametrizations) != ["weight"]:
            raise ValueError(
                f"baking needs a layer whose weight alone is parametrized, got "
                f"{', '.join(layer.parametrizations)} of layer {name}; remove the others first"
            )
        inside = layer.parametrizations.weight
        trained = inside.original if inside.is_tensor else inside.original1
        _make_plain(layer, nn.Parameter(layer.weight.detach(), trained.requires_grad))
    return baked


def _make_plain(layer: nn.Module, weight: nn.Parameter) -> None:
    """Turn a layer back into one of its own class, with its weight in front of its bias.

    torch's ``remove_parametrizations`` would take the weight from the class, which a copy shares
    with its original.
    """
    del layer.parametrizations
    layer.__class__ = type(layer).__bases__[0]
    rest = dict(layer._parameters)
    layer._parameters.clear()
    layer._parameters.update({"weight": weight, **rest})


def _like(value: float, weight: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=weight.dtype, device=weight.device)


def _refuse_parametrized(name: str, layer: nn.Module) -> None:
    refuse_lazy(layer, name)
    held(layer, "weight", name)
    if parametrize.is_parametrized(layer, "weight"):
        kind = type(layer.parametrizations.weight[0]).__name__
        raise ValueError(
            f"a compander bends a weight that is trained itself, and that of layer {name} is "
            f"behind {kind}; remove that parametrization first (bake a compander)"
        )


def refuse_shared(model: nn.Module, layers: list[tuple[str, nn.Module]], what: str) -> None:
    """Raise ValueError where the weight of a layer is that of another too, of which a
    parametrization, named by ``what``, would change one alone."""
    owners: dict[int, list[str]] = {}
    for module_name, module in model.named_modules():
        for parameter, value in module._parameters.items():
            if value is not None:
                owners.setdefault(id(value), []).append(f"{module_name}.{parameter}".lstrip("."))
    for name, layer in layers:
        weight = layer._parameters.get("weight")
        places = owners.get(id(weight), []) if weight is not None else []
        if len(places) > 1:
            raise ValueError(
                f"{what} needs a weight of one layer, and {' and '.join(places)} are the same "
                f"tensor, of which only that in layer {name} would change; untie them first"
            )
