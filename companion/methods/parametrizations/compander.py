"""One weight behind a curve: a parametrization of torch, with its range guarded."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from companion import kinds
from companion.methods.parametrizations import curves
from companion.methods.parametrizations.curves import Curve

CUT = 0.95
"""Where a clamped weight is put, as a share of the bound: on the bound itself v would be infinite
and the slope 0, so that the weight could never leave it."""


class Compander(nn.Module):
    """The parametrization ``w = a psi(v / b)`` of one weight (C eq. 1).

    v: as w, of any shape; a, b: two numbers > 0, buffers, or parameters where ``learnable`` (then
    training may take them anywhere; a sign of both changes nothing). A weight that is assigned
    becomes ``v = b psi^-1(w / a)`` (C eq. 4), so that a network starts where its scheme put it.
    Half precision is computed in float32.

    A weight outside the range of a bounded curve has no v: ValueError names the layer, the bound,
    the largest weight and the share outside. With ``clamp`` it is put at `CUT` of the bound.

    >>> layer = nn.Linear(2, 1)
    >>> _ = parametrize.register_parametrization(layer, "weight", Compander("arctan", 1.0, 0.6))
    >>> layer.weight = torch.tensor([[0.5, -0.25]])
    >>> layer.weight.tolist()
    [[0.5, -0.25]]
    """

    def __init__(
        self,
        curve: str | Curve = "arctan",
        a: float | Tensor = 1.0,
        b: float | Tensor = 1.0,
        learnable: bool = False,
        clamp: bool = False,
        layer: str = "",
    ) -> None:
        super().__init__()
        self.curve, self.clamp, self.layer = curves.curve(curve), clamp, layer
        self.learnable = learnable
        for name, value in (("a", a), ("b", b)):
            check(name, value)
            if not isinstance(value, Tensor):
                value = torch.as_tensor(value, dtype=torch.get_default_dtype())
                check(name, value)  # 1e-50 is 0 in float32
            if isinstance(value, nn.Parameter):  # shared by the layers of a coarse compander
                self.register_parameter(name, value)
            elif learnable:
                self.register_parameter(name, nn.Parameter(torch.as_tensor(value).clone()))
            else:
                self.register_buffer(name, torch.as_tensor(value).clone())

    def forward(self, v: Tensor) -> Tensor:
        """The weight."""
        if v.dtype in (torch.float16, torch.bfloat16):
            return self._weight(v.float(), self.a.float(), self.b.float()).to(v.dtype)
        return self._weight(v, self.a, self.b)

    def _weight(self, v: Tensor, a: Tensor, b: Tensor) -> Tensor:
        if self.learnable:
            sign = b.detach().sign()  # psi is odd
            return self.curve.weight(v, a * sign, b * sign)
        if torch._C._are_functorch_transforms_active():
            # the form of a Function that torch.func takes costs a small layer 15 µs a step
            return self.curve.weight(v, a, b)
        return _Bend.apply(v, a, b, self.curve)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What gives ``weight``; ValueError where nothing does."""
        if weight.is_meta:
            return weight
        weight = self.nearest(weight)
        v = self.curve.inverse(weight, self.a, self.b)
        self._check_range(weight, v)
        return v

    def nearest(self, weight: Tensor) -> Tensor:
        """The weight that an assignment gives: itself, or cut where ``clamp`` says so."""
        if not self.clamp or math.isinf(self.curve.bound):
            return weight
        limit = CUT * self.curve.bound * self.a.detach().abs().to(weight.dtype)
        return torch.maximum(torch.minimum(weight, limit), -limit)

    def slope(self, v: Tensor) -> Tensor:
        """dw/dv."""
        return self.curve.slope(v, self.a, self.b)

    def _check_range(self, weight: Tensor, v: Tensor) -> None:
        bound = self.curve.bound * abs(self.a.item())
        outside = (weight.double().abs() >= bound) | ~v.isfinite()
        if not outside.any():
            return
        where = f"layer {self.layer}" if self.layer else "this layer"
        raise ValueError(
            f"the weights of {where} must lie within ±{bound:.4g}, the range of {self.curve.name} "
            f"at a = {self.a.item():.4g}, got a largest of {weight.abs().max().item():.4g}, "
            f"{100 * outside.double().mean().item():.3g} % of them outside; raise a, draw smaller "
            "weights, or pass clamp=True to cut them"
        )

    def extra_repr(self) -> str:
        """Curve, a and b in a printed model."""
        known = self.a.dim() == 0 and not self.a.is_meta
        pair = f", a={self.a.item():g}, b={self.b.item():g}" if known else ""
        return f"{self.curve.name}{pair}{', learnable' if self.learnable else ''}"


class _Bend(torch.autograd.Function):
    """``curve.weight`` for a fixed a and b. Autograd by itself would keep v / b and psi(v / b) for
    the backward pass and go over the weights up to nine times; this keeps v, and goes over them
    three times."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, a: Tensor, b: Tensor, curve: Curve) -> Tensor:
        ctx.curve = curve
        ctx.save_for_backward(v, a, b)
        return curve.bend(v, b).mul_(a)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.curve.slope(*ctx.saved_tensors).mul_(gradient), None, None, None


def of(layer: nn.Module) -> Compander | None:
    """The compander of a layer's weight, None where it has none."""
    if not parametrize.is_parametrized(layer, "weight"):
        return None
    inside = layer.parametrizations.weight
    return next((one for one in inside if isinstance(one, Compander)), None)


def check(name: str, value: float | Tensor) -> None:
    """Raise ValueError unless an a or b is finite and > 0; a meta tensor has no value."""
    if isinstance(value, Tensor):
        if value.is_meta:
            return
        value = value.item()
    kinds.above("b = a gives slope 1 at 0", 0, **{name: value})
