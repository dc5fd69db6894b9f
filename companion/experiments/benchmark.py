"""How fast a stack is: ratios to the loops that people write, measured side by side.

All times are milliseconds per run-step, the time of one optimizer step of one run; medians over
rounds in which every contender takes its turn, so that a change in the machine's load meets all
of them. The contenders compute the same thing in float32: the same MLP, batch and optimizer.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn

from companion import data, machine
from companion.data import Split
from companion.methods.initialization import initialize_
from companion.models import MLP
from companion.training.many_runs import Stack
from companion.training.packing import stack_size
from companion.training.settings import Run, Settings

CEILING = 2048
"""Side of the square float32 product whose rate is the ceiling."""
Step = Callable[[], None]
CASES = (
    (Settings(), (3, 32, 32), 30),
    (Settings(batch_size=128), (3, 32, 32), 30),
    (Settings(widths=(64, 64, 32, 10)), (1, 8, 8), 100),
)
"""Settings, image shape and runs: the paper's MLP at two batch sizes, and one for the digits."""


@dataclass(frozen=True)
class Line:
    """One row of the table: the case, the contender, milliseconds per run-step, that time over the
    stack's, and for the stack the share of the ceiling that its arithmetic reaches."""

    case: str
    contender: str
    milliseconds: float
    ratio: float
    share: float | None = None


def made_images(shape: tuple[int, int, int], count: int = 4096, classes: int = 10) -> Split:
    """A split of random images: speed does not depend on what they show."""
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=random)
    labels = torch.arange(count) % classes
    half = count // 2
    return data.split(data.image_set("made", images, labels, images[:half], labels[:half]))


def flops(settings: Settings) -> float:
    """Floating-point operations of one run-step: forward, weight gradients, and the gradients
    that pass between layers. The first layer's input gradient is not computed and not counted."""
    layers = [a * b for a, b in itertools.pairwise(settings.widths)]
    return 2.0 * settings.batch_size * (2 * sum(layers) + sum(layers[1:]))


def ceiling() -> float:
    """Operations per second of a 2048-cubed float32 matrix product on this machine's CPU."""
    left, right = torch.randn(2, CEILING, CEILING).unbind()
    times = [_seconds(lambda: left @ right, 1) for _ in range(15)]
    return 2 * CEILING**3 / statistics.median(times)


def compare(settings: Settings, shape: tuple[int, int, int], runs: int, rounds: int) -> list[Line]:
    """The stack against the loops, for one MLP on images of one shape."""
    machine.keep_freed_memory()
    split = made_images(shape, classes=settings.widths[-1])
    limit = stack_size(Run(0, "bench", 0, settings), torch.device("cpu"))
    stacked = min(runs, limit)
    contenders: dict[str, tuple[Step, int, int]] = {
        "stack": (stack_steps(settings, split, stacked), stacked, 20),
        "in memory, one run": (memory_steps(settings, split, foreach=False, fused=False), 1, 40),
        "in memory, foreach": (memory_steps(settings, split, foreach=True, fused=False), 1, 40),
        "in memory, fused": (memory_steps(settings, split, foreach=False, fused=True), 1, 40),
        "DataLoader, transforms": (loader_steps(settings, split), 1, 10),
    }
    if settings.rescale == "none":
        every = replace(settings, rescale="wr", tau=1)
        contenders["stack, WR every step"] = (stack_steps(every, split, stacked), stacked, 20)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds + 1):  # the first round warms up
        for name, (step, together, repeats) in contenders.items():
            times[name].append(_seconds(step, repeats) / together)
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    top = ceiling()
    widths = "-".join(map(str, settings.widths))
    case = f"{widths}, batch {settings.batch_size}, {stacked} runs"
    return [
        Line(
            case,
            name,
            1000 * median,
            median / medians["stack"],
            flops(settings) / median / top if name == "stack" else None,
        )
        for name, median in medians.items()
    ]


def stack_steps(settings: Settings, split: Split, runs: int) -> Step:
    """One step of a stack, each run in its own order."""
    stack = Stack([Run(r, "bench", r, settings) for r in range(runs)], split)
    batches = _orders(stack, split)

    def step() -> None:
        with machine.cpu_threads(stack.threads):
            stack.step(next(batches))

    return step


def _orders(stack: Stack, split: Split) -> Iterator[torch.Tensor]:
    size = stack.settings.batch_size
    order = torch.stack([torch.randperm(len(split.train_labels)) for _ in stack.runs])
    whole = [batch for batch in order.split(size, dim=1) if batch.shape[1] == size]
    return itertools.cycle(whole)


def memory_steps(settings: Settings, split: Split, foreach: bool, fused: bool) -> Step:
    """One step of the loop an expert writes: images standardised once, tensors in memory."""
    model = initialize_(MLP(settings.widths, settings.activation))
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        foreach=foreach,
        fused=fused,
    )
    images = split.standardize(split.train_images).flatten(1)
    labels = split.train_labels
    batches = itertools.cycle(torch.randperm(len(labels)).split(settings.batch_size)[:-1])

    def step() -> None:
        batch = next(batches)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
        optimizer.step()

    return step


def loader_steps(settings: Settings, split: Split) -> Step:
    """One step of the loop of tutorials: PIL images, torchvision transforms, a DataLoader."""
    from torchvision.transforms import v2

    change = v2.Compose(
        [
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(split.mean.tolist(), split.std.tolist()),
        ]
    )
    pictures = [v2.functional.to_pil_image(image) for image in split.train_images]
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
    model = initialize_(MLP(settings.widths, settings.activation))
    optimizer = torch.optim.SGD(
        model.parameters(), lr=settings.learning_rate, momentum=settings.momentum
    )

    def step() -> None:
        images, labels = next(batches)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


def _seconds(step: Step, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - start) / repeats
