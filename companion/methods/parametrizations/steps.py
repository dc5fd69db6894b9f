"""Training behind a curve: decay that acts on w, and adaptive steps that know the slope.

C section III-A2 decays w = Psi(v): the loss gets lambda / 2 |w|^2, so the gradient by v gets
lambda Psi(v) Psi'(v). With learnable a and b it decays v instead, which is any optimizer's own
weight decay on ``layer.parametrizations.weight.original``.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor, nn

from companion import kinds
from companion.methods.parametrizations.compander import Compander
from companion.methods.parametrizations.whole import companders

_ATTACHED: weakref.WeakKeyDictionary[torch.optim.Optimizer, SlopeAware] = (
    weakref.WeakKeyDictionary()
)
"""The one that acts in an optimizer's steps."""


@torch.no_grad()
def add_decay_(model: nn.Module, weight_decay: float) -> None:
    """Coupled decay on w: add ``lambda Psi(v) Psi'(v)`` to the gradient of every companded v.

    Call it between ``backward()`` and ``step()``, with the optimizer's own decay of v at 0. A v
    without a gradient is left alone. ValueError for a decay that is not finite and >= 0.
    """
    kinds.least("0 switches it off", 0, weight_decay=weight_decay)
    for v, bent in _trained(model):
        if v.grad is not None:
            v.grad.add_(bent(v) * bent.slope(v), alpha=weight_decay)


@torch.no_grad()
def shrink_(model: nn.Module, share: float) -> None:
    """Decoupled decay on w: every companded ``w <- (1 - share) w``, through the inverse.

    share: the learning rate times lambda, in [0, 1). Call it after ``step()``. ValueError for
    another share.
    """
    kinds.below_1("it is learning rate times decay", share=share)
    for v, bent in _trained(model):
        v.copy_(bent.curve.inverse((1 - share) * bent(v), bent.a, bent.b))


class SlopeAware:
    """Makes an optimizer's step that of a plain network, times the slope (C section III-A3).

    The optimizer sees dL/dw in place of dL/dv, and the step it makes is multiplied by Psi'(v):
    after Schwarz et al. (2021), whose powerpropagation Adam would otherwise undo, since its step
    does not change when a gradient is rescaled. Under SGD without momentum nothing changes, for
    Psi' dL/dw is dL/dv; with momentum it does: past gradients are multiplied by today's slope.

    It acts in every ``optimizer.step()`` until `detach`; a second one takes the place of the first,
    as when a cell runs again. A copied optimizer has none, and a copy of this is refused: make one
    for the copies. a and b, where learnable, and all other parameters step as ever. Decay of v
    within the optimizer is refused, for it would be divided by the slope: use `add_decay_` or
    `shrink_`.

    >>> from companion.methods.parametrizations import compand_
    >>> model = compand_(nn.Linear(4, 2), b=0.5)
    >>> optimizer = torch.optim.Adam(model.parameters())
    >>> aware = SlopeAware(optimizer, model)
    """

    def __init__(self, optimizer: torch.optim.Optimizer, model: nn.Module) -> None:
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise ValueError(
                f"a slope-aware step is of an optimizer of torch, got {type(optimizer).__name__}; "
                "make one of the model's parameters"
            )
        self.trained = _trained(model)
        mine = {id(v) for v, _ in self.trained}
        groups = optimizer.param_groups
        known = {id(value) for group in groups for value in group["params"]}
        if not mine or not mine <= known:
            raise ValueError(
                "a slope-aware step needs an optimizer of all companded weights, got "
                f"{len(mine & known)} of {len(mine)}; compand the model first, then make the "
                "optimizer of its parameters"
            )
        for group in groups:
            if group.get("weight_decay") and mine & {id(value) for value in group["params"]}:
                raise ValueError(
                    "decay of v does not go with a slope-aware step, got weight_decay "
                    f"{group['weight_decay']:g}; set it to 0 and use add_decay_ or shrink_"
                )
        if optimizer in _ATTACHED:
            _ATTACHED[optimizer].detach()
        _ATTACHED[optimizer] = self
        self._kept: list[tuple[Tensor, Tensor, Tensor]] = []
        self._hooks = [
            optimizer.register_step_pre_hook(lambda *_: self._before()),
            optimizer.register_step_post_hook(lambda *_: self._after()),
        ]

    def detach(self) -> None:
        """Let the optimizer step as before."""
        for hook in self._hooks:
            hook.remove()

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Refuse what copy and pickle ask for: a copy would act in no optimizer, in silence."""
        raise TypeError(
            "a slope-aware step is of one model and one optimizer and is not copied with them; "
            "make a new one for the copies"
        )

    @torch.no_grad()
    def _before(self) -> None:
        self._kept = []
        for v, bent in self.trained:
            if v.grad is not None:
                slope = bent.slope(v)
                v.grad.copy_(unbent_gradient(v.grad, slope))
                self._kept.append((v, v.clone(), slope))

    @torch.no_grad()
    def _after(self) -> None:
        for v, before, slope in self._kept:
            v.copy_(before + slope * (v - before))


def unbent_gradient(gradient: Tensor, slope: Tensor) -> Tensor:
    """dL/dw from dL/dv = Psi'(v) dL/dw; 0 where the slope is 0 and says nothing."""
    return torch.where(slope > 0, gradient / slope, 0.0)


def _trained(model: nn.Module) -> list[tuple[nn.Parameter, Compander]]:
    return [(layer.parametrizations.weight.original, bent) for _, layer, bent in companders(model)]
