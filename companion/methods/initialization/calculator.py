"""What one layer needs: its fans, the gain of its activation, and the spread of its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from companion.methods.initialization.activations import name_of, of_numbers
from companion.methods.initialization.connections import CONVOLUTIONS, TRANSPOSED, layer_fans
from companion.theory import gains, scale

_KINDS = (
    nn.Linear, nn.Bilinear, *CONVOLUTIONS, *TRANSPOSED, nn.Embedding, nn.RNN, nn.LSTM, nn.GRU,
    nn.RNNCell, nn.LSTMCell, nn.GRUCell, nn.MultiheadAttention,
)  # fmt: skip
_NAMED = {kind.__name__.lower(): kind for kind in _KINDS}


@dataclass(frozen=True)
class Recommendation:
    """What `recommend` found: printed, it is a sentence for each.

    fan_in and fan_out: inputs a unit sums over, outputs an input feeds. gain: factor over a linear
    layer. std: of the weights, gain / sqrt(fan_in). bound: that of uniform weights with this std.
    """

    layer: str
    activation: str
    fan_in: float
    fan_out: float
    gain: float
    std: float
    bound: float

    def __str__(self) -> str:
        return (
            f"{self.layer}: each output sums {self.fan_in:g} inputs, and each input feeds "
            f"{self.fan_out:g} outputs.\n"
            f"After {self.activation} the gain is {self.gain:.4g}, which keeps the mean square of "
            "the signal.\n"
            f"Draw normal weights with mean 0 and standard deviation {self.std:.4g}, or uniform "
            f"ones between -{self.bound:.4g} and {self.bound:.4g}; set the biases to 0."
        )


def recommend(
    layer: nn.Module | str,
    activation: str | Callable[[Any], Any] = "relu",
    *sizes: Any,
    **options: Any,
) -> Recommendation:
    """How to draw the weights of a layer that reads ``activation``'s outputs.

    ``std = gain / sqrt(fan_in)`` with ``gain = 1 / sqrt(E[phi(z)^2])`` for a standard normal z, by
    quadrature (`theory.gains.exact_gain`): He et al. 2015 eq. 10 for any phi. A first layer reads
    the data, standardised ones as they are: its activation is ``"linear"``.

    layer: a layer of torch, or its class in lower case with the arguments of the class in ``sizes``
    and ``options``. activation: a name of `theory.gains.ACTIVATIONS`, or a function of one number
    or of a tensor, such as ``nn.Mish()``. ValueError for an unknown name, sizes that the class does
    not take, a layer without one pair of fans (`layer_fans`), and what `of_numbers` and
    `exact_gain` refuse.

    >>> print(recommend("conv2d", "gelu", 3, 64, 5))
    Conv2d: each output sums 75 inputs, and each input feeds 1600 outputs.
    After gelu the gain is 1.534, which keeps the mean square of the signal.
    Draw normal weights with mean 0 and standard deviation 0.1771, or uniform ones between -0.3067
    and 0.3067; set the biases to 0.
    >>> round(recommend(nn.Linear(50, 10), nn.functional.relu).bound, 4)
    0.3464
    """
    if isinstance(layer, str):
        layer = _made(layer, sizes, options)
    elif sizes or options:
        raise ValueError(
            f"sizes go with the name of a kind, got {sizes or options} beside a "
            f"{type(layer).__name__}; leave them out"
        )
    fan_in, fan_out = layer_fans(layer)
    phi = activation if isinstance(activation, str) else of_numbers(activation)
    gain = gains.exact_gain(phi)
    std = scale.kaiming_std(fan_in, gain)
    named = activation if isinstance(activation, str) else name_of(activation)
    bound = scale.uniform_bound(std)
    return Recommendation(type(layer).__name__, named, fan_in, fan_out, gain, std, bound)


def _made(kind: str, sizes: tuple[Any, ...], options: dict[str, Any]) -> nn.Module:
    """A layer without memory: its sizes are all that counts."""
    if kind not in _NAMED:
        raise ValueError(f"a layer must be one of {', '.join(_NAMED)}, or a module, got {kind!r}")
    try:
        return _NAMED[kind](*sizes, **{**options, "device": "meta"})
    except (TypeError, ValueError, RuntimeError) as error:
        name = _NAMED[kind].__name__
        raise ValueError(
            f"{kind} takes the arguments of torch.nn.{name} after the activation, got {sizes} and "
            f"{options}: {error}"
        ) from error
