"""Weight norm from two starts, with and without warmup, beside batch norm (A, Table 1)."""

from __future__ import annotations

from dataclasses import replace

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Published, Scale
from companion.measure import accuracy
from companion.models import residual
from companion.training.settings import Settings

RATE, BOOK_RATE = 0.1, 0.01
NETWORKS = {
    "c10 resnet56": (56, 1, "crop_flip"),
    "c10 resnet110": (110, 1, "crop_flip"),
    "c10 wrn40-10": (40, 10, "crop_flip_cutout"),
    "c100 resnet164": (164, 1, "crop_flip_cutout"),
}
"""A's rows: depth, factor of the width, augmentation."""
BOOK = "c10 resnet56"


def _arms(network: str) -> dict[str, Arm]:
    depth, times, augmentation = NETWORKS[network]
    batch = Settings(
        model="residual",
        widths=residual.widths(depth, times),
        normalization="batch",
        learning_rate=RATE,
        schedule="step",
        milestones=(100, 150),
        weight_decay=1e-4,
        batch_size=128,
        augmentation=augmentation,
        precision="half",
        epochs=200,
    )
    normed = replace(batch, normalization="none", parametrization="weight_norm", lengths="data")
    forward = replace(normed, lengths="forward")
    data = f"{network} data"
    # He et al. print no spread, so that nothing is measured against their numbers
    against = None if network == "c10 resnet56" else data
    return {
        data: Arm(normed, None, "from data", "compander"),
        f"{network} forward": Arm(forward, data, "forward rule", "weight_norm"),
        f"{network} forward warmup": Arm(
            replace(forward, warmup=5), data, "forward rule, warmup", "weight_norm", "dashed"
        ),
        f"{network} batch": Arm(batch, against, "batch norm", "batch_norm"),
    }


DEVIATIONS = (
    "The text does not print learning rate, schedule, batch or decay; here those usual for batch "
    "norm: 0.1, times 0.1 after half and three quarters of the epochs, 128 images, 1e-4.",
    "10,000 images are held out, where the paper holds out a tenth.",
    "Batch norm follows every convolution of the same blocks, with Kaiming's weights; the paper "
    "takes orthogonal ones, and some of its values from other authors' networks.",
    "ResNet-164 is three stages of 27 pairs of 3x3 convolutions, as the depth 6n + 2 has it; He et "
    "al.'s of that depth has bottlenecks.",
    "At book scale the digits, a constant learning rate of 0.01 and 8 to 32 channels, with one "
    "epoch of warmup and neither augmentation nor decay.",
)
_CHANGES = {
    "widths": residual.widths(NETWORKS[BOOK][0], 1, 8),
    "learning_rate": BOOK_RATE,
    "schedule": "constant",
    "milestones": (),
    "weight_decay": 0.0,
    "batch_size": 64,
    "augmentation": "none",
    "precision": "float32",
}


def _table(name: str, images: str, networks: tuple[str, ...]) -> Experiment:
    arms = {key: arm for network in networks for key, arm in _arms(network).items()}
    few = tuple(_arms(networks[0]))
    return Experiment(
        name=name,
        title=f"Weight norm beside batch norm in residual networks, {images.upper()}, Table 1",
        source="Arpit, Campos and Bengio, Table 1",
        published=Published("A", "1"),
        measures=(accuracy.ACCURACY,),
        arms=arms,
        scales={
            "quick": Scale("quick", 1, 6, ("digits",), "a check that everything runs", arms=few,
                           changes={**_CHANGES, "widths": residual.widths(8, 1, 4)}),
            "book": Scale("book", 4, 8, ("digits",), "narrow networks on one CPU core", arms=few,
                          changes=_CHANGES),
            "full": Scale("full", 5, 200, (images,), "the paper's networks, on a GPU"),
        },
        deviations=DEVIATIONS,
    )  # fmt: skip


CIFAR10 = _table(
    "weight-norm-table-1", "cifar10", ("c10 resnet56", "c10 resnet110", "c10 wrn40-10")
)
CIFAR100 = _table("weight-norm-table-1-cifar100", "cifar100", ("c100 resnet164",))
