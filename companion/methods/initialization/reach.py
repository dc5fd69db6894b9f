"""Does an initialization reach the weights that the forward pass uses?

Code that fills ``layer.weight`` after the layer was wrapped in weight norm fills a copy that is
thrown away, in either form of torch's weight norm, and no error is raised: reported as pytorch
#180968, hifi-gan #145 and TCN #1, all of which initialize after they wrap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from companion.methods.initialization import weight_norm_forms as forms
from companion.methods.initialization.layers import scalable_layers


def unreached(model: nn.Module, initialize: Callable[[nn.Module], Any]) -> tuple[str, ...]:
    """Run ``initialize(model)``, and name the layers that it wrote to in vain.

    A layer is named where not one of the parameters that its weight is, or is computed from, was
    written to (torch counts writes) or replaced. One that ``initialize`` means to leave alone is
    named too. The empty tuple says that all is well. The model is changed as ``initialize`` changes
    it, and an older weight norm's ``weight`` is made to read what the forward pass will use.

    >>> wrap = nn.utils.parametrizations.weight_norm
    >>> model = nn.Sequential(wrap(nn.Linear(4, 3)), nn.ReLU(), nn.Linear(3, 2))
    >>> def fill(model):
    ...     for layer in model[::2]:
    ...         nn.init.orthogonal_(layer.weight)
    >>> unreached(model, fill)
    ('0',)
    """
    found = dict(scalable_layers(model))
    before = {name: _writes(layer) for name, layer in found.items()}
    initialize(model)
    missed = [name for name, layer in found.items() if _writes(layer) == before[name]]
    for layer in found.values():
        forms.refresh(layer)
    return tuple(missed)


def stale(model: nn.Module) -> tuple[str, ...]:
    """The layers under the older weight norm whose ``weight`` reads other than what the forward
    pass will use: one that was written to after it was wrapped.

    The next forward pass computes it anew, and nothing shows the loss any more; behind torch's
    newer form nothing ever does (`unreached`).
    """
    found = []
    for name, layer in scalable_layers(model):
        if "weight_v" in layer._parameters:
            used = torch._weight_norm(layer.weight_v, layer.weight_g, 0)
            if not torch.allclose(layer.weight, used, rtol=1e-3, atol=1e-6):
                found.append(name)
    return tuple(found)


def _writes(layer: nn.Module) -> list[tuple[int, int]]:
    """Which parameters a layer's weight comes from, and how often each was written to; a spectral
    norm's buffers change whenever the weight is read."""
    values = [value for value in forms.trained(layer) if isinstance(value, nn.Parameter)]
    return [(id(value), value._version) for value in values]
