"""A stack of plain MLPs, with the gradient written by hand.

The same mathematics as `models.MLP` under autograd, with a run axis in front: weights
[runs, out, in], signals [runs, batch, units], every product a batched matrix product. A weight's
gradient is a product that the optimizer can add to its velocity as it is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields

import torch
from torch import Tensor

from companion import models
from companion.measure import signals
from companion.methods import initialization
from companion.models import mlp
from companion.training.losses import logits_gradient
from companion.training.optimizers import Optimizer
from companion.training.settings import PER_RUN, Run, Settings

ACTIVATE: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "linear": lambda z: z,
}
SLOPE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    # delta <- delta * phi'(z), written in terms of the output phi(z)
    "relu": lambda delta, output: delta.mul_(output > 0),
    "tanh": lambda delta, output: delta.mul_(1 - output.square()),
    "linear": lambda delta, output: delta,
}


UNDERSTOOD = (
    *PER_RUN, "model", "widths", "activation", "loss", "optimizer", "betas", "eps", "rate_factors",
    "decayed", "inputs", "augmentation", "label_noise", "batch_size", "epochs",
)  # fmt: skip
"""The settings that this file heeds; it trains no arm in which another one is changed."""


def is_plain(settings: Settings) -> bool:
    """Whether this file can train it: an MLP, with every other setting at its default."""
    mine = models.model(settings.model) is mlp.MODEL and settings.activation in ACTIVATE
    return mine and not changed(settings, UNDERSTOOD)


def changed(settings: Settings, understood: Sequence[str]) -> list[str]:
    """The settings that are not at their default, and not among those understood."""
    return [
        field.name
        for field in fields(settings)
        if field.name not in understood and getattr(settings, field.name) != field.default
    ]


class StackedMLP:
    """R MLPs. ``weights``: per layer [runs, out, in]; ``biases``: per layer [runs, 1, out];
    ``parameters``: both in turn."""

    def __init__(self, runs: Sequence[Run], dtype: torch.dtype, device: torch.device) -> None:
        settings = runs[0].settings
        self.loss = settings.loss
        self.activate = ACTIVATE[settings.activation]
        self.slope = SLOPE[settings.activation]
        self.weights, self.biases = [], []
        for layer, units in enumerate(settings.widths[1:], start=1):
            empty = torch.empty(units, settings.widths[layer - 1], dtype=dtype, device=device)
            drawn = [_drawn(run, layer, empty) for run in runs]
            self.weights.append(torch.stack(drawn))
            self.biases.append(torch.zeros(len(runs), 1, units, dtype=dtype, device=device))

    @property
    def parameters(self) -> list[Tensor]:
        """Weight and bias of the first layer, of the second, ..."""
        return [value for pair in zip(self.weights, self.biases, strict=True) for value in pair]

    @property
    def roles(self) -> list[tuple[str, ...]]:
        """Those of every parameter, as `models.roles` finds them."""
        last = len(self.weights) - 1
        places = ["output" if k == last else "hidden" if k else "input" for k in range(last + 1)]
        return [(kind, place) for place in places for kind in ("weight", "bias")]

    @property
    def state(self) -> list[Tensor]:
        """All tensors that training changes."""
        return self.parameters

    def descend(self, images: Tensor, labels: Tensor, optimizer: Optimizer) -> None:
        """Forward, backward and update. images [runs, batch, C, H, W], labels [runs, batch]."""
        signals = [images.flatten(2)]
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = torch.bmm(signals[-1], weight.mT).add_(bias)  # a tenth faster than baddbmm
            signals.append(z if layer == last else self.activate(z))

        delta = logits_gradient(self.loss, signals.pop(), labels)
        ones = delta.new_ones(*labels.shape, 1)  # a bias is a weight whose input is 1
        for layer in range(last, -1, -1):
            below = None
            if layer > 0:
                below = torch.bmm(delta, self.weights[layer])
                below = self.slope(below, signals[layer])
            optimizer.update_product(2 * layer, delta, signals[layer])
            optimizer.update_product(2 * layer + 1, ones, delta)
            delta = below

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images [n, C, H, W], shared by all runs -> logits and moments (`declare.Forward`)."""
        signal = images.flatten(1)
        # the first layer of all runs is one matrix product: they see the same images
        first = signal @ self.weights[0].flatten(0, 1).mT
        value = first.unflatten(1, self.weights[0].shape[:2]).transpose(0, 1) + self.biases[0]
        found = [signals.moments(value, dim=(1, 2))]
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            value = torch.baddbmm(bias, self.activate(value), weight.mT)
            found.append(signals.moments(value, dim=(1, 2)))
        return value, torch.stack(found, dim=1)

    def passing(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """What goes in and out of every layer (`declare.Passing`)."""
        passed, signal = [], images.flatten(1).expand(len(self.biases[0]), -1, -1)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            value = torch.baddbmm(bias, signal, weight.mT)
            passed.append((signal, value))
            signal = self.activate(value.clone())  # in place
        return passed

    def set_weight(self, layer: int, members: Tensor | slice, value: Tensor) -> None:
        """Give the runs ``members`` another weight of a layer, [members, out, in]."""
        self.weights[layer][members] = value

    def bias(self, layer: int) -> Tensor:
        """A layer's bias, [runs, out], to read and to write."""
        return self.biases[layer][:, 0]


def _drawn(run: Run, layer: int, empty: Tensor) -> Tensor:
    start = run.settings
    return initialization.draw(run.seed, layer, empty, start.scheme, start.gain, start.distribution)
