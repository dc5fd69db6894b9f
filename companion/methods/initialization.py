"""Where weights start: fans, schemes by name, and filling a whole model.

The formula lives in `companion.theory` (`xavier_std`, `kaiming_std`); here it meets tensors. A
scheme is a name for a standard deviation; a fill draws from a distribution of that standard
deviation. N(0, sigma^2) and U(-sigma sqrt 3, sigma sqrt 3) have the same variance, and variance
is all that the propagation argument uses.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils import parametrize

from companion import streams, theory

SCHEMES = ("kaiming", "xavier", "constant")
DISTRIBUTIONS = ("normal", "uniform")


def fans(weight: Tensor) -> tuple[int, int]:
    """``(fan_in, fan_out)`` of a linear [out, in] or convolution [out, in, *kernel] weight.

    fan_in counts the inputs that one output unit sums over, fan_out the outputs that one input
    unit feeds; for a convolution both carry the kernel's area. A grouped convolution stores
    in/groups inputs, so its fan_in is right and its fan_out too large by the factor ``groups``
    (torch's convention too).

    >>> fans(torch.empty(64, 3, 5, 5))
    (75, 1600)
    """
    if weight.dim() < 2:
        raise ValueError(
            f"a weight needs at least 2 axes [out, in, ...] to have fans, got {weight.dim()}; "
            "leave biases and normalization parameters out"
        )
    area = weight[0, 0].numel()
    return weight.shape[1] * area, weight.shape[0] * area


def sigma(scheme: str, fan_in: int, fan_out: int, gain: float) -> float:
    """Standard deviation of a scheme: Kaiming ``gain / sqrt(fan_in)`` (N eq. 7) or Xavier
    ``gain sqrt(2 / (fan_in + fan_out))`` (N eq. 6); 0 for ``constant``.

    >>> round(sigma("kaiming", 3072, 64, 2**0.5), 4)
    0.0255
    """
    if scheme == "kaiming":
        return theory.kaiming_std(fan_in, gain)
    if scheme == "xavier":
        return theory.xavier_std(fan_in, fan_out, gain)
    if scheme == "constant":
        return 0.0
    raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, got {scheme!r}; pick one")


def fill_(
    weight: Tensor,
    scheme: str = "kaiming",
    gain: float = 2**0.5,
    distribution: str = "normal",
    generator: Generator | None = None,
) -> Tensor:
    """Fill ``weight`` [out, in, *kernel] in place by the scheme's name and return it.

    ``constant`` fills with the value ``gain``: every unit of the layer computes the same, which
    is the point of showing it. The other schemes draw with the standard deviation `sigma`.

    >>> w = fill_(torch.empty(512, 256), "kaiming", generator=Generator().manual_seed(0))
    >>> round(float(w.std()), 2), round((2 / 256) ** 0.5, 2)
    (0.09, 0.09)
    """
    if distribution not in DISTRIBUTIONS:
        raise ValueError(
            f"distribution must be one of {', '.join(DISTRIBUTIONS)}, got {distribution!r}; "
            "pick one"
        )
    std = sigma(scheme, *fans(weight), gain)
    with torch.no_grad():
        if scheme == "constant":
            return weight.fill_(gain)
        if distribution == "uniform":
            bound = theory.uniform_bound(std)
            return weight.uniform_(-bound, bound, generator=generator)
        return weight.normal_(0.0, std, generator=generator)


def scalable_layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The linear and convolution layers of a model, by name, in the order of the forward pass:
    the layers whose weights a scheme sets and a rescaling resets."""
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            yield name, layer


def draw(
    seed: int, layer: int, weight: Tensor, scheme: str = "kaiming", gain: float = 2**0.5
) -> Tensor:
    """The initial weight of layer number ``layer`` of run ``seed``, shaped like ``weight``.

    The numbers come from `streams`, so a run starts from the same weights alone and stacked.
    """
    if scheme == "constant":
        return torch.full_like(weight, gain)
    std = sigma(scheme, *fans(weight), gain)
    noise = streams.normal(seed, f"weights:{layer}", 0, weight.numel(), weight.device, weight.dtype)
    return noise.view(weight.shape).mul_(std)


def set_weight_(layer: nn.Module, weight: Tensor) -> None:
    """Give a layer this weight; behind a parametrization (weight norm, say) through its
    ``right_inverse``, for a copy into the computed weight would be lost."""
    with torch.no_grad():
        if parametrize.is_parametrized(layer, "weight"):
            layer.weight = weight
        else:
            layer.weight.copy_(weight)


def initialize_(
    model: nn.Module, scheme: str = "kaiming", gain: float = 2**0.5, seed: int = 0
) -> nn.Module:
    """Set every linear and convolution weight of ``model`` by the scheme, and its biases to 0.

    Weights are normal with the scheme's standard deviation (N section III-G); layers are
    numbered from 1 in the order of the forward pass.
    """
    with torch.no_grad():
        for number, (_, layer) in enumerate(scalable_layers(model), start=1):
            set_weight_(layer, draw(seed, number, layer.weight, scheme, gain))
            if layer.bias is not None:
                layer.bias.zero_()
    return model
