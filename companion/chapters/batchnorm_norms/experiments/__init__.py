"""What chapter 5 trains, and what of its source it cannot."""

from companion.chapters.batchnorm_norms.experiments import adamw, batches, convnet, period, resnet

EXPERIMENTS = (convnet.SGD, adamw.DIGITS, resnet.CIFAR, period.CIFAR, batches.DIGITS)
_NETWORKS = (
    "no experiment of this library trains these networks with batch normalization; "
    "batchnorm-norms trains a small one"
)
NOT_BUILT = {
    ("L", "1"): _NETWORKS,
    ("L", "S2"): _NETWORKS,
    ("L", "section 6.2"): "no network of this library detects, segments or counts",
}
"""(source, table) -> why nothing here answers it."""
