"""What chapter 5 trains, and what of its source it cannot."""

from companion.chapters.batchnorm_norms.experiments import (
    adamw,
    batches,
    bounded,
    convnet,
    gains,
    matched,
    networks,
    period,
    resnet,
    small,
    tables,
    windows,
)

EXPERIMENTS = (
    convnet.SGD,
    adamw.DIGITS,
    resnet.CIFAR,
    bounded.CIFAR,
    bounded.DIGITS,
    small.DIGITS,
    period.DIGITS,
    batches.DIGITS,
    windows.DIGITS,
    matched.DIGITS,
    gains.DIGITS,
    networks.DIGITS,
    *tables.TABLES,
)
_TINY = "this library loads no Tiny ImageNet"
NOT_BUILT = {
    ("L", "1"): _TINY,
    ("L", "S2"): _TINY,
    ("L", "section 6.2"): "no network of this library detects, segments or counts",
}
"""(source, table) -> why nothing here answers it, or its rest."""
