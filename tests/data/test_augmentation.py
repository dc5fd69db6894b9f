"""Random shifts, mirror images and holes against a loop over pixels."""

import numpy as np
import pytest
import torch

from companion import streams
from companion.data.augmentation import AUGMENTATIONS, augment, crop_flip, cutout


def by_hand(image: np.ndarray, down: float, right: float, mirror: float) -> np.ndarray:
    """Pad by p, cut a window, flip: image [C, H, W], the three uniform numbers of its draw."""
    _, height, width = image.shape
    p, q = max(1, height // 8), max(1, width // 8)
    padded = np.pad(image, ((0, 0), (p, p), (q, q)))
    top, left = int(down * (2 * p + 1)), int(right * (2 * q + 1))
    window = padded[:, top : top + height, left : left + width]
    return window[:, :, ::-1] if mirror < 0.5 else window


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (2, 5, 17)])
def test_it_is_padding_cutting_and_flipping(shape):
    images = torch.randint(1, 256, (3, 20, *shape), generator=torch.Generator().manual_seed(0))
    images, seeds = images.to(torch.uint8), torch.tensor([4, 9, 11])
    ours = crop_flip(images, seeds, 5)
    drawn = streams.uniform(seeds, "crop_flip", 5, 60, dtype=torch.float64).view(3, 20, 3)
    assert ours.dtype == torch.uint8
    for r in range(3):
        for k in range(20):
            expected = by_hand(images[r, k].numpy(), *drawn[r, k].tolist())
            np.testing.assert_array_equal(ours[r, k], expected)


def test_every_shift_and_both_sides_appear_equally_often():
    """A single bright pixel in the middle shows the shift; 5 standard errors of a count."""
    n, side = 20_000, 16
    image = torch.zeros(1, 1, 1, side, side, dtype=torch.uint8)
    image[..., 8, 8] = 1
    moved = crop_flip(image.expand(1, n, 1, side, side), torch.tensor([0]), 0)
    rows = moved.flatten(0, 2).amax(dim=2).argmax(dim=1)
    columns = moved.flatten(0, 2).amax(dim=1).argmax(dim=1)
    for places, cells in ((rows, 5), (columns, 6)):  # 8 mirrors to 7, so one column more
        assert len(places.unique()) == cells
    counts = torch.bincount(rows - 6).double()
    assert (counts - n / 5).abs().max() < 5 * (n * 0.2 * 0.8) ** 0.5


def test_a_runs_draw_does_not_depend_on_its_stack():
    images = torch.randint(0, 256, (2, 6, 1, 8, 8), dtype=torch.uint8)
    stacked = crop_flip(images, torch.tensor([3, 8]), 2)
    alone = crop_flip(images[1:], torch.tensor([8]), 2)
    assert torch.equal(stacked[1:], alone)
    assert not torch.equal(crop_flip(images[1:], torch.tensor([8]), 3), alone)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (2, 5, 17)])
def test_a_hole_is_a_square_of_half_the_side_cut_at_the_border(shape):
    images = torch.full((3, 20, *shape), 7, dtype=torch.uint8)
    seeds = torch.tensor([4, 9, 11])
    ours = cutout(images, seeds, 5)
    assert ours.dtype == torch.uint8
    drawn = streams.uniform(seeds, "cutout", 5, 40, dtype=torch.float64).view(3, 20, 2)
    _, height, width = shape
    for r in range(3):
        for k in range(20):
            middle = [int(u * side) for u, side in zip(drawn[r, k], (height, width), strict=True)]
            expected = images[r, k].numpy().copy()
            rows, columns = (
                slice(max(0, m - side // 4), m + side // 4)
                for m, side in zip(middle, (height, width), strict=True)
            )
            expected[:, rows, columns] = 0
            np.testing.assert_array_equal(ours[r, k], expected)


def test_every_pixel_is_the_middle_of_a_hole_equally_often():
    """The corner is covered by quarter-side holes around it alone: 5 standard errors of a share."""
    n, side = 20_000, 16
    images = torch.ones(1, n, 1, side, side, dtype=torch.uint8)
    covered = 1 - cutout(images, torch.tensor([0]), 0)[0, :, 0].double().mean(0)
    # a hole of 8 covers row i for middles from i - 3 to i + 4, of 16
    share = torch.tensor([min(i + 5, 16) - max(i - 3, 0) for i in range(side)]).double() / side
    expected = share[:, None] * share
    error = (expected * (1 - expected) / n).sqrt()
    assert ((covered - expected).abs() < 5 * error).all()


def test_an_augmentation_by_name():
    images = torch.randint(1, 256, (1, 6, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    images, seeds = images.to(torch.uint8), torch.tensor([3])
    none, shifted, holed = (augment(name, images, seeds, 2) for name in AUGMENTATIONS)
    assert torch.equal(none, images)
    assert torch.equal(shifted, crop_flip(images, seeds, 2))
    assert torch.equal(holed, cutout(shifted, seeds, 2))
