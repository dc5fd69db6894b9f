"""How fast a stack is: ratios to the loops that people write, measured side by side.

All times are milliseconds per run-step, the time of one optimizer step of one run; medians over
rounds in which every contender takes its turn, so that a change in the machine's load meets all
of them. The contenders compute the same thing in the same precision: network, batch, optimizer;
those named after a compander train behind one, and those named ``forward`` only answer a batch.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from companion import data, machine
from companion.data import Split
from companion.methods.parametrizations import bake
from companion.training import one_run
from companion.training.cuda_graph import Captured
from companion.training.many_runs import Stack, rescalings
from companion.training.packing import stack_size
from companion.training.settings import Run, Settings

CEILING = 2048
"""Side of the square float32 product whose rate is the ceiling."""
TURN = 0.15
"""Seconds that a contender's turn takes, about; a turn is at least one step."""
EPOCH_STEPS = 1250
"""Steps of an epoch of N's MLP: 40,000 images in batches of 32."""
Step = Callable[[], None]


@dataclass(frozen=True)
class Case:
    """A network and batch to time, on images of a shape: runs in the stack on a CPU and on a GPU,
    and whether the loop with a DataLoader is timed too."""

    settings: Settings
    shape: tuple[int, int, int]
    runs: int
    gpu_runs: int
    loader: bool = True

    @property
    def title(self) -> str:
        """Network, widths, batch and precision in words."""
        widths = "-".join(map(str, self.settings.widths))
        half = ", half precision" if self.settings.precision == "half" else ""
        return f"{self.settings.model} {widths}, batch {self.settings.batch_size}{half}"


_LENET = Settings(model="lenet5", widths=(3, 6, 16, 120, 84, 10), activation="tanh")
_RESNET = Settings(model="resnet18", widths=(3, 64, 128, 256, 512, 10), normalization="batch")
CASES = (
    Case(Settings(), (3, 32, 32), 30, 500),
    Case(Settings(batch_size=128), (3, 32, 32), 30, 500),
    Case(Settings(widths=(64, 64, 32, 10)), (1, 8, 8), 100, 1000),
    Case(_LENET, (3, 32, 32), 1, 200),
)
CPU_CASES = (*CASES, Case(_RESNET, (3, 32, 32), 1, 1, loader=False))
GPU_CASES = (
    *CASES,
    *(
        Case(replace(_RESNET, precision="half", batch_size=batch), (3, 32, 32), 1, 1, loader=False)
        for batch in (128, 1024)
    ),
)
"""The paper's MLP at two batch sizes, one for the digits, LeNet-5, and ResNet-18; on a GPU the
last at several batch sizes, for its best one is the question."""


@dataclass(frozen=True)
class Line:
    """One row of the table: the case, its runs, the contender, milliseconds per run-step, that
    time over the stack's; of a stack the operations per second of its arithmetic and their share
    of the ceiling."""

    case: str
    runs: int
    contender: str
    milliseconds: float
    ratio: float
    teraflops: float | None = None
    share: float | None = None


def cases(device: torch.device) -> tuple[Case, ...]:
    """What is timed on a device."""
    return GPU_CASES if device.type == "cuda" else CPU_CASES


def made_images(shape: tuple[int, int, int], count: int = 4096, classes: int = 10) -> Split:
    """A split of random images: speed does not depend on what they show."""
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=random)
    labels = torch.arange(count) % classes
    half = count // 2
    return data.split(data.image_set("made", images, labels, images[:half], labels[:half]))


def flops(settings: Settings, shape: tuple[int, int, int]) -> float:
    """Floating-point operations of the products and convolutions of one run-step, forward and
    backward, counted by torch. The first layer's input gradient is not computed and not
    counted."""
    with torch.device("meta"):
        model = settings.build()
        images = torch.empty(settings.batch_size, *shape)
    with FlopCounterMode(display=False) as counter:
        model(images).sum().backward()
    return float(counter.get_total_flops())


def ceiling(device: torch.device) -> float:
    """Operations per second of a 2048-cubed float32 matrix product on the device."""
    left, right = torch.randn(2, CEILING, CEILING, device=device).unbind()
    times = [seconds(lambda: left @ right, 1, device) for _ in range(15)]
    return 2 * CEILING**3 / statistics.median(times)


def compare(case: Case, rounds: int, device: torch.device) -> list[Line]:
    """The stack against the loops, for one network on images of one shape."""
    if device.type == "cpu":
        machine.keep_freed_memory()
    settings, split = case.settings, made_images(case.shape, classes=case.settings.widths[-1])
    split = split.to(device)
    wanted = case.gpu_runs if device.type == "cuda" else case.runs
    stacked = min(wanted, stack_size(Run(0, "bench", 0, settings), device))
    stack = Stack([Run(r, "bench", r, settings) for r in range(stacked)], split)
    bent = replace(settings, parametrization="arctan", compander_b=0.6, compander_clamp=True)
    bent_stack = Stack([Run(r, "bench", r, bent) for r in range(stacked)], split)
    contenders: dict[str, tuple[Step, int]] = {
        "stack": (stack_steps(stack), stacked),
        "stack, WR every step": (stack_steps(stack, "wr"), stacked),
        "stack, WRS every step": (stack_steps(stack, "wrs"), stacked),
        "stack, compander": (stack_steps(bent_stack), stacked),
        "in memory, one run": (memory_steps(settings, split, foreach=False, fused=False), 1),
        "in memory, foreach": (memory_steps(settings, split, foreach=True, fused=False), 1),
        "in memory, fused": (memory_steps(settings, split, foreach=False, fused=True), 1),
        "in memory, one run, compander": (
            memory_steps(bent, split, foreach=False, fused=False), 1
        ),
        **{name: (step, 1) for name, step in forward_steps(settings, bent, split).items()},
    }  # fmt: skip
    if case.loader:
        contenders["DataLoader, transforms"] = (loader_steps(settings, split), 1)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    repeats = {name: turns(step, device) for name, (step, _) in contenders.items()}
    for _ in range(rounds):
        for name, (step, together) in contenders.items():
            times[name].append(seconds(step, repeats[name], device) / together)
    medians = {name: statistics.median(values) for name, values in times.items()}
    medians["stack, WR once an epoch"] = (
        medians["stack"] + (medians["stack, WR every step"] - medians["stack"]) / EPOCH_STEPS
    )
    rate, top = flops(settings, case.shape) / medians["stack"], ceiling(device)
    return [
        Line(
            case.title,
            stacked if name.startswith("stack") else 1,
            name,
            1000 * median,
            median / medians["stack"],
            rate / 1e12 if name == "stack" else None,
            rate / top if name == "stack" else None,
        )
        for name, median in medians.items()
    ]


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


def turns(step: Step, device: torch.device) -> int:
    """Steps of a turn, after two that warm up (on a GPU, until its graph is captured)."""
    for _ in range(6 if device.type == "cuda" else 2):
        step()
    return max(1, min(200, round(TURN / seconds(step, 1, device))))


def seconds(
    step: Step,
    repeats: int,
    device: torch.device,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Seconds of one step by a clock, over ``repeats`` of them."""
    _wait(device)
    start = clock()
    for _ in range(repeats):
        step()
    _wait(device)
    return (clock() - start) / repeats


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
