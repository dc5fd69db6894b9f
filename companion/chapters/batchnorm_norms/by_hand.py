"""Small networks with batch norm on the digits, one step at a time: the theorems, run.

A network is `MODEL`'s widths, ReLU, batch norm before it, with weights of its own scale; gradients
are those of a batch of training images in training mode.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from companion import data, streams
from companion.measure import geometry
from companion.methods.initialization import initialize_
from companion.methods.rescaling import rescaled_to_unit_norm
from companion.models import MLP

WIDTHS = (64, 32, 24, 10)
TINY = 1e-30
"""An eps that is 0 beside any variance here; torch refuses 0 itself."""


@cache
def _images() -> tuple[Tensor, Tensor]:
    split = data.split(data.load("digits"))
    return split.standardize(split.train_images, torch.float64), split.train_labels


def network(
    eps: float = 1e-5, size: float = 1.0, dtype: torch.dtype = torch.float64, seed: int = 0
) -> MLP:
    """An untrained network; eps: that of batch norm; size: a factor of its first weights."""
    model = initialize_(MLP(WIDTHS, normalization="batch").to(dtype), seed=seed)
    for layer in model.normalizations:
        layer.eps = eps
    with torch.no_grad():
        model.layers[0].weight.mul_(size)
        for layer in model.normalizations:  # gains and shifts that are not 1 and 0
            layer.weight.copy_(streams.uniform(seed, "gain", 0, len(layer.weight)) + 0.5)
            layer.bias.copy_(streams.uniform(seed, "shift", 0, len(layer.bias)) - 0.5)
    return model


def batch(
    step: int, size: int, dtype: torch.dtype = torch.float64, random_labels: bool = False
) -> tuple[Tensor, Tensor]:
    """Images and labels of a step's batch; random_labels: each image has another image's."""
    images, labels = _images()
    if random_labels:
        labels = labels[streams.permutation(0, "labels", 0, len(labels))]
    chosen = streams.permutation(0, "order", step, len(labels))[:size]
    return images[chosen].to(dtype), labels[chosen]


def gradients(model: MLP, images: Tensor, labels: Tensor) -> list[Tensor]:
    """The gradients of the mean cross entropy by each layer's weights, [out, fan_in]."""
    loss = nn.functional.cross_entropy(model(images), labels)
    return list(torch.autograd.grad(loss, [layer.weight for layer in model.layers]))


def cosines(eps: float, size: float = 1.0) -> Tensor:
    """``<w, g> / (|w| |g|)`` of each unit of the first layer, [units]."""
    model = network(eps, size)
    w, g = model.layers[0].weight.detach(), gradients(model, *batch(1, 64))[0]
    return (w * g).sum(dim=1) / (w.norm(dim=1) * g.norm(dim=1))


def remainder(eps: float, size: float = 1.0) -> tuple[Tensor, Tensor]:
    """``<w, g>`` of the first layer's units, and what eps makes of it by theory, [units] each.

    Scaling w by s turns ``y = gamma (z - mean) / sqrt(var + eps) + beta`` into another y, and the
    derivative by s at 1 is ``<w, g> = eps / (var + eps) sum_i dL/dy_i (y_i - beta)``.
    """
    model = network(eps, size)
    images, labels = batch(1, 64)
    kept: dict[str, Tensor] = {}

    def keep(_module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        output.retain_grad()
        kept["z"], kept["y"] = inputs[0], output

    norm = model.normalizations[0]
    with torch.enable_grad():
        handle = norm.register_forward_hook(keep)
        nn.functional.cross_entropy(model(images), labels).backward()
        handle.remove()
    w = model.layers[0].weight
    variance = kept["z"].var(dim=0, correction=0)
    share = eps / (variance + eps)
    expected = share * (kept["y"].grad * (kept["y"] - norm.bias)).sum(dim=0)
    return (w * w.grad).sum(dim=1).detach(), expected.detach()


def plain_steps(
    steps: int,
    learning_rate: float,
    weight_decay: float = 0.0,
    dtype: torch.dtype = torch.float32,
    eps: float = TINY,
) -> tuple[np.ndarray, np.ndarray]:
    """The first layer's ``|w|^2`` before each step of plain SGD and after the last, [steps + 1,
    units], and ``|g|^2`` at each step, [steps, units], in float64; decay on hidden weights."""
    model = network(eps, dtype=dtype)
    squares, found = [], []
    for step in range(1, steps + 1):
        slopes = gradients(model, *batch(step, 64, dtype))
        squares.append(_square(model.layers[0].weight))
        found.append(_square(slopes[0]))
        with torch.no_grad():
            for layer, slope in zip(model.layers, slopes, strict=True):
                decay = weight_decay if layer is not model.layers[-1] else 0.0
                layer.weight.sub_(learning_rate * (slope + decay * layer.weight))
    squares.append(_square(model.layers[0].weight))
    return torch.stack(squares).numpy(), torch.stack(found).numpy()


def _square(weight: Tensor) -> Tensor:
    return weight.detach().double().square().sum(dim=1)


def flow_growth(learning_rate: float, time: float = 8.0) -> float:
    """By what share the mean ``|w|^2`` of the first layer grows in so much flow time, the number of
    steps times the learning rate."""
    squares, _ = plain_steps(round(time / learning_rate), learning_rate, dtype=torch.float64)
    means = squares.mean(axis=1)
    return float(means[-1] / means[0] - 1)


def update_rank(size: int, layer: int = 0) -> int:
    """The rank of the gradient of a layer's weights, of a batch of so many images."""
    slope = gradients(network(TINY), *batch(1, size))[layer]
    return int(torch.linalg.matrix_rank(slope))


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
    from companion.theory import norms

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


def rms(values: np.ndarray) -> float:
    """The root of the mean square.

    >>> rms(np.array([1.0, 7.0]))
    5.0
    """
    return float(np.sqrt(np.mean(np.square(values))))


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
    images = _images()[0].float()
    found = []
    with torch.no_grad():
        before = model(images).argmax(dim=1)
        for layer in (model.layers[0], model.layers[-1]):
            kept = layer.weight.clone()
            rescaled_to_unit_norm(layer.weight, axes=(1,), out=layer.weight)
            found.append(float((model(images).argmax(dim=1) != before).double().mean()))
            layer.weight.copy_(kept)
    return found[0], found[1]
