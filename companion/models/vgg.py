"""VGG-16 and VGG-19 for small images.

K. Simonyan and A. Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*,
2015 (arXiv 1409.1556), configurations D and E. For 32 x 32 images five poolings leave one place,
and one linear layer takes the place of the three that follow in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from companion.models import checks
from companion.models.declare import Model
from companion.models.dropout import Dropout
from companion.models.normalization import conv_bias, of_images
from companion.models.resize import Resize

WIDTHS = (3, 64, 128, 256, 512, 512, 10)
ROLES = ("channels", "block 1", "block 2", "block 3", "block 4", "block 5", "classes")
CONVOLUTIONS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions per block, by depth; the depth counts them and the paper's three linear layers."""
SIDE = 32
"""Smaller images are enlarged to this: five poolings halve it to 1."""


class VGG(nn.Module):
    """Five blocks of 3x3 convolutions, each ended by 2x2 max pooling; a linear layer.

    depth: 16 or 19. widths: image channels, those of the convolutions of each block, classes.
    Images [n, C, H, W] smaller than 32 x 32 are enlarged; of larger ones the mean over places is
    taken. Order: convolution, normalization, activation. Convolutions have a bias only where no
    normalization adds its own shift. Dropout acts on the features before the linear layer.

    >>> import torch
    >>> with torch.device("meta"):  # shapes without memory
    ...     model = VGG(16, normalization="batch")
    >>> sum(p.numel() for p in model.parameters())
    14724042
    """

    def __init__(
        self,
        depth: int,
        widths: Sequence[int] = WIDTHS,
        activation: str = "relu",
        normalization: str = "none",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if depth not in CONVOLUTIONS:
            raise ValueError(
                f"depth must be one of {', '.join(map(str, CONVOLUTIONS))}, got {depth}; pick one"
            )
        checks.fixed_widths(f"vgg{depth}", widths, ROLES, WIDTHS)
        checks.parts(activation, normalization, dropout)
        bias = conv_bias(normalization)
        signal, *blocks, classes = widths
        self.resize = Resize(SIDE)
        self.features = nn.Sequential()
        for channels, count in zip(blocks, CONVOLUTIONS[depth], strict=True):
            for _ in range(count):
                self.features.append(nn.Conv2d(signal, channels, 3, padding=1, bias=bias))
                self.features.append(of_images(normalization, channels))
                self.features.append(checks.ACTIVATIONS[activation]())
                signal = channels
            self.features.append(nn.MaxPool2d(2))
        self.dropout = Dropout(dropout, 1)
        self.classifier = nn.Linear(signal, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [images, classes]."""
        return self.classifier(self.dropout(self.features(self.resize(images)).mean(dim=(2, 3))))


MODELS = {f"vgg{depth}": Model(partial(VGG, depth), WIDTHS, ROLES) for depth in CONVOLUTIONS}
