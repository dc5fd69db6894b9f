"""How wide a weight is drawn: gains by name, Xavier's and Kaiming's standard deviation.

Sources: He et al., *Delving Deep into Rectifiers*, ICCV 2015, section 2.2; Glorot and Bengio,
*Understanding the difficulty of training deep feedforward neural networks*, AISTATS 2010;
N: Niehaus et al., *Weight Rescaling*, equations 5 to 7.
"""

from __future__ import annotations

import math

from scipy import special

from companion import kinds

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
        slope = LEAKY_SLOPE if param is None else kinds.finite(param)
        if slope is None:
            raise ValueError(
                f"the slope of leaky_relu must be a finite number, got {param!r}; 0.01 is usual"
            )
        return math.sqrt(2 / (1 + slope**2)) if abs(slope) < 1e100 else math.sqrt(2) / abs(slope)
    if not isinstance(nonlinearity, str) or nonlinearity not in GAINS:
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
    kinds.least("0 gives weights of 0", 0, std=std)
    return std * math.sqrt(3)


def truncated_parent(std: float, cut: float = 2.0) -> float:
    """The std of the normal distribution which, cut at ``cut`` times its own std, has this std.

    Cutting takes the tails away and leaves less spread: with phi and Phi the standard normal
    density and distribution function, ``std / sqrt(1 - 2 cut phi(cut) / (2 Phi(cut) - 1))``, that
    is std / 0.8796 for a cut at 2, and near std sqrt 3 / cut for a small one, where what is left is
    nearly uniform. The draws then lie within ``cut`` times the result. Raises ValueError unless
    std >= 0 and cut > 0.

    >>> round(truncated_parent(1.0), 4)
    1.1368
    """
    kinds.least("0 gives weights of 0", 0, std=std)
    kinds.above("2 is usual", 0, cut=cut)
    if cut < 1e-6:
        return std * math.sqrt(3) / cut
    # E[z^2 | |z| < cut]: the same as above, without the difference that a small cut would lose
    half = min(cut, 1e100) ** 2 / 2
    return float(std / math.sqrt(special.gammainc(1.5, half) / special.gammainc(0.5, half)))


def _check(gain: float, **fans: int) -> None:
    kinds.least("count the inputs or outputs of a unit", 1, **fans)
    kinds.above("1 is a linear layer's", 0, gain=gain)
