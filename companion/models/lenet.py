"""LeNet-5 as it is built today.

Y. LeCun et al., *Gradient-Based Learning Applied to Document Recognition*, 1998, has trained
averages for pooling, a sparse second convolution and radial outputs. The common form has none of
these; 62,006 parameters for colour images are its count. Pooling is by maximum, as in N
(section V); the kernel sizes are the original ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from companion.models import checks
from companion.models.declare import Model
from companion.models.dropout import Dropout
from companion.models.normalization import of_images, of_vectors
from companion.models.resize import Resize

WIDTHS = (3, 6, 16, 120, 84, 10)
ROLES = ("channels", "conv 1", "conv 2", "linear 1", "linear 2", "classes")
SIDE = 32
"""Images are this wide and high: two 5x5 convolutions and two halvings leave 5 x 5 places."""


def check_size(height: int, width: int) -> None:
    """Raise ValueError for images that are larger than the layout."""
    if max(height, width) > SIDE:
        raise ValueError(
            f"lenet5 takes images of at most {SIDE} x {SIDE} pixels, got {height} x {width}; make "
            "them smaller, or take a resnet"
        )


class LeNet5(nn.Module):
    """Two 5x5 convolutions with 2x2 max pooling, then three linear layers, on 32 x 32 images.

    Smaller images [n, C, H, W] are enlarged to 32 x 32, larger ones refused. Order in a hidden
    layer: convolution or linear, normalization, activation, then pooling (convolutions) or dropout
    (linear layers). Every layer has a bias.

    >>> sum(p.numel() for p in LeNet5().parameters())
    62006
    """

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        activation: str = "tanh",
        normalization: str = "none",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        checks.fixed_widths("lenet5", widths, ROLES, WIDTHS)
        checks.parts(activation, normalization, dropout)
        phi = checks.ACTIVATIONS[activation]
        channels, conv1, conv2, linear1, linear2, classes = widths
        self.resize = Resize(SIDE)
        self.features = nn.Sequential(
            nn.Conv2d(channels, conv1, 5),
            of_images(normalization, conv1),
            phi(),
            nn.MaxPool2d(2),
            nn.Conv2d(conv1, conv2, 5),
            of_images(normalization, conv2),
            phi(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.classifier = nn.Sequential(
            nn.Linear(conv2 * 5 * 5, linear1),
            of_vectors(normalization, linear1),
            phi(),
            Dropout(dropout, 1),
            nn.Linear(linear1, linear2),
            of_vectors(normalization, linear2),
            phi(),
            Dropout(dropout, 2),
            nn.Linear(linear2, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits [images, classes]."""
        check_size(*images.shape[-2:])
        return self.classifier(self.features(self.resize(images)))


MODEL = Model(LeNet5, WIDTHS, ROLES, check_size=check_size)
