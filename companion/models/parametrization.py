"""How the weights are written in terms of what is trained, as an argument.

``weight_norm`` (Salimans and Kingma 2016) writes each output unit's weight vector as
``w = g v / |v|``, with a length g and a direction v that are learned apart; under
``bounded_weight_norm`` (Hoffer and others 2018) the length stays what it is at the start. The other
names are curves, each weight for itself. All are of `methods.parametrizations`.
"""

from __future__ import annotations

from torch import nn

from companion.methods.initialization import scalable_layers
from companion.methods.parametrizations import (
    CURVES,
    bounded_weight_norm,
    compand_,
    power,
    refuse_shared,
    weight_norm,
)

WEIGHT_NORMS = {"weight_norm": weight_norm, "bounded_weight_norm": bounded_weight_norm}
PARAMETRIZATIONS = ("none", *WEIGHT_NORMS, *CURVES)


def reparametrize_(
    model: nn.Module, name: str, learn: str = "no", clamp: bool = False, alpha: float = 2.0
) -> nn.Module:
    """Put the parametrization of this name on every linear and convolution layer of ``model``, the
    last one and shortcuts too: exactly the layers whose scale a scheme sets. Bounded weight norm
    leaves the last layer out, as its source and L do: with lengths for good no logit could grow.

    A curve has a = b = 1 until `bend_`; learn and clamp are those of `compand_`, alpha that of
    ``powerprop``. ValueError, with nothing changed, for a weight that layers share: each would get
    its own.
    """
    if name in CURVES:
        curve = power(alpha) if name == "powerprop" else name
        return compand_(model, curve, learn=learn, clamp=clamp)
    if name in WEIGHT_NORMS:
        layers = list(scalable_layers(model))
        if name == "bounded_weight_norm":
            layers = layers[:-1]
        refuse_shared(model, layers, "weight norm")
        for _, layer in layers:
            WEIGHT_NORMS[name](layer)
    return model
