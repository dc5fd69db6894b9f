"""One run, as a reader would write it: model, optimizer, two loops.

The slow and plain twin of `many_runs`. Everything a run does is here in the order in which it
happens, with torch's own optimizers and autograd.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from companion import machine, models, streams
from companion.data import Split
from companion.data.augmentation import augment
from companion.measure import catalogue, signals
from companion.measure.declare import View
from companion.methods.initialization import initialize_, scalable_layers, weight_norm_
from companion.methods.parametrizations import (
    CURVES,
    SlopeAware,
    add_decay_,
    companders,
    shrink_,
)
from companion.methods.rescaler import Rescaler
from companion.training import l1, pacing
from companion.training.losses import loss, noisy
from companion.training.parts.start import FROM_IMAGES, START_IMAGES
from companion.training.schedules import learning_rate, rises
from companion.training.settings import Settings
from companion.training.variance_penalty import penalty


def train(
    settings: Settings,
    split: Split,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    after_epoch: Callable[[int, nn.Module], None] | None = None,
) -> tuple[nn.Module, list[dict[str, Any]]]:
    """Train one network and return it with one row per epoch (row 0: before training).

    A row holds ``epoch``, ``train_loss``, ``validation_accuracy``, ... and, per layer, a list of
    ``weight_mean``, ``weight_std``, ``weight_norm`` and ``preactivation_variance``. A rescaling
    that is due at the end of an epoch acts before the epoch is measured.
    """
    settings.check_fit(split)
    split = split.scaled(settings.inputs)
    device = split.train_images.device
    beside = []
    if settings.rate_from:  # the run whose norms this one follows
        beside = [start(settings.leader, seed, dtype, device, split)]
    run = start(settings, seed, dtype, device, split, *beside)
    both, model = [run, *beside], run.model  # a follower steps before its leader
    seeds = torch.tensor([seed], device=device)
    labels = noisy(split.train_labels, settings.label_noise, seed, split.classes)
    step = 0
    epoch_steps = -(-len(labels) // settings.batch(len(labels)))
    factors = rises(settings, settings.epochs * epoch_steps, epoch_steps)

    rows = [{"epoch": 0, **measure(model, split)}]
    for epoch in range(1, settings.epochs + 1):
        for one in both:
            one.rescaler.start_epoch()
        order = streams.permutation(seed, "order", epoch, len(split.train_labels), device)
        batches = order.split(settings.batch(len(order)))
        for batch in batches:
            rate = learning_rate(settings, step, len(batches))
            images = split.train_images[batch]
            if settings.augmentation != "none":
                images = augment(settings.augmentation, images[None], seeds, step)[0]
            images = split.standardize(images, dtype)
            for one in both:
                one.step(images, labels[batch], rate, factors[step])
            step += 1
        for one in both:
            one.rescaler.end_epoch()
        rows.append({"epoch": epoch, **measure(model, split)})
        if after_epoch:
            after_epoch(epoch, model)
    return model, rows


@dataclass(frozen=True)
class Trained:
    """A network in training, with all that moves its weights."""

    settings: Settings
    model: nn.Module
    optimizer: torch.optim.Optimizer
    rescaler: Rescaler

    def step(self, images: torch.Tensor, labels: torch.Tensor, rate: float, risen: float) -> None:
        """One optimizer step at a learning rate; risen: its factor where one stands for decay."""
        settings, model = self.settings, self.model
        error = batch_loss(model, settings, images, labels)
        if settings.variance_penalty:
            error = error + settings.variance_penalty * penalty(model, settings)
        if settings.l1_penalty:
            error = error + settings.l1_penalty * l1.penalty(model, settings)
        self.optimizer.zero_grad()
        error.backward()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"] * (risen if group["rises"] else 1)
            if settings.optimizer == "sgdw" and group["decays"]:
                decay(group["params"], group["lr"] * settings.weight_decay)
        self.optimizer.step()


def start(
    settings: Settings,
    seed: int,
    dtype: torch.dtype,
    device: torch.device,
    split: Split,
    leader: Trained | None = None,
) -> Trained:
    """A run before its first step."""
    model = build(settings, seed, dtype, device, split)
    optimizer = build_optimizer(settings, model)
    rescaler = Rescaler(model, settings.rescaling, settings.scheme, settings.gain)
    attach_curves(settings, model, optimizer)
    if leader:
        attach_leader(settings, model, optimizer, leader.model)
    rescaler.attach(optimizer)
    return Trained(settings, model, optimizer, rescaler)


def build(
    settings: Settings,
    seed: int,
    dtype: torch.dtype,
    device: torch.device,
    split: Split | None = None,
) -> nn.Module:
    """The network of a run before training: the scheme's weights, biases 0, dropout seeded; or the
    lengths and directions, or the neighbour, that the settings ask for. split: needed where these
    come from data."""
    curve = {
        "learn": settings.compander_learn,
        "clamp": settings.compander_clamp,
        "alpha": settings.compander_alpha,
    }
    model = settings.build(**curve if settings.parametrization in CURVES else {})
    models.seed_dropout(model.to(device, dtype), seed)
    settings.bend_(model, settings.scheme, settings.gain)
    initialize_(model, settings.scheme, settings.gain, seed, settings.distribution)
    if settings.neighbour != "none":
        return models.neighbour_(model, settings.neighbour, seed)
    if settings.lengths == "drawn":
        return model
    images, corrected = None, settings.lengths == "corrected"
    if settings.lengths in FROM_IMAGES and split is not None:
        order = streams.permutation(seed, "start", 0, len(split.train_labels), device)
        images = split.standardize(split.train_images[order[:START_IMAGES]], dtype)
    lengths = "forward" if corrected else settings.lengths
    start = (lengths, settings.directions, settings.gain)
    return weight_norm_(model, *start, seed=seed, images=images, corrected=corrected)


def build_optimizer(settings: Settings, model: nn.Module) -> torch.optim.Optimizer:
    """Torch's optimizer of that name, with a group for each learning rate and decay that the
    parameters' roles ask for; ``sgdw`` is SGD without its weight decay (see `decay`)."""
    parameters = dict(model.named_parameters())
    bent = {layer.parametrizations.weight.original for layer in bent_decays(settings, model)}
    groups: dict[tuple[float, bool, bool], list[nn.Parameter]] = {}
    for name, mine in models.roles(model).items():
        decays = settings.decays(mine) and parameters[name] not in bent
        key = settings.rate_factor(mine), decays, settings.rises(mine)
        groups.setdefault(key, []).append(parameters[name])
    coupled = settings.optimizer != "sgdw"
    plan = [
        {
            "params": members,
            "factor": factor,
            "decays": decays,
            "rises": rises,
            "lr": settings.learning_rate * factor,
            "weight_decay": settings.weight_decay if decays and coupled else 0.0,
        }
        for (factor, decays, rises), members in groups.items()
    ]
    if settings.optimizer in ("adam", "adamw"):
        kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
        return kind(plan, betas=settings.betas, eps=settings.eps)
    return torch.optim.SGD(plan, lr=settings.learning_rate, momentum=settings.momentum)


def bent_decays(settings: Settings, model: nn.Module) -> list[nn.Module]:
    """The layers whose decay acts on w = Psi(v): those behind a fixed curve."""
    if settings.compander_learn != "no":
        return []
    known = models.roles(model)
    return [
        layer
        for name, layer, _ in companders(model)
        if settings.decays(known[f"{name}.parametrizations.weight.original".lstrip(".")])
    ]


def attach_curves(settings: Settings, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Let every step decay the w of `bent_decays`, in the gradient or after the step as the
    optimizer does, and know the slope where the settings say so."""
    bent = bent_decays(settings, model) if settings.weight_decay else []
    if settings.optimizer in ("sgd", "adam"):
        for layer in bent:
            optimizer.register_step_pre_hook(
                lambda *_, layer=layer: add_decay_(layer, settings.weight_decay)
            )
    if settings.slope_aware:
        SlopeAware(optimizer, model)
    if settings.optimizer in ("sgdw", "adamw"):
        groups = {id(value): group for group in optimizer.param_groups for value in group["params"]}
        for layer in bent:
            group = groups[id(layer.parametrizations.weight.original)]
            optimizer.register_step_post_hook(
                lambda *_, layer=layer, group=group: shrink_(
                    layer, group["lr"] * settings.weight_decay
                )
            )


def attach_leader(
    settings: Settings, model: nn.Module, optimizer: torch.optim.Optimizer, leader: nn.Module
) -> None:
    """Let the weights of every layer but the output follow the leader's norms, as
    `training.pacing` derives."""
    own, others = ([layer.weight for _, layer in scalable_layers(one)] for one in (model, leader))
    pairs, kept = [*zip(own, others, strict=True)][:-1], []

    @torch.no_grad()
    def before(*_: Any) -> None:
        kept[:] = [
            (
                weight,
                weight.clone(),
                pacing.ratio(weight[None], other[None], settings.units_follow)[0],
            )
            for weight, other in pairs
        ]
        for weight, _, ratio in kept if settings.gradients_follow else ():
            weight.grad.mul_(ratio)

    @torch.no_grad()
    def after(*_: Any) -> None:
        for weight, old, ratio in kept:
            factor = ratio if settings.gradients_follow else ratio**2
            weight.copy_(old + factor * (weight - old))

    optimizer.register_step_pre_hook(before)
    optimizer.register_step_post_hook(after)


@torch.no_grad()
def decay(parameters: list[nn.Parameter], share: float) -> None:
    """Decoupled weight decay: every parameter loses ``share`` of itself."""
    for parameter in parameters:
        parameter.mul_(1 - share)


def batch_loss(
    model: nn.Module, settings: Settings, images: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Mean loss of one batch, with half-precision products where the settings ask."""
    half = machine.half_precision(images.device)
    with torch.autocast(images.device.type, half, enabled=settings.precision == "half"):
        return loss(settings.loss, model(images), labels)


def measure(model: nn.Module, split: Split) -> dict[str, Any]:
    """The measures of one model, `catalogue.EACH_EPOCH`: a stack of one, without its run axis.

    Batch normalization uses its running statistics, dropout is off.
    """

    def forward(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, found = signals.watched(model, images)
        return logits[None], found[None]

    model.eval()
    weights = [layer.weight[None].detach() for _, layer in scalable_layers(model)]
    stacked = catalogue.measure(View(forward, weights, split))
    model.train()
    return {name: values[0].tolist() for name, values in stacked.items()}
