"""Other ways to start a deep residual network that has no normalization, each by its paper.

All act on `models.residual.Residual`, whose blocks are ``shortcut(h) + F(h)``. Layers that a paper
leaves to "a standard method" are drawn by Kaiming's scheme, with the gain of what stands behind
them (`methods.initialization.places`); biases are 0.

* ``kaiming``: nothing else, for comparison: every block doubles the mean square;
* ``fixup``: H. Zhang, Y. Dauphin and T. Ma, *Fixup Initialization*, 2019 (arXiv 1901.09321);
* ``skipinit``: S. De and S. Smith, *Batch Normalization Biases Residual Blocks Towards the
  Identity Function in Deep Networks*, 2020 (arXiv 2002.10444);
* ``zero``: J. Zhao, F. Schäfer and A. Anandkumar, *ZerO Initialization*, 2022 (arXiv 2110.12661);
* ``scaled_ws``: A. Brock, S. De and S. Smith, *Characterizing Signal Propagation to Close the
  Performance Gap in Unnormalized ResNets*, 2021 (arXiv 2101.08692).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from scipy.linalg import hadamard
from torch import Tensor, nn
from torch.nn.utils import parametrize

from companion.methods.initialization import draw, places, scalable_layers
from companion.models.normalization import BatchMean
from companion.models.residual import Residual

ALPHA = 0.2
"""The factor of every branch under scaled weight standardization (Brock et al., section 3)."""
BEHIND_RELU = math.sqrt(2 / (1 - 1 / math.pi))
"""Gain of a layer that reads a ReLU's outputs and whose rows add up to 0: a ReLU leaves a standard
normal signal the variance (1 - 1/pi) / 2."""


@torch.no_grad()
def neighbour_(model: nn.Module, name: str, seed: int = 0) -> nn.Module:
    """Start ``model`` as the neighbour of this name says, in place, and return it.

    ValueError for an unknown name, and for a model that is no `Residual`, or whose layers have a
    normalization or parametrization.

    >>> model = neighbour_(Residual((1, 4, 4, 8, 3)), "skipinit")
    >>> model.blocks[0].multiplier.item()
    0.0
    """
    if name not in STARTS:
        raise ValueError(f"neighbour must be one of {', '.join(STARTS)}, got {name!r}; pick one")
    if not isinstance(model, Residual):
        raise ValueError(
            "a neighbour starts networks of Conv-ReLU-Conv blocks (models.residual), got a "
            f"{type(model).__name__}; use one of these"
        )
    if any(
        isinstance(one, nn.BatchNorm2d | nn.GroupNorm | BatchMean) for one in model.modules()
    ) or any(parametrize.is_parametrized(layer) for _, layer in scalable_layers(model)):
        raise ValueError(
            "a neighbour starts networks that have no normalization and no parametrization, got "
            "one that has; build it without"
        )
    where = places(model)
    for number, (layer_name, layer) in enumerate(scalable_layers(model), start=1):
        layer.weight.copy_(draw(seed, number, layer.weight, "kaiming", where[layer_name].gain))
        layer.bias.zero_()
    STARTS[name](model)
    return model


def _ends(model: Residual) -> list[tuple[nn.Conv2d, nn.Conv2d]]:
    """The first and last convolution of every branch."""
    found = []
    for block in model.blocks:
        convolutions = [one for one in block.residual if isinstance(one, nn.Conv2d)]
        found.append((convolutions[0], convolutions[-1]))
    return found


def _multiply(model: Residual, start: float) -> None:
    for block in model.blocks:
        block.multiplier = nn.Parameter(block.residual[0].weight.new_full((), start))


def _fixup(model: Residual) -> None:
    """Rules 1 to 3: last layers of branches and the classifier 0, the others of a branch of m
    layers times L^(-1/(2m-2)), here 1 / sqrt L of L branches; a multiplier of 1 for each. Its
    single biases before each layer are the biases of channels that the network has behind them.
    """
    for first, last in _ends(model):
        first.weight.mul_(len(model.blocks) ** -0.5)
        last.weight.zero_()
    model.classifier.weight.zero_()
    _multiply(model, 1.0)


def _skipinit(model: Residual) -> None:
    """A learned multiplier that starts at 0 at the end of every branch."""
    _multiply(model, 0.0)


def _zero(model: Residual) -> None:
    """No random numbers: `zero_weight` everywhere, and 0 at the end of branches, so that a block
    starts as its shortcut."""
    for _, layer in scalable_layers(model):
        layer.weight.copy_(zero_weight(layer.weight))
    for _, last in _ends(model):
        last.weight.zero_()


def zero_weight(like: Tensor) -> Tensor:
    """ZerO's weight of this shape [out, in, *kernel] (algorithms 1 and 2).

    The identity where there are at most as many outputs as inputs, cut to the shape; else a
    Hadamard matrix of 2^m >= out rows divided by 2^(m/2), cut to the shape. Of a kernel only the
    place in the middle is not 0.

    >>> zero_weight(torch.empty(4, 2)).tolist()
    [[0.5, 0.5], [0.5, -0.5], [0.5, 0.5], [0.5, -0.5]]
    """
    outputs, inputs = like.shape[:2]
    if outputs <= inputs:
        matrix = torch.eye(outputs, inputs)
    else:
        size = 2 ** math.ceil(math.log2(outputs))
        matrix = torch.from_numpy(hadamard(size) / math.sqrt(size))[:outputs, :inputs]
    made = torch.zeros_like(like)
    made[(..., *(side // 2 for side in like.shape[2:]))] = matrix.to(like)
    return made


class Standardized(nn.Module):
    """The parametrization ``w = gain (v - mean) / (std sqrt(fan_in))``, mean and std of each
    output unit's v (Brock et al., equation 3).

    The squares of a unit's weights add up to gain^2, and the weights to 0, so that the mean of what
    the layer reads does not reach it. v, w: [out, in, *kernel].
    """

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, v: Tensor) -> Tensor:
        """The weight."""
        axes = tuple(range(1, v.dim()))
        variance, mean = torch.var_mean(v, dim=axes, correction=0, keepdim=True)
        return (v - mean) * (self.gain / (variance * v[0].numel() + EPS).sqrt())

    def right_inverse(self, weight: Tensor) -> Tensor:
        """A weight is its own v: only its directions are kept."""
        return weight


EPS = 1e-8


def _scaled_ws(model: Residual) -> None:
    """``h + alpha F(h / beta)``, beta the standard deviation that h is expected to have: within a
    stage each block adds alpha^2 to the variance, and a shortcut with weights, which reads h / beta
    too, starts again at 1. Factors alpha and 1 / beta are in the gains of the layers; the
    classifier is not standardized.
    """
    parametrize.register_parametrization(model.stem[0], "weight", Standardized(1.0))
    variance = 1.0
    for block, (first, last) in zip(model.blocks, _ends(model), strict=True):
        beta = math.sqrt(variance)
        parametrize.register_parametrization(first, "weight", Standardized(1 / beta))
        parametrize.register_parametrization(last, "weight", Standardized(ALPHA * BEHIND_RELU))
        if len(block.shortcut):
            shortcut = Standardized(1 / beta)
            parametrize.register_parametrization(block.shortcut[0], "weight", shortcut)
            variance = 1.0
        variance += ALPHA**2


STARTS: dict[str, Callable[[Residual], None]] = {
    "kaiming": lambda model: None,
    "fixup": _fixup,
    "skipinit": _skipinit,
    "zero": _zero,
    "scaled_ws": _scaled_ws,
}
NEIGHBOURS = ("none", *STARTS)
