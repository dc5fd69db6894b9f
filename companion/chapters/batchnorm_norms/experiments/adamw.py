"""How strong must AdamW's decay be before it does what rescaling does, and is it the same?

L compares WRS with a decay of 5e-4, which shrinks a weight by 1.6 % in its whole training
(`errata.adamw_decay`). Here decay goes from nothing to thirty thousand times that, on digits of
whose labels three in ten are drawn at random, so that how a network learns shows in what it learns.
There is one layer before batch norm, and decay and WRS act on it alone (but for one arm): nothing
else differs.
"""

from __future__ import annotations

from dataclasses import replace

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy, weights
from companion.measure.dynamics import DYNAMICS
from companion.training.settings import Settings

DECAYS = (5e-4, 0.05, 0.5, 5.0, 15.0)
FACTORS = (2, 5, 10)
"""Of the first layer's learning rate under WRS."""
PLAIN = Settings(
    model="mlp",
    widths=(64, 128, 10),
    normalization="batch",
    optimizer="adamw",
    learning_rate=3e-3,
    decayed=("input",),
    label_noise=0.3,
    epochs=30,
)
_HELD = replace(PLAIN, rescale="wrs", tau=20, rescale_layers="not_output")


def decay_arm(decay: float) -> str:
    """The name of a decay's arm.

    >>> decay_arm(5e-4), decay_arm(0.05)
    ('wd-0.0005', 'wd-0.05')
    """
    return f"wd-{decay:g}"


def rate_arm(factor: float) -> str:
    """The name of the arm whose first layer learns so many times faster under WRS.

    >>> rate_arm(5)
    'wrs, rate x 5'
    """
    return f"wrs, rate x {factor:g}"


DIGITS = Experiment(
    name="batchnorm-adamw-decay",
    title="AdamW's decay from nothing to strong, and rescaling",
    source="this book, after Liu, Cui, Wan, Mao and Chan, section 6.1",
    measures=(accuracy.LEARNING, weights.WEIGHTS, DYNAMICS.each(99)),
    layers=(1, 2),
    arms={
        "none": Arm(PLAIN, label="none"),
        **{
            decay_arm(decay): Arm(replace(PLAIN, weight_decay=decay), "none", f"WD {decay:g}", "wd")
            for decay in DECAYS
        },
        "wrs": Arm(_HELD, "none", "WRS", "wrs"),
        **{
            rate_arm(factor): Arm(
                replace(_HELD, rate_factors=(("input", float(factor)),)),
                "none",
                f"WRS, rate × {factor}",
                "wrs",
            )
            for factor in FACTORS
        },
        "wrs, all layers": Arm(
            replace(_HELD, rescale_layers="all"), "none", "WRS, all layers", "wrs", "dashed"
        ),
    },
    scales={
        "quick": Scale("quick", 2, 5, ("digits",), "a check that everything runs"),
        "book": Scale(
            "book", 20, 30, ("digits",), "twenty runs an arm on two CPU cores", detailed=5
        ),
        "full": Scale(
            "full",
            20,
            200,
            ("cifar10", "cifar10-jpeg"),
            "a wide layer with the paper's batches and learning rate, on a GPU",
            changes={"widths": (3072, 2048, 10), "learning_rate": 1e-3, "batch_size": 100},
        ),
    },
    deviations=(
        "One hidden layer on the digits in place of the paper's networks, three in ten training "
        "labels drawn at random; learning rate 3e-3 throughout.",
    ),
)
