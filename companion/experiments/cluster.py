"""Stacks on a Ray cluster: as many at once as there is room, one record on the driver's disk.

The driver packs the plan into stacks and sends each as a task; the images travel once, through
Ray's object store. Workers send finished epochs and checkpoints to a mailbox on the driver's
machine, and their tables when they end; only the driver writes, with the local runner's writer,
so that a record begun here can be finished there. Ray is imported inside the functions.
"""

from __future__ import annotations

import functools
import logging
import math
import os
import socket
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from companion import data, machine
from companion.experiments import in_turn, packs, rows, runner, sources, stack_training
from companion.measure.declare import Measure
from companion.training.settings import Run

RETRIES = 3
"""How often a stack whose worker was lost is tried again."""
LISTEN = 0.2
"""Seconds between two looks into the mailbox."""
SHARES = 8
"""A stack takes eighths of a GPU, unless told otherwise."""


@contextmanager
def connect(
    address: str, device: str = "auto", gpus_per_stack: float | None = None
) -> Iterator[Engine]:
    """Join the Ray cluster at an address, or start one here, and leave it at the end.

    address: ``local`` starts Ray on this machine, ``auto`` finds the cluster this machine is part
    of, ``host:port`` names its head. device: ``auto`` trains on GPUs where the cluster has some.
    gpus_per_stack: the share of a GPU that a stack takes, in (0, 1]; None: by its size.

    Raises ValueError without Ray, without a cluster there, and for what that cluster lacks.
    """
    ray = _ray()
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(
            f"--device with --cluster must be auto, cpu or cuda, got {device!r}; Ray picks the GPU"
        )
    if gpus_per_stack is not None and not 0 < gpus_per_stack <= 1:
        raise ValueError(
            f"--gpus-per-stack must be in (0, 1], got {gpus_per_stack:g}; 0.5 lets two stacks "
            "share a GPU"
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns about it
    rule = f"--cluster must be local, auto or the host:port of a running Ray head, got {address!r}"
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        options["include_dashboard"] = False
    elif address != "auto":
        _knock(address, rule)
    try:
        ray.init(address=address, **options)
    except Exception as error:  # a start that takes too long is a bare Exception of Ray's
        raise ValueError(
            f"{rule} ({type(error).__name__}); start one there with `ray start --head`"
        ) from error
    try:
        yield Engine(ray, device, gpus_per_stack)
    finally:
        ray.shutdown()


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise ValueError(
            "--cluster needs Ray, which is not installed; pip install 'weights-in-scale[cluster]'"
        ) from None
    return ray


def _knock(address: str, rule: str) -> None:
    """Ask at once whether anything listens there: Ray itself waits for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except ValueError:
        raise ValueError(f"{rule}; give both, as in 192.168.0.10:6379") from None
    except OSError as error:
        raise ValueError(
            f"{rule} ({error.strerror or type(error).__name__}); start one there with "
            "`ray start --head`"
        ) from None


@dataclass(frozen=True)
class Attempt:
    """A stack under way: its runs, its share of a GPU, how often its worker was lost before."""

    stack: Sequence[Run]
    share: float
    lost: int
    counted: in_turn.Counted


class Engine:
    """A `runner.Engine` that trains on the cluster this process has joined.

    `running` has the task and the attempt of every stack that was sent and has not come back.
    """

    def __init__(self, ray: Any, device: str, gpus_per_stack: float | None) -> None:
        self.ray, self.share = ray, gpus_per_stack
        self.running: dict[Any, Attempt] = {}
        gpus, cpus = (int(ray.cluster_resources().get(kind, 0)) for kind in ("GPU", "CPU"))
        self.device = ("cuda" if gpus else "cpu") if device == "auto" else device
        if (gpus if self.device == "cuda" else cpus) < 1:
            raise ValueError(
                f"--device {device} needs a cluster with a free "
                f"{'GPU' if self.device == 'cuda' else 'CPU'}, and this one has {gpus} GPUs and "
                f"{cpus} CPUs; add a machine with `ray start`"
            )
        self.places = gpus / (gpus_per_stack or 1) if self.device == "cuda" else cpus

    def __call__(
        self, work: runner.Work
    ) -> Generator[tuple[Sequence[Run], rows.Tables, dict[str, Any]], None, None]:
        """Train all waiting runs and yield the stacks as they end."""
        if not work.waiting:
            return
        self.work = work
        self.split = self.ray.put(work.split.to(torch.device("cpu")))
        node = self.ray.get_runtime_context().get_node_id()
        self.mailbox = (
            self.ray.remote(Mailbox)
            .options(num_cpus=0, scheduling_strategy=_only_on(node))
            .remote()
        )
        self.ray.get(self.mailbox.take.remote())  # it is open before anybody writes
        limits: dict[tuple, int] = {}
        try:
            for stack, share in self._packed():
                self._send(Attempt(stack, share, 0, in_turn.Counted(work.report)))
            while self.running:
                ready, _ = self.ray.wait(list(self.running), timeout=LISTEN)
                self._listen()
                for task in ready:
                    attempt = self.running.pop(task)
                    result = self._result(task, attempt)
                    if result is None:
                        continue
                    if result == TOO_LARGE:
                        self._halve(attempt, limits)
                    elif isinstance(result, str):
                        raise ValueError(result)
                    else:
                        self._complete(attempt)
                        yield attempt.stack, *result
        finally:
            for task in self.running:
                self.ray.cancel(task, force=True)
            self.running.clear()
            self.ray.kill(self.mailbox)

    def _packed(self) -> list[tuple[list[Run], float]]:
        """The stacks, each with its share of a GPU: no fewer than there are places, if possible.

        A GPU is asked on the cluster, as the driver need not have one.
        """
        arguments = (
            self.work.waiting,
            self.device,
            self.work.writer.checkpoints(),
            math.ceil(len(self.work.waiting) / self.places),
            self.share,
        )
        if self.device == "cpu":
            return packed(*arguments)
        task = self.ray.remote(packed).options(num_cpus=1, num_gpus=1).remote(*arguments)
        return self.ray.get(task)

    def _send(self, attempt: Attempt) -> None:
        key = packs.stack_key(attempt.stack)
        # a retry is this class's matter: Ray's own would start without the checkpoint
        options = {"num_cpus": 1, "max_retries": 0, "scheduling_strategy": "SPREAD"}
        if attempt.share:
            options["num_gpus"] = attempt.share
        task = (
            self.ray.remote(train)
            .options(**options)
            .remote(
                attempt.stack,
                self.split,
                self.work.writer.load_checkpoint(key),
                self.work.measures,
                self.device,
                self.work.header["code"]["source"],
                stack_training.CHECKPOINT_SECONDS,
                self.mailbox,
                (key, attempt.lost),
            )
        )
        self.running[task] = attempt

    def _listen(self) -> None:
        """Pass on what came from attempts that are still under way, or have just ended."""
        epochs, states = self.ray.get(self.mailbox.take.remote())
        for attempt in self.running.values():
            letter = (packs.stack_key(attempt.stack), attempt.lost)
            if letter in states:
                self.work.writer.save_checkpoint(letter[0], states[letter])
            if letter in epochs:
                attempt.counted(epochs[letter])

    def _complete(self, attempt: Attempt) -> None:
        """Report what of a finished stack has not been: its last news may come after its tables."""
        whole = len(attempt.stack) * attempt.stack[0].settings.epochs
        if attempt.counted.total < whole:
            attempt.counted(whole - attempt.counted.total)

    def _result(self, task: Any, attempt: Attempt) -> Any:
        """What a worker sent, or None where it was lost and the stack is sent again."""
        errors = self.ray.exceptions
        try:
            return self.ray.get(task)
        except errors.RayTaskError:
            raise  # a fault in the training itself
        except errors.RayError as error:
            why = type(error).__name__
        runs = f"runs {attempt.stack[0].number} to {attempt.stack[-1].number}"
        if attempt.lost == RETRIES:
            raise ValueError(
                f"a stack may lose its worker {RETRIES} times, and {runs} lost it once more "
                f"({why}); look at that machine's memory and log, then give the same command "
                "again: what is stored stays"
            )
        if self.work.notice:
            self.work.notice(
                f"The worker that trained {runs} was lost ({why}): they go on from their last "
                f"checkpoint on another, attempt {attempt.lost + 2} of {RETRIES + 1}."
            )
        attempt.counted.take_back()
        self._send(
            Attempt(
                attempt.stack, attempt.share, attempt.lost + 1, in_turn.Counted(self.work.report)
            )
        )
        return None

    def _halve(self, attempt: Attempt, limits: dict[tuple, int]) -> None:
        """Send a stack that did not fit in two halves, saying so once for all of its size."""
        stack, shape = attempt.stack, attempt.stack[0].settings.shape
        half = math.ceil(len(stack) / 2)
        if len(stack) == 1 or half < limits.get(shape, math.inf):
            limits[shape] = in_turn.halved(stack, f"a worker's {self.device}", self.work.notice)
        attempt.counted.take_back()
        for some in (stack[:half], stack[half:]):
            # the share stays: what did not fit in it may fit by half
            self._send(Attempt(some, attempt.share, 0, in_turn.Counted(self.work.report)))


def _only_on(node: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=False)


# --- what runs in a worker --------------------------------------------------------------------

TOO_LARGE = "too large"


class Mailbox:
    """An actor that keeps what workers send until the driver takes it."""

    def __init__(self) -> None:
        self.epochs: dict[tuple[str, int], int] = {}
        self.states: dict[tuple[str, int], Any] = {}

    def count(self, letter: tuple[str, int], epochs: int) -> None:
        """Add finished run-epochs of an attempt (its stack's key, its number)."""
        self.epochs[letter] = self.epochs.get(letter, 0) + epochs

    def keep(self, letter: tuple[str, int], state: Any) -> None:
        """Keep the newest checkpoint of an attempt."""
        self.states[letter] = state

    def take(self) -> tuple[dict, dict]:
        """Hand out all that came since the last time: run-epochs and checkpoints."""
        taken = self.epochs, self.states
        self.epochs, self.states = {}, {}
        return taken


def packed(
    runs: Sequence[Run], device: str, kept: Sequence[str], most: int, share: float | None
) -> list[tuple[list[Run], float]]:
    """Stacks of at most ``most`` runs that fit a device, each with its share of a GPU, 0 on a CPU.

    share: of a GPU that each may take; None: as much as a stack needs, in eighths.
    """
    where = machine.pick_device(device)

    def fit(run: Run) -> int:
        return packs.stack_size(run, where)

    def size(run: Run) -> int:
        return max(1, min(most, int(fit(run) * (share or 1))))

    stacks = packs.pack(runs, where, kept=kept, most=size)
    if where.type == "cpu":
        return [(stack, 0.0) for stack in stacks]
    return [(stack, share or gpu_share(len(stack), fit(stack[0]))) for stack in stacks]


def gpu_share(runs: int, fit: int) -> float:
    """The share of a GPU for a stack, in eighths, where ``fit`` runs fill one.

    >>> gpu_share(100, 100), gpu_share(20, 100), gpu_share(1, 1000), gpu_share(120, 100)
    (1.0, 0.25, 0.125, 1.0)
    """
    return min(math.ceil(SHARES * runs / fit), SHARES) / SHARES


def train(
    runs: Sequence[Run],
    split: data.Split,
    checkpoint: dict[str, Any] | None,
    measures: Sequence[Measure],
    device: str,
    source: str,
    period: float,
    mailbox: Any,
    letter: tuple[str, int],
) -> tuple[rows.Tables, dict[str, Any]] | str:
    """Train one stack: its tables and origin, `TOO_LARGE`, or a sentence on what is wrong here."""
    code = _code()
    if code["source"] != source:
        return (
            "every machine of a cluster must have the driver's version of the code that trains, "
            f"and one has another (commit {code['commit']}); install the same there"
        )
    where = machine.pick_device(device)
    try:
        tables, seconds = stack_training.timed(
            runs,
            split.to(where),
            checkpoint,
            save=lambda state: mailbox.keep.remote(letter, on_cpu(state)),
            progress=lambda epochs: mailbox.count.remote(letter, epochs),
            measures=measures,
            period=period,
        )
    except (RuntimeError, MemoryError) as error:
        if not in_turn.out_of_memory(error):
            raise
        return TOO_LARGE
    here = {"machine": machine.describe(where), "code": code}
    return tables, sources.origin(here, seconds)


@functools.cache
def _code() -> dict[str, str]:
    return sources.code()


def on_cpu(state: Any) -> Any:
    """A checkpoint with its tensors copied into the memory of the CPU."""
    if isinstance(state, dict):
        return {key: on_cpu(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(on_cpu(value) for value in state)
    return state.detach().to("cpu", copy=True) if isinstance(state, torch.Tensor) else state
