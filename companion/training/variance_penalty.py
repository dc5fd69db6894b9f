"""A variance penalty in the loss, instead of rescaling (an outlook of Niehaus et al. 2024).

The loss becomes cross entropy plus kappa times

    P = sum over layers l of (Var(w_l) / sigma_l^2 - 1)^2,

with Var(w_l) the population variance of the n weights of layer l, biases left out, and sigma_l the
standard deviation of its initialization. It pulls each layer's variance back to where it started,
at every step and a little, where WR sets it. Its gradient leaves the mean of the weights alone:

    dP / dw_l = 4 (Var(w_l) / sigma_l^2 - 1) (w_l - mean(w_l)) / (n sigma_l^2).

At Var(w_l) = sigma_l^2 the curvature of kappa P along w_l - mean(w_l) is 8 kappa / (n sigma_l^2),
so SGD with learning rate eta and momentum alpha stays there only if
eta 8 kappa / (n sigma_l^2) < 2 (1 + alpha). With Kaiming's sigma at gain sqrt 2, n sigma_l^2 is
twice the layer's outputs: ten outputs, eta = 0.1 and alpha = 0.9 allow kappa < 95.

`penalty` is what autograd differentiates in `one_run`; `VarianceTerm` is the gradient by hand, with
a run axis in front.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from companion.methods import initialization
from companion.training.optimizers import per_run, shaped
from companion.training.settings import Run, Settings


def penalty(model: nn.Module, settings: Settings) -> Tensor:
    """P of one model, a number to differentiate, over its linear and convolution layers.

    >>> model = nn.Linear(8, 4)
    >>> settings = Settings(variance_penalty=1.0)
    >>> weight = initialization.set_weight_(model, torch.ones(4, 8))  # variance 0
    >>> penalty(model, settings).item()
    1.0
    """
    return sum(
        (layer.weight.var(correction=0) / sigma(layer.weight, settings) ** 2 - 1) ** 2
        for _, layer in initialization.scalable_layers(model)
    )


def sigma(weight: Tensor, settings: Settings) -> float:
    """The standard deviation of the initialization of a layer's weight [out, in, ...]."""
    return initialization.sigma(settings.scheme, *initialization.fans(weight), settings.gain)


class VarianceTerm:
    """kappa dP/dw of one layer in a stack, for the runs that have a penalty.

    weight: the layer's weights [runs, out, in, ...]; one of the runs must have a penalty.
    """

    def __init__(self, weight: Tensor, runs: Sequence[Run]) -> None:
        found = [index for index, run in enumerate(runs) if run.settings.variance_penalty]
        chosen = [runs[index].settings for index in found]
        dtype, device = weight.dtype, weight.device
        everyone = len(found) == len(runs)
        self.members = None if everyone else torch.tensor(found, device=device)
        variances = [sigma(weight[0], settings) ** 2 for settings in chosen]
        count = weight[0].numel()
        strengths = [
            4 * settings.variance_penalty / (count * variance)
            for settings, variance in zip(chosen, variances, strict=True)
        ]
        self.variance = per_run(variances, dtype, device)
        self.strength = per_run(strengths, dtype, device)

    def __call__(self, gradient: Tensor, weight: Tensor) -> None:
        """Add kappa dP/dw at ``weight`` to ``gradient``, both [runs, out, in, ...]."""
        mine = weight if self.members is None else weight.index_select(0, self.members)
        axes = tuple(range(1, mine.dim()))
        centred = mine - mine.mean(axes, keepdim=True)
        variance = centred.square().mean(axes, keepdim=True)
        factor = (variance / shaped(self.variance, mine) - 1) * shaped(self.strength, mine)
        if self.members is None:
            gradient.addcmul_(centred, factor)
        else:
            gradient.index_add_(0, self.members, centred.mul_(factor))


def terms(
    parameters: Sequence[Tensor], weights: Sequence[Tensor], runs: Sequence[Run]
) -> dict[int, VarianceTerm]:
    """The term of every layer by the number of its weight among ``parameters``; none where no run
    has a penalty."""
    if not any(run.settings.variance_penalty for run in runs):
        return {}
    number = {id(value): index for index, value in enumerate(parameters)}
    return {number[id(weight)]: VarianceTerm(weight, runs) for weight in weights}
