"""Weight rescaling: put the weights back to a chosen scale while training goes on.

Two rules, both linear in the weights:

* ``wr`` (Niehaus, Krumnack, Heidemann, eqs. 11-12): per layer ``z = (w - mean) / std``, then
  ``w <- sigma_init z + mean``, and the biases go back to 0. The mean stays, the direction of
  ``w - mean`` stays, the standard deviation becomes sigma_init. The direction of ``w`` itself
  changes unless the mean is 0.
* ``wrs`` (Liu et al., section 4): each output unit's weight vector (each convolution kernel) is
  divided by its norm. Its direction stays, its norm becomes 1; biases are left alone.

The standard deviation is the population one (divide by n).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from companion.methods import initialization

RULES = ("none", "wr", "wrs")


def rescaled_to_std(weight: Tensor, std: float | Tensor, axes: tuple[int, ...]) -> Tensor:
    """WR: ``std (w - mean) / std(w) + mean`` over ``axes`` (N eqs. 11-12).

    ``std`` broadcasts against the remaining axes (kept as size 1), so a stack of runs
    [runs, out, in] can take one target a run. Where std(w) is 0 the result is NaN: all weights
    are equal, and no factor gives them another scale.

    >>> w = rescaled_to_std(torch.tensor([[1.0, 2.0], [3.0, 6.0]]), 0.5, axes=(0, 1))
    >>> round(float(w.mean()), 4), round(float(w.std(correction=0)), 4)
    (3.0, 0.5)
    """
    mean = weight.mean(dim=axes, keepdim=True)
    centred = weight - mean
    # the norm of the centred weights: torch's own std takes ten times as long on a CPU
    norm = torch.linalg.vector_norm(centred, dim=axes, keepdim=True)
    root = math.sqrt(math.prod(weight.shape[axis] for axis in axes))
    rounding = 8 * torch.finfo(weight.dtype).eps * root * mean.abs()
    norm = norm.where(norm > rounding, torch.nan)
    return centred.mul_(std * root / norm).add_(mean)


def rescaled_to_unit_norm(weight: Tensor, axes: tuple[int, ...]) -> Tensor:
    """WRS: ``w / |w|`` with the norm over ``axes`` (the inputs of one output unit); NaN where
    the norm is 0.

    >>> rescaled_to_unit_norm(torch.tensor([[3.0, 4.0]]), axes=(1,))
    tensor([[0.6000, 0.8000]])
    """
    return weight / torch.linalg.vector_norm(weight, dim=axes, keepdim=True)


@dataclass(frozen=True)
class Rescaling:
    """What to set and how often.

    rule: ``none``, ``wr`` or ``wrs``. tau: the rescale period in optimizer steps, or 0 for once
    at the end of each epoch.

    >>> Rescaling("wr").when
    'every epoch'
    >>> Rescaling("wrs", tau=20).when
    'every 20 steps'
    """

    rule: str = "none"
    tau: int = 0

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(
                f"rescaling rule must be one of {', '.join(RULES)}, got {self.rule!r}; pick one"
            )
        if self.tau % 1 != 0 or self.tau < 0:
            raise ValueError(
                f"the rescale period must be a whole number of steps >= 1, or 0 for once an "
                f"epoch, got {self.tau}; use rule 'none' to never rescale"
            )

    @property
    def when(self) -> str:
        """The period in words."""
        if self.rule == "none":
            return "never"
        if self.tau == 0:
            return "every epoch"
        return "every step" if self.tau == 1 else f"every {self.tau} steps"

    def due_after_step(self, step: int) -> bool:
        """Whether it acts after optimizer step number ``step`` (counted from 1)."""
        return self.rule != "none" and self.tau > 0 and step % self.tau == 0

    @property
    def due_after_epoch(self) -> bool:
        """Whether it acts at the end of every epoch."""
        return self.rule != "none" and self.tau == 0


class Rescaler:
    """Rescales the linear and convolution layers of one model.

    >>> model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> rescaler = Rescaler(model, Rescaling("wr", tau=1)).attach(optimizer)
    >>> model(torch.ones(3, 8)).sum().backward(); optimizer.step()
    >>> round(model[0].weight.std(correction=0).item(), 4)  # sqrt(2 / 8)
    0.5

    With ``Rescaling("wr")`` (once an epoch) call ``end_epoch()`` yourself; `rescale` does it by
    hand at any moment. Targets for ``wr`` are ``sigma(scheme, fan_in, fan_out, gain)``.
    """

    def __init__(
        self,
        model: nn.Module,
        rescaling: Rescaling,
        scheme: str = "kaiming",
        gain: float = 2**0.5,
    ) -> None:
        self.rescaling = rescaling
        self.layers = [layer for _, layer in initialization.scalable_layers(model)]
        if not self.layers:
            raise ValueError("a model to rescale needs a linear or convolution layer, got none")
        self.targets = [
            initialization.sigma(scheme, *initialization.fans(layer.weight), gain)
            for layer in self.layers
        ]
        if rescaling.rule == "wr" and min(self.targets) <= 0:
            raise ValueError(
                f"the target standard deviation must be > 0, got {min(self.targets)} from scheme "
                f"{scheme!r} and gain {gain}; use kaiming or xavier with a gain > 0"
            )
        self.steps = 0

    @torch.no_grad()
    def rescale(self) -> None:
        """Apply the rule to every layer now; ValueError, with nothing changed, where it cannot."""
        if self.rescaling.rule == "none":
            return
        to_std = self.rescaling.rule == "wr"
        rescaled = []
        for number, (layer, target) in enumerate(zip(self.layers, self.targets, strict=True), 1):
            axes = tuple(range(0 if to_std else 1, layer.weight.dim()))
            new = (
                rescaled_to_std(layer.weight, target, axes)
                if to_std
                else rescaled_to_unit_norm(layer.weight, axes)
            )
            if not bool(new.isfinite().all()):
                raise ValueError(
                    f"rescaling needs finite weights that differ (wr) or are not all 0 (wrs), and "
                    f"layer {number} has others; lower the learning rate if training diverged, "
                    "or start from a random initialization"
                )
            rescaled.append(new)
        for layer, new in zip(self.layers, rescaled, strict=True):
            initialization.set_weight_(layer, new)
            if to_std and layer.bias is not None:
                layer.bias.zero_()

    def step(self) -> None:
        """Count one optimizer step and rescale if it is due."""
        self.steps += 1
        if self.rescaling.due_after_step(self.steps):
            self.rescale()

    def end_epoch(self) -> None:
        """Rescale if the rule acts once an epoch."""
        if self.rescaling.due_after_epoch:
            self.rescale()

    def attach(self, optimizer: torch.optim.Optimizer) -> Rescaler:
        """Call `step` after every ``optimizer.step()``."""
        optimizer.register_step_post_hook(lambda *_: self.step())
        return self
