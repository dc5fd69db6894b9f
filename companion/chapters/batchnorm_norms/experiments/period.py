"""What the period tau of a rescaling decides, beside what a learning rate decides.

Between two rescalings a norm grows from 1, and its steps turn less and less: a longer period is a
smaller effective learning rate. If that is all, an arm with another period and one with another
rate that turn equally far read equally well.
"""

from __future__ import annotations

from dataclasses import replace

from companion.chapters.batchnorm_norms.experiments import convnet
from companion.chapters.batchnorm_norms.experiments.convnet import KERNELS, kernel_rate
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy, geometry, span
from companion.measure.dynamics import DYNAMICS

PERIODS = (5, 20, 200, 1600)
FACTORS = (0.5, 0.2)
"""Of the kernels' learning rate at a period of 20."""
DROP = 2
PLAIN = replace(convnet.PLAIN, milestones=(DROP,), epochs=3)
_HELD = replace(PLAIN, rescale="wrs", tau=20, rescale_layers="not_output")


def period_arm(tau: int) -> str:
    """The name of a period's arm.

    >>> period_arm(20)
    'tau-20'
    """
    return f"tau-{tau}"


def factor_arm(factor: float) -> str:
    """The name of the arm with so many times the rate.

    >>> factor_arm(0.5)
    'rate-0.5'
    """
    return f"rate-{factor:g}"


CIFAR = Experiment(
    name="batchnorm-period",
    title="The period of a rescaling beside its learning rate",
    source="Liu, Cui, Wan, Mao and Chan, supplement B.2 and figure S3",
    measures=(accuracy.LEARNING, geometry.SHAPE, span.SPAN, DYNAMICS.each(33)),
    arms={
        "wd": Arm(replace(PLAIN, decayed=KERNELS), None, "WD 5e-4", "wd"),
        **{
            period_arm(tau): Arm(replace(_HELD, tau=tau), "wd", f"WRS every {tau}", "wrs")
            for tau in PERIODS
        },
        **{
            factor_arm(factor): Arm(
                kernel_rate(_HELD, factor), "wd", f"WRS every 20, rate × {factor:g}", "wrs",
                "dashed",
            )
            for factor in FACTORS
        },
    },
    layers=(1, 2, 3),
    paired=True,
    scales={
        "quick": Scale(
            "quick", 2, 1, ("digits",), "a check that everything runs", changes={"batch_size": 8}
        ),
        "book": Scale("book", 3, 3, ("cifar10-jpeg", "cifar10"), "three epochs on two CPU cores"),
        "full": Scale(
            "full", 10, 200, ("cifar10", "cifar10-jpeg"),
            "wide layers, augmentation and the paper's 200 epochs, on a GPU",
            changes=dict(convnet.SGD.scales["full"].changes),
        ),
    },
    deviations=(
        "A network of three convolutions and SGD in place of VGG-16 and AdamW; learning rate 0.2 "
        "and batches of 50.",
        "The paper tries periods of 10, 20 and 40; here from 5 to 1,600.",
    ),
)  # fmt: skip
