"""How well a run does: loss and accuracy on the three parts of an image set."""

from __future__ import annotations

from torch import Tensor

from companion.measure.declare import Column, Measure, View
from companion.measure.evaluation import evaluated

PARTS = ("train", "validation", "test")


def accuracies(view: View) -> dict[str, Tensor]:
    """``<part>_loss``, mean cross entropy in nats, and ``<part>_accuracy``, the share of images
    that are right, of each of `PARTS`, [runs]."""
    return {
        f"{part}_{what}": evaluated(view, part)[what]
        for part in PARTS
        for what in ("loss", "accuracy")
    }


ACCURACY = Measure(
    "accuracy",
    (
        Column("train_loss", "mean cross entropy on the training images, nats", low=0),
        Column("train_accuracy", "share of training images that are right", low=0, high=1),
        Column("validation_loss", "mean cross entropy on the validation images", low=0),
        Column("validation_accuracy", "share of validation images that are right", low=0, high=1),
        Column("test_loss", "mean cross entropy on the test images", low=0),
        Column("test_accuracy", "share of test images that are right", low=0, high=1),
    ),
    accuracies,
    "a forward pass over 10,000 training images and all others",
)

LEARNING = Measure(
    "learning",
    tuple(c for c in ACCURACY.columns if c.name in ("train_accuracy", "test_accuracy")),
    lambda view: {
        f"{part}_accuracy": evaluated(view, part)["accuracy"] for part in ("train", "test")
    },
    "a forward pass over 10,000 training images and the test images",
)
"""What a map of many networks asks for: whether they learned."""

SAMPLE = 2000
SAMPLED = Measure(
    "sampled",
    tuple(c for c in ACCURACY.columns if c.name.endswith("accuracy")),
    lambda view: {f"{part}_accuracy": evaluated(view, part, SAMPLE)["accuracy"] for part in PARTS},
    f"a forward pass over {SAMPLE:,} images of each part",
)
"""The same, with a part to choose by, where a pass over all images would take as long as training:
one accuracy has a standard error of a point or so."""
