"""L's Table 1 in small: which sign has WRS less decay, in narrow networks on the digits?

As in `tables`, decay acts on all weights and gains, and WRS on all weights, those of the output
layer too, while the gains go on to decay. Three in ten training labels are drawn at random.
"""

from __future__ import annotations

from dataclasses import replace

from companion.chapters.batchnorm_norms.experiments.tables import NETWORKS, OPTIMIZERS
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.training.settings import Settings

DROP, EPOCHS = 7, 10
"""The epochs before the learning rate falls, and all."""
WIDTHS = {
    "vgg16": (1, 8, 8, 16, 16, 16, 10),
    "resnet18": (1, 8, 8, 16, 16, 10),
    "wideresnet28-10": (1, 8, 8, 16, 16, 10),
}
"""The paper's name of a network -> our narrow widths."""
CELLS = tuple(f"{network} {optimizer}" for network in NETWORKS["1"] for optimizer in OPTIMIZERS)


def _arms(cell: str) -> dict[str, Arm]:
    network, optimizer = cell.split()
    plain = Settings(
        model=NETWORKS["1"][network],
        widths=WIDTHS[network],
        normalization="batch",
        weight_decay=5e-3,
        decayed=("weight", "gain"),
        label_noise=0.3,
        schedule="step",
        milestones=(DROP,),
        epochs=EPOCHS,
        **OPTIMIZERS[optimizer],
    )
    held = replace(plain, decayed=("gain",), rescale="wrs", tau=20)
    return {
        f"{cell} wd": Arm(plain, None, f"{cell}, WD", "wd"),
        f"{cell} wrs": Arm(held, f"{cell} wd", f"{cell}, WRS", "wrs"),
    }


DIGITS = Experiment(
    name="batchnorm-networks",
    title="Decay and rescaling in three narrow networks, with two optimizers",
    source="Liu, Cui, Wan, Mao and Chan, Table 1",
    measures=(accuracy.LEARNING,),
    arms={name: one for cell in CELLS for name, one in _arms(cell).items()},
    paired=True,
    scales={
        "quick": Scale(
            "quick", 2, 2, ("digits",), "a check that everything runs", changes={"milestones": (1,)}
        ),
        "book": Scale("book", 3, EPOCHS, ("digits",), "three paired runs an arm on two CPU cores"),
        "full": Scale("full", 30, EPOCHS, ("digits",), "thirty runs an arm, on a GPU"),
    },
    deviations=(
        "Networks of 8 and 16 channels on the digits, of whose training labels three in ten are "
        "drawn at random, 10 epochs in batches of 32, in place of the paper's widths on CIFAR, 200 "
        "epochs in batches of 100; no augmentation.",
        "Decay 5e-3 in place of 5e-4, so that it acts under SGD; with AdamW it takes next to "
        "nothing, as in the paper. WRS every 20 steps.",
    ),
)  # fmt: skip
