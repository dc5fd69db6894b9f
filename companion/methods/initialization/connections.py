"""Fans: how many inputs a unit sums over, and how many outputs an input feeds.

They are counted away from the border of an image, where padding plays no part: dilation spreads
the taps of a kernel and changes no count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from companion import kinds

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
KINDS = (
    nn.Linear, nn.Bilinear, *CONVOLUTIONS, *TRANSPOSED, nn.Embedding, nn.RNNBase, nn.RNNCellBase,
    nn.MultiheadAttention,
)  # fmt: skip
"""The layers whose fans are known."""


@dataclass(frozen=True)
class Matrix:
    """A parameter that a scheme draws: ``blocks`` equal maps, stacked along its first axis.

    parameter: its name in the layer. fan_in and fan_out: of each block. Blocks are the gates of a
    recurrent layer, the groups of a convolution, query, key and value of attention.
    """

    parameter: str
    fan_in: float
    fan_out: float
    blocks: int = 1


def fans(weight: Tensor, groups: int = 1) -> tuple[int, int]:
    """``(fan_in, fan_out)`` of a linear [out, in] or convolution [out, in/groups, *kernel] weight.

    fan_in counts the inputs that one output unit sums over, fan_out the outputs that one input
    unit feeds; for a convolution both carry the kernel's area, and the stride is taken as 1, as in
    the papers of Glorot and He. A weight does not tell its groups: torch's own count takes them as
    1, which makes fan_out too large by the factor ``groups``. ValueError for what is no tensor of
    at least 2 axes, and for groups that are no whole number or do not divide the outputs.

    >>> fans(nn.Conv2d(3, 64, 5).weight)
    (75, 1600)
    >>> fans(nn.Conv2d(64, 64, 3, groups=64).weight, groups=64)
    (9, 9)
    """
    if not isinstance(weight, Tensor):
        raise ValueError(f"a weight must be a tensor, got {type(weight).__name__}; convert it")
    if weight.dim() < 2:
        raise ValueError(
            f"a weight needs at least 2 axes [out, in, ...] to have fans, got {weight.dim()}; "
            "leave biases and normalization parameters out"
        )
    groups = kinds.whole("groups", groups)
    if groups < 1 or weight.shape[0] % groups:
        raise ValueError(
            f"groups must divide the {weight.shape[0]} outputs, got {groups}; take those of the "
            "convolution"
        )
    area = math.prod(weight.shape[2:])
    return weight.shape[1] * area, weight.shape[0] // groups * area


def layer_fans(layer: nn.Module) -> tuple[float, float]:
    """``(fan_in, fan_out)`` of a layer, counted as connections: `matrices` says which.

    With a stride the units differ among themselves, and the count is their average: an input of a
    strided convolution feeds out/groups area / stride^d outputs, an output of a transposed one sums
    in/groups area / stride^d inputs, in d dimensions. ValueError for a layer that is not of
    `KINDS`, lazy, or made of matrices whose fans differ.

    >>> layer_fans(nn.Conv2d(4, 16, 3, stride=2))
    (36, 36)
    >>> layer_fans(nn.ConvTranspose2d(4, 16, 3)), layer_fans(nn.Embedding(1000, 64))
    ((36, 144), (1, 64))
    """
    found = matrices(layer)
    counts = {(matrix.fan_in, matrix.fan_out) for matrix in found}
    if len(counts) > 1:
        listed = ", ".join(f"{m.parameter} ({m.fan_in:g}, {m.fan_out:g})" for m in found)
        raise ValueError(
            f"a layer needs matrices of the same fans to have one pair, and this "
            f"{type(layer).__name__} has {listed}; ask matrices() for each"
        )
    fan_in, fan_out = counts.pop()
    if isinstance(layer, CONVOLUTIONS):
        fan_out = _shared(fan_out, layer.stride)
    return fan_in, fan_out


def matrices(layer: nn.Module, name: str = "") -> list[Matrix]:
    """The parameters of a layer that a scheme draws, with their fans; its children's are theirs.

    * linear [out, in]: (in, out);
    * bilinear [out, in1, in2]: a sum over in1 in2 products; fan_out 2 out in1 in2 / (in1 + in2) is
      the average over the inputs of both sides;
    * convolution [out, in/groups, *kernel]: (in/groups area, out/groups area), stride taken as 1;
    * transposed convolution [in, out/groups, *kernel], in d dimensions: (in/groups area / stride^d
      on average over the outputs, out/groups area). torch's count by shape takes the wrong side;
    * embedding [rows, width]: (1, width), as a row is looked up by a product with a one-hot vector;
    * recurrent, for every layer and direction: weight_ih (in, hidden), weight_hh (hidden, hidden)
      in each gate, weight_hr (hidden, projected). A gate adds two products, so its variance is the
      sum of two;
    * attention: query, key and value, each (its width, embed_dim); out_proj is a linear child.

    name: that of the layer, for the sentence. ValueError for another kind, and a lazy layer.

    >>> matrices(nn.LSTM(8, 16))[0]
    Matrix(parameter='weight_ih_l0', fan_in=8, fan_out=16, blocks=4)
    """
    refuse_lazy(layer, name)
    if isinstance(layer, nn.Linear):
        return [Matrix("weight", *fans(layer.weight))]
    if isinstance(layer, CONVOLUTIONS):
        return [Matrix("weight", *fans(layer.weight, layer.groups), layer.groups)]
    if isinstance(layer, TRANSPOSED):
        fan_out, fan_in = fans(layer.weight, layer.groups)
        return [Matrix("weight", _shared(fan_in, layer.stride), fan_out, layer.groups)]
    if isinstance(layer, nn.Bilinear):
        out, left, right = layer.weight.shape
        return [Matrix("weight", left * right, 2 * out * left * right / max(left + right, 1))]
    if isinstance(layer, nn.Embedding):
        return [Matrix("weight", 1, layer.weight.shape[1])]
    if isinstance(layer, nn.RNNBase | nn.RNNCellBase):
        return [_recurrent(layer, parameter) for parameter in _recurrent_names(layer)]
    if isinstance(layer, nn.MultiheadAttention):
        if layer.in_proj_weight is not None:
            return [Matrix("in_proj_weight", layer.embed_dim, layer.embed_dim, 3)]
        names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        return [Matrix(name, *fans(getattr(layer, name))) for name in names]
    listed = ", ".join(kind.__name__ for kind in KINDS)
    raise ValueError(
        f"a layer must be one of {listed} to have known fans, got {type(layer).__name__}; count "
        "its connections and use fill_"
    )


def check_module(module: nn.Module) -> None:
    """Raise ValueError unless this is a layer or a model of torch."""
    if not isinstance(module, nn.Module):
        raise ValueError(
            f"a layer or model must be a torch.nn.Module, got {type(module).__name__}; for example "
            "nn.Linear(8, 4)"
        )


def refuse_lazy(module: nn.Module, name: str = "") -> None:
    """Raise ValueError if a parameter in ``module`` has no shape yet, or it is no module."""
    check_module(module)
    for parameter, value in module.named_parameters(prefix=name):
        if is_lazy(value):
            raise ValueError(
                f"a parameter needs a shape to be drawn, and {parameter} is lazy; run one batch "
                "through the model first"
            )


def _shared(count: int, stride: tuple[int, ...]) -> float:
    """A count that falls on one unit in ``stride`` along each axis, an average over all."""
    units = math.prod(stride)
    return count / units if count % units else count // units


def _recurrent_names(layer: nn.RNNBase | nn.RNNCellBase) -> list[str]:
    if isinstance(layer, nn.RNNCellBase):
        return ["weight_ih", "weight_hh"]
    kinds = ("ih", "hh", "hr") if layer.proj_size else ("ih", "hh")
    ends = ("", "_reverse") if layer.bidirectional else ("",)
    return [
        f"weight_{kind}_l{depth}{end}"
        for depth in range(layer.num_layers)
        for end in ends
        for kind in kinds
    ]


def _recurrent(layer: nn.RNNBase | nn.RNNCellBase, parameter: str) -> Matrix:
    rows, columns = getattr(layer, parameter).shape
    if parameter.startswith("weight_hr"):
        return Matrix(parameter, columns, rows)
    return Matrix(parameter, columns, layer.hidden_size, rows // layer.hidden_size)
