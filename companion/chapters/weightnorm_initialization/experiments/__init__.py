"""What chapter 6 trains, and what of its source it cannot."""

from companion.chapters.weightnorm_initialization.experiments import (
    depth,
    neighbours,
    networks,
    rate,
    rescued,
    survival,
    table_1,
)

EXPERIMENTS = (
    depth.COMPARED,
    depth.UNPLANNED,
    depth.DEEPER,
    networks.EXPERIMENT,
    survival.EXPERIMENT,
    table_1.CIFAR10,
    table_1.CIFAR100,
    neighbours.EXPERIMENT,
    rescued.EXPERIMENT,
    rate.EXPERIMENT,
)
NOT_BUILT = {
    ("A", "1"): "it is another group's network, with concatenated ReLUs",
    ("A", "2"): "no record holds a Hessian's norm; the side page measures it anew, in the same "
    "blocks with 40 layers and fewer channels",
}
"""(source, table) -> why nothing here answers it."""
