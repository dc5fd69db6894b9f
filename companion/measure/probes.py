"""What is measured while training, for a stack of runs at once.

Every function takes tensors whose first axis is the run and gives one number per run (and layer),
so that a single run is a stack of one. Numbers are gathered in float64: a variance over millions
of pre-activations must not depend on the batch it was computed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from companion.data import Split
from companion.methods import initialization

Forward = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Images [n, C, H, W] -> logits [runs, n, classes] and, of every layer's pre-activations, mean and
mean square over images, units and places, float64 [runs, layers, 2]."""

HISTOGRAM_BINS = 80
TRAIN_IMAGES = 10_000
"""Training images on which the training loss is measured after each epoch (all, if fewer)."""


def weight_statistics(weights: Sequence[Tensor]) -> dict[str, Tensor]:
    """Mean, population standard deviation, and mean unit norm of each layer's weights.

    weights: per layer [runs, out, fan_in]. Returns ``weight_mean``, ``weight_std`` and
    ``weight_norm`` (the L2 norm of one output unit's weight vector, averaged over units), each
    [runs, layers].

    >>> stats = weight_statistics([torch.tensor([[[3.0, 4.0], [0.0, 5.0]]])])
    >>> stats["weight_mean"].item(), stats["weight_norm"].item()
    (3.0, 5.0)
    """
    columns: dict[str, list[Tensor]] = {"weight_mean": [], "weight_std": [], "weight_norm": []}
    for weight in weights:
        flat = weight.detach().double().flatten(2)
        variance, mean = torch.var_mean(flat, dim=(1, 2), correction=0)
        columns["weight_mean"].append(mean)
        columns["weight_std"].append(variance.sqrt())
        columns["weight_norm"].append(flat.norm(dim=2).mean(dim=1))
    return {name: torch.stack(values, dim=1) for name, values in columns.items()}


def weight_histogram(weight: Tensor, bins: int = HISTOGRAM_BINS) -> tuple[Tensor, Tensor]:
    """Counts [runs, bins] of a layer's weights [runs, out, fan_in] and the edges [runs, bins + 1].

    The bins of each run are symmetric about 0 and reach its largest magnitude. A run whose
    weights are no longer finite has reach 1 and counts 0.
    """
    flat = weight.detach().flatten(1).double().cpu()
    reach = flat.abs().amax(dim=1).clamp_min(1e-12)
    finite = reach.isfinite()
    reach = reach.where(finite, 1.0)
    flat = flat.where(finite[:, None], 0.0)
    edges = torch.linspace(-1, 1, bins + 1, dtype=torch.float64) * reach[:, None]
    position = ((flat / reach[:, None] + 1) * (bins / 2)).long().clamp_(0, bins - 1)
    counts = torch.zeros(len(flat), bins, dtype=torch.int64)
    counts.scatter_add_(1, position, finite[:, None].expand_as(position).long())
    return counts, edges


def moments(values: Tensor, dim: tuple[int, ...] | None = None) -> Tensor:
    """Mean and mean square over the axes ``dim`` (None: all), float64 [..., 2]."""
    fine = values.double()
    return torch.stack([fine.mean(dim=dim), fine.square().mean(dim=dim)], dim=-1)


def watched(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits [n, classes] of one model, and the `moments` of what each linear and convolution
    layer puts out, [layers, 2]."""
    layers = [layer for _, layer in initialization.scalable_layers(model)]
    found: dict[int, Tensor] = {}

    def watch(number: int) -> Callable[..., None]:
        def note(_layer: nn.Module, _inputs: tuple, output: Tensor) -> None:
            found[number] = moments(output)

        return note

    hooks = [layer.register_forward_hook(watch(number)) for number, layer in enumerate(layers)]
    try:
        logits = model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return logits, torch.stack([found[number] for number in range(len(layers))])


@torch.no_grad()
def evaluate(
    forward: Forward,
    images: Tensor,
    labels: Tensor,
    standardize: Callable[[Tensor], Tensor],
    batch: int = 1000,
) -> dict[str, Tensor]:
    """Cross entropy, accuracy and pre-activation variance over a set of images.

    images: uint8 [n, C, H, W]; labels [n]. Returns ``loss`` and ``accuracy`` [runs] and
    ``preactivation_variance`` [runs, layers]: the variance over all images and units of a layer.
    """
    loss = correct = total = 0.0
    for start in range(0, len(images), batch):
        truth = labels[start : start + batch]
        logits, found = forward(standardize(images[start : start + batch]))
        picked = truth.expand(logits.shape[:2])[..., None]
        log_likelihood = logits.log_softmax(dim=-1).gather(-1, picked)
        loss = loss - log_likelihood.double().sum(dim=(1, 2))
        correct = correct + (logits.argmax(dim=-1) == truth).sum(dim=1)
        total = total + len(truth) * found
    mean, square = (total / len(images)).unbind(dim=-1)
    return {
        "loss": loss / len(images),
        "accuracy": correct.double() / len(images),
        "preactivation_variance": (square - mean.square()).clamp_min(0),
    }


def measure(forward: Forward, weights: Sequence[Tensor], split: Split) -> dict[str, Tensor]:
    """All the quantities of a record's epoch, per run: losses and accuracies of the three parts
    [runs], weight statistics and the pre-activation variance on the validation images
    [runs, layers]. The training part is measured on its first `TRAIN_IMAGES` images.
    """
    values = weight_statistics(weights)
    for part in ("train", "validation", "test"):
        images, labels = getattr(split, f"{part}_images"), getattr(split, f"{part}_labels")
        if part == "train":
            images, labels = images[:TRAIN_IMAGES], labels[:TRAIN_IMAGES]
        result = evaluate(forward, images, labels, lambda x: split.standardize(x, weights[0].dtype))
        values[f"{part}_loss"] = result["loss"]
        values[f"{part}_accuracy"] = result["accuracy"]
        if part == "validation":
            values["preactivation_variance"] = result["preactivation_variance"]
    return values
