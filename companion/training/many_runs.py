"""Many runs at once: a stack of R MLPs trained as one batched computation.

The same mathematics as `one_run`, with a run axis in front: weights [R, out, in], signals
[R, batch, units], every product a batched matrix product. The gradient is written by hand so
that the largest term, ``momentum * velocity + delta^T signal``, is a single ``baddbmm``: the
gradient of a weight never visits memory on its own. Each run keeps its own seed, data order,
initialization, learning rate, momentum, weight decay and rescaling.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from companion import machine, streams
from companion.data import Split
from companion.measure import probes
from companion.methods import initialization, rescaling
from companion.methods.rescaling import Rescaling
from companion.models import mlp
from companion.training.settings import Run

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


SMALL_STEP = 50_000_000
"""Floating-point operations of a step below which one CPU thread is as fast as several."""


class Stack:
    """R runs of one architecture, trained together, epoch by epoch.

    runs must share widths, activation, inputs, batch size and epochs (`Settings.shape`); the rest
    is per run. ``split`` lives on the device that trains. Run r equals `one_run.train` with the
    same settings and seed, to floating-point tolerance, whatever else is in the stack.
    """

    def __init__(
        self, runs: Sequence[Run], split: Split, dtype: torch.dtype = torch.float32
    ) -> None:
        if not runs:
            raise ValueError("a stack needs at least one run, got none; ask for runs >= 1")
        shapes = {run.settings.shape for run in runs}
        if len(shapes) > 1:
            raise ValueError(
                "runs of a stack must share widths, activation, inputs, batch size and epochs, got "
                f"{len(shapes)} kinds; make one stack for each"
            )
        self.runs, self.dtype = tuple(runs), dtype
        self.settings = runs[0].settings
        self.split = split.scaled(self.settings.inputs)
        self.settings.check_fit(split)
        self.device = split.train_images.device
        if self.device.type == "cpu":
            machine.keep_freed_memory()
        self.epoch, self.steps = 0, 0
        self.seeds = torch.tensor([run.seed for run in runs], device=self.device)
        self.learning_rate = self._per_run("learning_rate")
        self.momentum = self._per_run("momentum")
        self.weight_decay = self._per_run("weight_decay")
        self.weights, self.biases = self._initial()
        self.weight_velocities = [torch.zeros_like(weight) for weight in self.weights]
        self.bias_velocities = [torch.zeros_like(bias) for bias in self.biases]
        self.rescalings = self._rescalings()
        step = 6 * self.settings.batch_size * sum(weight.numel() for weight in self.weights)
        self.threads = 1 if step < SMALL_STEP else torch.get_num_threads()

    # --- set-up ---------------------------------------------------------------------------------

    def _per_run(self, name: str) -> float | Tensor:
        """A number if all runs share it (cheaper), else [runs, 1, 1]."""
        values = [getattr(run.settings, name) for run in self.runs]
        if len(set(values)) == 1:
            return values[0]
        return torch.tensor(values, dtype=self.dtype, device=self.device)[:, None, None]

    def _initial(self) -> tuple[list[Tensor], list[Tensor]]:
        weights, biases = [], []
        for layer, (fan_in, units) in enumerate(itertools.pairwise(self.settings.widths), start=1):
            empty = torch.empty(units, fan_in, dtype=self.dtype, device=self.device)
            drawn = [
                initialization.draw(run.seed, layer, empty, run.settings.scheme, run.settings.gain)
                for run in self.runs
            ]
            weights.append(torch.stack(drawn))
            biases.append(
                torch.zeros(len(self.runs), 1, units, dtype=self.dtype, device=self.device)
            )
        return weights, biases

    def _rescalings(self) -> list[tuple[Rescaling, Tensor | slice, list[Tensor]]]:
        """Per distinct rescaling: the runs it acts on and their target std [k, 1, 1] per layer."""
        groups: dict[Rescaling, list[int]] = {}
        for index, run in enumerate(self.runs):
            if run.settings.rescale != "none":
                groups.setdefault(run.settings.rescaling, []).append(index)
        result = []
        for rule, members in groups.items():
            targets = []
            for weight in self.weights:
                fan_out, fan_in = weight.shape[1:]
                stds = [
                    initialization.sigma(
                        self.runs[index].settings.scheme,
                        fan_in,
                        fan_out,
                        self.runs[index].settings.gain,
                    )
                    for index in members
                ]
                targets.append(
                    torch.tensor(stds, dtype=self.dtype, device=self.device)[:, None, None]
                )
            everyone = len(members) == len(self.runs)
            which = slice(None) if everyone else torch.tensor(members, device=self.device)
            result.append((rule, which, targets))
        return result

    # --- training -------------------------------------------------------------------------------

    @torch.no_grad()
    def train_epoch(self) -> None:
        """One pass over the training images, each run in its own order."""
        with machine.cpu_threads(self.threads):
            self._train_epoch()

    def _train_epoch(self) -> None:
        self.epoch += 1
        count = len(self.split.train_labels)
        order = streams.permutation(self.seeds, "order", self.epoch, count, self.device)
        for batch in order.split(self.settings.batch_size, dim=1):
            self.step(batch)
        for rule, members, targets in self.rescalings:
            if rule.due_after_epoch:
                self._rescale(rule, members, targets)

    @torch.no_grad()
    def step(self, batch: Tensor) -> None:
        """One optimizer step of every run. batch [runs, batch size]: each run's image numbers."""
        index = batch.reshape(-1)
        images = self.split.train_images.index_select(0, index)
        signal = self.split.standardize(images, self.dtype).view(*batch.shape, -1)
        self._descend(signal, self.split.train_labels[index].view(batch.shape))
        self.steps += 1
        for rule, members, targets in self.rescalings:
            if rule.due_after_step(self.steps):
                self._rescale(rule, members, targets)

    def _descend(self, images: Tensor, labels: Tensor) -> None:
        """Forward, backward and update. images [runs, batch, inputs], labels [runs, batch]."""
        signals = [images]
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = torch.baddbmm(bias, signals[-1], weight.mT)
            signals.append(z if layer == last else ACTIVATE[self.settings.activation](z))

        # d(mean cross entropy) / d(logits) = (softmax - one-hot) / batch
        delta = signals.pop().softmax(dim=-1)
        delta.scatter_add_(2, labels[..., None], delta.new_full((*labels.shape, 1), -1.0))
        delta.div_(labels.shape[1])
        for layer in range(last, -1, -1):
            below = None
            if layer > 0:
                below = torch.bmm(delta, self.weights[layer])
                below = SLOPE[self.settings.activation](below, signals[layer])
            self._update(layer, delta, signals[layer])
            delta = below

    def _update(self, layer: int, delta: Tensor, signal: Tensor) -> None:
        """SGD as torch's: ``v <- momentum v + gradient + decay w``, ``w <- w - lr v``."""
        weight, velocity = self.weights[layer], self.weight_velocities[layer]
        if isinstance(self.momentum, Tensor):
            velocity.mul_(self.momentum).baddbmm_(delta.mT, signal)
        else:
            velocity.baddbmm_(delta.mT, signal, beta=self.momentum)
        bias, bias_velocity = self.biases[layer], self.bias_velocities[layer]
        bias_velocity.mul_(self.momentum).add_(delta.sum(dim=1, keepdim=True))
        for value, speed in ((weight, velocity), (bias, bias_velocity)):
            if isinstance(self.weight_decay, Tensor):
                speed.addcmul_(value, self.weight_decay)
            elif self.weight_decay:
                speed.add_(value, alpha=self.weight_decay)
            if isinstance(self.learning_rate, Tensor):
                value.addcmul_(speed, self.learning_rate, value=-1)
            else:
                value.sub_(speed, alpha=self.learning_rate)

    def _rescale(self, rule: Rescaling, members: Tensor | slice, targets: list[Tensor]) -> None:
        for weight, bias, target in zip(self.weights, self.biases, targets, strict=True):
            if rule.rule == "wr":
                weight[members] = rescaling.rescaled_to_std(weight[members], target, axes=(1, 2))
                bias[members] = 0.0
            else:
                weight[members] = rescaling.rescaled_to_unit_norm(weight[members], axes=(2,))

    # --- measuring and saving -------------------------------------------------------------------

    def preactivations(self, images: Tensor) -> list[Tensor]:
        """Images [n, C, H, W], shared by all runs -> per layer [runs, n, units]."""
        signal = images.flatten(1)
        # the first layer of all runs is one matrix product: they see the same images
        first = signal @ self.weights[0].flatten(0, 1).mT
        values = [first.unflatten(1, self.weights[0].shape[:2]).transpose(0, 1) + self.biases[0]]
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            signal = ACTIVATE[self.settings.activation](values[-1].clone())
            values.append(torch.baddbmm(bias, signal, weight.mT))
        return values

    def measure(self) -> dict[str, Tensor]:
        """`probes.measure` of every run: [runs] and [runs, layers]."""
        with machine.cpu_threads(self.threads):
            return probes.measure(self.preactivations, self.weights, self.split)

    def state(self) -> dict[str, Any]:
        """All that training changes; `load_state` continues from it bit for bit on a CPU."""
        return {
            "epoch": self.epoch,
            "steps": self.steps,
            "weights": self.weights,
            "biases": self.biases,
            "weight_velocities": self.weight_velocities,
            "bias_velocities": self.bias_velocities,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.epoch, self.steps = state["epoch"], state["steps"]
        for name in ("weights", "biases", "weight_velocities", "bias_velocities"):
            for mine, saved in zip(getattr(self, name), state[name], strict=True):
                mine.copy_(saved)


CACHE_BYTES = 5 * 2**20
"""Weights of a stack on a CPU: with their velocities and signals they stay in a 16 MiB cache."""


def stack_size(run: Run, device: torch.device) -> int:
    """How many runs of this shape to train at once: as many as the cache of a CPU holds, or a
    quarter of the free memory of a GPU (weights and velocities)."""
    run_bytes = 4 * mlp.parameter_count(run.settings.widths)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return max(1, free // 4 // (2 * run_bytes))
    return max(1, CACHE_BYTES // run_bytes)
