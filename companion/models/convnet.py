"""Plain convolutional networks: as many 3x3 convolutions as one likes.

``convnet``, each of whose convolutions halves the image, is made for experiments on weight norms
that two CPU cores can afford: a convolution is always followed by its normalization, so under batch
norm the output ignores the norm of every kernel but the last layer's, as in the networks of L with
a normalization after every convolution. ``deepcnn``, of which the first two do, is the one that A
trains at many depths (figure 3, after Xiao et al. 2018).
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

WIDTHS = (3, 16, 32, 32, 10)


class ConvNet(nn.Module):
    """3x3 convolutions, each with its normalization and activation; the mean over places; a linear
    layer.

    widths: image channels, those of each convolution, classes. Images [n, C, H, W] of any size.
    halvings: how many convolutions, the first ones, have stride 2; None for all.
    Dropout acts on the averaged features. Convolutions have a bias only without a normalization.

    >>> sum(p.numel() for p in ConvNet(normalization="batch").parameters())
    14746
    """

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        activation: str = "relu",
        normalization: str = "none",
        dropout: float = 0.0,
        halvings: int | None = None,
    ) -> None:
        super().__init__()
        checks.any_widths(widths, WIDTHS)
        checks.parts(activation, normalization, dropout)
        bias = conv_bias(normalization)
        self.features = nn.Sequential()
        for number, (inputs, channels) in enumerate(itertools.pairwise(widths[:-1])):
            stride = 2 if halvings is None or number < halvings else 1
            self.features.append(nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=bias))
            self.features.append(of_images(normalization, channels))
            self.features.append(checks.ACTIVATIONS[activation]())
        self.dropout = Dropout(dropout, 1)
        self.classifier = nn.Linear(widths[-2], widths[-1])

    def forward(self, images: Tensor) -> Tensor:
        """Logits [images, classes]."""
        return self.classifier(self.dropout(self.features(images).mean(dim=(2, 3))))


MODELS = {
    "convnet": Model(ConvNet, WIDTHS),
    "deepcnn": Model(partial(ConvNet, halvings=2), (3, *[16] * 9, 10)),
}
