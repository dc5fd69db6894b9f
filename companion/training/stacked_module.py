"""A stack of any network, with autograd: one module, R sets of parameters and buffers.

`torch.func.functional_call` runs the module with the tensors of one run. On a GPU, and for MLPs,
`torch.vmap` does that for all runs at once. A CPU computes a grouped convolution more slowly than
one convolution after the other, so convolutional networks take their turns there. So does
everything in half precision, for autocast does not reach the operations under `torch.vmap`, and a
stack of one, which on a GPU is compiled and laid out channels last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn.utils import parametrize

from companion import machine, models
from companion.data import Split
from companion.measure.declare import Fold, Trial
from companion.methods.initialization import scalable_layers
from companion.methods.parametrizations import compander
from companion.training import asked, losses, one_run, stacked_mlp
from companion.training.asked import Named
from companion.training.optimizers import Bent, Optimizer
from companion.training.settings import Run
from companion.training.stacked_mlp import changed

LOSS_SCALE = 1024.0
"""float16 gradients below 6e-8 are 0: the loss is multiplied by this, the gradients divided."""

UNDERSTOOD = (
    *stacked_mlp.UNDERSTOOD, "normalization", "parametrization", "dropout", "neighbour",
    "precision", "compander_learn", "compander_clamp", "compander_alpha", "slope_aware",
    "rate_from",
)  # fmt: skip
"""The settings that this file heeds; an arm that changes another one is refused."""


class StackedModule:
    """R networks of one architecture; tensors are kept as [runs, ...].

    together: whether `torch.vmap` trains all runs at once; None chooses as said above. split: for
    a start that comes from data.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        dtype: torch.dtype,
        device: torch.device,
        together: bool | None = None,
        split: Split | None = None,
    ) -> None:
        self.settings, self.device = runs[0].settings, device
        unknown = changed(self.settings, UNDERSTOOD)
        if unknown:
            raise ValueError(
                f"a stack must understand every setting that an arm changes, got {unknown[0]} = "
                f"{getattr(self.settings, unknown[0])!r}, which none does; leave it at its default"
            )
        single = len(runs) == 1
        half = machine.half_precision(device) if self.settings.precision == "half" else None
        self.half, self.scale = half, LOSS_SCALE if half == torch.float16 else 1.0
        if together is None:
            faster = device.type == "cuda" or models.model(self.settings.model).vectors
            together = faster and not single and half is None
        self.together = together
        made = [one_run.build(run.settings, run.seed, dtype, device, split) for run in runs]
        self.model = made[0]
        self.channels_last = single and device.type == "cuda"
        if self.channels_last:
            self.model.to(memory_format=torch.channels_last)
        if single:  # stacking would lose the memory format
            self.trained = {n: p.detach()[None] for n, p in self.model.named_parameters()}
            self.buffers = {n: b[None] for n, b in self.model.named_buffers()}
        else:
            trained, self.buffers = stack_module_state(made)
            self.trained = {name: value.detach() for name, value in trained.items()}
        self.layers = [name for name, _ in scalable_layers(self.model)]
        self.compiled = torch.compile(self._loss) if self.channels_last else None

    # --- what the stack needs ---------------------------------------------------------------

    @property
    def parameters(self) -> list[Tensor]:
        """All trained tensors, [runs, ...]."""
        return list(self.trained.values())

    @property
    def roles(self) -> list[tuple[str, ...]]:
        """Those of every parameter."""
        return list(models.roles(self.model).values())

    @property
    def state(self) -> list[Tensor]:
        """All tensors that training changes: parameters, running statistics, dropout's step."""
        return [*self.trained.values(), *self.buffers.values()]

    @property
    @torch.no_grad()
    def weights(self) -> list[Tensor]:
        """The weights that the layers use, [runs, out, ...]: behind a parametrization, its
        result."""
        computed = [name for name in self.layers if f"{name}.weight" not in self.trained]
        if not computed:
            return [self.trained[f"{name}.weight"] for name in self.layers]
        reader = asked.Weights(self.model, computed)
        values = self._each(lambda t, b: functional_call(reader, asked.inside((t, b)), ()))
        found = dict(zip(computed, values, strict=True))
        return [
            found[name] if name in found else self.trained[f"{name}.weight"] for name in self.layers
        ]

    @property
    def sources(self) -> list[Tensor]:
        """What the weights of every layer are trained as, like them: themselves, the v of a curve,
        the directions of weight norm, of any length."""
        found = []
        for name in self.layers:
            inside = f"{name}.parametrizations.weight.original"
            names = (f"{name}.weight", inside, f"{inside}1")
            found.append(next(self.trained[one] for one in names if one in self.trained))
        return found

    @property
    def bent(self) -> list[tuple[Bent, Tensor] | None]:
        """The curve of every layer with its v, None for a layer without one."""
        return [self._bent(name) for name in self.layers]

    @property
    def curves(self) -> dict[int, Bent]:
        """Those with a fixed a and b, by the number of the parameter that is their v."""
        number = {id(value): index for index, value in enumerate(self.parameters)}
        found = self.bent if self.settings.compander_learn == "no" else ()
        return {number[id(pair[1])]: pair[0] for pair in found if pair is not None}

    def descend(self, images: Tensor, labels: Tensor, optimizer: Optimizer) -> None:
        """Forward, backward and update. images [runs, batch, C, H, W], labels [runs, batch]."""
        self.model.train()
        for index, gradient in enumerate(self._gradients(images, labels)):
            optimizer.update(index, gradient)

    @torch.no_grad()
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images [n, C, H, W], shared by all runs -> logits and moments (`declare.Forward`), with
        running statistics and without dropout."""
        self.model.eval()

        def one(trained: Named, buffers: Named) -> tuple[Tensor, Tensor]:
            with self._autocast():
                return functional_call(
                    asked.Watched(self.model), asked.inside((trained, buffers)), (images,)
                )

        logits, found = self._each(one)
        return logits.to(self.parameters[0].dtype), found

    @torch.no_grad()
    def passing(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """What goes in and out of every layer (`declare.Passing`)."""
        self.model.eval()

        def one(trained: Named, buffers: Named) -> tuple[Tensor, ...]:
            with self._autocast():
                return functional_call(
                    asked.Passing(self.model), asked.inside((trained, buffers)), (images,)
                )

        found = self._each(one)
        return list(zip(found[::2], found[1::2], strict=True))

    @torch.enable_grad()
    def differentiable(
        self, run: int, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """A run's mean cross entropy and its parameters (`declare.Differentiable`)."""
        self.model.eval()
        leaves = {
            name: value[run].detach().requires_grad_() for name, value in self.trained.items()
        }
        buffers = {name: value[run] for name, value in self.buffers.items()}
        with self._autocast():
            logits = functional_call(self.model, (leaves, buffers), (images,))
        return nn.functional.cross_entropy(logits, labels), list(leaves.values())

    def folds(self) -> list[Fold | None]:
        """How every layer cuts patches (`declare.Fold`), None for a linear one. ValueError for a
        convolution in groups, each of which reads patches of its own."""
        found: list[Fold | None] = []
        for name in self.layers:
            layer = self.model.get_submodule(name)
            if isinstance(layer, nn.Linear):
                found.append(None)
                continue
            if layer.groups != 1:
                raise ValueError(
                    f"patches are those of a convolution in one group, got {layer.groups} groups "
                    f"in layer {name}; leave its spans out"
                )
            parts = ("kernel_size", "stride", "padding", "dilation")
            found.append({part: getattr(layer, part) for part in parts})
        return found

    @property
    def trial(self) -> Trial | None:
        """The networks with other weights and a batch's own statistics (`declare.Trial`); None
        without batch norm, or where weights are computed from others."""
        plain = all(f"{name}.weight" in self.trained for name in self.layers)
        return self._trial if plain and self.settings.normalization == "batch" else None

    @torch.no_grad()
    def _trial(self, weights: Sequence[Tensor], images: Tensor) -> Tensor:
        self.model.eval()
        for module in self.model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.train()
        kept = self.trained, self.buffers
        mine = {f"{n}.weight": w for n, w in zip(self.layers, weights, strict=True)}
        self.trained = self.trained | mine
        # a batch norm that trains counts into its running statistics
        self.buffers = {name: value.clone() for name, value in self.buffers.items()}
        try:
            return self._each(lambda t, b: functional_call(self.model, (t, b), (images,)))
        finally:
            self.trained, self.buffers = kept

    def set_weight(self, layer: int, members: Tensor | slice, value: Tensor) -> None:
        """Give the runs ``members`` another weight of a layer; behind a parametrization, through
        its ``right_inverse``."""
        name = self.layers[layer]
        module = self.model.get_submodule(name)
        if not parametrize.is_parametrized(module, "weight"):
            self.trained[f"{name}.weight"][members] = value
            return
        if (pair := self._bent(name)) is not None:
            curve, v = pair
            mine = Bent(curve.curve, curve.a[members], curve.b[members])
            v[members] = mine.inverse(mine.nearest(value))
            return
        found = torch.vmap(module.parametrizations.weight[0].right_inverse)(value)
        single = isinstance(found, Tensor)  # torch names a single tensor without a number
        originals = {"original": found} if single else {
            f"original{number}": one for number, one in enumerate(found)
        }  # fmt: skip
        held = {**self.trained, **self.buffers}  # a bounded length is a buffer
        for original, tensor in originals.items():
            held[f"{name}.parametrizations.weight.{original}"][members] = tensor

    def bias(self, layer: int) -> Tensor | None:
        """A layer's bias, [runs, out], to read and to write; None where it has none."""
        return self.trained.get(f"{self.layers[layer]}.bias")

    # --- one run, and all of them -----------------------------------------------------------

    @property
    def loss(self) -> Callable[..., Tensor]:
        """`_loss`, compiled where a single network trains on a GPU."""
        return self.compiled or self._loss

    def _loss(self, trained: Named, buffers: Named, images: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of one run's batch."""
        with self._autocast():
            logits = functional_call(self.model, (trained, buffers), (images,))
            return losses.loss(self.settings.loss, logits, labels)

    @torch.enable_grad()
    def _gradients(self, images: Tensor, labels: Tensor) -> list[Tensor]:
        if self.together:
            leaves = {n: p.detach().requires_grad_() for n, p in self.trained.items()}
            each = torch.vmap(self.loss)(leaves, self.buffers, images, labels)
            found = torch.autograd.grad(each.sum() * self.scale, list(leaves.values()))
        else:
            each = [self._gradients_of(r, images[r], labels[r]) for r in range(len(images))]
            found = [_stacked(values) for values in zip(*each, strict=True)]
        return [g / self.scale for g in found] if self.scale != 1 else list(found)

    def _gradients_of(self, run: int, images: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        leaves = {n: p[run].detach().requires_grad_() for n, p in self.trained.items()}
        buffers = {n: b[run] for n, b in self.buffers.items()}
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        loss = self.loss(leaves, buffers, images, labels) * self.scale
        return torch.autograd.grad(loss, list(leaves.values()))

    def _each(self, function: Callable[[Named, Named], Any]) -> Any:
        """``function(parameters, buffers)`` of every run, its results stacked."""
        if self.together:
            return torch.vmap(function)(self.trained, self.buffers)
        results = [
            function(
                {n: p[r] for n, p in self.trained.items()},
                {n: b[r] for n, b in self.buffers.items()},
            )
            for r in range(len(self.parameters[0]))
        ]
        if isinstance(results[0], Tensor):
            return _stacked(results)
        return tuple(_stacked(values) for values in zip(*results, strict=True))

    def _bent(self, name: str) -> tuple[Bent, Tensor] | None:
        """The curve of a layer and its v, [runs, ...]; None for a layer without one."""
        found = compander.of(self.model.get_submodule(name))
        if found is None:
            return None
        held, inside = {**self.trained, **self.buffers}, f"{name}.parametrizations.weight"
        shared = {id(value): key for key, value in self.model.named_parameters()}
        a, b = (
            held[shared.get(id(getattr(found, one)), f"{inside}.0.{one}")] for one in ("a", "b")
        )
        return Bent(found.curve, a, b), self.trained[f"{inside}.original"]

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.half, enabled=self.half is not None)


def _stacked(values: Sequence[Tensor]) -> Tensor:
    """[runs, ...]; a single one keeps its memory and its format."""
    return values[0][None] if len(values) == 1 else torch.stack(list(values))
