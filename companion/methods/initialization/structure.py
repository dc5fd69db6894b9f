"""What stands behind each layer of a model: an activation, a sum with a shortcut, or nothing.

Found by following a signal symbolically (`torch.fx`): no numbers and no images are needed. Modules
without a linear or convolution layer inside (dropout, pooling, resizing) are passed by whole.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from companion.methods.initialization.activations import of_numbers
from companion.methods.initialization.layers import scalable_layers
from companion.theory import gains, scale

_ACTIVATIONS: dict[str, tuple[Any, ...]] = {
    "relu": (nn.ReLU, F.relu, torch.relu, torch.relu_, "relu", "relu_"),
    "tanh": (nn.Tanh, F.tanh, torch.tanh, torch.tanh_, "tanh", "tanh_"),
    "sigmoid": (nn.Sigmoid, F.sigmoid, torch.sigmoid, "sigmoid"),
    "gelu": (nn.GELU, F.gelu),
    "silu": (nn.SiLU, F.silu),
    "elu": (nn.ELU, F.elu),
    "selu": (nn.SELU, F.selu),
    "softplus": (nn.Softplus, F.softplus),
}
_LEAKY = (nn.LeakyReLU, F.leaky_relu)
_USUAL = {"alpha": 1.0, "beta": 1.0, "threshold": 20.0, "approximate": "none", "inplace": False}
"""Settings with which an activation is the one that `theory.gains` has by its name."""
_OTHERS = (
    nn.Mish, nn.Hardswish, nn.Hardtanh, nn.Hardsigmoid, nn.ReLU6, nn.CELU, nn.LogSigmoid,
    nn.Softsign, nn.Tanhshrink, nn.Softshrink, nn.Hardshrink, nn.Threshold,
    F.mish, F.hardswish, F.hardtanh, F.hardsigmoid, F.relu6, F.celu, F.logsigmoid, F.softsign,
    F.tanhshrink, F.softshrink, F.hardshrink, F.threshold, torch.sin, torch.cos, torch.abs,
    torch.square, torch.erf, "square", "abs", "sin", "cos", "erf",
)  # fmt: skip
"""Activations of one number whose gain is integrated as they stand."""
_SUMS = (operator.add, operator.iadd, torch.add, "add", "add_")


@dataclass(frozen=True)
class Place:
    """Where a layer stands. gain: of the activation behind it, 1 where there is none.

    block, blocks: for the last layer of a residual branch, its number in its stage, from 1 on, and
    how many blocks the stage has; 0 for all other layers. A stage begins at the first block, and
    at each whose shortcut is a layer.
    """

    gain: float = 1.0
    block: int = 0
    blocks: int = 0


def places(model: nn.Module) -> dict[str, Place]:
    """The place of every linear and convolution layer, by name.

    ``relu(conv(x))`` has ReLU's gain sqrt 2 whatever lies between that has no weights; those of
    other activations are integrated (`theory.gains.exact_gain`), with the settings that they have.
    A layer whose outputs go to a sum, to another layer, to the end, or to several of them has gain
    1. A layer that is called more than once has the place of its first call. ValueError for a model
    whose path depends on numbers, which has no fixed structure.

    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> {name: round(place.gain, 3) for name, place in places(model).items()}
    {'0': 1.414, '2': 1.0}
    """
    layers = {name for name, _ in scalable_layers(model)}
    if layers == {""}:
        return {"": Place()}
    modules = dict(model.named_modules())
    try:
        graph = _Tracer(layers).trace(model)
    except Exception as error:
        why = str(error).partition(". ")[0]
        raise ValueError(
            "a model needs a path that does not depend on numbers for its structure to be found, "
            f"and this {type(model).__name__} has none ({why}); give the gain of every layer"
        ) from error
    walk = _Walk(layers, modules)
    ends = _blocks([node for node in graph.nodes if walk.is_sum(node)], walk)
    found: dict[str, Place] = {}
    for node in graph.nodes:
        if walk.is_layer(node) and node.target not in found:
            block, blocks = ends.get(node, (0, 0))
            found[node.target] = Place(1.0 if block else walk.gain_behind(node), block, blocks)
    return found


class _Tracer(fx.Tracer):
    def __init__(self, layers: set[str]) -> None:
        super().__init__()
        self.layers = layers

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        """A layer, or what has none inside."""
        return name in self.layers or not any(one.startswith(f"{name}.") for one in self.layers)


class _Walk:
    """Questions about the nodes of a graph."""

    def __init__(self, layers: set[str], modules: dict[str, nn.Module]) -> None:
        self.layers, self.modules = layers, modules

    def is_layer(self, node: fx.Node) -> bool:
        return node.op == "call_module" and node.target in self.layers

    def is_sum(self, node: fx.Node) -> bool:
        called = node.op in ("call_function", "call_method") and node.target in _SUMS
        return called and len(node.all_input_nodes) == 2

    def activation(self, node: fx.Node) -> float | None:
        """The gain of an activation, None for a node that is none."""
        module = self.modules[node.target] if node.op == "call_module" else None
        kind = type(module) if module is not None else node.target
        if node.op in ("placeholder", "output", "get_attr"):
            return None
        if kind in _LEAKY:
            slope = getattr(module, "negative_slope", None)
            if slope is None:
                slope = node.kwargs.get("negative_slope", (*node.args, 0.01, 0.01)[1])
            return scale.gain("leaky_relu", float(slope))
        if isinstance(module, nn.PReLU):
            slopes = torch.full((1,), module.init) if module.weight.is_meta else module.weight
            return math.sqrt(2 / (1 + slopes.detach().double().square().mean().item()))
        for name, kinds in _ACTIVATIONS.items():
            if kind in kinds and self._is_usual(node, module):
                return math.sqrt(2) if name == "relu" else gains.exact_gain(name)
            if kind in kinds:
                return gains.exact_gain(of_numbers(self._function(node, module)))
        return (
            gains.exact_gain(of_numbers(self._function(node, module))) if kind in _OTHERS else None
        )

    @staticmethod
    def _is_usual(node: fx.Node, module: nn.Module | None) -> bool:
        """Whether an activation has the settings of its name."""
        given = vars(module) if module is not None else node.kwargs
        usual = all(given.get(name, value) == value for name, value in _USUAL.items())
        return usual and (module is not None or all(one is False for one in node.args[1:]))

    @staticmethod
    def _function(node: fx.Node, module: nn.Module | None) -> Callable[[Tensor], Tensor]:
        """An activation as a function of its input alone."""
        if module is not None:
            return module
        called = getattr(Tensor, node.target) if node.op == "call_method" else node.target
        return lambda z: called(z, *node.args[1:], **node.kwargs)

    def gain_behind(self, node: fx.Node) -> float:
        """That of the activation which a layer's outputs go to, and nothing else; else 1."""
        found = {self._ahead(user) for user in node.users}
        return found.pop() if len(found) == 1 else 1.0

    def _ahead(self, node: fx.Node) -> float:
        gain = self.activation(node)
        if gain is not None:
            return gain
        if node.op == "output" or self.is_layer(node) or self.is_sum(node):
            return 1.0
        return self.gain_behind(node)

    def back(self, node: fx.Node, stop: Callable[[fx.Node], bool]) -> fx.Node:
        """The first node from here towards the input where one should stop."""
        while not stop(node) and node.all_input_nodes:
            node = node.all_input_nodes[0]
        return node

    def depth(self, node: fx.Node) -> int:
        """Layers from here back to the last sum, or to the last node that goes several ways."""
        count = 0
        while node.all_input_nodes and not self.is_sum(node) and len(node.users) == 1:
            count += self.is_layer(node)
            node = node.all_input_nodes[0]
        return count


def _blocks(sums: list[fx.Node], walk: _Walk) -> dict[fx.Node, tuple[int, int]]:
    """The last layer of each residual branch -> its number in its stage, and the stage's count."""
    stages: list[list[fx.Node]] = []
    stage_of: dict[fx.Node, list[fx.Node]] = {}

    def stop(node: fx.Node) -> bool:
        return walk.is_layer(node) or walk.is_sum(node) or walk.activation(node) is not None

    for node in sums:
        sides = [walk.back(side, stop) for side in node.all_input_nodes]
        ends = [side for side in sides if walk.is_layer(side)]
        if not ends:
            continue
        depths = [walk.depth(end) for end in ends]
        if len(ends) == 2 and depths[0] == depths[1]:
            continue  # two equal branches: neither is a shortcut
        end = ends[depths.index(max(depths))]
        other = sides[1 - sides.index(end)]
        origin = other if walk.is_layer(other) else walk.back(
            other, lambda one: walk.is_layer(one) or walk.is_sum(one)
        )  # fmt: skip
        if origin not in stage_of:
            stages.append([])
        stage_of[node] = stage_of.get(origin, stages[-1])
        stage_of[node].append(end)
    return {
        end: (number, len(stage)) for stage in stages for number, end in enumerate(stage, start=1)
    }
