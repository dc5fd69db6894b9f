"""The slides' "CNN on MNIST", with and without each remedy against overfitting.

The slides print neither the network nor a number. Here it is LeNet-5 on 6,400 of MNIST's images.
Run k of every arm starts from the same weights and sees the images in the same order.
"""

from __future__ import annotations

from dataclasses import replace

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.training.settings import Settings

PLAIN = Settings(
    model="lenet5",
    widths=(1, 6, 16, 120, 84, 10),
    learning_rate=0.03,
    batch_size=64,
    epochs=6,
)


def _arm(label: str, family: str = "none", dash: str = "solid", **own: object) -> Arm:
    return Arm(replace(PLAIN, **own), "none", label, family, dash)


EXPERIMENT = Experiment(
    name="remedies-lenet5",
    title="A convolutional network on MNIST, with and without each remedy",
    source="Sohrabi, slides on overfitting, dropout and batch normalization",
    measures=(accuracy.ACCURACY,),
    arms={
        "none": Arm(PLAIN, label="none"),
        "l1-1e-4": _arm("L1 1e-4", "weight_norm", l1_penalty=1e-4),
        "wd-1e-3": _arm("WD 1e-3", "wd", weight_decay=1e-3),
        "sgdw-1e-2": _arm(
            "WD 1e-2, decoupled", "wd", "dashed", optimizer="sgdw", weight_decay=1e-2
        ),
        "dropout-0.5": _arm("dropout 0.5", "wr", dropout=0.5),
        "batch": _arm("batch norm", "batch_norm", normalization="batch"),
        "layer": _arm("layer norm", "batch_norm", "dashed", normalization="layer"),
    },
    paired=True,
    scales={
        "quick": Scale("quick", 2, 2, ("digits",), "a check that everything runs"),
        "book": Scale("book", 9, 6, ("mnist-t10k", "mnist"), "nine runs an arm, on two CPU cores"),
        "full": Scale("full", 30, 50, ("mnist",), "thirty runs an arm on all of MNIST, on a GPU"),
    },
    deviations=(
        "The slides do not say which network, which images and which strengths; here LeNet-5 with "
        "ReLU, SGD with momentum 0.9, and one or two usual strengths a remedy.",
        "Dropout acts on the two hidden linear layers, normalization on every hidden layer.",
    ),
)
