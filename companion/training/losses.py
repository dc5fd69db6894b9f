"""What a network is trained on: the loss of its logits, and labels with noise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from companion import streams


def loss(name: str, logits: Tensor, labels: Tensor) -> Tensor:
    """The mean loss of logits [n, classes] on labels [n].

    ``cross_entropy``, or ``squared_error``: half the squared distance of the logits from the
    one-hot label, summed over classes. ValueError for another name.

    >>> loss("squared_error", torch.tensor([[1.0, 2.0]]), torch.tensor([0]))
    tensor(2.)
    """
    if name == "cross_entropy":
        return nn.functional.cross_entropy(logits, labels)
    if name != "squared_error":
        raise ValueError(
            f"loss must be one of cross_entropy, squared_error, got {name!r}; pick one"
        )
    wanted = nn.functional.one_hot(labels, logits.shape[-1]).to(logits.dtype)
    return (logits - wanted).square().sum(dim=-1).mean() / 2


def logits_gradient(name: str, logits: Tensor, labels: Tensor) -> Tensor:
    """The gradient of `loss` by the logits [runs, n, classes], which are overwritten.

    ``(softmax(z) - one-hot) / n`` for cross entropy, ``(z - one-hot) / n`` for squared error.
    """
    delta = logits.softmax(dim=-1) if name == "cross_entropy" else logits
    delta.scatter_add_(2, labels[..., None], delta.new_full((*labels.shape, 1), -1.0))
    return delta.div_(labels.shape[1])


def noisy(
    labels: Tensor, share: float, seeds: int | Sequence[int] | Tensor, classes: int
) -> Tensor:
    """Labels [n] of which each is replaced, with probability ``share``, by a random one.

    Shape [n] for one seed, [runs, n] for several; [n] and the labels themselves without noise.
    """
    if not share:
        return labels
    count, device = len(labels), labels.device
    hit = streams.uniform(seeds, "label noise", 0, count, device) < share
    drawn = streams.uniform(seeds, "noisy label", 0, count, device, torch.float64)
    return torch.where(hit, (drawn * classes).long(), labels)
