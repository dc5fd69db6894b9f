"""Weight rescaling attached to any optimizer: the rules of `rescaling` on one model."""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.hooks import RemovableHandle

from companion import kinds
from companion.methods import initialization
from companion.methods.rescaling import Rescaling

_ATTACHED: weakref.WeakKeyDictionary[
    torch.optim.Optimizer, dict[frozenset[int], RemovableHandle]
] = weakref.WeakKeyDictionary()
"""Optimizer -> the parameters whose rescaler counts its steps, and the hook that does."""


class Rescaler:
    """Rescales the linear and convolution layers of one model.

    >>> model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> rescaler = Rescaler(model, Rescaling("wr", tau=1)).attach(optimizer)
    >>> model(torch.ones(3, 8)).sum().backward(); optimizer.step()
    >>> round(model[0].weight.std(correction=0).item(), 4)  # sqrt(2 / 8)
    0.5

    With ``Rescaling("wr")`` (once an epoch), and with a window of epochs, call ``end_epoch()``
    yourself, and with ``at="start"`` ``start_epoch()`` too; `rescale` does it by hand at any
    moment. Targets for ``wr`` are ``sigma(scheme, fan_in, fan_out, gain)`` as in `initialize_`, or
    with ``to="initial"`` the standard deviations that the layers have now.

    What is counted is ``optimizer.step()``: accumulated gradients count once, a closure's
    evaluations once, a step that mixed precision skips not at all. A layer or bias that is frozen
    (``requires_grad`` false) at the moment of a rescaling is left alone; a weight that two layers
    share is rescaled once, and refused where they want different scales; behind a parametrization
    the weight is set through its ``right_inverse``, and refused where that does not give it back;
    a model in which a layer was replaced is refused.

    Batch normalization's running statistics are those of the weights before: evaluated right after
    a rescaling that changes a scale much, a network does worse than it could, until some tens of
    training batches, or passes in training mode, have renewed them.
    """

    def __init__(
        self,
        model: nn.Module,
        rescaling: Rescaling,
        scheme: str = "kaiming",
        gain: float | None = None,
    ) -> None:
        for what, value, kind in (("model", model, nn.Module), ("rescaling", rescaling, Rescaling)):
            if not isinstance(value, kind):
                raise ValueError(
                    f"{what} must be a {kind.__name__}, got {type(value).__name__}; for example "
                    "Rescaler(nn.Linear(8, 4), Rescaling('wr'))"
                )
        self.model, self.rescaling = model, rescaling
        found = list(initialization.scalable_layers(model))
        if not found:
            raise ValueError("a model to rescale needs a linear or convolution layer, got none")
        if rescaling.layers == "not_output":
            found = found[:-1]
        self.steps, self.epoch = 0, 1
        self.layers: dict[str, nn.Module] = {}
        self.targets: list[float] = []
        self.optimizer: torch.optim.Optimizer | None = None
        owners: dict[int, tuple[str, float]] = {}
        for name, layer in found if rescaling.rule != "none" else []:
            initialization.refuse_lazy(layer, name)
            try:
                target = self._target(name or type(layer).__name__, layer, scheme, gain)
            except ValueError:
                if _is_trained(layer):
                    raise
                target = math.nan  # asked for again should it be unfrozen
            first, wanted = owners.setdefault(id(_trained(layer)[0]), (name, target))
            if first != name:
                _same_target(first, wanted, name, target)
                continue
            self.layers[name] = layer
            self.targets.append(target)

    def _target(self, name: str, layer: nn.Module, scheme: str, gain: float | None) -> float:
        initialization.held(layer, "weight", name)
        initialization.check_weight(layer.weight, f"the weight of layer {name}")
        weight, rule = layer.weight.detach(), self.rescaling
        together = weight[0].numel() if rule.per == "unit" else weight.numel()
        if rule.rule != "wr":
            return 1.0
        if together < 2:
            raise ValueError(
                f"wr needs at least 2 weights to have a standard deviation, and {rule.per} {name} "
                f"has {together}; freeze it, or rescale per layer"
            )
        if rule.to == "initial":
            return weight.double().std(correction=0).item()
        drawn = initialization.matrices(layer, name)[0]
        target = initialization.sigma(scheme, drawn.fan_in, drawn.fan_out, gain)
        if target <= 0:
            raise ValueError(
                f"the target standard deviation must be > 0, got {target} from scheme "
                f"{scheme!r} and gain {gain}; use kaiming or xavier with a gain > 0"
            )
        return target

    @torch.no_grad()
    def rescale(self) -> None:
        """Apply the rule to every layer that is trained now; ValueError, with nothing changed,
        where it cannot."""
        prepared: list[tuple[str, nn.Module, Tensor, Tensor | None]] = []
        for (name, layer), target in zip(self.layers.items(), self.targets, strict=True):
            if not self._has(name, layer):
                raise ValueError(
                    f"layer {name} of the model is another than when this rescaler was made, and "
                    "would not be rescaled; make a new Rescaler after you replace a layer"
                )
            if not _is_trained(layer):
                continue
            if math.isnan(target):
                raise ValueError(
                    f"layer {name} had no target while it was frozen; make a new Rescaler after "
                    "you unfreeze it"
                )
            weight = layer.weight
            std = torch.tensor([target], dtype=weight.dtype, device=weight.device)
            new, factor = self.rescaling.rescaled(weight[None], std)
            if not bool(new.isfinite().all()):
                raise ValueError(
                    f"rescaling needs finite weights that differ (wr) or are not all 0 (wrs), and "
                    f"layer {name or type(layer).__name__} has others; lower the learning rate if "
                    "training diverged, or start from a random initialization"
                )
            bias = layer.bias
            if bias is not None:
                trained = bias.requires_grad
                bias = self.rescaling.new_bias(bias[None], factor)[0] if trained else None
            prepared.append((name, layer, new[0], bias))
        before = [layer.weight.clone() for _, layer, _, _ in prepared]
        for done, (name, layer, weight, _) in enumerate(prepared):
            try:
                initialization.set_weight_(layer, weight, name)
            except ValueError:
                for (earlier, module, _, _), old in zip(prepared[:done], before, strict=False):
                    initialization.set_weight_(module, old, earlier)
                raise
        for _, layer, _, bias in prepared:
            if bias is not None:
                layer.bias.copy_(bias)

    def _has(self, name: str, layer: nn.Module) -> bool:
        try:
            return self.model.get_submodule(name) is layer
        except AttributeError:
            return False

    def step(self) -> None:
        """Count one optimizer step and rescale if it is due."""
        self.steps += 1
        if self.rescaling.due_after_step(self.steps, self.epoch):
            self.rescale()

    def start_epoch(self) -> None:
        """Rescale if the rule acts at the start of this epoch."""
        if self.rescaling.due_before_epoch(self.epoch):
            self.rescale()

    def end_epoch(self) -> None:
        """Rescale if the rule acts at the end of this epoch, and count it."""
        if self.rescaling.due_after_epoch(self.epoch):
            self.rescale()
        self.epoch += 1

    def attach(self, optimizer: torch.optim.Optimizer) -> Rescaler:
        """Call `step` after every ``optimizer.step()``.

        An attach that is repeated counts once, and a new rescaler of the same weights takes the
        place of an older one, as when a cell runs again. ValueError for a second optimizer, whose
        steps would count too, and for one that trains none of the layers.
        """
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise ValueError(
                f"a rescaler is attached to an optimizer of torch, got {type(optimizer).__name__}; "
                "call step() yourself after each step of another"
            )
        if self.optimizer is optimizer:
            return self
        if self.optimizer is not None:
            raise ValueError(
                "a rescaler counts the steps of one optimizer, and this one has its own; make a "
                "rescaler for each optimizer, or one optimizer with groups"
            )
        trained = {id(value) for group in optimizer.param_groups for value in group["params"]}
        mine = {id(value) for layer in self.layers.values() for value in _trained(layer)}
        if self.layers and not mine & trained:
            raise ValueError(
                "the optimizer must train a layer that is rescaled, and it trains none of them; "
                "attach to the optimizer of this model"
            )
        earlier = _ATTACHED.get(optimizer, {})
        for old, hook in list(earlier.items()):
            if old & mine:
                hook.remove()
                del earlier[old]
        hook = optimizer.register_step_post_hook(lambda *_: self.step())
        _ATTACHED.setdefault(optimizer, {})[frozenset(mine)] = hook
        self.optimizer = optimizer
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Refuse what copy and pickle ask for: a copy would act in no optimizer, in silence."""
        raise TypeError(
            "a rescaler is of one model and one optimizer and is not copied with them; make a new "
            "one for the copy, and load_state_dict() the counts"
        )

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs beside the model's own: counts and targets."""
        return {"steps": self.steps, "epoch": self.epoch, "targets": list(self.targets)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`; ValueError when it is of a model with other layers."""
        fits = isinstance(state, Mapping) and {
            "targets": kinds.fits(_sequence(state.get("targets")), tuple[float, ...]),
            "steps": type(state.get("steps")) is int,
            "epoch": type(state.get("epoch")) is int,
        }
        if not fits or not all(fits.values()):
            raise ValueError(
                "a state has targets, a list of numbers, and counts of steps and epochs, got "
                f"{state!r:.200}; load one that state_dict() gave"
            )
        if len(state["targets"]) != len(self.targets):
            raise ValueError(
                f"the state must be of a model with {len(self.targets)} layers to rescale, got "
                f"{len(state['targets'])}; load it into the model that it was saved from"
            )
        targets, counts = list(state["targets"]), (state["steps"], state["epoch"])
        frozen = [math.isnan(target) for target in self.targets]
        sound = all(
            0 < target < math.inf or still for target, still in zip(targets, frozen, strict=True)
        )
        if not sound or counts[0] < 0 or counts[1] < 1:
            raise ValueError(
                f"a state has targets > 0, steps >= 0 and an epoch >= 1, got {targets}, "
                f"{counts[0]} and {counts[1]}; load one that state_dict() gave"
            )
        (self.steps, self.epoch), self.targets = counts, targets


def _sequence(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _trained(layer: nn.Module) -> list[nn.Parameter]:
    """The parameters that a layer's weight is, or is computed from."""
    if parametrize.is_parametrized(layer, "weight"):
        return list(layer.parametrizations.weight.parameters())
    return [value for name, value in layer.named_parameters(recurse=False) if name != "bias"]


def _is_trained(layer: nn.Module) -> bool:
    return any(value.requires_grad for value in _trained(layer))


def _same_target(first: str, wanted: float, name: str, target: float) -> None:
    if abs(wanted - target) > 1e-12 * wanted:
        raise ValueError(
            f"layers {first} and {name} share a weight and must want the same scale, got "
            f"{wanted:g} and {target:g}; rescale to their initial scale (to='initial')"
        )
