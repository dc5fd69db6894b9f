"""What becomes of units that start equal: trained with every weight at one number."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from companion import data, machine
from companion.methods.initialization import initialize_
from companion.models import MLP

WIDTH, VALUE, RATE, MOMENTUM, BATCH = 33, 0.05, 0.05, 0.9, 32


def largest_difference(precision: str, steps: int, scheme: str = "constant") -> np.ndarray:
    """The largest difference between weights of two units of the middle layer, before training
    and after each of so many steps of SGD on the digits, [steps + 1].

    From a constant it is 0 for ever in exact arithmetic: equal units have equal gradients. In
    floating point a matrix product may add up the terms of one unit in another order than those
    of the next, which depends on the width and on the processor. precision: the dtype's name.
    """
    dtype = getattr(torch, precision)
    split = data.split(data.load("digits"))
    images = split.standardize(split.train_images, dtype)
    model = MLP((64, WIDTH, WIDTH, 10)).to(dtype)
    initialize_(model, scheme, VALUE if scheme == "constant" else None)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    found = [_apart(model)]
    with machine.cpu_threads(1):
        for step in range(steps):
            first = BATCH * step % (len(images) - BATCH)
            batch = slice(first, first + BATCH)
            optimizer.zero_grad()
            labels = split.train_labels[batch]
            nn.functional.cross_entropy(model(images[batch]), labels).backward()
            optimizer.step()
            found.append(_apart(model))
    return np.array(found)


def _apart(model: MLP) -> float:
    """Between the units of the middle layer, each of which has a row of weights."""
    rows = model.layers[1].weight.detach().double()
    return float((rows.amax(dim=0) - rows.amin(dim=0)).max())
