"""A made image set that trains in milliseconds."""

import torch

from companion import data

CLASSES = 3
SHAPE = (2, 3, 3)
INPUTS = 18


def image_set(train: int = 40, test: int = 9, seed: int = 0) -> data.ImageSet:
    """Noise around one pattern a class: learnable, and no two images alike."""
    source = torch.Generator().manual_seed(seed)
    patterns = torch.randint(60, 196, (CLASSES, *SHAPE), generator=source)
    labels = torch.arange(train + test) % CLASSES
    noise = torch.randint(-60, 60, (train + test, *SHAPE), generator=source)
    images = (patterns[labels] + noise).to(torch.uint8)
    return data.image_set(
        "made", images[:train], labels[:train], images[train:], labels[train:], CLASSES
    )


def split(train: int = 30, validation: int = 10) -> data.Split:
    """A split with that many training images: 30 in batches of 8 leave a last batch of 6."""
    return data.split(image_set(train + validation), seed=0, validation=validation)
