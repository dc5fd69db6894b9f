"""AlexNet in torchvision's layout.

A. Krizhevsky, *One weird trick for parallelizing convolutional neural networks*, 2014
(arXiv 1404.5997): a single column of the 2012 network.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from companion.models import checks
from companion.models.declare import Model
from companion.models.dropout import Dropout
from companion.models.normalization import of_images, of_vectors
from companion.models.resize import Resize

WIDTHS = (3, 64, 192, 384, 256, 256, 4096, 4096, 10)
ROLES = (
    "channels", "conv 1", "conv 2", "conv 3", "conv 4", "conv 5", "linear 1", "linear 2", "classes",
)  # fmt: skip
SIDE = 64
"""Smaller images are enlarged to this: the layout needs at least 63 x 63 pixels, and N does not
say what it gave. At 64 x 64 the convolutions end at one place, which the pooling to 6 x 6 repeats
36 times."""


class AlexNet(nn.Module):
    """Five convolutions, three max poolings, three linear layers.

    Images [n, C, H, W] smaller than 64 x 64 are enlarged. Order in a hidden layer: convolution or
    linear, normalization, activation. Dropout acts on the inputs of the two hidden linear layers
    (torchvision's 0.5 is a setting here). Every layer has a bias.

    >>> import torch
    >>> with torch.device("meta"):  # shapes without memory
    ...     model = AlexNet()
    >>> sum(p.numel() for p in model.parameters())
    57044810
    """

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        activation: str = "relu",
        normalization: str = "none",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        checks.fixed_widths("alexnet", widths, ROLES, WIDTHS)
        checks.parts(activation, normalization, dropout)
        phi = checks.ACTIVATIONS[activation]

        def convolution(number: int, kernel: int, stride: int, padding: int) -> list[nn.Module]:
            conv = nn.Conv2d(widths[number - 1], widths[number], kernel, stride, padding)
            return [conv, of_images(normalization, widths[number]), phi()]

        def linear(inputs: int, units: int, number: int) -> list[nn.Module]:
            layer = nn.Linear(inputs, units)
            return [Dropout(dropout, number), layer, of_vectors(normalization, units), phi()]

        self.resize = Resize(SIDE)
        self.features = nn.Sequential(
            *convolution(1, kernel=11, stride=4, padding=2),
            nn.MaxPool2d(3, 2),
            *convolution(2, kernel=5, stride=1, padding=2),
            nn.MaxPool2d(3, 2),
            *convolution(3, kernel=3, stride=1, padding=1),
            *convolution(4, kernel=3, stride=1, padding=1),
            *convolution(5, kernel=3, stride=1, padding=1),
            nn.MaxPool2d(3, 2),
            nn.AdaptiveAvgPool2d(6),
            nn.Flatten(),
        )
        self.classifier = nn.Sequential(
            *linear(widths[5] * 6 * 6, widths[6], number=1),
            *linear(widths[6], widths[7], number=2),
            nn.Linear(widths[7], widths[8]),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits [images, classes]."""
        return self.classifier(self.features(self.resize(images)))


MODEL = Model(AlexNet, WIDTHS, ROLES)
