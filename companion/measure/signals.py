"""What passes through a network: the moments of its pre-activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from companion.measure.declare import Column, Measure, View
from companion.measure.evaluation import evaluated
from companion.methods import initialization


def moments(values: Tensor, dim: tuple[int, ...] | None = None) -> Tensor:
    """Mean and mean square over the axes ``dim`` (None: all), float64 [..., 2]."""
    fine = values.double()
    return torch.stack([fine.mean(dim=dim), fine.square().mean(dim=dim)], dim=-1)


def watched(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits [n, classes] of one model, and the `moments` of what each linear and convolution
    layer puts out, [layers, 2]."""
    logits, found = _at_layers(model, images, lambda _, output: moments(output))
    return logits, torch.stack(found)


def passed(model: nn.Module, images: Tensor) -> Sequence[tuple[Tensor, Tensor]]:
    """What goes into and out of each linear and convolution layer of one model."""
    return _at_layers(model, images, lambda taken, output: (taken, output))[1]


def _at_layers(model: nn.Module, images: Tensor, what: Callable) -> tuple[Tensor, list]:
    """Logits, and ``what(input, output)`` of each layer."""
    layers = [layer for _, layer in initialization.scalable_layers(model)]
    found: dict[int, object] = {}

    def watch(number: int) -> Callable[..., None]:
        def note(_layer: nn.Module, inputs: tuple, output: Tensor) -> None:
            found[number] = what(inputs[0], output)

        return note

    hooks = [layer.register_forward_hook(watch(number)) for number, layer in enumerate(layers)]
    try:
        logits = model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return logits, [found[number] for number in range(len(layers))]


PREACTIVATIONS = Measure(
    "preactivations",
    (
        Column(
            "preactivation_variance",
            "variance of the layer's pre-activations over validation images and units",
            low=0,
        ),
    ),
    lambda view: {
        "preactivation_variance": evaluated(view, "validation")["preactivation_variance"]
    },
    "nothing beside accuracy, whose pass over the validation images it shares",
    per="layer",
)


PARTS = ("product", "correlation", "mean", "bias")


def variance_parts(view: View) -> dict[str, Tensor]:
    """Where the variance of the pre-activations comes from, on the validation images: four parts
    that add up to it, each [runs, layers].

    With z = w x + b over images and units, m and s the mean and standard deviation of the layer's
    weights, and v = w - m::

        variance_product      fan_in s^2 E[x^2]                what independent weights would give
        variance_correlation  E[(v x)^2] - fan_in s^2 E[x^2]   weights that know their inputs
        variance_mean         E[(w x)^2] - E[(v x)^2] - E[w x]^2
        variance_bias         Var[b] + 2 Cov[b, w x]

    The first is the product rule (He et al. 2015, eq. 5; N eq. 9). ValueError for a layer that is
    not linear.
    """
    sums = _variance_sums(view)
    return {f"variance_{part}": sums[..., k] for k, part in enumerate(PARTS)}


def _variance_sums(view: View, batch: int = 1000) -> Tensor:
    """[runs, layers, parts]; moments are gathered in float64 over batches."""
    split, dtype = view.split, view.weights[0].dtype
    images, total = split.validation_images, 0.0
    for start in range(0, len(images), batch):
        some = images[start : start + batch]
        layers = [
            _layer_moments(taken, output, weight, bias)
            for (taken, output), weight, bias in zip(
                view.passing(split.standardize(some, dtype)), view.weights, view.biases, strict=True
            )
        ]
        total = total + len(some) * torch.stack(layers, dim=1)
    x2, wx, wx2, vx2, z, z2 = (total / len(images)).unbind(dim=-1)
    found = []
    for layer, weight in enumerate(view.weights):
        spread = weight.double().flatten(1).var(dim=1, correction=0)
        product = weight.shape[2] * spread * x2[:, layer]
        found.append(product)
    product = torch.stack(found, dim=1)
    whole, unbiased = z2 - z.square(), wx2 - wx.square()
    return torch.stack([product, vx2 - product, unbiased - vx2, whole - unbiased], dim=-1)


def _layer_moments(taken: Tensor, output: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Means over images and units of x^2, wx, (wx)^2, (vx)^2, z and z^2, [runs, 6]."""
    if weight.dim() != 3:
        raise ValueError(
            "the parts of a variance are those of linear layers, got weights "
            f"{tuple(weight.shape[1:])}; take this measure on an MLP"
        )
    x, z = taken.double(), output.double()
    wx = z if bias is None else z - bias.double()[:, None]
    mean = weight.double().mean(dim=(1, 2))[:, None, None]
    vx = wx - mean * x.sum(dim=2, keepdim=True)
    return torch.stack(
        [value.mean(dim=(1, 2)) for value in (x * x, wx, wx * wx, vx * vx, z, z * z)], dim=-1
    )


VARIANCE_PARTS = Measure(
    "variance_parts",
    (
        Column("variance_product", "fan_in s^2 E[x^2]: if weights and inputs knew nothing of each "
               "other", low=0),
        Column("variance_correlation", "what weights add that know their inputs"),
        Column("variance_mean", "what the mean of the weights adds"),
        Column("variance_bias", "what the biases add"),
    ),
    variance_parts,
    "a forward pass over the validation images, moments in float64",
    per="layer",
)  # fmt: skip
