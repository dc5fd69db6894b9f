"""Small images for networks that were made for larger ones."""

from __future__ import annotations

from torch import Tensor, nn


class Resize(nn.Module):
    """Enlarge images [n, C, H, W] to side x side by bilinear interpolation if H or W is smaller
    than ``side``; leave all others as they are.

    >>> import torch
    >>> Resize(32)(torch.ones(2, 1, 8, 8)).shape
    torch.Size([2, 1, 32, 32])
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, images: Tensor) -> Tensor:
        """The images, at least side x side."""
        if min(images.shape[-2:]) >= self.side:
            return images
        size = (self.side, self.side)
        return nn.functional.interpolate(images, size, mode="bilinear", align_corners=False)

    def extra_repr(self) -> str:
        """Its setting, for print(model)."""
        return f"side={self.side}"
