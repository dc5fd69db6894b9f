"""The loops that are timed against each other: a stack, and those that people write.

A contender is a function without arguments that takes one step; all compute the same thing in the
same precision: network, batch, optimizer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import nn

from companion import data, machine
from companion.data import Split
from companion.methods.parametrizations import bake
from companion.training import one_run
from companion.training.cuda_graph import Captured
from companion.training.many_runs import Stack
from companion.training.settings import Settings
from companion.training.stack_rescaling import rescalings

Step = Callable[[], None]


def made_images(shape: tuple[int, int, int], count: int = 4096, classes: int = 10) -> Split:
    """A split of random images: speed does not depend on what they show."""
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=random)
    labels = torch.arange(count) % classes
    half = count // 2
    return data.split(data.image_set("made", images, labels, images[:half], labels[:half]))


def stack_steps(stack: Stack, rule: str = "none") -> Step:
    """One step of a stack, each run in its own order; with a rule, all weights are rescaled after
    it. The steps with and without share the one stack, so that only the rescaling differs."""
    batches = _orders(stack)
    ruled = [
        replace(run, settings=replace(run.settings, rescale=rule, tau=1)) for run in stack.runs
    ]
    todo = rescalings(ruled if rule != "none" else stack.runs, stack.weights)
    captured = [Captured() for _ in todo]

    def step() -> None:
        stack.rescalings, stack.put_back = todo, captured
        with machine.cpu_threads(stack.threads):
            stack.step(next(batches))

    return step


def _orders(stack: Stack) -> Iterator[torch.Tensor]:
    size = stack.settings.batch_size
    count = len(stack.split.train_labels)
    order = torch.stack([torch.randperm(count) for _ in stack.runs])
    whole = [batch for batch in order.to(stack.device).split(size, dim=1) if batch.shape[1] == size]
    return itertools.cycle(whole)


def memory_steps(
    settings: Settings,
    split: Split,
    foreach: bool,
    fused: bool,
    change: Callable[[nn.Module], None] = lambda _: None,
) -> Step:
    """One step of the loop an expert writes: images standardised once, all tensors on the device,
    channels last and autocast where they help. change: what is done to the network first."""
    device = split.train_images.device
    model, optimizer = _one(settings, device, change, foreach=foreach, fused=fused)
    images, labels = split.standardize(split.train_images), split.train_labels
    if device.type == "cuda" and settings.model != "mlp":
        model = model.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    order = torch.randperm(len(labels), device=device)
    batches = itertools.cycle(order.split(settings.batch_size)[:-1])

    def step() -> None:
        batch = next(batches)
        _descend(model, optimizer, settings, images[batch], labels[batch])

    return step


def forward_steps(settings: Settings, bent: Settings, split: Split) -> dict[str, Step]:
    """Answering a batch: plain, behind a compander, and with that compander baked."""
    device = split.train_images.device
    plain, curved = (one_run.build(one, 0, torch.float32, device) for one in (settings, bent))
    models = {"plain": plain, "compander": curved, "baked": bake(curved)}
    images = split.standardize(split.train_images[: settings.batch_size])

    def step(model: nn.Module) -> Step:
        def answer() -> None:
            with torch.no_grad():
                model(images)

        return answer

    return {f"forward, {name}": step(model.eval()) for name, model in models.items()}


def loader_steps(settings: Settings, split: Split) -> Step:
    """One step of the loop of tutorials: PIL images, torchvision transforms, a DataLoader."""
    from torchvision.transforms import v2

    device = split.train_images.device
    change = v2.Compose(
        [
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(split.mean.tolist(), split.std.tolist()),
        ]
    )
    pictures = [v2.functional.to_pil_image(image) for image in split.train_images.cpu()]
    labels = split.train_labels.tolist()

    class Pictures(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(pictures)

        def __getitem__(self, index: int):
            return change(pictures[index]), labels[index]

    loader = torch.utils.data.DataLoader(
        Pictures(), batch_size=settings.batch_size, shuffle=True, drop_last=True
    )
    batches = itertools.chain.from_iterable(itertools.repeat(loader))
    model, optimizer = _one(settings, device)

    def step() -> None:
        images, labels = next(batches)
        _descend(model, optimizer, settings, images.to(device), labels.to(device))

    return step


def _one(
    settings: Settings,
    device: torch.device,
    change: Callable[[nn.Module], None] = lambda _: None,
    **how: bool,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    model = one_run.build(settings, 0, torch.float32, device)
    change(model)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=settings.learning_rate, momentum=settings.momentum, **how
    )
    return model, optimizer


def _descend(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: Settings,
    images: torch.Tensor,
    labels: torch.Tensor,
) -> None:
    half = machine.half_precision(images.device)
    with torch.autocast(images.device.type, half, enabled=settings.precision == "half"):
        loss = nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
