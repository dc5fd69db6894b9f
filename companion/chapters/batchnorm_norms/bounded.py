"""Bounded weight norm: its gradient and its steps by hand, and its records as turns and lengths."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pandas as pd
import torch
from torch import nn

from companion.chapters.batchnorm_norms import by_hand, parts
from companion.evidence.records import Record
from companion.methods.initialization import initialize_
from companion.methods.parametrizations import bake, bounded_weight_norm
from companion.models import MLP
from companion.theory import norms


def gradients(stretch: float = 1.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The first layer of a network without any normalization, under bounded weight norm: v, the
    gradient by v, and ``r / |v| (g - <g, u> u)`` of the gradient g by w, each [units, fan_in].

    stretch: what v is multiplied by first, which leaves the network as it is.
    """
    model = initialize_(MLP(by_hand.WIDTHS).double())
    bounded_weight_norm(model.layers[0])
    inside = model.layers[0].parametrizations.weight
    with torch.no_grad():
        inside.original1.mul_(stretch)
    plain = bake(model)
    images, labels = by_hand.batch(1, 64)
    nn.functional.cross_entropy(model(images), labels).backward()
    nn.functional.cross_entropy(plain(images), labels).backward()
    v, g = inside.original1.detach(), plain.layers[0].weight.grad
    size = v.norm(dim=1, keepdim=True)
    u = v / size
    expected = inside.original0 / size * (g - (g * u).sum(dim=1, keepdim=True) * u)
    return v, inside.original1.grad, expected


@cache
def beside_batch_norm(steps: int = 100, rate: float = 0.5, alpha: float = 0.9) -> dict[str, float]:
    """Train twice from one start, with batch norm (eps `by_hand.TINY`) and SGD with momentum: once
    as it is, once with bounded weight norm before it; float64.

    Returns ``loss``: the largest difference of the two losses at any step, ``apart``: that of w and
    v at the end, as a share of the largest weight, and ``grown``: by what factor |w| grew.
    """
    plain = by_hand.network(by_hand.TINY)
    held = copy.deepcopy(plain)
    for layer in held.layers[:-1]:
        bounded_weight_norm(layer)
    start = plain.layers[0].weight.detach().norm()
    optimizers = [
        torch.optim.SGD(model.parameters(), rate, momentum=alpha) for model in (plain, held)
    ]
    apart = 0.0
    for step in range(1, steps + 1):
        images, labels = by_hand.batch(step, 64)
        losses = []
        for model, optimizer in zip((plain, held), optimizers, strict=True):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        apart = max(apart, abs(losses[0] - losses[1]))
    w = plain.layers[0].weight.detach()
    v = held.layers[0].parametrizations.weight.original1.detach()
    return {
        "loss": apart,
        "apart": float((w - v).abs().max() / w.abs().max()),
        "grown": float(w.norm() / start),
    }


def series(record: Record, arm: str, layer: int) -> pd.DataFrame:
    """``turn``, the rms over runs and units of the angle of a step, and ``source``, that of |v| (of
    |w| where w itself is trained), by step."""
    rows = record.steps
    rows = rows[(rows["arm"] == arm) & (rows["layer"] == layer)]
    found = np.sqrt(rows.groupby("step")[["turn_square", "source_square"]].mean())
    return found.rename(columns={"turn_square": "turn", "source_square": "source"})


def late_turn(record: Record, arm: str, layer: int) -> float:
    """The rms turn of a step over the last third of the steps at the first learning rate."""
    end = parts.constant_steps(record)
    turns = series(record, arm, layer)["turn"].loc[2 * end / 3 : end]
    return by_hand.rms(turns.to_numpy())


def predicted_turn(record: Record, arm: str) -> float:
    """The turn of a decayed arm's step at its equilibrium."""
    settings = record.provenance["arms"][arm]
    rate = parts.kernel_rate(settings)
    return norms.equilibrium_angle(rate, settings["weight_decay"], settings["momentum"])


def deep(rate: float, epochs: int = 4, runs: int = 2) -> np.ndarray:
    """The test accuracies in percent of narrow VGG-16 networks under bounded weight norm, trained
    here on the digits at this learning rate, [runs]."""
    from companion import data
    from companion.measure import accuracy
    from companion.training.many_runs import Stack
    from companion.training.settings import Run, Settings

    settings = Settings(
        model="vgg16",
        widths=(1, 8, 8, 16, 16, 16, 10),
        normalization="batch_mean",
        parametrization="bounded_weight_norm",
        learning_rate=rate,
        epochs=epochs,
    )
    split = data.split(data.load("digits"))
    stack = Stack([Run(seed, "vgg16", seed, settings) for seed in range(runs)], split)
    for _ in range(epochs):
        stack.train_epoch()
    return 100 * stack.measure((accuracy.LEARNING,))["test_accuracy"].double().numpy()
