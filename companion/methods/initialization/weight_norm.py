"""Where weight-normalized networks start: a direction and a length for every unit's weights.

Under weight norm (Salimans and Kingma 2016) a unit's weights are ``w = r u``: a length r, which
torch calls g, and a direction u of length 1. What a scheme sets is w, so it is the same before
a layer is wrapped in weight norm and behind it, in every form of it.

Source: A: Arpit, Campos and Bengio, *How to Initialize your Network?* (arXiv 1906.02341).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from companion.methods.initialization import layers
from companion.methods.initialization import weight_norm_forms as forms
from companion.methods.initialization.connections import CONVOLUTIONS, Matrix, matrices
from companion.methods.initialization.data_lengths import lengths_from_data_
from companion.methods.initialization.evaluation import input_sizes
from companion.methods.initialization.schemes import check_weight, draw
from companion.methods.initialization.structure import Place, places
from companion.theory import weight_norm as theory

LENGTHS = ("forward", "backward", "one", "torch", "data", "hanin")
DIRECTIONS = ("orthogonal", "gaussian", "keep")
HANIN = 0.9
"""Length of the last layer of a stage's first residual block; its powers follow (A, section 5)."""


@torch.no_grad()
def weight_norm_(
    model: nn.Module,
    lengths: str = "forward",
    directions: str = "orthogonal",
    gain: float | None = None,
    gains: Mapping[str, float] | None = None,
    seed: int = 0,
    images: Tensor | None = None,
    corrected: bool = False,
) -> nn.Module:
    """Set the direction and the length of every unit's weights, and biases to 0, in place.

    lengths, with a layer's ``gain``, ``fan_in`` and ``fan_out`` (`matrices`: groups count, and the
    stride is taken as 1, as A does):

    * ``forward``: gain sqrt(fan_in / fan_out), A's proposal, keeps the length of a signal;
    * ``backward``: gain, keeps that of a gradient;
    * ``one``: 1;
    * ``torch``: what torch leaves when a new layer is wrapped, ``|v|`` of v uniform within
      1 / sqrt(fan_in), about 0.58;
    * ``data``: Salimans and Kingma's, eq. 5 and 6: length and bias with which each unit has mean 0
      and variance 1 over ``images``, layer after layer in one pass (`data_lengths`);
    * ``hanin``: as forward, but 0.9^b in the last layer of residual block b of a stage.

    directions: ``orthogonal`` rows (as many as fit; of a convolution [out, in area]), ``gaussian``
    (independent and uniform), or ``keep``. gain: that of layers before an activation; None: the
    activation's own, sqrt 2 for a ReLU. Before no activation it is 1, and 1 / sqrt B for the last
    layer of each of B residual blocks of a stage; `structure.places` finds where. gains: the gain
    of layers by name instead. images: a batch as the model takes it. corrected: with it count in
    ``fan_out`` what really reads each input, at these images' size: 1 / stride^d, and less at zero
    padding.

    Works on torch's weight norm, the book's, and the older form with ``weight_g``; layers without
    any get the same weight. v starts with the length r, as where an unnormalized layer is wrapped:
    the first step then changes a weight as it would without weight norm, but for its length. A has
    |v| = 1, with which a step turns a direction r^2 times as far.

    Returns the model. ValueError, with nothing changed, for unknown names, weight norm along
    another axis than the first or on a layer that is neither linear nor a convolution, a direction
    to keep that is 0, weights that cannot be drawn, shared weights that want different lengths, and
    for a unit that does not vary over the images (``data``); nor does another error, as of a batch
    that the model does not take, change anything.

    >>> model = nn.Sequential(nn.Linear(200, 100), nn.ReLU(), nn.Linear(100, 400))
    >>> [round(layer.weight.norm(dim=1).mean().item(), 4) for layer in weight_norm_(model)[::2]]
    [2.0, 0.5]
    """
    _check(lengths, directions, images, corrected)
    found = dict(layers.scalable_layers(model))
    if not found:
        raise ValueError("a model to start needs a linear or convolution layer, got none")
    forms.refuse_others(model, found)
    where = _places(model, found, gains)
    sizes = input_sizes(model, images, list(found.values())) if corrected else {}
    plan: dict[int, _Start] = {}
    for number, (name, layer) in enumerate(found.items(), start=1):
        trained = forms.trained(layer, name)[0]
        fans = _fans(layer, sizes.get(layer))
        length = _length(lengths, fans, _gain(name, where[name], gain, gains), where[name])
        first = plan.setdefault(id(trained), _Start(name, layer, number, length))
        if not math.isclose(first.length, length, rel_tol=1e-9, abs_tol=1e-300):
            raise ValueError(
                f"layers that share a weight must want the same length, and {first.name} wants "
                f"{first.length:.4g} and {name} {length:.4g}; start them before you tie them"
            )
    weights = [(one, _weight(one, lengths, directions, seed)) for one in plan.values()]
    before = {
        name: [value.clone() for value in layer.parameters()] for name, layer in found.items()
    }
    try:
        for one, weight in weights:
            forms.set_(one.layer, weight, one.name)
        for name, layer in found.items():
            for bias in layers.biases(layer):
                layers.set_weight_(layer, torch.zeros_like(getattr(layer, bias)), name, bias)
        if lengths == "data":
            lengths_from_data_(model, images, found)
    except BaseException:  # a batch of another shape, say, or Ctrl-C
        for name, layer in found.items():
            for parameter, value in zip(layer.parameters(), before[name], strict=True):
                parameter.copy_(value)
            forms.refresh(layer)
        raise
    return model


@dataclass(frozen=True)
class _Start:
    """A layer to start: its name, number in the forward pass from 1 on, and length."""

    name: str
    layer: nn.Module
    number: int
    length: float


def _check(lengths: str, directions: str, images: Tensor | None, corrected: bool) -> None:
    for what, value, known in (
        ("lengths", lengths, LENGTHS),
        ("directions", directions, DIRECTIONS),
    ):
        if value not in known:
            raise ValueError(f"{what} must be one of {', '.join(known)}, got {value!r}; pick one")
    needed = (
        "data-dependent lengths" if lengths == "data" else "corrected fans" if corrected else ""
    )
    if needed and images is None:
        raise ValueError(f"{needed} need images, got None; give a batch as the model takes it")


def _places(
    model: nn.Module, found: Mapping[str, nn.Module], gains: Mapping[str, float] | None
) -> dict[str, Place]:
    given = dict(gains or {})
    unknown = [name for name in given if name not in found]
    if unknown:
        raise ValueError(
            f"gains must name layers of the model ({', '.join(found)}), got {unknown[0]!r}; "
            "correct it"
        )
    traced = {} if set(given) == set(found) else places(model)
    return {name: traced.get(name, Place()) for name in found}


def _gain(name: str, place: Place, gain: float | None, gains: Mapping[str, float] | None) -> float:
    if gains and name in gains:
        return gains[name]
    if place.blocks:
        return 1 / math.sqrt(place.blocks)
    return gain if gain is not None and place.gain != 1 else place.gain


def _fans(layer: nn.Module, size: tuple[int, ...] | None) -> tuple[float, float]:
    """fan_in and fan_out; with the size of its images, fan_out as `theory.weight_norm.reads`."""
    (matrix,) = matrices(layer)
    fan_in, fan_out = matrix.fan_in, matrix.fan_out
    if size is None or not isinstance(layer, CONVOLUTIONS):
        return fan_in, fan_out
    fan_out = layer.out_channels / layer.groups
    for axis, length in enumerate(size):
        kernel, stride, dilation = (
            getattr(layer, name)[axis] for name in ("kernel_size", "stride", "dilation")
        )
        # torch keeps the padding of the last axis first, both sides in turn
        left, right = layer._reversed_padding_repeated_twice[-2 * axis - 2 :][:2]
        if layer.padding_mode == "zeros":
            fan_out *= theory.reads(length, kernel, stride, left, dilation, right)
        else:
            outputs = (length + left + right - dilation * (kernel - 1) - 1) // stride + 1
            fan_out *= outputs * kernel / length
    return fan_in, fan_out


def _length(lengths: str, fans: tuple[float, float], gain: float, place: Place) -> float:
    if lengths == "hanin" and place.block:
        return HANIN**place.block
    if lengths in ("torch", "data"):
        return 1.0  # what is drawn, and what the data say, come later
    return theory.length("forward" if lengths == "hanin" else lengths, *fans, gain)


def _weight(start: _Start, lengths: str, directions: str, seed: int) -> Tensor:
    """The weight r u of a layer, in its own precision."""
    layer = start.layer
    held = forms.direction(layer, start.name)
    check_weight(held, f"the weight of layer {start.name}")
    (matrix,) = matrices(layer)
    like = torch.empty_like(held, dtype=torch.promote_types(held.dtype, torch.float32))
    if lengths == "torch":
        drawn = draw(seed, start.number, like, "lecun", 1 / math.sqrt(3), "uniform", matrix)
        return drawn.to(held.dtype)
    if directions == "keep":
        rows = held.to(like.dtype)
    elif directions == "orthogonal":
        rows = draw(seed, start.number, like, "orthogonal", 1.0, matrix=matrix)
    else:
        rows = draw(seed, start.number, like, "lecun", matrix=Matrix("weight", 1, 1))
    norms = torch.linalg.vector_norm(rows.flatten(1), dim=1)
    bad = ~(torch.isfinite(norms) & (norms > 0))
    if bad.any():
        row = int(bad.nonzero()[0])
        raise ValueError(
            f"every unit needs a direction, and row {row} of layer {start.name} has the length "
            f"{norms[row]:g}; draw directions instead of keeping them"
        )
    scale = (start.length / norms).view(-1, *[1] * (rows.dim() - 1))
    return (rows * scale).to(held.dtype)
