"""What the lengths of weight vectors do to a signal: weight-normalized layers at initialization.

Under weight norm a unit's weights are ``w = r u``, a length r and a direction u of length 1. A
layer of lengths r and isotropic directions multiplies the squared length of what it is given by
``share r^2 fan_out / fan_in`` on average, where share is what its activation lets through: 1/2 for
a ReLU. No normal distribution and no large width is needed: for a uniform direction u in R^n and a
fixed x, ``E[(u.x)^2] = |x|^2 / n`` since the n squared coordinates are alike and add up to |x|^2;
u and -u are alike too, so a ReLU keeps half. With ``r^2 = 2 fan_in / fan_out`` the factor is 1.
That is A's theorem 1, whose constant K_n is therefore 1 for every n.

Source: A: Arpit, Campos and Bengio, *How to Initialize your Network?* (arXiv 1906.02341).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from companion import kinds

RULES = ("forward", "backward", "one")
DIRECTIONS = ("gaussian", "orthogonal")
STAGE_BOUNDS = (math.sqrt(2), math.sqrt(math.e))
"""Between these the length of a signal grows in one stage of residual blocks (A, theorem 3)."""


def length(rule: str, fan_in: float, fan_out: float, gain: float = math.sqrt(2)) -> float:
    """The length r of every weight vector of a layer.

    * ``forward``: gain sqrt(fan_in / fan_out) keeps the length of the signal (A, theorem 1);
    * ``backward``: gain keeps the length of the gradient (A, theorem 2);
    * ``one``: 1.

    gain: sqrt 2 before a ReLU, 1 before nothing, 1 / sqrt B for the last layer of each of B
    residual blocks (A, section 4, whose gamma is its square). ValueError for an unknown rule, fans
    <= 0 and a gain <= 0.

    >>> round(length("forward", 200, 100), 4), round(length("backward", 200, 100), 4)
    (2.0, 1.4142)
    """
    kinds.above("1 is a linear unit's", 0, fan_in=fan_in, fan_out=fan_out, gain=gain)
    if rule == "forward":
        return gain * math.sqrt(fan_in / fan_out)
    if rule == "backward":
        return gain
    if rule == "one":
        return 1.0
    raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}; pick one")


def k_n(n: int, higher: bool = True) -> float:
    """A's constant K_n of theorem 1, by its equation 3: 1 for every n > 1.

    ``K_n = 2 S_{n-1} / S_n`` times a product that depends on whether n is even. A calls S_n the
    surface of "a unit n-dimensional sphere". It is 1 where that sphere lies in R^(n+1), with
    ``S_n = 2 pi^((n+1)/2) / Gamma((n+1)/2)``; with higher=False it is the one in R^n, and K_n is
    less. ValueError unless n is a whole number > 1.

    >>> round(k_n(7), 12), round(k_n(7, higher=False), 3)
    (1.0, 0.92)
    """
    n = kinds.whole("n", n)
    if n < 2:
        raise ValueError(f"n must be >= 2, got {n}; in one dimension there is one direction")

    def log_surface(index: int) -> float:
        half = (index + higher) / 2
        return math.log(2) + half * math.log(math.pi) - float(special.gammaln(half))

    ratio = 2 * math.exp(log_surface(n - 1) - log_surface(n))
    if n % 2 == 0:
        return ratio * math.prod((k - 1) / k for k in range(3, n, 2))
    return ratio * math.prod((k - 1) / k for k in range(2, n, 2)) * math.pi / 2


def factor(length: float, fan_in: float, fan_out: float, share: float = 0.5) -> float:
    """What a layer multiplies the squared length of a signal by, the mean over directions.

    share: what the activation lets through of a mean square, `depth.kept_share`. ValueError unless
    fans are > 0 and length and share >= 0, all finite.

    >>> factor(2.0, 200, 100), factor(1.0, 200, 100)
    (1.0, 0.25)
    """
    kinds.above("count the connections of a unit", 0, fan_in=fan_in, fan_out=fan_out)
    kinds.least("0 lets nothing through", 0, length=length, share=share)
    return share * (length * length) * fan_out / fan_in


def signal_lengths(
    widths: Sequence[int], rule: str, gain: float = math.sqrt(2), share: float = 0.5
) -> np.ndarray:
    """``|h_l| / |x|`` after layers 0 .. L of widths n_0, ..., n_L, the root of the mean square.

    Errors as `length` and `factor`, and for fewer widths than 2.

    >>> signal_lengths([100, 50, 400], "forward").round(6)
    array([1., 1., 1.])
    """
    _check_widths(widths)
    factors = [factor(length(rule, a, b, gain), a, b, share) for a, b in itertools.pairwise(widths)]
    return np.sqrt(np.cumprod([1.0, *factors]))


def gradient_lengths(
    widths: Sequence[int], rule: str, gain: float = math.sqrt(2), share: float = 0.5
) -> np.ndarray:
    """The length of the gradient at layers 0 .. L, 1 at the output, the root of the mean square.

    A layer multiplies the squared length of a gradient on its way down by ``share r^2``. Under the
    forward rule that is n_(l-1) / n_l, so the product over layers telescopes: at the input it is
    n_0 / n_L whatever lies between. Errors as `signal_lengths`.

    >>> (gradient_lengths([100, 50, 400], "forward") ** 2).round(6)
    array([0.25 , 0.125, 1.   ])
    """
    _check_widths(widths)
    kinds.least("0 lets nothing through", 0, share=share)
    factors = [share * length(rule, a, b, gain) ** 2 for a, b in itertools.pairwise(widths)]
    return np.sqrt(np.cumprod([1.0, *factors[::-1]]))[::-1]


def _check_widths(widths: Sequence[int]) -> None:
    if isinstance(widths, str | bytes) or np.ndim(widths) != 1 or len(widths) < 2:
        raise ValueError(
            f"widths must be a list of at least 2, inputs and layers, got {widths!r}; for example "
            "[100, 50]"
        )


def factor_variance(directions: str, fan_in: int, fan_out: int) -> float:
    """The variance of ``|h|^2 / |x|^2`` over the directions of one ReLU layer of factor 1, exact.

    ::

        gaussian     (5 n - 2) / (m (n + 2))      n = fan_in, m = fan_out
        orthogonal   (5 n - 2 m) / (m (n + 2))    for m <= n

    from ``E[u_1^4] = 3 / (n (n + 2))`` and ``E[u_1^2 u_2^2] = 1 / (n (n + 2))``. A square layer
    strays by 3/n with orthogonal rows and by 5/n with independent ones: 40 % less. ValueError for
    other names, sizes below 1, and more orthogonal rows than inputs.

    >>> [round(200 * factor_variance(kind, 200, 200), 2) for kind in DIRECTIONS]
    [4.94, 2.97]
    """
    if directions not in DIRECTIONS:
        raise ValueError(
            f"directions must be one of {', '.join(DIRECTIONS)}, got {directions!r}; pick one"
        )
    kinds.least("count the inputs or outputs of a unit", 1, fan_in=fan_in, fan_out=fan_out)
    if directions == "gaussian":
        return (5 * fan_in - 2) / (fan_out * (fan_in + 2))
    if fan_out > fan_in:
        raise ValueError(
            f"orthogonal rows must be at most the {fan_in} inputs, got {fan_out}; more rows have "
            "no closed form here"
        )
    return (5 * fan_in - 2 * fan_out) / (fan_out * (fan_in + 2))


def residual_length(stages: Sequence[int]) -> float:
    """``|f(x)| / |x|`` of residual stages of so many blocks, the root of the mean square.

    A block adds a branch of mean square 1/B of what it is given, in a direction that is fair both
    ways, so a stage of B blocks multiplies the mean square by ``(1 + 1/B)^B``, from 2 (one block)
    to e (many): A's theorem 3, for each stage; K stages reach e^(K/2) (`stage_bounds`). ValueError
    for no stage, and for one without a block.

    >>> round(residual_length([1]), 4), round(residual_length([40]), 4)
    (1.4142, 1.6386)
    """
    counts = [kinds.finite(blocks) for blocks in stages] if np.ndim(stages) == 1 else []
    if not counts or None in counts or min(counts) < 1:
        raise ValueError(
            f"stages must be a list of one or more, each of at least one block, got {stages!r}; "
            "leave an empty one out"
        )
    return math.prod((1 + 1 / blocks) ** (blocks / 2) for blocks in stages)


def stage_bounds(stages: int = 1) -> tuple[float, float]:
    """The smallest and largest `residual_length` of so many stages: 2^(K/2) and e^(K/2).

    ValueError for stages that are no whole number from 0 to 1000.

    >>> [round(bound, 2) for bound in stage_bounds(3)]
    [2.83, 4.48]
    """
    stages = kinds.whole("stages", stages)
    if not 0 <= stages <= 1000:
        raise ValueError(f"stages must be from 0 to 1000, got {stages}; count those of a network")
    return STAGE_BOUNDS[0] ** stages, STAGE_BOUNDS[1] ** stages


DATA_LENGTH = math.sqrt(2 * math.pi / (math.pi - 1))
"""The length that data-dependent initialization settles at behind wide ReLU layers.

It wants variance 1 over the batch of ``r u . h`` with h = relu(z), z standard normal in every unit
and independent between units: ``r^2 Var(h) = 1``, and ``Var(h) = 1/2 - 1/(2 pi)`` since h has the
mean 1 / sqrt(2 pi), which the bias takes away. 1.713, where sqrt 2 keeps a gradient."""
DATA_GRADIENT = math.pi / (math.pi - 1)
"""So a gradient's mean square grows ``r^2 / 2 = pi / (pi - 1)``-fold in each such layer, 1.467: the
factor of batch norm before a ReLU (G. Yang et al., *A Mean Field Theory of Batch Normalization*,
ICLR 2019), whose first step this initialization is."""


def reads(
    size: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    right: int | None = None,
) -> float:
    """How many outputs read an input of one axis of an image, on average.

    A convolution counts ``kernel`` in its fan_out, which is right away from the border at stride 1.
    Here every tap that falls on an input is counted, and divided by the inputs: about kernel /
    stride, less what falls on the zeros of the padding. right: the padding behind the image, as
    before it unless given. ValueError for sizes below 1, a padding below 0, and a kernel that is
    larger than the padded image.

    >>> reads(32, 3, padding=1), reads(32, 3, stride=2, padding=1)
    (2.9375, 1.46875)
    """
    right = padding if right is None else right
    for name, value, low in (
        ("size", size, 1), ("kernel", kernel, 1), ("stride", stride, 1), ("padding", padding, 0),
        ("dilation", dilation, 1), ("right", right, 0),
    ):  # fmt: skip
        if kinds.whole(name, value) < low:
            raise ValueError(f"{name} must be >= {low}, got {value}; count pixels")
    span, padded = dilation * (kernel - 1) + 1, padding + size + right
    if span > padded:
        raise ValueError(
            f"the kernel must fit the padded image, got {span} taps for {padded}; pad more"
        )
    firsts = np.arange(0, padded - span + 1, stride) - padding
    taps = firsts[:, None] + dilation * np.arange(kernel)
    return float(((taps >= 0) & (taps < size)).sum() / size)
