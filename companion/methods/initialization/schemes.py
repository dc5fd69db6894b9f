"""Schemes by name: a standard deviation, a distribution, and weights drawn from it."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from companion import kinds, streams
from companion.methods.initialization.connections import Matrix, fans
from companion.theory import scale

SCHEMES = ("kaiming", "xavier", "constant", "kaiming_out", "harmonic", "lecun")
"""Those that are a standard deviation."""
FILLS = (*SCHEMES, "orthogonal")
DISTRIBUTIONS = ("normal", "uniform", "truncated")
CUT = 2.0
"""Where a truncated normal ends, in standard deviations of the normal that is cut."""
_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_OWN_GAINS = {"lecun": 1.0, "orthogonal": 1.0}


def sigma(scheme: str, fan_in: float, fan_out: float, gain: float | None = None) -> float:
    """Standard deviation of a scheme.

    * ``kaiming``: gain / sqrt(fan_in) keeps the forward variance (He et al. 2015 eq. 10, N eq. 7);
    * ``kaiming_out``: gain / sqrt(fan_out) keeps the backward one (He et al. eq. 14);
    * ``xavier``: gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010 eq. 12, N eq. 6);
    * ``harmonic``: the harmonic mean of the variances gain^2 / fan_in and gain^2 / fan_out, which
      is 4 / (fan_in + fan_out) for a ReLU: Xavier's formula, seen as a compromise between the two;
    * ``lecun``: gain / sqrt(fan_in), gain 1 unless another is asked (LeCun et al., *Efficient
      BackProp*, 1998, section 4.6);
    * ``constant``: 0.

    gain: sqrt 2 unless given, for a ReLU. ValueError for an unknown scheme, fans < 1, gain <= 0.

    >>> round(sigma("kaiming", 3072, 64), 4)
    0.0255
    >>> round(sigma("harmonic", 100, 300), 4), sigma("lecun", 100, 300)
    (0.1, 0.1)
    """
    gain = _gain(scheme, gain)
    if scheme in ("kaiming", "lecun"):
        return scale.kaiming_std(fan_in, gain)
    if scheme == "kaiming_out":
        return scale.kaiming_std(fan_out, gain)
    if scheme in ("xavier", "harmonic"):
        return scale.xavier_std(fan_in, fan_out, gain)
    if scheme == "constant":
        return 0.0
    raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, got {scheme!r}; pick one")


def check_names(scheme: str, distribution: str) -> None:
    """Raise ValueError unless both exist and go together."""
    if scheme not in FILLS:
        raise ValueError(f"scheme must be one of {', '.join(FILLS)}, got {scheme!r}; pick one")
    if distribution not in DISTRIBUTIONS:
        raise ValueError(
            f"distribution must be one of {', '.join(DISTRIBUTIONS)}, got {distribution!r}; "
            "pick one"
        )
    if distribution != "normal" and scheme in ("constant", "orthogonal"):
        raise ValueError(
            f"a distribution goes with a scheme that has a standard deviation, got {distribution} "
            f"for {scheme}; leave it out"
        )


def check_weight(weight: Tensor, where: str = "the weight") -> None:
    """Raise ValueError unless a scheme can draw this weight; ``where`` names it."""
    if not isinstance(weight, Tensor):
        raise ValueError(f"{where} must be a tensor, got {type(weight).__name__}; convert it")
    for wrong, what in (
        (weight.is_meta, "is on the meta device, without memory; move it with to_empty first"),
        (weight.is_complex(), "is complex; initialize its real and imaginary part yourself"),
        (weight.dtype not in _DTYPES and not weight.is_complex(), f"is {weight.dtype}; use "
         "float16, bfloat16, float32 or float64"),
        (weight.layout != torch.strided, "is sparse; make it dense first"),
        (weight.numel() == 0, f"is empty, {tuple(weight.shape)}; give it at least one input and "
         "one output"),
        (weight.layout == torch.strided and any(
            size > 1 and step == 0 for size, step in zip(weight.shape, weight.stride(), strict=True)
        ), "is expanded, so that its elements share memory; clone it first"),
        (weight.is_inference() and not torch.is_inference_mode_enabled(), "was made in inference "
         "mode, which forbids to change it; clone it first"),
    ):  # fmt: skip
        if wrong:
            raise ValueError(f"{where} must be one to draw, and it {what}")


def orthonormal(noise: Tensor, blocks: int = 1) -> Tensor:
    """Orthonormal rows or columns, whichever are fewer, from standard normal noise.

    noise: [rows, ...], read as [rows, everything else], a convolution as [out, in area]; or as
    ``blocks`` such matrices on top of each other. Q of the QR decomposition, with the signs of R's
    diagonal, which makes it uniform over all such matrices (Mezzadri 2007). Its entries have the
    mean square 1 / (the larger side). Half precision is computed in float32. Saxe et al., *Exact
    solutions to the nonlinear dynamics of learning in deep linear neural networks*, 2014.

    >>> q = orthonormal(torch.randn(3, 2, 5, generator=Generator().manual_seed(0)))
    >>> torch.allclose(q.flatten(1) @ q.flatten(1).T, torch.eye(3), atol=1e-6)
    True
    """
    check_weight(noise, "the noise")
    fans(noise)
    maps = noise.to(_fine(noise)).reshape(blocks, noise.shape[0] // blocks, -1)
    wide = maps.shape[1] < maps.shape[2]
    q, r = torch.linalg.qr(maps.mT if wide else maps)
    q = q * r.diagonal(dim1=-2, dim2=-1).sign()[:, None, :]
    return (q.mT if wide else q).reshape(noise.shape).to(noise.dtype)


def fill_(
    weight: Tensor,
    scheme: str = "kaiming",
    gain: float | None = None,
    distribution: str = "normal",
    generator: Generator | None = None,
    matrix: Matrix | None = None,
) -> Tensor:
    """Fill ``weight`` [out, in, *kernel] in place by the scheme's name and return it.

    ``constant`` fills with the value ``gain``: every unit of the layer computes the same, which
    is the point of showing it. ``orthogonal`` fills with ``gain`` times `orthonormal`, gain 1
    unless given. The others draw with the standard deviation `sigma`: ``normal``; ``uniform``
    within sqrt 3 of it; ``truncated``, a normal of 1.137 sigma cut at twice that, so that what is
    left has sigma (torch's ``trunc_normal_`` has bounds that are absolute values, +-2 by default,
    which cut nothing from a small std).

    matrix: fans and blocks, where the shape does not tell them: one of `matrices`. generator: on
    the weight's device. ValueError for unknown names and for a weight that cannot be drawn
    (`check_weight`), with nothing filled.

    >>> w = fill_(torch.empty(512, 256), "kaiming", generator=Generator().manual_seed(0))
    >>> round(float(w.std()), 2), round((2 / 256) ** 0.5, 2)
    (0.09, 0.09)
    """
    check_names(scheme, distribution)
    check_weight(weight)
    gain, matrix = _gain(scheme, gain), matrix or Matrix("weight", *fans(weight))
    with torch.no_grad():
        if scheme == "constant":
            return weight.fill_(gain)
        if scheme == "orthogonal":
            noise = torch.empty_like(weight, dtype=_fine(weight)).normal_(generator=generator)
            return weight.copy_(orthonormal(noise, matrix.blocks).mul_(gain))
        std = sigma(scheme, matrix.fan_in, matrix.fan_out, gain)
        if distribution == "normal":
            return weight.normal_(0.0, std, generator=generator)
        if distribution == "uniform":
            bound = scale.uniform_bound(std)
            return weight.uniform_(-bound, bound, generator=generator)
        u = torch.empty_like(weight, dtype=torch.float64).uniform_(generator=generator)
        return weight.copy_(_spread(u, distribution, std))


def draw(
    seed: int,
    layer: int | str,
    weight: Tensor,
    scheme: str = "kaiming",
    gain: float | None = None,
    distribution: str = "normal",
    matrix: Matrix | None = None,
) -> Tensor:
    """The initial weight of a layer of run ``seed``, shaped like ``weight``; as in `fill_`.

    The numbers come from `streams`, so a run starts from the same weights alone and stacked. seed:
    one whole number of 64 bits; ValueError for others. layer: a linear or convolution layer's
    number from 1 on, another parameter's name.
    """
    check_names(scheme, distribution)
    check_weight(weight)
    gain, matrix = _gain(scheme, gain), matrix or Matrix("weight", *fans(weight))
    one = isinstance(seed, Tensor) and seed.numel() == 1
    seed = kinds.whole("a seed", seed.item() if one else seed)
    stream = (seed, f"weights:{layer}", 0, weight.numel(), weight.device)
    if scheme == "constant":
        return torch.full_like(weight, gain)
    if scheme == "orthogonal":
        noise = streams.normal(*stream, _fine(weight)).view(weight.shape)
        return orthonormal(noise, matrix.blocks).mul_(gain).to(weight.dtype)
    std = sigma(scheme, matrix.fan_in, matrix.fan_out, gain)
    if distribution == "normal":
        return streams.normal(*stream, weight.dtype).view(weight.shape).mul_(std)
    u = streams.uniform(*stream, torch.float64).view(weight.shape)
    return _spread(u, distribution, std).to(weight.dtype)


def _gain(scheme: str, gain: float | None) -> float:
    gain = _OWN_GAINS.get(scheme, math.sqrt(2)) if gain is None else gain
    number = kinds.fits(gain, float) and math.isfinite(gain)
    if scheme == "constant" and not number:
        raise ValueError(f"the constant must be a finite number, got {gain!r}; 0 is one")
    if scheme != "constant" and not (number and gain > 0):
        raise ValueError(f"gain must be > 0, got {gain!r}; 1 is a linear layer's")
    return gain


def _fine(weight: Tensor) -> torch.dtype:
    """QR knows no half precision."""
    return torch.promote_types(weight.dtype, torch.float32)


def _spread(u: Tensor, distribution: str, std: float) -> Tensor:
    """Uniform numbers in (0, 1) as those of a distribution with mean 0: its quantile function."""
    centred = u.mul(2).sub_(1)
    if distribution == "uniform":
        return centred.mul_(scale.uniform_bound(std))
    kept = math.erf(CUT / math.sqrt(2))
    return centred.mul_(kept).erfinv_().mul_(math.sqrt(2) * scale.truncated_parent(std, CUT))
