"""Two trainings that are one: what b does is what a learning rate does, and what decay follows."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from companion import data
from companion.data import Split
from companion.methods.initialization import initialize_
from companion.methods.parametrizations import add_decay_, compand_, companders

STEPS, BATCH = 35, 32


@cache
def _digits() -> Split:
    return data.split(data.load("digits"))


def trained(
    b: float,
    rate: float,
    optimizer: str = "sgd",
    decay_w: float = 0.0,
    decay_v: float = 0.0,
    eps: float = 1e-8,
) -> Tensor:
    """All weights of a companded MLP without biases after `STEPS` steps on the digits, float64.

    b: the curve's, with a = 0.5. optimizer: ``sgd``, with momentum 0.9, or ``adam``, with its eps.
    decay_w, decay_v: added to the gradient as ``lambda w`` by w, or as ``lambda v`` by v. Start
    and order of images are always the same. ValueError for another optimizer.
    """
    if optimizer not in ("sgd", "adam"):
        raise ValueError(f"optimizer must be sgd or adam, got {optimizer!r}; use one")
    split = _digits()
    model = nn.Sequential(
        nn.Linear(64, 32, bias=False), nn.ReLU(), nn.Linear(32, 10, bias=False)
    ).double()
    compand_(initialize_(model, seed=0), a=0.5, b=b, clamp=True)
    own = {"lr": rate, "weight_decay": decay_v}
    stepping = (
        torch.optim.SGD(model.parameters(), momentum=0.9, **own)
        if optimizer == "sgd"
        else torch.optim.Adam(model.parameters(), eps=eps, **own)
    )
    order = torch.randperm(len(split.train_labels), generator=torch.Generator().manual_seed(0))
    for batch in order.split(BATCH)[:STEPS]:
        images = split.standardize(split.train_images[batch], torch.float64).flatten(1)
        stepping.zero_grad()
        nn.functional.cross_entropy(model(images), split.train_labels[batch].long()).backward()
        add_decay_(model, decay_w)
        stepping.step()
    return torch.cat([layer.weight.detach().flatten() for _, layer, _ in companders(model)])


def apart(one: Tensor, other: Tensor) -> float:
    """The largest difference of two networks' weights."""
    return float((one - other).abs().max())
