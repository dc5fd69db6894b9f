"""The optimizers of a stack: torch's SGD, Adam and AdamW with a run axis in front, and SGDW.

Each parameter is a tensor [runs, ...]; learning rate, momentum and weight decay are a number where
all runs share it, which is cheaper, and a tensor [runs] where they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from companion.methods.parametrizations import Curve
from companion.methods.parametrizations.compander import CUT
from companion.methods.parametrizations.steps import unbent_gradient
from companion.training import pacing
from companion.training.settings import Run

PerRun = float | Tensor
Term = Callable[[Tensor, Tensor], None]
"""``term(gradient, value)`` adds to the gradient, in place, that of a summand of the loss which
depends on this one parameter alone; both are [runs, ...]."""


def per_run(values: Sequence[float], dtype: torch.dtype, device: torch.device) -> PerRun:
    """A number if all values are equal, else a tensor [runs]."""
    if len(set(values)) == 1:
        return values[0]
    return torch.tensor(values, dtype=dtype, device=device)


def shaped(value: PerRun, like: Tensor) -> PerRun:
    """A [runs] tensor with as many axes as ``like`` [runs, ...]; a number stays one, and so does
    what has axes of its own."""
    if not isinstance(value, Tensor) or value.dim() > 1:
        return value
    return value.view(-1, *[1] * (like.dim() - 1))


def together(*found: Mapping[int, Term]) -> dict[int, Term]:
    """Several summands of the loss, by the number of their parameter, as one."""

    def summed(own: Sequence[Term]) -> Term:
        if len(own) == 1:
            return own[0]

        def add(gradient: Tensor, value: Tensor) -> None:
            for one in own:
                one(gradient, value)

        return add

    numbers = sorted({number for one in found for number in one})
    return {number: summed([one[number] for one in found if number in one]) for number in numbers}


@dataclass(frozen=True)
class Bent:
    """The curve ``w = a psi(v / b)`` of one trained v [runs, ...]; a, b: [runs]."""

    curve: Curve
    a: Tensor
    b: Tensor

    def weight(self, v: Tensor) -> Tensor:
        """w, like v."""
        return self.curve.bend(v, shaped(self.b, v)).mul_(shaped(self.a, v))

    def slope(self, v: Tensor) -> Tensor:
        """dw/dv, like v."""
        return self.curve.slope(v, shaped(self.a, v), shaped(self.b, v))

    def nearest(self, w: Tensor) -> Tensor:
        """w, cut as `Compander` cuts it."""
        limit = CUT * self.curve.bound * shaped(self.a.abs(), w)
        return torch.maximum(torch.minimum(w, limit), -limit)

    def inverse(self, w: Tensor) -> Tensor:
        """v, like w."""
        return self.curve.inverse(w, shaped(self.a, w), shaped(self.b, w))


class Optimizer:
    """Updates a stack's parameters in place, each run as torch's optimizer would.

    terms: summands of the loss that the gradients given do not yet hold, by the number of their
    parameter. roles: those of each parameter, by which the settings change the learning rate or
    leave out the decay. With gradient g, terms included, weight decay lambda and learning rate
    eta:

    * ``sgd``: ``v <- momentum v + g + lambda w``, ``w <- w - eta v``;
    * ``adam``: with ``g + lambda w`` for g, first and second moments with ``betas``, both
      corrected for their start at 0, ``w <- w - eta m / (sqrt(s) + eps)``;
    * ``sgdw``, ``adamw``: the same without lambda in the gradient, after
      ``w <- (1 - eta lambda) w`` (Loshchilov and Hutter 2019, algorithms 1 and 2; eta is torch's
      learning rate, so their lambda is eta lambda).

    curves: of parameters v behind a fixed curve, by their number, whose decay acts on w = Psi(v):
    coupled decay adds ``lambda w Psi'(v)`` to the gradient, decoupled decay shrinks w after the
    step. Where the settings are slope-aware, their g is dL/dw (+ lambda w) instead, and the step
    is multiplied by Psi'(v).

    ratios: number of a parameter that follows another run -> `pacing.ratio`, set before each step.

    Call `begin` once a step, then `update` or `update_product` for every parameter.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        runs: Sequence[Run],
        terms: Mapping[int, Term],
        roles: Sequence[tuple[str, ...]],
        curves: Mapping[int, Bent] | None = None,
    ) -> None:
        settings = runs[0].settings
        dtype, device = parameters[0].dtype, parameters[0].device
        self.parameters = list(parameters)
        self.terms = terms
        self.curves, self.aware = curves or {}, settings.slope_aware
        self.adaptive = settings.optimizer in ("adam", "adamw")
        self.decoupled = settings.optimizer in ("sgdw", "adamw")
        self.betas, self.eps = settings.betas, settings.eps
        self.factors = [settings.rate_factor(mine) for mine in roles]
        self.decays = [settings.decays(mine) for mine in roles]
        self.rises = [settings.rises(mine) for mine in roles]
        self.rise = torch.ones(len(runs), dtype=dtype, device=device)
        self.gradients_follow = settings.gradients_follow
        self.ratios = {
            index: pacing.ratio(parameters[index], parameters[index], units=True)
            for index, mine in enumerate(roles)
            if settings.follows(mine)
        }
        self.momentum = per_run([run.settings.momentum for run in runs], dtype, device)
        self.weight_decay = per_run([run.settings.weight_decay for run in runs], dtype, device)
        self.learning_rate: PerRun = 0.0
        self.first = [torch.zeros_like(value) for value in parameters]
        self.second = [torch.zeros_like(value) for value in parameters] if self.adaptive else []
        self.count = torch.zeros((), dtype=torch.float64, device=device)

    def begin(self) -> None:
        """Start a step: Adam counts them, on the device."""
        if self.adaptive:
            self.count.add_(1)

    @property
    def state(self) -> list[Tensor]:
        """All tensors that `update` changes besides the parameters."""
        return [*self.first, *self.second, self.count]

    def update(self, index: int, gradient: Tensor) -> None:
        """One step of parameter number ``index`` along its gradient, which may be overwritten."""
        if self.gradients_follow and index in self.ratios:
            gradient = gradient * self.ratios[index]
        if index in self.curves:
            slope = self.curves[index].slope(self.parameters[index])
            along = unbent_gradient(gradient, slope) if self.aware else gradient
            self._bent(index, along, slope)
        elif self.adaptive:
            self._adam(index, gradient)
        else:
            velocity = self.first[index]
            velocity.mul_(shaped(self.momentum, velocity)).add_(gradient)
            self._descend(index)

    def update_product(self, index: int, left: Tensor, right: Tensor) -> None:
        """`update` with the gradient ``left^T right`` of left [runs, batch, out] and right
        [runs, batch, in]. Under SGD it is added to the velocity as it is computed, and never
        visits memory on its own. Behind a curve the product is the gradient by w."""
        if index in self.curves:
            slope = self.curves[index].slope(self.parameters[index])
            gradient = torch.bmm(left.mT, right)
            self._bent(index, gradient if self.aware else gradient.mul_(slope), slope)
            return
        if self.adaptive:
            self._adam(index, torch.bmm(left.mT, right))
            return
        velocity = self.first[index]
        turned = left.mT.contiguous()  # small, and the product is a tenth faster for it
        if isinstance(self.momentum, Tensor):
            velocity.mul_(shaped(self.momentum, velocity)).baddbmm_(turned, right)
        else:
            velocity.baddbmm_(turned, right, beta=self.momentum)
        self._descend(index)

    def _descend(self, index: int) -> None:
        value, velocity = self.parameters[index], self.first[index]
        if index in self.terms:
            self.terms[index](velocity, value)
        rate = self._rate(index)
        if self.decoupled:
            self._decay(index, rate)
        elif not self.decays[index]:
            pass
        elif isinstance(self.weight_decay, Tensor):
            velocity.addcmul_(value, shaped(self.weight_decay, value))
        elif self.weight_decay:
            velocity.add_(value, alpha=self.weight_decay)
        if isinstance(rate, Tensor):
            value.addcmul_(velocity, shaped(rate, value), value=-1)
        else:
            value.sub_(velocity, alpha=rate)

    def _adam(self, index: int, gradient: Tensor) -> None:
        value = self.parameters[index]
        if index in self.terms:
            self.terms[index](gradient, value)
        rate = self._rate(index)
        if self.decoupled:
            self._decay(index, rate)
        elif self.decays[index] and (isinstance(self.weight_decay, Tensor) or self.weight_decay):
            gradient = gradient + value * shaped(self.weight_decay, value)
        value.sub_(self._adapted(index, gradient).mul_(shaped(rate, value)))

    def _adapted(self, index: int, gradient: Tensor) -> Tensor:
        """Adam's step for a learning rate of 1."""
        mean, square = self.first[index], self.second[index]
        beta_1, beta_2 = self.betas
        mean.lerp_(gradient, 1 - beta_1)
        square.mul_(beta_2).addcmul_(gradient, gradient, value=1 - beta_2)
        spread = (square / (1 - beta_2**self.count)).sqrt_().add_(self.eps)
        return (mean / (1 - beta_1**self.count)).div_(spread)

    def _bent(self, index: int, gradient: Tensor, slope: Tensor) -> None:
        """One step of a v whose decay acts on w, along the gradient by v, or by w where the
        settings are slope-aware."""
        value, rate, curve = self.parameters[index], self._rate(index), self.curves[index]
        decays = self.decays[index] and (isinstance(self.weight_decay, Tensor) or self.weight_decay)
        if decays and not self.decoupled:
            pull = curve.weight(value) if self.aware else curve.weight(value).mul_(slope)
            gradient = gradient + pull * shaped(self.weight_decay, value)
        if self.adaptive:
            step = self._adapted(index, gradient)
        else:
            step = self.first[index].mul_(shaped(self.momentum, value)).add_(gradient)
        if self.aware:
            step = step * slope
        if isinstance(rate, Tensor):
            value.addcmul_(step, shaped(rate, value), value=-1)
        else:
            value.sub_(step, alpha=rate)
        if decays and self.decoupled:
            kept = 1 - shaped(rate * self.weight_decay, value)
            value.copy_(curve.inverse(curve.weight(value).mul_(kept)))

    def _rate(self, index: int) -> PerRun:
        """The learning rate of a parameter, of each unit where it follows another run."""
        factor = self.factors[index]
        rate = self.learning_rate if factor == 1 else self.learning_rate * factor
        if index in self.ratios:
            ratio = self.ratios[index]
            return shaped(rate, ratio) * (ratio if self.gradients_follow else ratio.square())
        return rate * self.rise if self.rises[index] else rate

    def _decay(self, index: int, rate: PerRun) -> None:
        value = self.parameters[index]
        if self.decays[index] and (isinstance(self.weight_decay, Tensor) or self.weight_decay):
            value.mul_(1 - shaped(rate, value) * shaped(self.weight_decay, value))


class Gradients:
    """Stands where an `Optimizer` does, and keeps the gradients in place of going along them.

    ``kept``: number of the parameter -> [runs, ...].
    """

    def __init__(self) -> None:
        self.kept: dict[int, Tensor] = {}

    def update(self, index: int, gradient: Tensor) -> None:
        """Keep a gradient."""
        self.kept[index] = gradient

    def update_product(self, index: int, left: Tensor, right: Tensor) -> None:
        """Keep the gradient ``left^T right``."""
        self.kept[index] = torch.bmm(left.mT, right)
