"""Bilinear enlargement of one image, pixel by pixel, in float64 NumPy."""

import numpy as np


def bilinear(image, side):
    """image [H, W] -> [side, side]: pixels are samples at the centres of unit squares, and the
    image goes on beyond its border with the border's values."""
    height, width = image.shape
    result = np.empty((side, side))
    for i in range(side):
        for j in range(side):
            y = np.clip((i + 0.5) * height / side - 0.5, 0, height - 1)
            x = np.clip((j + 0.5) * width / side - 0.5, 0, width - 1)
            top, left = int(y), int(x)
            low, right = min(top + 1, height - 1), min(left + 1, width - 1)
            down, over = y - top, x - left
            upper = (1 - over) * image[top, left] + over * image[top, right]
            lower = (1 - over) * image[low, left] + over * image[low, right]
            result[i, j] = (1 - down) * upper + down * lower
    return result
