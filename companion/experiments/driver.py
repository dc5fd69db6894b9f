"""Stacks on a Ray cluster: as many at once as there is room, one record on the driver's disk.

The driver packs the plan into stacks and sends each as a task; the images travel once, through
Ray's object store. Only the driver writes, with the local runner's writer, so that a record begun
here can be finished there. What the tasks do is in `worker`.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from companion.experiments import in_turn, packs, rows, runner, stack_training, worker
from companion.training.settings import Run

RETRIES = 3
"""How often a stack whose worker was lost is tried again."""
LISTEN = 0.2
"""Seconds between two looks into the mailbox."""


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
            self.ray.remote(worker.Mailbox)
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
                    if result == worker.TOO_LARGE:
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
            return worker.packed(*arguments)
        task = self.ray.remote(worker.packed).options(num_cpus=1, num_gpus=1).remote(*arguments)
        return self.ray.get(task)

    def _send(self, attempt: Attempt) -> None:
        key = packs.stack_key(attempt.stack)
        # a retry is this class's matter: Ray's own would start without the checkpoint
        options = {"num_cpus": 1, "max_retries": 0, "scheduling_strategy": "SPREAD"}
        if attempt.share:
            options["num_gpus"] = attempt.share
        task = (
            self.ray.remote(worker.train)
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
