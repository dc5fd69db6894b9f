"""Weight decay against weight rescaling: the MLP of Niehaus, Krumnack and Heidemann.

Their Tables I and II and figures 1, 2, 3 and 7: a 3072-64-32-10 ReLU network on CIFAR-10, SGD
with momentum 0.9 and learning rate 1e-3, 100 epochs, five arms.
"""

from __future__ import annotations

from companion.experiments.plan import Experiment, Scale
from companion.training.settings import Settings

BASE = Settings()

MLP = Experiment(
    name="weight-rescaling-mlp",
    title="Weight decay against weight rescaling: the MLP",
    source="Niehaus, Krumnack and Heidemann, Tables I and II, figures 1-3 and 7",
    arms={
        "none": BASE,
        "wr": Settings(rescale="wr"),
        "wd-1e-2": Settings(weight_decay=1e-2),
        "wd-1e-3": Settings(weight_decay=1e-3),
        "wd-1e-4": Settings(weight_decay=1e-4),
    },
    scales={
        "quick": Scale("quick", 2, 2, ("digits",), "a check that everything runs, in seconds"),
        "book": Scale(
            "book", 6, 100, ("cifar10-jpeg", "cifar10"), "all of it on two CPU cores in an hour"
        ),
        "full": Scale(
            "full", 100, 100, ("cifar10", "cifar10-jpeg"), "the paper's 100 runs an arm, on a GPU"
        ),
    },
    published="I",
    deviations=(
        "The paper does not state its batch size and input scaling; here batch 32 and inputs "
        "standardised per channel, which reproduce its unregularised accuracy and best epoch.",
        "The paper's stated widths 32-32-10 do not give its 199,082 parameters; 3072-64-32-10 do.",
        "The standard deviation in the rescaling is the population one (divide by n).",
        "An epoch is measured after its rescaling.",
        "The training loss after an epoch is measured on 10,000 fixed images of the training part.",
        "The split is drawn once and shared by all runs; runs differ in initialization and order.",
    ),
)
