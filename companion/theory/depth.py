"""What depth does to the size of a signal at initialization.

Two words are kept apart here. The *variance* of a pre-activation is its spread around its mean;
the *second moment* of an activation is the mean of its square, which is what the next layer
multiplies. After a ReLU the two differ, because the mean is not 0.

Sources: He et al., *Delving Deep into Rectifiers*, ICCV 2015, section 2.2; N: Niehaus et al.,
*Weight Rescaling*, equations 8 and 9.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from companion import kinds
from companion.theory.scale import gain

_SLOPES = {"linear": 1.0, "identity": 1.0, "relu": 0.0}  # of the negative half


def kept_share(nonlinearity: str, param: float | None = None) -> float:
    """E[phi(z)^2] / E[z^2] for z symmetric around 0: what of the second moment a unit lets through.

    linear and identity 1, relu 1/2, leaky_relu of slope a (1 + a^2) / 2. For these, the gain is
    1 / sqrt(kept_share). Raises ValueError for others: their share depends on the scale of z.

    >>> kept_share("relu"), kept_share("linear")
    (0.5, 1.0)
    """
    factor = gain(nonlinearity, param)
    if nonlinearity == "leaky_relu":
        return 1 / factor**2
    if nonlinearity not in _SLOPES:
        raise ValueError(
            "a share that does not depend on scale exists for linear, identity, relu and "
            f"leaky_relu, got {nonlinearity!r}; integrate E[phi(z)^2] numerically"
        )
    return (1 + _SLOPES[nonlinearity] ** 2) / 2


def preactivation_variance(
    fan_ins: Sequence[int],
    stds: Sequence[float],
    nonlinearity: str = "relu",
    input_second_moment: float = 1.0,
    param: float | None = None,
) -> np.ndarray:
    """Variance of the pre-activations of layers 1 .. L at initialization, float64 [L].

    ::

        Var[z_1] = fan_in_1 * std_1^2 * E[x^2]
        Var[z_l] = fan_in_l * std_l^2 * kept_share * Var[z_{l-1}]

    for independent weights of mean 0, symmetric around it, and biases 0 (He et al. eq. 8; N eq. 9
    for the ReLU, where kept_share is 1/2). The variance is over random weights, so a pre-activation
    has mean 0 and its variance is also its second moment. `input_second_moment` is the mean square
    of the inputs: 1 for standardised ones.

    Raises ValueError for lists of different lengths, fans < 1, negative numbers, and as
    `kept_share`.

    >>> from companion.theory.scale import kaiming_std
    >>> widths = [3072, 64, 32]
    >>> preactivation_variance(widths, [kaiming_std(n) for n in widths]).round(6)
    array([2., 2., 2.])
    >>> preactivation_variance(widths, [kaiming_std(n, gain=1.0) for n in widths]).round(6)
    array([1.  , 0.5 , 0.25])
    """
    if not (np.ndim(fan_ins) == np.ndim(stds) == 1 and 0 < len(fan_ins) == len(stds)):
        raise ValueError(
            "fan_ins and stds must name the same layers, at least one, "
            f"got {np.size(fan_ins)} and {np.size(stds)}; give a list of each"
        )
    for layer, (fan_in, std) in enumerate(zip(fan_ins, stds, strict=True), start=1):
        fan, spread = kinds.finite(fan_in), kinds.finite(std)
        if fan is None or fan < 1 or spread is None or spread < 0:
            raise ValueError(
                f"layer {layer}: fan_in must be >= 1 and std >= 0, got {fan_in} and {std}; both "
                "finite"
            )
    kinds.least("1 is that of standardised inputs", 0, input_second_moment=input_second_moment)
    factors = np.asarray(fan_ins, dtype=np.float64) * np.square(np.asarray(stds, dtype=np.float64))
    factors[1:] *= kept_share(nonlinearity, param)
    return input_second_moment * np.cumprod(factors)


def activation_second_moment(
    fan_ins: Sequence[int],
    stds: Sequence[float],
    nonlinearity: str = "relu",
    input_second_moment: float = 1.0,
    param: float | None = None,
) -> np.ndarray:
    """E[phi(z_l)^2] after layers 1 .. L, float64 [L]: kept_share * Var[z_l].

    Arguments and errors as in `preactivation_variance`.

    >>> from companion.theory.scale import kaiming_std
    >>> widths = [3072, 64, 32]
    >>> activation_second_moment(widths, [kaiming_std(n) for n in widths]).round(6)
    array([1., 1., 1.])
    """
    variance = preactivation_variance(fan_ins, stds, nonlinearity, input_second_moment, param)
    return kept_share(nonlinearity, param) * variance


def relu_variance(
    depth: int, width: int, std: float, input_second_moment: float = 1.0
) -> np.ndarray:
    """`preactivation_variance` of a plain ReLU network, every layer `width` wide (N eq. 9).

    Var[z_l] = width * std^2 * E[x^2] * (width * std^2 / 2)^(l - 1) for l = 1 .. depth: it grows
    or dies geometrically unless std = sqrt(2 / width). Raises ValueError unless depth >= 1, and
    as `preactivation_variance`.

    >>> relu_variance(depth=3, width=100, std=0.1)
    array([1.  , 0.5 , 0.25])
    """
    depth = kinds.whole("depth", depth)
    if depth < 1:
        raise ValueError(f"depth must be >= 1 layer, got {depth}; a network has a layer")
    return preactivation_variance([width] * depth, [std] * depth, "relu", input_second_moment)
