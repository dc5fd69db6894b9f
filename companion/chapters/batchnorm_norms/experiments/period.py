"""What the period tau of a rescaling decides, beside what a learning rate decides.

Between two rescalings a norm grows from 1, and its steps turn less and less: a longer period is a
smaller effective learning rate. If that is all, an arm with another period and one with another
rate that turn equally far read equally well. The network is that of `small`.
"""

from __future__ import annotations

from dataclasses import replace

from companion.chapters.batchnorm_norms.experiments.convnet import kernel_rate
from companion.chapters.batchnorm_norms.experiments.small import HELD, PLAIN, SCALES
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment
from companion.measure import accuracy
from companion.measure.dynamics import DYNAMICS

PERIODS = (20, 180, 540)
FACTORS = (0.3, 0.1)
"""Of the kernels' learning rate at a period of 20."""


def period_arm(tau: int) -> str:
    """The name of a period's arm.

    >>> period_arm(20)
    'tau-20'
    """
    return f"tau-{tau}"


def factor_arm(factor: float) -> str:
    """The name of the arm with so many times the rate.

    >>> factor_arm(0.3)
    'rate-0.3'
    """
    return f"rate-{factor:g}"


DIGITS = Experiment(
    name="batchnorm-period",
    title="The period of a rescaling beside its learning rate",
    source="Liu, Cui, Wan, Mao and Chan, supplement B.2 and figure S3",
    measures=(accuracy.LEARNING, DYNAMICS.each(19)),
    arms={
        "none": Arm(PLAIN, label="never"),
        **{
            period_arm(tau): Arm(replace(HELD, tau=tau), "none", f"every {tau}", "wrs")
            for tau in PERIODS
        },
        **{
            factor_arm(factor): Arm(
                kernel_rate(HELD, factor), "none", f"rate × {factor:g}", "wrs", "dashed"
            )
            for factor in FACTORS
        },
    },
    paired=True,
    scales=SCALES,
    deviations=(
        "Three convolutions and SGD on the digits in place of VGG-16 and AdamW on CIFAR-10.",
        "The paper tries periods of 10, 20 and 40; here from 20 to 540 steps.",
    ),
)
