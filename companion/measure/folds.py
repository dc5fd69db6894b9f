"""Loss and accuracy on parts of the images that training does not see.

Validation and test images of one data set differ by chance: one hundred images may be easier than
another hundred, and no number of runs averages that away. So the images kept aside, validation and
test together, are dealt into `FOLDS` parts; each half of the parts may choose an epoch, and the
other half then tests the choice. Over all ways to deal, neither side is easier.
"""

from __future__ import annotations

import torch
from torch import Tensor

from companion.measure.declare import Column, Measure, View
from companion.measure.evaluation import evaluate

FOLDS = 4


def folds(view: View) -> dict[str, Tensor]:
    """``fold_<k>_loss`` and ``fold_<k>_accuracy``, k from 1: of every `FOLDS`-th image from the
    k-th on, validation images first, [runs]."""
    split, dtype = view.split, view.weights[0].dtype
    images = torch.cat([split.validation_images, split.test_images])
    labels = torch.cat([split.validation_labels, split.test_labels])
    found: dict[str, Tensor] = {}
    for fold in range(FOLDS):
        part = evaluate(
            view.forward,
            images[fold::FOLDS],
            labels[fold::FOLDS],
            lambda x: split.standardize(x, dtype),
        )
        found[f"fold_{fold + 1}_loss"] = part["loss"]
        found[f"fold_{fold + 1}_accuracy"] = part["accuracy"]
    return found


KEPT_ASIDE = Measure(
    "kept aside",
    tuple(
        column
        for k in range(1, FOLDS + 1)
        for column in (
            Column(f"fold_{k}_loss", f"mean cross entropy on part {k} of the images kept aside",
                   low=0),
            Column(f"fold_{k}_accuracy", f"share of part {k} that is right", low=0, high=1),
        )
    ),
    folds,
    "a forward pass over validation and test images",
)  # fmt: skip
