"""An L1 penalty in the loss: lambda_1 times the sum of the absolute values of the parameters.

Its gradient is lambda_1 sign(w), of one size however small w is, where that of weight decay shrinks
with w (R. Tibshirani, *Regression Shrinkage and Selection via the Lasso*, 1996). At w = 0, where
|w| has no slope, sign gives 0, as autograd does. Along this gradient a weight steps over 0 and
back; none stays there exactly, for which one needs a proximal step.

`penalty` is what autograd differentiates in `one_run`; `L1Term` is the gradient by hand, with a run
axis in front.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from companion import models
from companion.training.optimizers import per_run, shaped
from companion.training.settings import Run, Settings


def penalty(model: nn.Module, settings: Settings) -> Tensor:
    """The sum of |w| over the parameters whose roles decay, a number to differentiate.

    >>> model = nn.Sequential(nn.Linear(2, 1))
    >>> for parameter in model.parameters():
    ...     _ = nn.init.constant_(parameter, -3.0)
    >>> penalty(model, Settings(decayed=("weight",))).item()
    6.0
    """
    known = models.roles(model)
    return sum(
        parameter.abs().sum()
        for name, parameter in model.named_parameters()
        if settings.decays(known[name])
    )


class L1Term:
    """``lambda_1 sign(w)`` of one parameter in a stack, each run with its own lambda_1."""

    def __init__(self, value: Tensor, runs: Sequence[Run]) -> None:
        strengths = [run.settings.l1_penalty for run in runs]
        self.strength = per_run(strengths, value.dtype, value.device)

    def __call__(self, gradient: Tensor, value: Tensor) -> None:
        """Add it at ``value`` to ``gradient``, both [runs, ...]."""
        gradient.add_(torch.sign(value).mul_(shaped(self.strength, value)))


def terms(
    parameters: Sequence[Tensor], roles: Sequence[tuple[str, ...]], runs: Sequence[Run]
) -> dict[int, L1Term]:
    """The term of every parameter whose roles decay, by its number; none where no run has a
    penalty."""
    if not any(run.settings.l1_penalty for run in runs):
        return {}
    decays = runs[0].settings.decays
    return {
        index: L1Term(value, runs)
        for index, (value, mine) in enumerate(zip(parameters, roles, strict=True))
        if decays(mine)
    }
