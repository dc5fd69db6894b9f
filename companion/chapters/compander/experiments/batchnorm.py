"""A network with batch norm behind a curve, beside plain ones: the digits.

The small sibling of `resnet`, with the same arms: batch norm follows every hidden layer, so that a
learning rate, a decay and a curve all come down to how far a step turns its weights. Three in ten
training labels are drawn at random, so that this shows in what the network learns.
"""

from __future__ import annotations

from companion.chapters.compander.experiments.resnet import arms
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy, companding
from companion.training.settings import Settings

PLAIN = Settings(
    model="mlp",
    widths=(64, 128, 64, 10),
    normalization="batch",
    batch_size=32,
    learning_rate=0.1,
    weight_decay=1e-4,
    label_noise=0.3,
    schedule="step",
    milestones=(8, 12),
    epochs=16,
)
DIGITS = Experiment(
    name="compander-batch-norm",
    title="A weight compander beside a plain network with its learning rate, under batch norm",
    source="this book, after the weight compander's Table II",
    arms=arms(PLAIN),
    measures=(accuracy.ACCURACY, companding.CURVES),
    paired=True,
    scales={
        "quick": Scale(
            "quick", 2, 2, ("digits",), "a check that everything runs", changes={"milestones": (1,)}
        ),
        "book": Scale("book", 12, 16, ("digits",), "twelve paired runs an arm on two CPU cores"),
        "full": Scale("full", 100, 60, ("digits",), "a hundred runs an arm, on a GPU"),
    },
    deviations=(
        "Two hidden layers on the digits in place of a ResNet on CIFAR-10, with random labels "
        "among those of training.",
    ),
)
