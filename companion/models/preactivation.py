"""Pre-activation residual networks: a ResNet-18 of that kind, and WideResNets.

K. He et al., *Identity Mappings in Deep Residual Networks*, 2016 (arXiv 1603.05027);
S. Zagoruyko and N. Komodakis, *Wide Residual Networks*, 2016 (arXiv 1605.07146). Normalization
stands before a convolution, so the last convolution of a block, a shortcut and (in part) the stem
put out what no normalization follows at once: the output depends on the norms of their weights.
In a *normed* network another normalization follows each of these, so that it depends on none but
the last layer's (as L, section 6.1, has its WideResNet).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from companion.models import checks
from companion.models.declare import Model
from companion.models.dropout import Dropout
from companion.models.normalization import conv_bias, of_images

RESNET18_WIDTHS = (3, 64, 64, 128, 256, 512, 10)
WIDE = ((28, 10), (40, 10), (40, 4), (16, 8), (16, 4), (10, 1))
"""(depth, widening) of the WideResNets; other widenings are widths. Depth is 6 blocks a stage + 4.
"""


def wide_blocks(depth: int) -> tuple[int, int, int]:
    """Blocks of each of the three stages of a WideResNet.

    >>> wide_blocks(28)
    (4, 4, 4)
    """
    if depth < 10 or (depth - 4) % 6:
        raise ValueError(
            f"depth of a WideResNet must be 4 more than a multiple of 6, got {depth}; 28 is usual"
        )
    return ((depth - 4) // 6,) * 3


def wide_widths(widening: int) -> tuple[int, ...]:
    """Image channels, stem, the three stages, classes.

    >>> wide_widths(10)
    (3, 16, 160, 320, 640, 10)
    """
    return (3, 16, *(widening * channels for channels in (16, 32, 64)), 10)


def roles(stages: int) -> tuple[str, ...]:
    """What each width of a network with so many stages is."""
    return ("channels", "stem", *(f"stage {k}" for k in range(1, stages + 1)), "classes")


class Block(nn.Module):
    """``x + F(z)``, or ``shortcut(z) + F(z)`` where the shape changes, with z = phi(norm(x)).

    F is a 3x3 convolution, normalization, activation, another 3x3 convolution. The shortcut is a
    1x1 convolution, and stands last, so the block's layers are numbered along F first. normed: a
    normalization ends F and the shortcut.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        stride: int,
        phi: type,
        normalization: str,
        normed: bool = False,
    ) -> None:
        super().__init__()
        bias = conv_bias(normalization)
        after = normalization if normed else "none"
        self.before = nn.Sequential(of_images(normalization, inputs), phi())
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, width, 3, stride, padding=1, bias=bias),
            of_images(normalization, width),
            phi(),
            nn.Conv2d(width, width, 3, padding=1, bias=bias),
            of_images(after, width),
        )
        self.shortcut = None
        if stride != 1 or inputs != width:
            conv = nn.Conv2d(inputs, width, 1, stride, bias=bias)
            self.shortcut = nn.Sequential(conv, of_images(after, width))

    def forward(self, signal: Tensor) -> Tensor:
        """[n, inputs, H, W] -> [n, width, H / stride, W / stride]."""
        active = self.before(signal)
        moved = self.residual(active)
        return moved + (signal if self.shortcut is None else self.shortcut(active))


class PreActivationResNet(nn.Module):
    """A 3x3 stem, stages of pre-activation blocks (all but the first halve the image), a last
    normalization and activation, the mean over places, a linear layer.

    blocks: how many, of each stage. widths: image channels, stem, the stages, classes. Images
    [n, C, H, W] of any size. Dropout acts on the averaged features. Convolutions have a bias only
    without a normalization. normed: a normalization follows every convolution, as said above.

    >>> import torch
    >>> with torch.device("meta"):  # shapes without memory
    ...     model = PreActivationResNet(wide_blocks(28), wide_widths(10), normalization="batch")
    >>> sum(p.numel() for p in model.parameters())
    36479194
    """

    def __init__(
        self,
        blocks: Sequence[int],
        widths: Sequence[int],
        activation: str = "relu",
        normalization: str = "none",
        dropout: float = 0.0,
        normed: bool = False,
    ) -> None:
        super().__init__()
        known = roles(len(blocks))
        checks.fixed_widths("a pre-activation network", widths, known, RESNET18_WIDTHS)
        checks.parts(activation, normalization, dropout)
        phi = checks.ACTIVATIONS[activation]
        channels, signal, *stages, classes = widths
        self.stem = nn.Sequential(
            nn.Conv2d(channels, signal, 3, padding=1, bias=conv_bias(normalization)),
            of_images(normalization if normed else "none", signal),
        )
        self.stages = nn.ModuleList()
        for number, (width, count) in enumerate(zip(stages, blocks, strict=True)):
            stage = nn.Sequential()
            for block in range(count):
                stride = 2 if number > 0 and block == 0 else 1
                stage.append(Block(signal, width, stride, phi, normalization, normed))
                signal = width
            self.stages.append(stage)
        self.after = nn.Sequential(of_images(normalization, signal), phi())
        self.dropout = Dropout(dropout, 1)
        self.classifier = nn.Linear(signal, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [images, classes]."""
        signal = self.stem(images)
        for stage in self.stages:
            signal = stage(signal)
        return self.classifier(self.dropout(self.after(signal).mean(dim=(2, 3))))


MODELS = {
    "preact-resnet18": Model(partial(PreActivationResNet, (2, 2, 2, 2)), RESNET18_WIDTHS, roles(4)),
    **{
        f"wrn-{depth}-{widening}": Model(
            partial(PreActivationResNet, wide_blocks(depth)), wide_widths(widening), roles(3)
        )
        for depth, widening in WIDE
    },
    "wrn-28-10-normed": Model(
        partial(PreActivationResNet, wide_blocks(28), normed=True), wide_widths(10), roles(3)
    ),
}
