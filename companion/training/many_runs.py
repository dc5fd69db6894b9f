"""Many runs at once: a stack of R networks of one architecture, trained as one.

The same mathematics as `one_run`, with a run axis in front of every tensor. Each run keeps its own
seed, data order, augmentation, initialization, learning rate and schedule, momentum, weight decay,
variance penalty and rescaling. Plain MLPs have hand-written gradients (`stacked_mlp`), all other
networks autograd (`stacked_module`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from companion import machine, models, streams
from companion.data import Split
from companion.data.augmentation import augment
from companion.measure import catalogue
from companion.measure.declare import Measure, View
from companion.methods.rescaling import Rescaling
from companion.training import l1, losses, pacing
from companion.training.cuda_graph import Captured
from companion.training.optimizers import Gradients, Optimizer, per_run, together
from companion.training.schedules import learning_rate, rises
from companion.training.settings import PER_RUN, Run
from companion.training.stack_rescaling import rescalings
from companion.training.stacked_mlp import StackedMLP, is_plain
from companion.training.stacked_module import StackedModule
from companion.training.variance_penalty import terms

SMALL_STEP = 50_000_000
"""Floating-point operations of an MLP's step below which one CPU thread is as fast as several."""

STANDARDIZED_BYTES = 2**30
"""What a stack may hold of images as floats: CIFAR-10's take 600 MiB. It saves a tenth of an
MLP's step."""


class Stack:
    """R runs of one architecture, trained together, epoch by epoch.

    runs must share all settings but those named in `PER_RUN`. ``split`` lives on the
    device that trains. Run r equals `one_run.train` with the same settings and seed, to
    floating-point tolerance, whatever else is in the stack.
    """

    def __init__(
        self, runs: Sequence[Run], split: Split, dtype: torch.dtype = torch.float32
    ) -> None:
        if not runs:
            raise ValueError("a stack needs at least one run, got none; ask for runs >= 1")
        shapes = {run.settings.shape for run in runs}
        if len(shapes) > 1:
            raise ValueError(
                f"runs of a stack must share every setting but {', '.join(PER_RUN)}, got "
                f"{len(shapes)} kinds; make one stack for each"
            )
        self.runs, self.dtype = tuple(runs), dtype
        self.settings = runs[0].settings
        self.settings.check_fit(split)
        self.split = split.scaled(self.settings.inputs)
        self.device = split.train_images.device
        self.images = self._images()
        seeds = torch.tensor([run.seed for run in runs], device=self.device)
        noise, classes = self.settings.label_noise, split.classes
        self.labels = losses.noisy(split.train_labels, noise, seeds, classes)
        if self.device.type == "cpu":
            machine.keep_freed_memory()
        self.epoch, self.steps = 0, 0
        self.taken = 0  # steps of the epoch under way
        self.seeds = seeds
        if is_plain(self.settings):
            self.network = StackedMLP(runs, dtype, self.device)
        else:
            self.network = StackedModule(runs, dtype, self.device, split=self.split)
        parameters = self.network.parameters
        roles, curves = self.network.roles, self.network.curves
        added = together(terms(parameters, self.weights, runs), l1.terms(parameters, roles, runs))
        self.optimizer = Optimizer(parameters, runs, added, roles, curves)
        self.clock = torch.zeros((), dtype=torch.int64, device=self.device)
        self.rescalings = rescalings(runs, self.weights)
        self.threads = self._threads()
        self._advance, self.put_back = Captured(), [Captured() for _ in self.rescalings]
        self.leader = self._leader(split)

    @property
    def weights(self) -> list[Tensor]:
        """The linear and convolution weights of every layer, [runs, out, ...]."""
        return self.network.weights

    # --- set-up ---------------------------------------------------------------------------------

    def _images(self) -> Tensor:
        """The training images, standardized once and for all steps if that fits."""
        images = self.split.train_images
        fits = images.numel() * self.dtype.itemsize <= STANDARDIZED_BYTES
        if self.settings.augmentation == "none" and fits:
            return self.split.standardize(images, self.dtype)
        return images

    def _leader(self, split: Split) -> Stack | None:
        """The runs whose norms these follow, each with its follower's seed; None without any."""
        if not self.settings.rate_from:
            return None
        return Stack(
            [replace(run, settings=run.settings.leader) for run in self.runs], split, self.dtype
        )

    def _threads(self) -> int:
        images = self.settings.batch(len(self.split.train_labels))
        work = 6 * images * sum(weight.numel() for weight in self.weights)
        small = models.model(self.settings.model).vectors and work < SMALL_STEP
        return 1 if small else torch.get_num_threads()

    # --- training -------------------------------------------------------------------------------

    @torch.no_grad()
    def train_epoch(
        self,
        stop: Callable[[], bool] | None = None,
        step: Callable[[Tensor, float | Tensor], None] | None = None,
    ) -> bool:
        """One pass over the training images, each run in its own order; True: it is complete.

        stop: asked before each step. Once it says True the pass is left, and the next call goes
        on with it as if nothing had been. step: called in place of `step`, which it calls, to
        look at what lies before and after.
        """
        with machine.cpu_threads(self.threads):
            count = len(self.split.train_labels)
            order = streams.permutation(self.seeds, "order", self.epoch + 1, count, self.device)
            batches = order.split(self.settings.batch(count), dim=1)
            rates = self._rates(len(batches))
            risen = self._rises(len(batches))
            while self.taken < len(batches):
                if stop and stop():
                    return False
                if self.taken == 0:
                    self._start_epoch()
                if risen is not None:
                    self.optimizer.rise.copy_(risen[self.taken])
                (step or self.step)(batches[self.taken], rates[self.taken])
                self.taken += 1
            self._end_epoch()
        return True

    def _start_epoch(self) -> None:
        self._rescale_where(lambda rule: rule.due_before_epoch(self.epoch + 1))
        if self.leader:
            self.leader._start_epoch()

    def _end_epoch(self) -> None:
        self._rescale_where(lambda rule: rule.due_after_epoch(self.epoch + 1))
        self.epoch, self.taken = self.epoch + 1, 0
        if self.leader:
            self.leader._end_epoch()

    def _rates(self, epoch_steps: int) -> list[float] | Tensor:
        """The learning rates of an epoch's steps: numbers where all runs share them and no graph
        has to read them from the device, else [steps, runs]."""
        first = self.steps - self.taken
        rates = {
            settings: [learning_rate(settings, first + k, epoch_steps) for k in range(epoch_steps)]
            for settings in {run.settings for run in self.runs}
        }
        columns = [rates[run.settings] for run in self.runs]
        if self.device.type == "cpu" and all(column == columns[0] for column in columns):
            return columns[0]
        return torch.tensor(columns, dtype=self.dtype).T.to(self.device)

    def _rises(self, epoch_steps: int) -> Tensor | None:
        """What multiplies the rates of an epoch's steps where a rising rate stands for decay,
        [steps, runs]; None where none does."""
        if not self.settings.decay_as_rate:
            return None
        until = self.steps - self.taken + epoch_steps
        found = {
            settings: rises(settings, until, epoch_steps)[-epoch_steps:]
            for settings in {run.settings for run in self.runs}
        }
        columns = [torch.as_tensor(found[run.settings]) for run in self.runs]
        return torch.stack(columns, dim=1).to(self.device, self.dtype)

    @torch.no_grad()
    def step(self, batch: Tensor, rate: float | Tensor | None = None) -> None:
        """One optimizer step of every run. batch [runs, batch size]: each run's image numbers;
        rate: the learning rate, a number or [runs]; None: the settings' own."""
        if rate is None:
            rates = [run.settings.learning_rate for run in self.runs]
            rate = per_run(rates, self.dtype, self.device)
        self._set_rate(rate)
        if self.leader:
            self._follow(self.leader)
            self.leader.step(batch, rate)
        self._advance(self._descend, batch)
        self.steps += 1
        self._rescale_where(lambda rule: rule.due_after_step(self.steps, self.epoch + 1))

    def _follow(self, leader: Stack) -> None:
        """Set by how much longer the weights are than the leader's."""
        pairs = zip(self.optimizer.parameters, leader.optimizer.parameters, strict=True)
        for index, (own, other) in enumerate(pairs):
            if index in self.optimizer.ratios:
                self.optimizer.ratios[index].copy_(
                    pacing.ratio(own, other, self.settings.units_follow)
                )

    def _set_rate(self, rate: float | Tensor) -> None:
        """A tensor keeps its place in memory, where a captured step reads it."""
        kept = self.optimizer.learning_rate
        if isinstance(rate, Tensor) and isinstance(kept, Tensor):
            kept.copy_(rate)
        elif isinstance(rate, Tensor):
            self.optimizer.learning_rate = rate.to(self.device, self.dtype, copy=True)
        else:
            self.optimizer.learning_rate = rate

    def _descend(self, batch: Tensor) -> None:
        """Update every run along the gradient of its batch."""
        images, labels = self._batch(batch)
        self.optimizer.begin()
        self.network.descend(images, labels, self.optimizer)
        self.clock.add_(1)

    def _batch(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Gather, augment and standardize the images of a batch; with their labels."""
        index = batch.reshape(-1)
        images = self.images.index_select(0, index).unflatten(0, batch.shape)
        if self.settings.augmentation != "none":
            images = augment(self.settings.augmentation, images, self.seeds, self.clock)
        if images.dtype == torch.uint8:
            images = self.split.standardize(images, self.dtype)
        if self.labels.dim() == 2:  # noise of each run's own
            return images, self.labels.gather(1, batch)
        return images, self.labels[index].view(batch.shape)

    def _rescale_where(self, due: Callable[[Rescaling], bool]) -> None:
        for put_back, entry in zip(self.put_back, self.rescalings, strict=True):
            if due(entry[0]):
                put_back(lambda _, entry=entry: self._rescale(*entry), self.clock)

    def _rescale(self, rule: Rescaling, members: Tensor | slice, targets: list[Tensor]) -> None:
        weights = self.weights if rule.layers == "all" else self.weights[:-1]
        for layer, (weight, target) in enumerate(zip(weights, targets, strict=False)):
            value = weight[members]
            scaled, factor = rule.rescaled(value, target, out=value)
            self.network.set_weight(layer, members, scaled)
            bias = self.network.bias(layer)
            if bias is not None and factor is not None:
                bias[members] = rule.new_bias(bias[members], factor)

    # --- measuring and saving -------------------------------------------------------------------

    @torch.no_grad()
    def measure(self, measures: Sequence[Measure] = catalogue.EACH_EPOCH) -> dict[str, Tensor]:
        """The columns of some measures, of every run: [runs], [runs, layers], ..."""
        with machine.cpu_threads(self.threads):
            return catalogue.measure(self.view(), measures)

    def view(self, **step: Any) -> View:
        """What measures look at; step: the sides of a step, as `View` names them."""
        network, weights = self.network, self.weights
        biases = [network.bias(layer) for layer in range(len(weights))]
        return View(
            network.forward,
            weights,
            self.split,
            passing=network.passing,
            biases=biases,
            curves=network.bent,
            sources=network.sources,
            folds=network.folds,
            trial=network.trial,
            differentiable=network.differentiable,
            **step,
        )

    @torch.no_grad()
    def gradients(self, batch: Tensor) -> list[Tensor]:
        """The gradients of the batch's mean loss by the `weights`, like them; nothing changes.

        Raises ValueError where the weights are computed from other parameters.
        """
        mine = [
            next((k for k, p in enumerate(self.network.parameters) if p is w), None)
            for w in self.weights
        ]
        if None in mine:
            raise ValueError(
                "gradients are taken by weights that are trained themselves, and those of "
                f"{self.runs[0].arm} are computed from others; leave that measure out"
            )
        kept = [tensor.clone() for tensor in self.network.state]
        collected = Gradients()
        self.network.descend(*self._batch(batch), collected)
        for tensor, value in zip(self.network.state, kept, strict=True):
            tensor.copy_(value)
        return [collected.kept[k] for k in mine]

    def state(self) -> dict[str, Any]:
        """All that training changes; `load_state` continues from it bit for bit on a CPU."""
        return {
            "epoch": self.epoch,
            "steps": self.steps,
            "taken": self.taken,
            "network": self.network.state,
            "optimizer": self.optimizer.state,
            "leader": self.leader._tensors if self.leader else [],
        }

    @property
    def _tensors(self) -> list[Tensor]:
        """All that training changes, with the leader's."""
        own = [*self.network.state, *self.optimizer.state]
        return own + (self.leader._tensors if self.leader else [])

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`; ValueError, with nothing changed, where it is of another stack."""
        mine = self._tensors
        saved = [*state["network"], *state["optimizer"], *state.get("leader", ())]
        kinds = [[(one.shape, one.dtype) for one in tensors] for tensors in (mine, saved)]
        if kinds[0] != kinds[1]:
            raise ValueError(
                "a checkpoint's tensors must have the shapes and types of its stack, and they have "
                "others; train the stack anew"
            )
        counts = [state[name] for name in ("epoch", "steps", "taken")]
        images = len(self.split.train_labels)
        each = math.ceil(images / self.settings.batch(images))
        epoch, steps, taken = counts
        whole = all(type(count) is int and count >= 0 for count in counts)
        if not whole or taken >= each or steps != epoch * each + taken:
            raise ValueError(
                "a checkpoint's epoch, steps and steps of its epoch must be counts that go "
                f"together, at {each} steps an epoch, got {epoch!r}, {steps!r} and {taken!r}; "
                "train the stack anew"
            )
        for stack in filter(None, (self, self.leader)):
            stack.epoch, stack.steps, stack.taken = counts
            stack.clock.fill_(stack.steps)
        for tensor, value in zip(mine, saved, strict=True):
            tensor.copy_(value)
