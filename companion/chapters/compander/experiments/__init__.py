"""What chapter 4 trains: companders beside plain networks that are as fast, and what it cannot."""

from companion.chapters.compander.experiments import (
    batchnorm,
    grid,
    learned,
    mlp,
    networks,
    reach,
    resnet,
)

EXPERIMENTS = (
    mlp.CIFAR,
    mlp.PAIRS,
    mlp.DIGITS,
    mlp.ADAPTIVE,
    batchnorm.DIGITS,
    resnet.CIFAR,
    grid.MLP,
    reach.DIGITS,
    learned.CIFAR,
    *networks.TABLES.values(),
)
NOT_BUILT = {
    ("C", "IV"): "this library loads no TinyImageNet",
    ("C", "V"): "this library loads no ImageNet",
    ("C", "VII"): "the paper searched a and b for these two curves anew and does not print them",
}
"""(source, table) -> why nothing here answers it."""
