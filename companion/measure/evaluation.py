"""Loss, accuracy and signals over a set of images, once for all measures that need them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from companion.measure.declare import Forward, View

TRAIN_IMAGES = 10_000
"""Training images on which the training loss is measured after each epoch (all, if fewer)."""


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
    Sums are float64: a variance over millions of values must not depend on the batch.
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


def evaluated(view: View, part: str, most: int | None = None) -> dict[str, Tensor]:
    """`evaluate` on the ``train``, ``validation`` or ``test`` part, once a view, on its first
    ``most`` images; None: on all, or of the training part on `TRAIN_IMAGES`."""
    if (part, most) not in view.kept:
        split, dtype = view.split, view.weights[0].dtype
        few = slice(TRAIN_IMAGES if part == "train" and most is None else most)
        images, labels = (getattr(split, f"{part}_{what}")[few] for what in ("images", "labels"))
        view.kept[part, most] = evaluate(
            view.forward, images, labels, lambda x: split.standardize(x, dtype)
        )
    return view.kept[part, most]
