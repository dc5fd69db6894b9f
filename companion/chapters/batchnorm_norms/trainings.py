"""Small networks with batch norm trained on the digits: what decay is, how gradients of different
steps agree, and which norms predictions depend on.

The networks and batches are those of `by_hand`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from companion.chapters.batchnorm_norms.by_hand import TINY, batch, network, training_set
from companion.measure import geometry
from companion.methods.rescaling import rescaled_to_unit_norm
from companion.models import MLP
from companion.theory import norms


@cache
def decay_as_rate(
    steps: int = 300, learning_rate: float = 0.5, weight_decay: float = 1e-2
) -> dict[str, float]:
    """Train twice from one start: with decay of the hidden weights, and without it at their rising
    learning rate (`norms.rate_without_decay`). Plain SGD, float64, eps `TINY`.

    Returns ``norms``: how many times larger the second network's first weights end; ``turned``: the
    largest difference between the two directions w / |w|; ``moved``: that between the first
    network's direction at its end and at its start; ``loss``: the largest difference of the two
    losses at any step.
    """
    decayed, rising = network(TINY), network(TINY)
    start = _direction(decayed)
    apart = 0.0
    for step in range(steps):
        rate = float(norms.rate_without_decay(step, learning_rate, weight_decay))
        images, labels = batch(step + 1, 64)
        losses = [
            _descend(decayed, images, labels, learning_rate, learning_rate, weight_decay),
            _descend(rising, images, labels, rate, learning_rate, 0.0),
        ]
        apart = max(apart, abs(losses[0] - losses[1]))
    first, second = (model.layers[0].weight.norm().item() for model in (decayed, rising))
    return {
        "norms": second / first,
        "turned": float((_direction(decayed) - _direction(rising)).abs().max()),
        "moved": float((_direction(decayed) - start).abs().max()),
        "loss": apart,
    }


def _direction(model: MLP) -> Tensor:
    return rescaled_to_unit_norm(model.layers[0].weight.detach().clone(), axes=(1,))


def _descend(
    model: MLP, images: Tensor, labels: Tensor, hidden_rate: float, rate: float, decay: float
) -> float:
    """One step of plain SGD with a learning rate and decay of the hidden weights; the loss."""
    parameters = dict(model.named_parameters())
    loss = nn.functional.cross_entropy(model(images), labels)
    slopes = torch.autograd.grad(loss, list(parameters.values()))
    hidden = {id(layer.weight) for layer in model.layers[:-1]}
    with torch.no_grad():
        for value, slope in zip(parameters.values(), slopes, strict=True):
            if id(value) in hidden:
                value.sub_(hidden_rate * (slope + decay * value))
            else:
                value.sub_(rate * slope)
    return loss.item()


@cache
def neighbours(
    learning_rate: float = 0.1,
    weight_decay: float = 5e-3,
    momentum: float = 0.9,
    settle: int = 400,
    watch: int = 400,
    lags: int = 40,
) -> dict[str, float | np.ndarray]:
    """Train on labels drawn at random until the norms are settled, then watch the first layer's
    gradients, which labels that cannot be learned keep as large as they are.

    Decay is on hidden weights. Returns ``correlation``: ``rho_k`` of gradients 1 .. lags steps
    apart, [lags], means over steps and units; ``norm``: the rms over steps and units of |w|;
    ``gradient``: the mean over steps of ``|w|^2 |g|^2``, [units]; ``angle``: the mean turn.
    """
    model = network(dtype=torch.float32)
    hidden = [layer.weight for layer in model.layers[:-1]]
    known = {id(value) for value in hidden}
    others = [value for value in model.parameters() if id(value) not in known]
    optimizer = torch.optim.SGD(
        [{"params": hidden, "weight_decay": weight_decay}, {"params": others}],
        lr=learning_rate,
        momentum=momentum,
    )
    slopes, weights = [], []
    for step in range(1, settle + watch + 1):
        images, labels = batch(step, 64, torch.float32, random_labels=True)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        if step > settle:
            slopes.append(hidden[0].grad.clone())
            weights.append(hidden[0].detach().clone())
        optimizer.step()
    g, w = torch.stack(slopes).double(), torch.stack(weights).double()
    square = g.square().sum(dim=2).mean()
    apart = [(g[:-k] * g[k:]).sum(dim=2).mean() / square for k in range(1, lags + 1)]
    squares = w.square().sum(dim=2)
    return {
        "correlation": torch.stack(apart).numpy(),
        "norm": float(squares.mean().sqrt()),
        "gradient": (squares * g.square().sum(dim=2)).mean(dim=0).numpy(),
        "angle": float(geometry.angle(list(w[:-1, None]), list(w[1:, None])).mean()),
    }


@cache
def changed_predictions(eps: float = 1e-5, steps: int = 400) -> tuple[float, float]:
    """The share of training images that a trained network reads differently once the first layer's
    units, and once the last layer's, are put to norm 1; batch statistics."""
    model = network(eps, dtype=torch.float32)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(1, steps + 1):
        images, labels = batch(step, 64, torch.float32)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    images = training_set()[0].float()
    found = []
    with torch.no_grad():
        before = model(images).argmax(dim=1)
        for layer in (model.layers[0], model.layers[-1]):
            kept = layer.weight.clone()
            rescaled_to_unit_norm(layer.weight, axes=(1,), out=layer.weight)
            found.append(float((model(images).argmax(dim=1) != before).double().mean()))
            layer.weight.copy_(kept)
    return found[0], found[1]
