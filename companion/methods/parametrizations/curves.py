"""Curves through the origin: a weight w = a psi(v / b) for each trained number v.

psi is odd and rises; a stretches the weights and b the trained numbers. With u = v / b the slope
is dw/dv = (a / b) psi'(u), and a bounded psi keeps |w| below a sup|psi|.

    name       psi(u)            inverse             psi'(u)              |psi| below
    arctan     arctan u          tan                 1 / (1 + u^2)        pi / 2
    arsinh     arsinh u          sinh                1 / sqrt(1 + u^2)    no bound
    erf        erf u             erf^-1              2/sqrt(pi) e^-u^2    1
    powerprop  u |u|^(alpha-1)   sign w |w|^1/alpha  alpha |u|^(alpha-1)  no bound

arctan is the weight compander (C eq. 1, its inverse eq. 4), arsinh and erf its section IV-F.
``powerprop`` is powerpropagation (Schwarz et al. 2021) with alpha = 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from companion import kinds

Numbers = float | Tensor


@dataclass(frozen=True)
class Curve:
    """The curve ``w = a psi(v / b)``, elementwise on tensors; a and b numbers or tensors that
    broadcast, b > 0.

    bend(v, b): a new tensor ``psi(v / b)``; unbent: the inverse of psi; slope(v, a, b): dw/dv,
    whatever the signs of a and b; bound: sup |psi|.

    >>> curve = CURVES["arctan"]
    >>> round(curve.weight(torch.tensor(0.6), a=1.0, b=0.6).item(), 4)  # arctan 1 = pi / 4
    0.7854
    """

    name: str
    bend: Callable[[Tensor, Numbers], Tensor]
    unbent: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor, Numbers, Numbers], Tensor]
    bound: float = math.inf

    def weight(self, v: Tensor, a: Numbers, b: Numbers) -> Tensor:
        """``w = a psi(v / b)``."""
        return a * self.bend(v, b)

    def inverse(self, w: Tensor, a: Numbers, b: Numbers) -> Tensor:
        """``v = b psi^-1(w / a)``, computed in float64 where the device has it.

        A w beyond the bound has no v; `Compander` refuses or clamps it before.
        """
        wide = torch.float32 if w.device.type == "mps" else torch.float64
        found = _wide(b, wide) * self.unbent(w.to(wide) / _wide(a, wide))
        return found.to(w.dtype)


def _wide(value: Numbers, dtype: torch.dtype) -> Numbers:
    return value.to(dtype) if isinstance(value, Tensor) else value


def _like(value: Numbers, v: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=v.dtype, device=v.device)


def _arctan(v: Tensor, b: Numbers) -> Tensor:
    # as exact as torch.atan(v / b), which takes more than twice as long on a CPU (torch 2.15)
    return torch.atan2(v, _like(b, v))


def _arctan_slope(v: Tensor, a: Numbers, b: Numbers) -> Tensor:
    """a b / (b^2 + v^2), also (a / b) cos^2(w / a), in two passes over the weights."""
    return (a * b) / torch.addcmul(_like(b, v).square(), v, v)


def _arsinh(v: Tensor, b: Numbers) -> Tensor:
    return torch.asinh(v / b)


def _arsinh_slope(v: Tensor, a: Numbers, b: Numbers) -> Tensor:
    return torch.rsqrt(1 + (v / b).square()) * (a / b)


def _erf(v: Tensor, b: Numbers) -> Tensor:
    return torch.erf(v / b)


def _erf_slope(v: Tensor, a: Numbers, b: Numbers) -> Tensor:
    return torch.exp(-(v / b).square()) * (2 / math.sqrt(math.pi) * a / b)


def _power(v: Tensor, b: Numbers, alpha: float) -> Tensor:
    u = v / b
    # the floor keeps the derivative at 0 finite for alpha < 2; it is 0 there for every alpha > 1
    return u * u.abs().clamp_min(torch.finfo(u.dtype).tiny).pow(alpha - 1)


def _root(w: Tensor, alpha: float) -> Tensor:
    return w.sign() * w.abs().pow(1 / alpha)


def _power_slope(v: Tensor, a: Numbers, b: Numbers, alpha: float) -> Tensor:
    return (v / b).abs().pow(alpha - 1) * (alpha * a / b)


def power(alpha: float) -> Curve:
    """Powerpropagation, ``psi(u) = u |u|^(alpha - 1)``; alpha = 1 is no curve.

    Its slope at 0 is 0: a weight of exactly 0 stays. ValueError unless alpha is finite and >= 1.
    """
    kinds.least("2 is usual", 1, alpha=alpha)
    return Curve(
        f"power {alpha:g}",
        partial(_power, alpha=alpha),
        partial(_root, alpha=alpha),
        partial(_power_slope, alpha=alpha),
    )


CURVES = {
    "arctan": Curve("arctan", _arctan, torch.tan, _arctan_slope, math.pi / 2),
    "arsinh": Curve("arsinh", _arsinh, torch.sinh, _arsinh_slope),
    "erf": Curve("erf", _erf, torch.erfinv, _erf_slope, 1.0),
    "powerprop": power(2.0),
}
"""The curves by name."""


def curve(name: str | Curve) -> Curve:
    """The curve of this name, or the curve itself; ValueError lists the names."""
    if isinstance(name, Curve):
        return name
    if not isinstance(name, str) or name not in CURVES:
        raise ValueError(f"curve must be one of {', '.join(CURVES)}, got {name!r}; pick one")
    return CURVES[name]
