"""What each trained tensor of a network is for, found from the network's structure.

Learning rates and decay may differ by role: that of the tensor itself (``weight``, ``bias``, and a
normalization's ``gain`` and ``shift``; the length of weight normalization is a gain) and that of
its layer (``input``, ``hidden``, ``output``). The learnable a and b of a compander are a
``curve``; one pair that a whole network shares is its first layer's.
"""

from __future__ import annotations

from torch import nn

from companion.methods.initialization import scalable_layers

ROLES = ("weight", "bias", "gain", "shift", "curve", "input", "hidden", "output")


def roles(model: nn.Module) -> dict[str, tuple[str, ...]]:
    """Parameter name -> its roles, in the order of ``model.named_parameters()``.

    The first linear or convolution layer is the input, the last the output, all between are
    hidden, with the normalizations before or behind them counted as hidden too.

    >>> roles(nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Linear(3, 2)))["1.bias"]
    ('shift', 'hidden')
    """
    layers = [name for name, _ in scalable_layers(model)]
    found = {}
    for name, _ in model.named_parameters():
        owner = next((layer for layer in layers if _inside(name, layer)), None)
        place = "hidden"
        if owner is not None and len(layers) > 1:
            place = {layers[0]: "input", layers[-1]: "output"}.get(owner, "hidden")
        elif owner is not None:
            place = "output"
        found[name] = (_kind(name, owner), place)
    return found


def _inside(name: str, layer: str) -> bool:
    return name.startswith(f"{layer}.") if layer else True


def _kind(name: str, owner: str | None) -> str:
    last = name.rpartition(".")[2]
    if owner is None:
        return "shift" if last == "bias" else "gain"
    if last == "bias":
        return "bias"
    if last in ("a", "b") and ".parametrizations." in name:
        return "curve"
    return "gain" if last == "original0" else "weight"
