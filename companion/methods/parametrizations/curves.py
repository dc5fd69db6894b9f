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

Numbers = float | Tensor


@dataclass(frozen=True)
class Curve:
    """psi, its inverse and its derivative, elementwise on tensors; bound: sup |psi|.

    >>> curve = CURVES["arctan"]
    >>> round(curve.weight(torch.tensor(0.6), a=1.0, b=0.6).item(), 4)  # arctan 1 = pi / 4
    0.7854
    """

    name: str
    psi: Callable[[Tensor], Tensor]
    unbent: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]
    bound: float = math.inf

    def weight(self, v: Tensor, a: Numbers, b: Numbers) -> Tensor:
        """``w = a psi(v / b)``; a and b numbers or tensors that broadcast."""
        return a * self.psi(v / b)

    def inverse(self, w: Tensor, a: Numbers, b: Numbers) -> Tensor:
        """``v = b psi^-1(w / a)``, computed in float64 where the device has it.

        A w beyond the bound has no v; `Compander` refuses or clamps it before.
        """
        wide = torch.float32 if w.device.type == "mps" else torch.float64
        found = _wide(b, wide) * self.unbent(w.to(wide) / _wide(a, wide))
        return found.to(w.dtype)

    def slope(self, v: Tensor, a: Numbers, b: Numbers) -> Tensor:
        """``dw/dv = (a / b) psi'(v / b)``; for arctan also (a / b) cos^2(w / a)."""
        return self.derivative(v / b) * (a / b)


def _wide(value: Numbers, dtype: torch.dtype) -> Numbers:
    return value.to(dtype) if isinstance(value, Tensor) else value


def _arctan_slope(u: Tensor) -> Tensor:
    return u.square().add_(1).reciprocal_()  # in place: a pass over large weights costs time


def _arsinh_slope(u: Tensor) -> Tensor:
    return torch.rsqrt(1 + u.square())


def _erf_slope(u: Tensor) -> Tensor:
    return 2 / math.sqrt(math.pi) * torch.exp(-u.square())


def _power(u: Tensor, alpha: float) -> Tensor:
    # the floor keeps the derivative at 0 finite for alpha < 2; it is 0 there for every alpha > 1
    return u * u.abs().clamp_min(torch.finfo(u.dtype).tiny).pow(alpha - 1)


def _root(w: Tensor, alpha: float) -> Tensor:
    return w.sign() * w.abs().pow(1 / alpha)


def _power_slope(u: Tensor, alpha: float) -> Tensor:
    return alpha * u.abs().pow(alpha - 1)


def power(alpha: float) -> Curve:
    """Powerpropagation, ``psi(u) = u |u|^(alpha - 1)``; alpha = 1 is no curve.

    Its slope at 0 is 0: a weight of exactly 0 stays. ValueError unless alpha is finite and >= 1.
    """
    if not 1 <= alpha < math.inf:
        raise ValueError(f"alpha must be finite and >= 1, got {alpha}; 2 is usual")
    return Curve(
        f"power {alpha:g}",
        partial(_power, alpha=alpha),
        partial(_root, alpha=alpha),
        partial(_power_slope, alpha=alpha),
    )


CURVES = {
    "arctan": Curve("arctan", torch.atan, torch.tan, _arctan_slope, math.pi / 2),
    "arsinh": Curve("arsinh", torch.asinh, torch.sinh, _arsinh_slope),
    "erf": Curve("erf", torch.erf, torch.erfinv, _erf_slope, 1.0),
    "powerprop": power(2.0),
}
"""The curves by name."""


def curve(name: str | Curve) -> Curve:
    """The curve of this name, or the curve itself; ValueError lists the names."""
    if isinstance(name, Curve):
        return name
    if name not in CURVES:
        raise ValueError(f"curve must be one of {', '.join(CURVES)}, got {name!r}; pick one")
    return CURVES[name]
