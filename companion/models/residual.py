"""Residual networks whose branches are Conv-ReLU-Conv, with nothing after the sum.

Source: A: Arpit, Campos and Bengio, *How to Initialize your Network?* (arXiv 1906.02341), section
4 and supplement; the B(3, 3) blocks of S. Zagoruyko and N. Komodakis, *Wide Residual Networks*,
2016 (arXiv 1605.07146).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from companion.models import checks
from companion.models.declare import Model
from companion.models.dropout import Dropout
from companion.models.normalization import conv_bias, of_images

STAGES = 3


def widths(depth: int, times: int = 1, base: int = 16) -> tuple[int, ...]:
    """The widths of A's network of so many layers, for colour images and 10 classes.

    depth: 6n + 2 as ResNets are counted, or 6n + 4 as wide ones are, whose shortcuts count, for n
    blocks in each of three stages. times: k of WRN-depth-k. base: channels of the stem, 16 in A.
    ValueError for a depth in between.

    >>> widths(8), widths(10, times=10)
    ((3, 16, 16, 32, 64, 10), (3, 16, 160, 320, 640, 10))
    >>> len(widths(56)) - 3, len(widths(110)) - 3, len(widths(164)) - 3, len(widths(40, 10)) - 3
    (27, 54, 81, 18)
    """
    blocks, rest = divmod(depth, 2 * STAGES)
    if blocks < 1 or rest not in (2, 4):
        raise ValueError(
            f"depth must be 6n + 2 or 6n + 4 with n >= 1 blocks a stage, got {depth}; for example "
            "56 or 40"
        )
    stages = [[base * times * 2**stage] * blocks for stage in range(STAGES)]
    return (3, base, *itertools.chain(*stages), 10)


WIDTHS = widths(56)


class Block(nn.Module):
    """``shortcut(h) + F(h)``, F a 3x3 convolution, an activation and a 3x3 convolution.

    The shortcut is the identity, or a 1x1 convolution where the shape changes. multiplier: a
    number that is learned and multiplies F, None for none (`models.neighbours` gives it one).
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, phi: type, normalization: str
    ) -> None:
        super().__init__()
        bias = conv_bias(normalization)
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=bias),
            of_images(normalization, outputs),
            phi(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=bias),
            of_images(normalization, outputs),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut.append(nn.Conv2d(inputs, outputs, 1, stride, bias=bias))
            self.shortcut.append(of_images(normalization, outputs))
        self.register_parameter("multiplier", None)

    def forward(self, signal: Tensor) -> Tensor:
        """[n, inputs, H, W] -> [n, outputs, H / stride, W / stride]."""
        branch = self.residual(signal)
        if self.multiplier is not None:
            branch = branch * self.multiplier
        return branch + self.shortcut(signal)


class Residual(nn.Module):
    """A 3x3 convolution, blocks, the mean over places, a linear layer.

    widths: image channels, those of the first convolution, of each block, classes. Blocks of one
    width are a stage; the first block of every stage but the first has stride 2. Behind the first
    convolution and behind a sum stands no activation. Images [n, C, H, W] of any size. A
    normalization follows every convolution, and then these have no bias; dropout acts on the
    averaged features. halved: whether the first convolution has stride 2 (A's code has that for
    its deepest networks).

    >>> sum(p.numel() for p in Residual(widths(56)).parameters())
    853642
    """

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        activation: str = "relu",
        normalization: str = "none",
        dropout: float = 0.0,
        halved: bool = False,
    ) -> None:
        super().__init__()
        checks.any_widths(widths, WIDTHS, LEAST)
        checks.parts(activation, normalization, dropout)
        phi = checks.ACTIVATIONS[activation]
        channels, signal, *blocks, classes = widths
        bias = conv_bias(normalization)
        self.stem = nn.Sequential(
            nn.Conv2d(channels, signal, 3, 1 + halved, padding=1, bias=bias),
            of_images(normalization, signal),
        )
        self.blocks = nn.ModuleList()
        for stage, (width, members) in enumerate(itertools.groupby(blocks)):
            for block, _ in enumerate(members):
                stride = 2 if stage > 0 and block == 0 else 1
                self.blocks.append(Block(signal, width, stride, phi, normalization))
                signal = width
        self.dropout = Dropout(dropout, 1)
        self.classifier = nn.Linear(signal, classes)

    def signals(self, images: Tensor) -> list[Tensor]:
        """What the first convolution gives, and the signal behind every block."""
        found = [self.stem(images)]
        for block in self.blocks:
            found.append(block(found[-1]))
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Logits [images, classes]."""
        return self.classifier(self.dropout(self.signals(images)[-1].mean(dim=(2, 3))))


LEAST = 4
"""Image channels, the first convolution's, one block's, classes."""
MODELS = {
    "residual": Model(Residual, WIDTHS, least=LEAST),
    "residual-halved": Model(partial(Residual, halved=True), WIDTHS, least=LEAST),
}
