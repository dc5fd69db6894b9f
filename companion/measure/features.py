"""What the last hidden layer knows: each unit by itself, all of them, and half of them.

Whether hidden units are useful features or lean on each other, in three numbers, which stand for
three readings of "useful": a unit that tells classes apart by itself, units that say different
things, and a layer that still works when part of it is gone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from companion.measure.declare import Column, Measure, View

HALVES = 8
"""Random halves of the units that are left out in turn, the same ones in every run."""


def class_share(signal: Tensor, labels: Tensor, classes: int) -> Tensor:
    """How much of a unit's variance lies between the classes, mean over units, [runs].

    signal [runs, n, units], labels [n]. ``sum_c n_c (m_c - m)^2 / sum_i (h_i - m)^2`` per unit,
    with m the mean over all images and m_c over those of class c (eta squared; R. A. Fisher,
    *Statistical Methods for Research Workers*, 1925); 0 for a unit that is the same for every
    image.

    >>> h = torch.tensor([[[0.0], [0.0], [1.0], [1.0]]])
    >>> class_share(h, torch.tensor([0, 0, 1, 1]), 2), class_share(h, torch.tensor([0, 1] * 2), 2)
    (tensor([1.], dtype=torch.float64), tensor([0.], dtype=torch.float64))
    """
    centred = signal.double() - signal.double().mean(dim=1, keepdim=True)
    member = torch.nn.functional.one_hot(labels, classes).double()
    sums = torch.einsum("rnu,nc->rcu", centred, member)
    between = (sums.square() / member.sum(dim=0).clamp_min(1)[:, None]).sum(dim=1)
    whole = centred.square().sum(dim=1)
    return torch.where(whole > 0, between / whole, 0.0).mean(dim=1)


def correlation(signal: Tensor) -> Tensor:
    """Mean size of the correlation over all pairs of units, [runs]; signal [runs, n, units].

    Pairs with a unit that is the same for every image count as 0.
    """
    centred = signal.double() - signal.double().mean(dim=1, keepdim=True)
    length = centred.norm(dim=1, keepdim=True)
    unit = torch.where(length > 0, centred / length, 0.0)
    sizes = (unit.mT @ unit).abs()
    count = signal.shape[2]
    own = sizes.diagonal(dim1=1, dim2=2).sum(dim=1)
    return (sizes.sum(dim=(1, 2)) - own) / (count * (count - 1))


def features(view: View) -> dict[str, Tensor]:
    """The columns of `FEATURES`, over validation images, [runs].

    ``half_accuracy`` keeps a random half of the units, doubles them, as dropout does in training,
    and takes the mean over `HALVES` choices.
    """
    split = view.split
    images = split.standardize(split.validation_images, view.weights[0].dtype)
    signal, logits = view.passing(images)[-1]
    labels, weight = split.validation_labels, view.weights[-1].flatten(2)
    shift = logits[:, :1] - torch.bmm(signal[:, :1], weight.mT)  # the bias
    generator = torch.Generator().manual_seed(0)
    right = []
    for _ in range(HALVES):
        order = torch.randperm(signal.shape[2], generator=generator)
        kept = torch.zeros(signal.shape[2], dtype=signal.dtype)
        kept[order[: signal.shape[2] // 2]] = 2
        said = torch.bmm(signal * kept.to(signal.device), weight.mT) + shift
        right.append((said.argmax(dim=2) == labels).double().mean(dim=1))
    return {
        "class_share": class_share(signal, labels, split.classes),
        "unit_correlation": correlation(signal),
        "half_accuracy": torch.stack(right).mean(dim=0),
    }


FEATURES = Measure(
    "features",
    (
        Column("class_share", "share of a hidden unit's variance that lies between classes, mean "
               "over units", low=0, high=1),
        Column("unit_correlation", "mean size of the correlation of two hidden units", low=0,
               high=1),
        Column("half_accuracy", "share of validation images that are right with half of the "
               "hidden units", low=0, high=1),
    ),
    features,
    "a forward pass over the validation images, and the pairs of the last hidden layer's units",
    when="ends",
)  # fmt: skip
