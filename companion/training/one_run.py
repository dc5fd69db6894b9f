"""One run, as a reader would write it: model, optimizer, two loops.

The slow and plain twin of `many_runs`. Everything a run does is here in the order in which it
happens, with torch's own optimizer and autograd.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from companion import streams
from companion.data import Split
from companion.measure import probes
from companion.methods.initialization import initialize_
from companion.methods.rescaling import Rescaler
from companion.models import MLP
from companion.training.settings import Settings


def train(
    settings: Settings,
    split: Split,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    after_epoch: Callable[[int, nn.Module], None] | None = None,
) -> tuple[nn.Module, list[dict[str, Any]]]:
    """Train one MLP and return it with one row per epoch (row 0: before training).

    A row holds ``epoch``, ``train_loss``, ``validation_accuracy``, ... and, per layer, a list of
    ``weight_mean``, ``weight_std``, ``weight_norm`` and ``preactivation_variance``. A rescaling
    that is due at the end of an epoch acts before the epoch is measured.
    """
    settings.check_fit(split)
    split = split.scaled(settings.inputs)
    device = split.train_images.device
    model = MLP(settings.widths, settings.activation).to(device, dtype)
    initialize_(model, settings.scheme, settings.gain, seed)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )
    rescaler = Rescaler(model, settings.rescaling, settings.scheme, settings.gain)
    rescaler.attach(optimizer)

    rows = [{"epoch": 0, **measure(model, split)}]
    for epoch in range(1, settings.epochs + 1):
        order = streams.permutation(seed, "order", epoch, len(split.train_labels), device)
        for batch in order.split(settings.batch_size):
            images = split.standardize(split.train_images[batch], dtype)
            loss = nn.functional.cross_entropy(model(images), split.train_labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        rescaler.end_epoch()
        rows.append({"epoch": epoch, **measure(model, split)})
        if after_epoch:
            after_epoch(epoch, model)
    return model, rows


def measure(model: MLP, split: Split) -> dict[str, Any]:
    """The probes of one model: a stack of one, without its run axis."""
    stacked = probes.measure(
        lambda images: [value[None] for value in model.preactivations(images)],
        [layer.weight[None] for layer in model.layers],
        split,
    )
    return {name: values[0].tolist() for name, values in stacked.items()}
