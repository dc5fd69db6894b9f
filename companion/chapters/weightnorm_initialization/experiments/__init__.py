"""What chapter 6 trains, and what of its source it cannot."""

from companion.chapters.weightnorm_initialization.experiments import (
    depth,
    neighbours,
    networks,
    rate,
    rescued,
    survival,
    table_1,
    table_2,
)

EXPERIMENTS = (
    depth.COMPARED,
    depth.UNPLANNED,
    depth.DEEPER,
    depth.DEEPEST,
    networks.PLAIN,
    networks.RESIDUAL,
    survival.EXPERIMENT,
    table_1.CIFAR10,
    table_1.CIFAR100,
    table_2.CIFAR10,
    table_2.CIFAR100,
    neighbours.EXPERIMENT,
    rescued.EXPERIMENT,
    rate.EXPERIMENT,
)
NOT_BUILT = {
    ("A", "1"): "it is another group's network, with concatenated ReLUs",
}
"""(source, table) -> why nothing here answers it."""
