"""Closed forms for the scale of weights and of signals: what the figures draw as prediction.

Two words are kept apart here. The *variance* of a pre-activation is its spread around its mean;
the *second moment* of an activation is the mean of its square, which is what the next layer
multiplies. After a ReLU the two differ, because the mean is not 0.

Sources: He et al., *Delving Deep into Rectifiers*, ICCV 2015, section 2.2; Glorot and Bengio,
*Understanding the difficulty of training deep feedforward neural networks*, AISTATS 2010;
N: Niehaus et al., *Weight Rescaling*, equations 5 to 9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

GAINS: dict[str, float] = {  # torch.nn.init.calculate_gain's table
    "linear": 1.0,
    "identity": 1.0,
    "conv": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}
LEAKY_SLOPE = 0.01  # torch's default
_SLOPES = {"linear": 1.0, "identity": 1.0, "relu": 0.0}  # of the negative half


def gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a layer before `nonlinearity` is drawn wider than a linear one.

    ``leaky_relu`` of slope `param` (0.01 by default): sqrt(2 / (1 + param^2)); the others as in
    `GAINS`. Dimensionless. The ReLU family's gains keep the second moment exactly; tanh's 5/3
    and SELU's 3/4 are torch's conventions.

    Raises ValueError for an unknown name, and for a `param` that the nonlinearity does not have.

    >>> round(gain("relu"), 4), gain("tanh"), gain("leaky_relu", 1.0)
    (1.4142, 1.6666666666666667, 1.0)
    """
    if nonlinearity == "leaky_relu":
        slope = LEAKY_SLOPE if param is None else param
        if not math.isfinite(slope):
            raise ValueError(f"the slope of leaky_relu must be a finite number, got {slope}")
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in GAINS:
        raise ValueError(
            f"nonlinearity must be one of {', '.join(GAINS)}, leaky_relu, got {nonlinearity!r}"
        )
    if param is not None:
        raise ValueError(f"only leaky_relu takes a param, got {param} for {nonlinearity}; omit it")
    return GAINS[nonlinearity]


def xavier_std(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    """Glorot's standard deviation: gain * sqrt(2 / (fan_in + fan_out)) (N eq. 6).

    The compromise between keeping the forward variance (1 / fan_in) and the backward one
    (1 / fan_out): the *harmonic* mean of the two. Raises ValueError unless fans >= 1, gain > 0.

    >>> xavier_std(100, 100)
    0.1
    """
    _check(fan_in=fan_in, fan_out=fan_out, gain=gain)
    return gain * math.sqrt(2 / (fan_in + fan_out))


def kaiming_std(fan_in: int, gain: float = GAINS["relu"]) -> float:
    """He's standard deviation: gain / sqrt(fan_in), with sqrt 2 for a ReLU (N eq. 7).

    Raises ValueError unless fan_in >= 1 and gain > 0.

    >>> kaiming_std(100, gain=1.0)
    0.1
    >>> round(kaiming_std(3072), 4)
    0.0255
    """
    _check(fan_in=fan_in, gain=gain)
    return gain / math.sqrt(fan_in)


def uniform_bound(std: float) -> float:
    """The bound b of the uniform distribution on [-b, b] that has this std: std * sqrt 3 (N eq. 5).

    Raises ValueError unless std >= 0.

    >>> round(uniform_bound(1.0), 4)
    1.7321
    """
    if not (math.isfinite(std) and std >= 0):
        raise ValueError(f"std must be finite and >= 0, got {std}")
    return std * math.sqrt(3)


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

    >>> widths = [3072, 64, 32]
    >>> preactivation_variance(widths, [kaiming_std(n) for n in widths]).round(6)
    array([2., 2., 2.])
    >>> preactivation_variance(widths, [kaiming_std(n, gain=1.0) for n in widths]).round(6)
    array([1.  , 0.5 , 0.25])
    """
    if len(fan_ins) != len(stds) or len(stds) == 0:
        raise ValueError(
            "fan_ins and stds must name the same layers, at least one, "
            f"got {len(fan_ins)} and {len(stds)}"
        )
    for layer, (fan_in, std) in enumerate(zip(fan_ins, stds, strict=True), start=1):
        if not (math.isfinite(fan_in) and fan_in >= 1 and math.isfinite(std) and std >= 0):
            raise ValueError(
                f"layer {layer}: fan_in must be >= 1 and std >= 0, got {fan_in} and {std}"
            )
    if not (math.isfinite(input_second_moment) and input_second_moment >= 0):
        raise ValueError(f"input_second_moment must be finite and >= 0, got {input_second_moment}")
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
    if depth < 1:
        raise ValueError(f"depth must be >= 1 layer, got {depth}")
    return preactivation_variance([width] * depth, [std] * depth, "relu", input_second_moment)


def _check(gain: float, **fans: int) -> None:
    for name, fan in fans.items():
        if not (math.isfinite(fan) and fan >= 1):
            raise ValueError(
                f"{name} must be >= 1, got {fan}; count the inputs or outputs of a unit"
            )
    if not (math.isfinite(gain) and gain > 0):
        raise ValueError(f"gain must be > 0, got {gain}; 1 is a linear layer's")


def kept_by_decay(
    steps: int, learning_rate: float, weight_decay: float, momentum: float = 0.0
) -> float:
    """The share of a weight that is left after `steps` of SGD with coupled weight decay and no
    gradient of the loss.

    Each step sets ``v <- momentum v + weight_decay w`` and ``w <- w - learning_rate v``; the
    linear map is raised to the power `steps`, so the result is exact. For small steps it is
    close to ``exp(-learning_rate weight_decay steps / (1 - momentum))``. The norm of a weight
    vector keeps the same share. Dimensionless.

    Source: torch.optim.SGD; section 3.2 of the chapter on decay (Krogh and Hertz, 1991).
    Raises ValueError for a negative number of steps.

    >>> round(kept_by_decay(1250, 1e-3, 1e-3, 0.9), 4)  # one epoch of 40,000 images, batch 32
    0.9877
    """
    if steps < 0:
        raise ValueError(f"steps must be >= 0, got {steps}; count optimizer steps from 0")
    step = np.array(
        [
            [1 - learning_rate * weight_decay, -learning_rate * momentum],
            [weight_decay, momentum],
        ]
    )
    return float(np.linalg.matrix_power(step, steps)[0, 0])
