"""Weight rescaling: put the weights back to a chosen scale while training goes on.

Two rules, both linear in the weights:

* ``wr`` (Niehaus, Krumnack, Heidemann, eqs. 11-12): per layer ``z = (w - mean) / std``, then
  ``w <- sigma_init z + mean``, and the biases go back to 0. The mean stays, the direction of
  ``w - mean`` stays, the standard deviation becomes sigma_init. The direction of ``w`` itself
  changes unless the mean is 0.
* ``wrs`` (Liu et al., section 4): each output unit's weight vector (each convolution kernel) is
  divided by its norm. Its direction stays, its norm becomes 1; biases are left alone.

The standard deviation is the population one (divide by n). The formulas and the choices are here;
`rescaler` applies them to a model while any optimizer trains it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from companion import kinds

RULES = ("none", "wr", "wrs")
CHOICES = {
    "to": ("sigma", "initial"),
    "per": ("layer", "unit"),
    "mean": ("keep", "remove"),
    "biases": ("reset", "keep", "scale"),
}
"""What ``wr`` leaves to choose; the first is the paper's."""
AT = ("end", "start")
"""When in an epoch a rescaling once an epoch acts."""
LAYERS = ("all", "not_output")
"""Which layers a rescaling acts on: all, or all but the last, which nothing normalizes."""


def rescaled_to_std(weight: Tensor, std: float | Tensor, axes: tuple[int, ...]) -> Tensor:
    """WR: ``std (w - mean) / std(w) + mean`` over ``axes`` (N eqs. 11-12).

    ``std`` broadcasts against the remaining axes (kept as size 1), so a stack of runs
    [runs, out, in] can take one target a run. Where std(w) is 0 the result is NaN: all weights
    are equal, and no factor gives them another scale.

    >>> w = rescaled_to_std(torch.tensor([[1.0, 2.0], [3.0, 6.0]]), 0.5, axes=(0, 1))
    >>> round(float(w.mean()), 4), round(float(w.std(correction=0)), 4)
    (3.0, 0.5)
    """
    mean, centred, spread = _spread(weight, axes)
    return centred.mul_(std / spread).add_(mean)


def rescaled_to_unit_norm(
    weight: Tensor, axes: tuple[int, ...], out: Tensor | None = None
) -> Tensor:
    """WRS: ``w / |w|`` with the norm over ``axes`` (the inputs of one output unit), written into
    ``out`` if that is given; NaN where the norm is 0.

    >>> rescaled_to_unit_norm(torch.tensor([[3.0, 4.0]]), axes=(1,))
    tensor([[0.6000, 0.8000]])
    """
    _check_dtype(weight)
    return torch.div(weight, _norm(weight, axes), out=out).to(weight.dtype)


def _norm(weight: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The norm, of half precision in float32; NaN where it is infinite, as of weights that are so
    large that their squares are: divided by infinity they would all be 0."""
    fine = torch.promote_types(weight.dtype, torch.float32)
    norm = torch.linalg.vector_norm(weight, dim=axes, keepdim=True, dtype=fine)
    return norm.where(norm < torch.inf, torch.nan)


def _check_dtype(weight: Tensor) -> None:
    if not weight.is_floating_point():
        raise ValueError(
            f"weights to rescale must be real and floating-point, got {weight.dtype}; convert them"
        )


def _spread(
    weight: Tensor, axes: tuple[int, ...], out: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, the weights less their mean (in ``out`` if given), and their standard deviation, NaN
    where it is 0."""
    _check_dtype(weight)
    mean = weight.mean(dim=axes, keepdim=True)
    centred = torch.sub(weight, mean, out=out)
    # the norm of the centred weights: torch's own std takes ten times as long on a CPU
    norm = _norm(centred, axes)
    root = math.sqrt(math.prod(weight.shape[axis] for axis in axes))
    rounding = 8 * torch.finfo(weight.dtype).eps * root * mean.abs()
    return mean, centred, norm.where(norm > rounding, torch.nan) / root


@dataclass(frozen=True)
class Rescaling:
    """What to set, to which scale, how often and when.

    rule: ``none``, ``wr`` or ``wrs``. tau: the rescale period in optimizer steps, or 0 for once
    an epoch. at: that is at the ``end`` of each epoch, or at the ``start`` of each but the first,
    so that what is measured between two epochs is not yet rescaled. window: (first, last) epoch
    in which it acts, counted from 1, both included; empty: always. layers: ``all``, as in both
    papers, or ``not_output``, all but the last, whose scale the output does not ignore.

    Of ``wr`` alone: to: the scheme's ``sigma``, or the standard deviation that each layer had at
    its ``initial`` draw. per: ``layer`` or output ``unit``. mean: ``keep`` it, or ``remove`` it, so
    that the direction of w - mean becomes that of w. biases: ``reset`` to 0, ``keep``, or
    ``scale`` by the weights' factor.

    >>> Rescaling("wr").when
    'every epoch'
    >>> Rescaling("wrs", tau=20, window=(60, 200)).when
    'every 20 steps of epochs 60 to 200'
    """

    rule: str = "none"
    tau: int = 0
    to: str = "sigma"
    per: str = "layer"
    mean: str = "keep"
    biases: str = "reset"
    window: tuple[int, ...] = ()
    at: str = "end"
    layers: str = "all"

    def __post_init__(self) -> None:
        if isinstance(self.window, list):  # JSON has lists
            object.__setattr__(self, "window", tuple(self.window))
        kinds.check(self)
        if self.rule not in RULES:
            raise ValueError(
                f"rescaling rule must be one of {', '.join(RULES)}, got {self.rule!r}; pick one"
            )
        if self.tau % 1 != 0 or self.tau < 0:
            raise ValueError(
                f"the rescale period must be a whole number of steps >= 1, or 0 for once an "
                f"epoch, got {self.tau}; use rule 'none' to never rescale"
            )
        if self.at not in AT:
            raise ValueError(
                f"a rescaling once an epoch acts at its {' or '.join(AT)}, got {self.at!r}; "
                "pick one"
            )
        if self.at == "start" and (self.rule == "none" or self.tau > 0):
            raise ValueError(
                f"'start' is for a rescaling once an epoch, got one that acts {self.when}; leave "
                "it at 'end', or set rule 'wr' or 'wrs' and period 0"
            )
        if self.layers not in LAYERS:
            raise ValueError(
                f"a rescaling acts on the layers {' or '.join(LAYERS)}, got {self.layers!r}; pick "
                "one"
            )
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise ValueError(
                    f"what a rescaling takes for {name!r} must be one of {', '.join(known)}, got "
                    f"{value!r}; pick one"
                )
            if self.rule == "wrs" and value != known[0]:
                raise ValueError(
                    f"{name!r} is a choice of the rule wr alone, got {value!r} with wrs, which "
                    f"gives every unit norm 1 and leaves biases; leave it at {known[0]!r}"
                )
        if self.window and not (
            len(self.window) == 2
            and all(epoch % 1 == 0 for epoch in self.window)
            and 1 <= self.window[0] <= self.window[1]
        ):
            raise ValueError(
                "the rescale window must be (first, last) epoch with 1 <= first <= last, got "
                f"{self.window}; leave it empty for all epochs"
            )

    @property
    def when(self) -> str:
        """The period, and the window if there is one, in words."""
        if self.rule == "none":
            return "never"
        if self.tau == 0:
            period = "every epoch" if self.at == "end" else "at the start of every epoch"
        else:
            period = "every step" if self.tau == 1 else f"every {self.tau} steps"
        if not self.window:
            return period
        return f"{period} of epochs {self.window[0]} to {self.window[1]}"

    def due_after_step(self, step: int, epoch: int) -> bool:
        """Whether it acts after optimizer step number ``step`` of the training, in epoch number
        ``epoch`` (both counted from 1)."""
        return self._acts_in(epoch) and self.tau > 0 and step % self.tau == 0

    def due_after_epoch(self, epoch: int) -> bool:
        """Whether it acts at the end of epoch number ``epoch``."""
        return self._acts_in(epoch) and self.tau == 0 and self.at == "end"

    def due_before_epoch(self, epoch: int) -> bool:
        """Whether it acts at the start of epoch number ``epoch``."""
        return self._acts_in(epoch) and self.at == "start" and epoch > 1

    def _acts_in(self, epoch: int) -> bool:
        inside = not self.window or self.window[0] <= epoch <= self.window[1]
        return self.rule != "none" and inside

    def rescaled(
        self, weight: Tensor, std: Tensor | None, out: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The weights of a layer of a stack of runs put back to scale, and the factor.

        weight [runs, out, ...]; std [runs], the target of ``wr``; out: where to write the new
        weight, which may be ``weight`` itself. Returns the new weight and the factor by which
        ``scale`` multiplies the biases, [runs, 1] or, per unit, [runs, out]; None for ``wrs``.
        NaN where a run cannot be rescaled.
        """
        axes = tuple(range(1, weight.dim()))
        if self.rule == "wrs":
            return rescaled_to_unit_norm(weight, axes[1:], out), None
        mean, centred, spread = _spread(weight, axes if self.per == "layer" else axes[1:], out)
        factor = std.view(-1, *[1] * len(axes)) / spread
        scaled = centred.mul_(factor)
        return scaled.add_(mean) if self.mean == "keep" else scaled, factor.flatten(1)

    def new_bias(self, bias: Tensor, factor: Tensor | None) -> Tensor:
        """The bias [runs, out] that goes with weights rescaled by the factor of `rescaled`."""
        if factor is None or self.biases == "keep":
            return bias
        return bias * factor if self.biases == "scale" else torch.zeros_like(bias)
