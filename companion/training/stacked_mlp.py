"""A stack of plain MLPs, with the gradient written by hand.

The same mathematics as `models.MLP` under autograd, with a run axis in front: weights
[runs, out, in], signals [runs, batch, units], every product a batched matrix product. A weight's
gradient is a product that the optimizer can add to its velocity as it is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from companion.measure import probes
from companion.methods import initialization
from companion.training.optimizers import Optimizer
from companion.training.settings import Run, Settings

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


def is_plain(settings: Settings) -> bool:
    """Whether this file can train it: an MLP without normalization and dropout, in float32 or
    float64."""
    return (
        settings.model == "mlp"
        and settings.normalization == "none"
        and settings.dropout == 0
        and settings.precision == "float32"
    )


class StackedMLP:
    """R MLPs. ``weights``: per layer [runs, out, in]; ``biases``: per layer [runs, 1, out];
    ``parameters``: both in turn."""

    def __init__(self, runs: Sequence[Run], dtype: torch.dtype, device: torch.device) -> None:
        settings = runs[0].settings
        self.activate = ACTIVATE[settings.activation]
        self.slope = SLOPE[settings.activation]
        self.weights, self.biases = [], []
        for layer, units in enumerate(settings.widths[1:], start=1):
            empty = torch.empty(units, settings.widths[layer - 1], dtype=dtype, device=device)
            drawn = [
                initialization.draw(run.seed, layer, empty, run.settings.scheme, run.settings.gain)
                for run in runs
            ]
            self.weights.append(torch.stack(drawn))
            self.biases.append(torch.zeros(len(runs), 1, units, dtype=dtype, device=device))

    @property
    def parameters(self) -> list[Tensor]:
        """Weight and bias of the first layer, of the second, ..."""
        return [value for pair in zip(self.weights, self.biases, strict=True) for value in pair]

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

        # d(mean cross entropy) / d(logits) = (softmax - one-hot) / batch
        delta = signals.pop().softmax(dim=-1)
        delta.scatter_add_(2, labels[..., None], delta.new_full((*labels.shape, 1), -1.0))
        delta.div_(labels.shape[1])
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
        """Images [n, C, H, W], shared by all runs -> logits and moments (`probes.Forward`)."""
        signal = images.flatten(1)
        # the first layer of all runs is one matrix product: they see the same images
        first = signal @ self.weights[0].flatten(0, 1).mT
        value = first.unflatten(1, self.weights[0].shape[:2]).transpose(0, 1) + self.biases[0]
        found = [probes.moments(value, dim=(1, 2))]
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            value = torch.baddbmm(bias, self.activate(value), weight.mT)
            found.append(probes.moments(value, dim=(1, 2)))
        return value, torch.stack(found, dim=1)

    def set_weight(self, layer: int, members: Tensor | slice, value: Tensor) -> None:
        """Give the runs ``members`` another weight of a layer, [members, out, in]."""
        self.weights[layer][members] = value

    def bias(self, layer: int) -> Tensor:
        """A layer's bias, [runs, out], to read and to write."""
        return self.biases[layer][:, 0]
