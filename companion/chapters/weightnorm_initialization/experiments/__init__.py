"""What chapter 6 trains, and what of its source it cannot."""

from companion.chapters.weightnorm_initialization.experiments import depth, rate, rescued

EXPERIMENTS = (depth.COMPARED, depth.UNPLANNED, rescued.EXPERIMENT, rate.EXPERIMENT)
NOT_BUILT = {
    ("A", "1"): "no network of this library has the paper's blocks (Conv, ReLU, Conv and nothing "
    "after the sum) on CIFAR, at 56 to 164 layers under weight norm",
    ("A", "2"): "no experiment trains or measures a WRN-40-10 or a ResNet-164; the chapter "
    "measures the same quantity in small networks",
}
"""(source, table) -> why nothing here answers it."""
