"""Initialization with data: each layer's output brought to variance 1, one after another."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor, nn

from companion import kinds
from companion.methods.initialization import layers
from companion.methods.initialization.connections import CONVOLUTIONS, TRANSPOSED, refuse_lazy
from companion.methods.initialization.evaluation import evaluated
from companion.methods.initialization.whole import initialize_


@torch.no_grad()
def lsuv_(
    model: nn.Module, images: Tensor, tolerance: float = 0.1, steps: int = 10, seed: int = 0
) -> dict[str, float]:
    """Layer-sequential unit variance (Mishkin and Matas, *All you need is a good init*, ICLR 2016,
    algorithm 1): orthogonal weights, then in the order of the forward pass ``w <- w / std(output)``
    until the variance of the layer's output is within ``tolerance`` of 1.

    The variance is over all the numbers that a layer gives on this batch, before its activation. A
    bias of 0 makes the output linear in the weight, so one division does for a layer that is used
    once. images: a batch as the model takes it; the pass runs as in evaluation, so dropout and
    running statistics play no part. steps: divisions of one layer at most.

    Linear, bilinear and (transposed) convolution layers are scaled, a shared weight at its first
    layer; the rest of the model starts as in `initialize_` with ``orthogonal``, and a warning names
    a layer that the pass did not call. Returns the variance of each layer's output, by name.

    ValueError for a layer whose output has the variance 0 or none (a dead one), for one that does
    not come within the tolerance, and for a tolerance or steps <= 0. No error changes the model.

    >>> model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))
    >>> images = torch.randn(50, 20, generator=torch.Generator().manual_seed(0))
    >>> {name: round(variance, 3) for name, variance in lsuv_(model, images).items()}
    {'0': 1.0, '2': 1.0}
    """
    kinds.above("0.1 is the paper's", 0, tolerance=tolerance)
    steps = kinds.whole("steps", steps)
    if steps < 1:
        raise ValueError(f"steps must be >= 1, got {steps}; one does for most layers")
    refuse_lazy(model)
    before = [value.clone() for value in (*model.parameters(), *model.buffers())]
    try:
        return _scaled(model, images, tolerance, steps, seed)
    except BaseException:  # a batch of another shape, say, or Ctrl-C
        for value, old in zip((*model.parameters(), *model.buffers()), before, strict=True):
            value.copy_(old)
        raise


def _scaled(
    model: nn.Module, images: Tensor, tolerance: float, steps: int, seed: int
) -> dict[str, float]:
    initialize_(model, "orthogonal", seed=seed)
    reached: dict[str, float] = {}
    with evaluated(model):
        called = _called(model, images, (nn.Linear, nn.Bilinear, *CONVOLUTIONS, *TRANSPOSED))
        scaled: set[int] = set()
        for name, layer in called.items():
            weight = id(layers.held(layer, "weight")[0])
            if weight not in scaled:
                reached[name] = _scale(model, images, name, layer, tolerance, steps)
            scaled.add(weight)
    return reached


def _scale(
    model: nn.Module, images: Tensor, name: str, layer: nn.Module, tolerance: float, steps: int
) -> float:
    """Divide one layer's weight until its output has variance 1; return the variance."""
    for step in range(steps + 1):
        variance = _variance(model, images, layer)
        if not (math.isfinite(variance) and variance > 0):
            raise ValueError(
                f"the output of layer {name} must vary over the images, and its variance is "
                f"{variance:g}; a layer before it is dead or the images are all alike: use others"
            )
        if abs(variance - 1) < tolerance:
            return variance
        if step < steps:
            layers.set_weight_(layer, layer.weight / math.sqrt(variance), name)
    raise ValueError(
        f"the output of layer {name} must come within {tolerance:g} of variance 1, and after "
        f"{steps} steps it is {variance:g}; raise steps or tolerance"
    )


def _variance(model: nn.Module, images: Tensor, layer: nn.Module) -> float:
    """Of all the numbers that a layer gives in one pass, in all its calls."""
    outputs: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _, __, output: outputs.append(output.flatten()))
    try:
        model(images)
    finally:
        hook.remove()
    return torch.cat(outputs).double().var(correction=0).item()


def _called(
    model: nn.Module, images: Tensor, kinds: tuple[type[nn.Module], ...]
) -> dict[str, nn.Module]:
    """The layers of these kinds in the order in which the pass calls them first."""
    names = {layer: name for name, layer in model.named_modules() if isinstance(layer, kinds)}
    called: dict[str, nn.Module] = {}

    def note(layer: nn.Module, _: tuple) -> None:
        called.setdefault(names[layer], layer)

    hooks = [layer.register_forward_pre_hook(note) for layer in names]
    try:
        model(images)
    finally:
        for hook in hooks:
            hook.remove()
    missed = [name for name in names.values() if name not in called]
    if missed:
        warnings.warn(
            f"the pass did not call {', '.join(missed)}, which keep their orthogonal start; scale "
            "them yourself, or give a model that uses them",
            stacklevel=4,
        )
    return called
