"""A stack of MLPs, plain or behind a fixed curve, with the gradient written by hand.

The same mathematics as `models.MLP` under autograd, with a run axis in front: weights
[runs, out, in], signals [runs, batch, units], every product a batched matrix product. A weight's
gradient is a product that the optimizer can add to its velocity as it is computed. Behind a curve
the weights are computed once a step, and the optimizer knows the slope.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields

import torch
from torch import Tensor

from companion import models
from companion.measure import signals
from companion.methods import initialization
from companion.methods.parametrizations import CURVES, Compander
from companion.models import mlp
from companion.training.losses import logits_gradient
from companion.training.optimizers import Bent, Optimizer
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
    "compander_clamp", "compander_alpha", "slope_aware", "decay_as_rate",
)  # fmt: skip
"""The settings that this file heeds besides a curve; it trains no arm in which another one is
changed."""


def is_plain(settings: Settings) -> bool:
    """Whether this file can train it: an MLP, with every other setting at its default."""
    mine = models.model(settings.model) is mlp.MODEL and settings.activation in ACTIVATE
    straight = settings.parametrization in ("none", *CURVES)
    return mine and straight and not changed(settings, (*UNDERSTOOD, "parametrization"))


def changed(settings: Settings, understood: Sequence[str]) -> list[str]:
    """The settings that are not at their default, and not among those understood."""
    return [
        field.name
        for field in fields(settings)
        if field.name not in understood and getattr(settings, field.name) != field.default
    ]


class StackedMLP:
    """R MLPs. ``weights``: per layer [runs, out, in]; ``biases``: per layer [runs, 1, out];
    ``parameters``: both in turn, behind a curve its v in place of the weight."""

    def __init__(self, runs: Sequence[Run], dtype: torch.dtype, device: torch.device) -> None:
        settings = runs[0].settings
        self.loss = settings.loss
        self.activate = ACTIVATE[settings.activation]
        self.slope = SLOPE[settings.activation]
        self.trained, self.biases, self._curves = [], [], []
        for layer, units in enumerate(settings.widths[1:], start=1):
            empty = torch.empty(units, settings.widths[layer - 1], dtype=dtype, device=device)
            drawn = [_drawn(run, layer, empty) for run in runs]
            if settings.parametrization in CURVES:
                drawn = self._behind_curves(runs, layer, drawn)
            self.trained.append(torch.stack(drawn))
            self.biases.append(torch.zeros(len(runs), 1, units, dtype=dtype, device=device))

    def _behind_curves(self, runs: Sequence[Run], layer: int, drawn: list[Tensor]) -> list[Tensor]:
        """The v of a layer's weights, one a run, whose curves are kept."""
        made = []
        for run, weight in zip(runs, drawn, strict=True):
            own = run.settings
            pair = own.pair(weight, own.scheme, own.gain)
            a, b = (torch.tensor(one, dtype=weight.dtype, device=weight.device) for one in pair)
            name = f"layers.{layer - 1}"
            clamp = own.compander_clamp
            curve = own.curve(own.parametrization)
            made.append(Compander(curve, a, b, clamp=clamp, layer=name))
        a, b = (torch.stack([getattr(one, name) for one in made]) for name in ("a", "b"))
        self._curves.append(Bent(made[0].curve, a, b))
        return [one.right_inverse(weight) for one, weight in zip(made, drawn, strict=True)]

    @property
    def weights(self) -> list[Tensor]:
        """The weights of every layer, behind a curve its result."""
        if not self._curves:
            return self.trained
        return [curve.weight(v) for curve, v in zip(self._curves, self.trained, strict=True)]

    @property
    def sources(self) -> list[Tensor]:
        """What the weights of every layer are trained as: themselves, or the v of a curve."""
        return self.trained

    def folds(self) -> list[None]:
        """No layer cuts patches."""
        return [None] * len(self.trained)

    trial = None
    """No batch norm follows its weights."""

    @property
    def parameters(self) -> list[Tensor]:
        """What is trained for the weight of the first layer, its bias, those of the second, ..."""
        return [value for pair in zip(self.trained, self.biases, strict=True) for value in pair]

    @property
    def roles(self) -> list[tuple[str, ...]]:
        """Those of every parameter, as `models.roles` finds them."""
        last = len(self.trained) - 1
        places = ["output" if k == last else "hidden" if k else "input" for k in range(last + 1)]
        return [(kind, place) for place in places for kind in ("weight", "bias")]

    @property
    def bent(self) -> list[tuple[Bent, Tensor] | None]:
        """The curve of every layer with its v, None for a layer without one."""
        if not self._curves:
            return [None] * len(self.trained)
        return list(zip(self._curves, self.trained, strict=True))

    @property
    def curves(self) -> dict[int, Bent]:
        """The curves, by the number of the parameter that is their v."""
        return {2 * layer: curve for layer, curve in enumerate(self._curves)}

    @property
    def state(self) -> list[Tensor]:
        """All tensors that training changes."""
        return self.parameters

    def descend(self, images: Tensor, labels: Tensor, optimizer: Optimizer) -> None:
        """Forward, backward and update. images [runs, batch, C, H, W], labels [runs, batch]."""
        signals, weights = [images.flatten(2)], self.weights
        last = len(weights) - 1
        for layer, (weight, bias) in enumerate(zip(weights, self.biases, strict=True)):
            z = torch.bmm(signals[-1], weight.mT).add_(bias)  # a tenth faster than baddbmm
            signals.append(z if layer == last else self.activate(z))

        delta = logits_gradient(self.loss, signals.pop(), labels)
        ones = delta.new_ones(*labels.shape, 1)  # a bias is a weight whose input is 1
        for layer in range(last, -1, -1):
            below = None
            if layer > 0:
                below = torch.bmm(delta, weights[layer])
                below = self.slope(below, signals[layer])
            optimizer.update_product(2 * layer, delta, signals[layer])
            optimizer.update_product(2 * layer + 1, ones, delta)
            delta = below

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images [n, C, H, W], shared by all runs -> logits and moments (`declare.Forward`)."""
        signal, weights = images.flatten(1), self.weights
        # the first layer of all runs is one matrix product: they see the same images
        first = signal @ weights[0].flatten(0, 1).mT
        value = first.unflatten(1, weights[0].shape[:2]).transpose(0, 1) + self.biases[0]
        found = [signals.moments(value, dim=(1, 2))]
        for weight, bias in zip(weights[1:], self.biases[1:], strict=True):
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

    @torch.enable_grad()
    def differentiable(
        self, run: int, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """A run's mean cross entropy and its parameters (`declare.Differentiable`)."""
        leaves = [value[run].detach().requires_grad_() for value in self.parameters]
        signal = images.flatten(1)
        for layer, (v, bias) in enumerate(zip(leaves[::2], leaves[1::2], strict=True)):
            weight = v
            if self._curves:
                curve = self._curves[layer]
                mine = Bent(curve.curve, curve.a[run : run + 1], curve.b[run : run + 1])
                weight = mine.weight(v[None])[0]
            signal = (self.activate(signal) if layer else signal) @ weight.mT + bias
        return torch.nn.functional.cross_entropy(signal, labels), leaves

    def set_weight(self, layer: int, members: Tensor | slice, value: Tensor) -> None:
        """Give the runs ``members`` another weight of a layer, [members, out, in]."""
        if self._curves:
            bent = self._curves[layer]
            mine = Bent(bent.curve, bent.a[members], bent.b[members])
            value = mine.inverse(mine.nearest(value))
        self.trained[layer][members] = value

    def bias(self, layer: int) -> Tensor:
        """A layer's bias, [runs, out], to read and to write."""
        return self.biases[layer][:, 0]


def _drawn(run: Run, layer: int, empty: Tensor) -> Tensor:
    start = run.settings
    return initialization.draw(run.seed, layer, empty, start.scheme, start.gain, start.distribution)
