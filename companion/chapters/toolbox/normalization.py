"""Batch norm and layer norm by hand: their statistics, lag, invariances, ties, and what moves below
a layer while it learns."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from companion import data
from companion.data import Split
from companion.methods.initialization import initialize_, scalable_layers
from companion.models import MLP

BATCHES = (2, 4, 8, 16, 32, 64, 128, 256)
KINDS = {"none": "none", "batch": "batch norm", "layer": "layer norm"}
WIDTHS = (64, 64, 64, 64, 64, 10)


@cache
def split() -> Split:
    """The digits."""
    return data.split(data.load("digits"))


@cache
def images() -> Tensor:
    """The training digits, standardized, float64 [images, 64]."""
    return split().standardize(split().train_images, torch.float64).flatten(1)


# --- statistics of a batch --------------------------------------------------------------------


@cache
def preactivations(units: int = 64, seed: int = 0) -> Tensor:
    """What random units compute from the training digits, each with mean 0 and variance 1 over
    them, [images, units]."""
    layer = initialize_(nn.Linear(64, units).double(), seed=seed)
    with torch.no_grad():
        z = layer(images())
    return (z - z.mean(0)) / z.std(0, correction=0)


@cache
def batch_statistics(batch: int, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Standard deviations of a batch's mean and of its variance (divided by n), over batches drawn
    with replacement: rms over units."""
    generator = torch.Generator().manual_seed(seed)
    z = preactivations()
    picked = torch.randint(len(z), (draws, batch), generator=generator)
    means, variances = [], []
    for some in picked.split(max(1, 20_000 // batch)):
        values = z[some]
        means.append(values.mean(1))
        variances.append(values.var(1, correction=0))
    return tuple(float(torch.cat(one).var(0).mean().sqrt()) for one in (means, variances))


def expected_statistics(batch: float) -> tuple[float, float]:
    """The same by theory, for values of variance 1 and mean fourth power k: ``sqrt(1 / n)`` and
    ``sqrt((n - 1) ((n - 1) k - n + 3) / n^3)`` (H. Cramer, *Mathematical Methods of Statistics*,
    1946, section 27.4)."""
    n, fourth = batch, float(preactivations().pow(4).mean())
    return n**-0.5, float(np.sqrt((n - 1) * ((n - 1) * fourth - n + 3) / n**3))


# --- running statistics -----------------------------------------------------------------------


def lag(steps: int, momentum: float = 0.1) -> np.ndarray:
    """Torch's running mean, after 0 .. steps batches, once the batches' mean has gone from 0 to 1:
    the share of the way that is left, ``(1 - momentum)^k``."""
    norm = nn.BatchNorm1d(1, momentum=momentum).double().train()
    batch = torch.tensor([[0.5], [1.5]], dtype=torch.float64)
    found = [1 - norm.running_mean.item()]
    for _ in range(steps):
        norm(batch)
        found.append(1 - norm.running_mean.item())
    return np.array(found)


@cache
def early_accuracy(
    steps: int = 40, rate: float = 0.1, seeds: int = 5
) -> dict[str, np.ndarray]:  # fmt: skip
    """Test accuracy after each of the first steps of training with batch norm, [seeds, steps + 1]:
    ``running``, as torch evaluates it, and ``fresh``, with the mean and variance of the training
    images themselves."""
    part = split()
    tests = part.standardize(part.test_images)
    found = {"running": [], "fresh": []}
    for seed in range(seeds):
        model = _model("batch", seed).float()
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
        rows = {"running": [], "fresh": []}
        for batch in (None, *_batches(seed, steps)):
            if batch is not None:
                _step(model, optimizer, batch)
            rows["running"].append(_accuracy(model, tests, part.test_labels))
            rows["fresh"].append(_accuracy(_fresh(model), tests, part.test_labels))
        for name, values in rows.items():
            found[name].append(values)
    return {name: np.array(values) for name, values in found.items()}


@torch.no_grad()
def _fresh(model: MLP) -> MLP:
    """A copy whose running statistics are those of the training images."""
    import copy

    mine = copy.deepcopy(model).train()
    for module in mine.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.momentum = 1.0
    mine(images().float())
    return mine


@torch.no_grad()
def _accuracy(model: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    right = (model.eval()(inputs).argmax(1) == labels).double().mean().item()
    model.train()
    return right


@cache
def company(kind: str, steps: int = 200, batch: int = 36) -> dict[str, float]:
    """Test accuracy of a trained network: left in training mode on batches ``mixed`` by chance and
    ``sorted`` by class, and in ``evaluation`` mode, where company does not matter."""
    part, model = split(), _model(kind, 0).float()
    tests, labels = part.standardize(part.test_images), part.test_labels
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for one in _batches(0, steps):
        _step(model, optimizer, one)
    generator = torch.Generator().manual_seed(0)
    orders = {
        "mixed": torch.randperm(len(labels), generator=generator), "sorted": labels.argsort()
    }  # fmt: skip
    with torch.no_grad():
        found = {
            name: torch.cat([model(tests[i]).argmax(1) == labels[i] for i in order.split(batch)])
            for name, order in orders.items()
        }
    shares = {name: float(right.double().mean()) for name, right in found.items()}
    return {**shares, "evaluation": _accuracy(model, tests, labels)}


# --- invariances and ties ---------------------------------------------------------------------

CHANGES = {
    "all weights of the layer times 10": "layer",
    "one unit's weights times 10": "unit",
    "one unit's bias plus 10": "bias",
    "every unit's bias plus 10": "biases",
    "one image times 10": "image",
}


def invariances(eps: float = 1e-12) -> dict[str, dict[str, float]]:
    """How far the normalized output moves, relative to its size, under each of `CHANGES`, for
    ``batch`` and ``layer``, of a layer of 16 units without activation on 32 images."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(16, 8, generator=generator, dtype=torch.float64)
    bias = torch.randn(16, generator=generator, dtype=torch.float64)
    inputs = torch.randn(32, 8, generator=generator, dtype=torch.float64)
    found: dict[str, dict[str, float]] = {}
    for said, what in CHANGES.items():
        w, b, x = weight.clone(), bias.clone(), inputs.clone()
        if what == "layer":
            w, b = 10 * w, 10 * b
        elif what == "unit":
            w[0], b[0] = 10 * w[0], 10 * b[0]
        elif what == "bias":
            b[0] += 10
        elif what == "biases":
            b += 10
        else:
            x[0] *= 10
        found[said] = {}
        for kind in ("batch", "layer"):
            # an image that is scaled takes the bias with it only where there is none
            mine, theirs = (b * 0, bias * 0) if what == "image" else (b, bias)
            before = normalized(inputs @ weight.T + theirs, kind, eps)
            after = normalized(x @ w.T + mine, kind, eps)
            found[said][kind] = float((after - before).norm() / before.norm())
    return found


def normalized(z: Tensor, kind: str, eps: float = 1e-5) -> Tensor:
    """Mean 0 and variance 1: over the images for ``batch``, over the units for ``layer``; z
    [images, units]."""
    axis = 0 if kind == "batch" else 1
    centred = z - z.mean(axis, keepdim=True)
    return centred / (z.var(axis, correction=0, keepdim=True) + eps).sqrt()


def ties(kind: str) -> Tensor:
    """How each output moves with one unit's pre-activation of one image, [images, units]: the
    derivative of all outputs by z of image 0 and unit 0, for 6 images and 8 units."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(6, 8, generator=generator, dtype=torch.float64)
    slopes = torch.autograd.functional.jacobian(lambda one: normalized(one, kind), z)
    return slopes[:, :, 0, 0]


# --- what moves below a layer -----------------------------------------------------------------


@cache
def shifts(
    kind: str, rate: float = 0.05, steps: int = 60, every: int = 6, seeds: int = 4
) -> dict[str, np.ndarray]:
    """What a step of the layers below changes for each layer from the second on, while a network
    with this normalization learns the digits, [seeds, layers - 1], means over measured steps.

    ``gradient``: ``|G' - G| / |G|`` with G the gradient by the layer's weights, and G' that after
    the layers below made their step and it made none (S. Santurkar et al., *How Does Batch
    Normalization Help Optimization?*, 2018, definition 2.1, relative to G). ``turned``: the cosine
    of the two. ``input``: how far the mean of each of its inputs moved, in standard deviations of
    that input, rms over inputs, over the training digits.
    """
    found: dict[str, list] = {"gradient": [], "turned": [], "input": [], "loss": []}
    for seed in range(seeds):
        model = _model(kind, seed).float()
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        rows: dict[str, list] = {name: [] for name in found}
        for step, batch in enumerate(_batches(seed, steps)):
            looked = step % every == 0
            before = _copied(model) if looked else {}
            loss = _step(model, optimizer, batch)
            if looked:
                after = _copied(model)
                for name, values in _shift(model, before, after, batch).items():
                    rows[name].append(values)
        rows["loss"] = [loss]
        for name in found:
            found[name].append(np.mean(rows[name], axis=0))
    return {name: np.array(values) for name, values in found.items()}


def _shift(model: MLP, before: dict, after: dict, batch: Tensor) -> dict[str, list[float]]:
    """`shifts` of one step, from the parameters on its two sides."""
    names = [f"{name}.weight" for name, _ in scalable_layers(model)]
    groups = list(before)
    old = _gradients(model, before, batch, names)
    moved: dict[str, list[float]] = {"gradient": [], "turned": [], "input": []}
    for layer, name in enumerate(names[1:], start=1):
        below = {key for key in groups if _depth(key) < layer}
        mixed = {key: after[key] if key in below else before[key] for key in groups}
        new = _gradients(model, mixed, batch, [name])[name]
        moved["gradient"].append(float((new - old[name]).norm() / old[name].norm()))
        cosine = torch.nn.functional.cosine_similarity(new.flatten(), old[name].flatten(), dim=0)
        moved["turned"].append(float(cosine))
        one, two = (_inputs(model, side, layer) for side in (before, mixed))
        sizes = one.std(0).clamp_min(1e-6)
        alive = one.std(0) > 1e-3
        drift = ((two.mean(0) - one.mean(0)) / sizes)[alive]
        moved["input"].append(float(drift.square().mean().sqrt()))
    return moved


def _depth(name: str) -> int:
    """The layer that a parameter belongs to, from 0; its normalization stands behind it."""
    return int(name.split(".")[1])


def _gradients(model: MLP, parameters: dict, batch: Tensor, names: list[str]) -> dict:
    mine = {key: value.requires_grad_(key in names) for key, value in parameters.items()}
    logits = functional_call(model, mine, (images().float()[batch],))
    loss = nn.functional.cross_entropy(logits, split().train_labels[batch])
    found = torch.autograd.grad(loss, [mine[name] for name in names])
    for value in mine.values():
        value.requires_grad_(False)
    return dict(zip(names, found, strict=True))


@torch.no_grad()
def _inputs(model: MLP, parameters: dict, layer: int) -> Tensor:
    """What a layer takes in, over the training digits."""
    taken = {}

    def note(_module: nn.Module, inputs: tuple) -> None:
        taken["x"] = inputs[0]

    hook = model.layers[layer].register_forward_pre_hook(note)
    try:
        functional_call(model, parameters, (images().float(),))
    finally:
        hook.remove()
    return taken["x"]


def _model(kind: str, seed: int) -> MLP:
    return initialize_(MLP(WIDTHS, normalization=kind), seed=seed).train()


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def _batches(seed: int, steps: int, batch: int = 64) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(len(images()), (steps, batch), generator=generator).unbind()


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Tensor) -> float:
    loss = nn.functional.cross_entropy(model(images().float()[batch]), split().train_labels[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
