"""Residual networks: ResNet-18, -34 and -50, with the stem for small or for large images.

K. He et al., *Deep Residual Learning for Image Recognition*, 2016 (arXiv 1512.03385), in
torchvision's layout: the bottleneck block has its stride in the 3x3 convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from companion.models import checks
from companion.models.declare import Model
from companion.models.dropout import Dropout
from companion.models.normalization import conv_bias, of_images

WIDTHS = (3, 64, 128, 256, 512, 10)
ROLES = ("channels", "stage 1", "stage 2", "stage 3", "stage 4", "classes")
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
"""Blocks per stage, by depth; depth 50 has bottleneck blocks, the others basic ones."""
STEMS = ("cifar", "imagenet")


def _convolution(
    normalization: str, inputs: int, channels: int, kernel: int, stride: int = 1
) -> list[nn.Module]:
    """A convolution that keeps the size (divided by its stride), and its normalization."""
    bias = conv_bias(normalization)
    conv = nn.Conv2d(inputs, channels, kernel, stride, padding=kernel // 2, bias=bias)
    return [conv, of_images(normalization, channels)]


class Block(nn.Module):
    """``phi(F(x) + shortcut(x))``; F is two 3x3 convolutions, or a bottleneck 1x1, 3x3, 1x1.

    A bottleneck ends with 4 times ``width`` channels. The shortcut is the identity, or a 1x1
    convolution with its normalization where the shape changes. It stands last in the block, so
    the block's layers are numbered along F first.
    """

    def __init__(
        self, inputs: int, width: int, stride: int, bottleneck: bool, phi: type, normalization: str
    ) -> None:
        super().__init__()
        outputs = 4 * width if bottleneck else width
        if bottleneck:
            self.residual = nn.Sequential(
                *_convolution(normalization, inputs, width, 1),
                phi(),
                *_convolution(normalization, width, width, 3, stride),
                phi(),
                *_convolution(normalization, width, outputs, 1),
            )
        else:
            self.residual = nn.Sequential(
                *_convolution(normalization, inputs, width, 3, stride),
                phi(),
                *_convolution(normalization, width, outputs, 3),
            )
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut.extend(_convolution(normalization, inputs, outputs, 1, stride))
        self.activation = phi()

    def forward(self, signal: Tensor) -> Tensor:
        """[n, inputs, H, W] -> [n, outputs, H / stride, W / stride]."""
        return self.activation(self.residual(signal) + self.shortcut(signal))


class ResNet(nn.Module):
    """A stem, four stages of residual blocks (the last three halve the image), a linear layer.

    depth: 18, 34 or 50. stem: ``cifar`` (one 3x3 convolution) or ``imagenet`` (7x7 with stride 2,
    then 3x3 max pooling with stride 2). widths: image channels, the four stages, classes; a
    bottleneck stage ends with 4 times its width. Images [n, C, H, W] of any size. Dropout acts on
    the averaged features before the linear layer. Convolutions have a bias only where no
    batch or layer normalization adds its own shift.

    >>> import torch
    >>> with torch.device("meta"):  # shapes without memory
    ...     small, large = (ResNet(50, normalization="batch", stem=stem) for stem in STEMS)
    >>> [sum(p.numel() for p in model.parameters()) for model in (small, large)]
    [23520842, 23528522]
    """

    def __init__(
        self,
        depth: int,
        widths: Sequence[int] = WIDTHS,
        activation: str = "relu",
        normalization: str = "none",
        dropout: float = 0.0,
        stem: str = "cifar",
    ) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(
                f"depth must be one of {', '.join(map(str, BLOCKS))}, got {depth}; pick one"
            )
        checks.one_of("stem", stem, STEMS)
        checks.fixed_widths(f"resnet{depth}", widths, ROLES, WIDTHS)
        checks.parts(activation, normalization, dropout)
        phi = checks.ACTIVATIONS[activation]
        channels, *stages, classes = widths
        kernel, stride = (3, 1) if stem == "cifar" else (7, 2)
        self.stem = nn.Sequential(
            *_convolution(normalization, channels, stages[0], kernel, stride), phi()
        )
        if stem == "imagenet":
            self.stem.append(nn.MaxPool2d(3, 2, padding=1))
        self.stages = nn.ModuleList()
        signal = stages[0]
        for number, (width, count) in enumerate(zip(stages, BLOCKS[depth], strict=True)):
            stage = nn.Sequential()
            for block in range(count):
                stride = 2 if number > 0 and block == 0 else 1
                stage.append(Block(signal, width, stride, depth == 50, phi, normalization))
                signal = 4 * width if depth == 50 else width
            self.stages.append(stage)
        self.dropout = Dropout(dropout, 1)
        self.classifier = nn.Linear(signal, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [images, classes]."""
        signal = self.stem(images)
        for stage in self.stages:
            signal = stage(signal)
        return self.classifier(self.dropout(signal.mean(dim=(2, 3))))


MODELS = {
    f"resnet{depth}{ending}": Model(partial(ResNet, depth, stem=stem), WIDTHS, ROLES)
    for stem, ending in (("cifar", ""), ("imagenet", "-imagenet"))
    for depth in BLOCKS
}
