"""Weights seen from their inputs: the projection on the directions in which a layer's inputs vary.

A unit's weights w [fan_in] act on inputs x [fan_in], for a convolution on patches. With the
covariance of x over images and places, ``Sigma = U diag(e) U^T``, the *input-span projection* of w
is ``U^T w`` (L section 4.2). U turns and keeps every length; of w only what lies along directions
of large e reaches the output's differences between images. A gradient lies in the span of the
inputs, so that what lies outside it moves by decay and rescaling alone.

Covariances are gathered in float64 over batches, so that no batch of patches need be kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from companion.measure.declare import Column, Fold, Measure, View
from companion.measure.geometry import SHAPES, shape, shape_error

IMAGES = 500
"""Training images over whose inputs covariances are taken."""
SHARE = 1e-3
"""The share of a layer's input variance that may lie outside its span."""


def patches(inputs: Tensor, fold: Fold | None) -> Tensor:
    """What the units of a layer read, [runs, rows, fan_in].

    inputs: [runs, n, fan_in] of a linear layer (fold None), or [runs, n, C, H, W] of a convolution
    with the arguments ``fold`` of `torch.nn.functional.unfold`; a patch is in the order of a
    kernel's weights.
    """
    if fold is None:
        return inputs
    cut = functional.unfold(inputs.flatten(0, 1), **fold)  # [runs n, fan_in, places]
    return cut.unflatten(0, inputs.shape[:2]).transpose(2, 3).flatten(1, 2)


class Covariance:
    """The covariance of rows that come in batches, [runs, fan_in, fan_in], divided by n.

    Rows are centred on the first batch's mean before they are squared, so that a large mean costs
    no digits.

    >>> found = Covariance()
    >>> found.add(torch.tensor([[[0.0, 1.0], [2.0, 1.0]]]))
    >>> found.matrix.tolist()
    [[[1.0, 0.0], [0.0, 0.0]]]
    """

    def __init__(self) -> None:
        self.count = 0
        self.shift = self.total = self.products = None

    def add(self, rows: Tensor) -> None:
        """Count some more rows, [runs, rows, fan_in]."""
        fine = rows.double()
        if self.shift is None:
            self.shift = fine.mean(dim=1, keepdim=True)
            self.total, self.products = 0.0, 0.0
        off = fine - self.shift
        self.count += rows.shape[1]
        self.total = self.total + off.sum(dim=1)
        self.products = self.products + off.mT @ off

    @property
    def matrix(self) -> Tensor:
        """The covariance of all rows so far; ValueError where there are none."""
        if not self.count:
            raise ValueError("a covariance needs at least one row, got none; add some first")
        mean = self.total / self.count
        return self.products / self.count - mean[:, :, None] * mean[:, None, :]


def covariances(view: View, images: int = IMAGES, batch: int = 100) -> list[Tensor]:
    """Of every layer the covariance of its inputs over the first training images,
    [runs, fan_in, fan_in]."""
    folds = view.folds()
    found = [Covariance() for _ in view.weights]
    dtype = view.weights[0].dtype
    for some in view.split.train_images[:images].split(batch):
        taken = view.passing(view.split.standardize(some, dtype))
        for one, (inputs, _), fold in zip(found, taken, folds, strict=True):
            one.add(patches(inputs, fold))
    return [one.matrix for one in found]


def spans(view: View) -> list[tuple[Tensor, Tensor]]:
    """Of every layer the eigenvalues of `covariances`, falling, [runs, fan_in], and the directions
    that go with them, the columns of [runs, fan_in, fan_in]; computed once a view."""
    if "spans" not in view.kept:
        found = [torch.linalg.eigh(matrix) for matrix in covariances(view)]
        view.kept["spans"] = [
            (values.flip(-1).clamp_min(0), vectors.flip(-1)) for values, vectors in found
        ]
    return view.kept["spans"]


def directions(values: Tensor, share: float = SHARE) -> Tensor:
    """How many directions, those of the largest variance, hold all but ``share`` of it, [runs].

    values: variances, falling, [runs, fan_in]. At least one.

    >>> directions(torch.tensor([[6.0, 3.0, 1.0, 0.0]]), share=0.2).tolist()
    [2]
    """
    left = 1 - values.cumsum(-1) / values.sum(-1, keepdim=True)
    return ((left > share).sum(-1) + 1).clamp_max(values.shape[-1])


def inside(weight: Tensor, span: tuple[Tensor, Tensor], share: float = SHARE) -> Tensor:
    """A layer's weights [runs, out, ...] without what lies outside the span of its inputs: the
    projection on the `directions`."""
    values, vectors = span
    kept = torch.arange(values.shape[-1], device=values.device) < directions(values, share)[:, None]
    along = weight.flatten(2).double() @ vectors * kept[:, None, :]
    return (along @ vectors.mT).view(weight.shape).to(weight.dtype)


def projections(view: View) -> Mapping[str, Tensor]:
    """The columns of `SPAN`, each [runs, layers]."""
    turned, counts, outside = [], [], []
    for weight, (values, vectors) in zip(view.weights, spans(view), strict=True):
        turned.append(weight.flatten(2).double() @ vectors)
        count = directions(values)
        counts.append(count)
        left = torch.arange(values.shape[-1], device=values.device) >= count[:, None]
        squares = turned[-1].square().sum(dim=1)
        outside.append((squares * left).sum(1) / squares.sum(1))
    return {
        "span_shape": shape(turned),
        "span_shape_error": shape_error(turned),
        "span_directions": torch.stack(counts, dim=1).double(),
        "outside_share": torch.stack(outside, dim=1),
    }


def inside_accuracies(view: View) -> Mapping[str, Tensor]:
    """The columns of `INSIDE`, each [runs]: test accuracy with a batch's own statistics, of the
    weights as they are; without what lies outside the span of their inputs, in all layers but the
    last; and without what lies along as many directions drawn at random.

    ValueError for a network without a normalization of batches.
    """
    if view.trial is None:
        raise ValueError(
            "accuracies of other weights need a network whose batch norm takes a batch's own "
            "statistics, got none; take this measure on one with batch normalization"
        )
    last, found = view.weights[-1], spans(view)[:-1]
    pairs = list(zip(view.weights[:-1], found, strict=True))
    kept = {
        "batch_accuracy": list(view.weights),
        "inside_accuracy": [*(inside(weight, span) for weight, span in pairs), last],
        "random_accuracy": [
            *(inside(weight, (span[0], _random(span[1], number)))
              for number, (weight, span) in enumerate(pairs)),
            last,
        ],
    }  # fmt: skip
    return {name: _accuracy(view, weights) for name, weights in kept.items()}


def _random(vectors: Tensor, number: int) -> Tensor:
    """Directions drawn uniformly, as many as a layer's own."""
    source = torch.Generator().manual_seed(number)
    noise = torch.randn(vectors.shape, generator=source, dtype=torch.float64)
    return torch.linalg.qr(noise)[0].to(vectors.device)


def _accuracy(view: View, weights: Sequence[Tensor], batch: int = 1000) -> Tensor:
    images, labels = view.split.test_images, view.split.test_labels
    right = 0
    for some, truth in zip(images.split(batch), labels.split(batch), strict=True):
        logits = view.trial(weights, view.split.standardize(some, weights[0].dtype))
        right = right + (logits.argmax(dim=-1) == truth).sum(dim=1)
    return right.double() / len(images)


SPAN = Measure(
    "span",
    (
        Column("span_shape", "generalized-Gaussian shape of U^T w: 1 Laplace, 2 Gaussian",
               low=SHAPES[0], high=SHAPES[1] * (1 + 1e-6), start=False),
        Column("span_shape_error", "its standard error, for independent weights", low=0,
               start=False),
        Column("span_directions", f"directions that hold all but {SHARE:g} of the variance of the "
               "layer's inputs", low=1),
        Column("outside_share", "share of the layer's squared weights along the other directions",
               low=0, high=1.000001),
    ),
    projections,
    f"a forward pass over {IMAGES} training images, and the eigenvectors of each layer's "
    "covariance",
    per="layer",
)  # fmt: skip
INSIDE = Measure(
    "inside",
    (
        Column("batch_accuracy", "share of test images that are right with a batch's own "
               "statistics", low=0, high=1),
        Column("inside_accuracy", "the same without what weights have outside the span of their "
               "inputs, in all layers but the last", low=0, high=1),
        Column("random_accuracy", "the same without what they have along as many random "
               "directions", low=0, high=1),
    ),
    inside_accuracies,
    "three forward passes over the test images",
    when="ends",
)  # fmt: skip
