"""Companders on MLPs, each beside a plain network whose learning rate is (a/b)^2 as large.

Near zero a step of w behind the curve is (a/b)^2 times a plain one, which is all that a curve does
to weights that stay where it is straight. So every arm with a/b = 1/0.6 has one *twin*: a plain
network with that learning rate. Arms are paired: run k of each has the same start and order.
"""

from __future__ import annotations

import math
from dataclasses import replace

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy, catalogue, companding
from companion.training.settings import Settings

A, B = 1.0, 0.6
"""C's best pair for ResNet-18 and ResNet-50 on CIFAR-10 (Table I)."""
FACTOR = (A / B) ** 2
"""What a/b multiplies a step of w by, where the curve is straight: 2.78."""
RATIOS = (0.1, 0.25, 0.5, 0.75, 1.0)
"""sigma / a: how far weights of the start reach into the curve."""
MEASURES = (*catalogue.EACH_EPOCH, companding.CURVES, companding.SHAPES)
ERF_B = 2 / math.sqrt(math.pi) * B
"""The b at which a erf(v/b) has the slope A / B at 0."""


def bent(plain: Settings, kind: str = "arctan", a: float = A, b: float = B, **more) -> Settings:
    """The settings of a companded network."""
    curve = {"parametrization": kind, "compander_a": a, "compander_b": b}
    return replace(plain, **curve, **more)


def ratio_arm(ratio: float) -> str:
    """The name of the arm whose every layer has this sigma / a.

    >>> ratio_arm(0.5)
    'sigma-0.5'
    """
    return f"sigma-{ratio:g}"


def _curved(plain: Settings, ratio: float) -> Arm:
    settings = bent(plain, a=1 / ratio, b=B / ratio, compander_units="sigma", compander_clamp=True)
    return Arm(settings, "twin", f"WC, σ/a = {ratio:g}", "compander", "dashed")


def _core(plain: Settings, ratios: tuple[float, ...]) -> dict[str, Arm]:
    faster = replace(plain, learning_rate=plain.learning_rate * FACTOR)
    return {
        "none": Arm(plain, label="plain"),
        "twin": Arm(faster, "none", "plain, 2.78 × rate", "none", "dashed"),
        "wc": Arm(bent(plain), "twin", "WC", "compander"),
        "wc-100": Arm(bent(plain, a=100 * A, b=100 * B), "twin", "WC, 100 a and b", "compander",
                      "dotted"),
        **{ratio_arm(ratio): _curved(plain, ratio) for ratio in ratios},
    }  # fmt: skip


def _learned(plain: Settings) -> dict[str, Arm]:
    """One pair for the network, one a layer, and one a layer with a hundredth of the rate: a
    moves all weights of its layer at once, so that its gradient is a sum over them."""
    start = bent(plain, a=0.5, b=1.0, compander_clamp=True)
    slow = replace(start, compander_learn="fine", rate_factors=(("curve", 0.01),))
    return {
        "coarse": Arm(replace(start, compander_learn="coarse"), "none", "learned, one pair",
                      "compander", "dotted"),
        "fine": Arm(replace(start, compander_learn="fine"), "none", "learned, one a layer",
                    "compander"),
        "fine-slow": Arm(slow, "none", "learned, one a layer, slowly", "compander", "dashed"),
    }  # fmt: skip


_CIFAR = Settings(learning_rate=0.003, batch_size=128, schedule="cosine")
CIFAR = Experiment(
    name="compander-mlp",
    title="A weight compander beside a plain network with its learning rate: N's MLP",
    source="this book, after the weight compander's Tables I and II",
    arms=_core(_CIFAR, (0.5, 1.0)),
    measures=MEASURES,
    paired=True,
    scales={
        "quick": Scale("quick", 2, 2, ("digits",), "a check that everything runs"),
        "book": Scale("book", 12, 10, ("cifar10-jpeg", "cifar10"), "ten epochs on two CPU cores"),
        "full": Scale("full", 50, 60, ("cifar10", "cifar10-jpeg"), "longer, on a GPU"),
    },
    deviations=(
        "The paper trains ResNets and VGGs with batch normalization; here an MLP without.",
        "Learning rate 0.003, falling as a cosine: of 0.003, 0.01, 0.0278 and 0.06 a plain network "
        "learns best at 0.0278, so that a faster one gains.",
    ),
)

PAIRS = Experiment(
    name="compander-pairs",
    title="Many pairs of one question: the weight compander at a = 1 and its twin, N's MLP",
    source="this book, after the weight compander's Table I",
    arms={
        "twin": replace(CIFAR.arms["twin"], baseline=None),
        "wc": CIFAR.arms["wc"],
    },
    measures=(accuracy.ACCURACY,),
    paired=True,
    scales={
        "quick": Scale("quick", 2, 2, ("digits",), "a check that everything runs"),
        "book": Scale("book", 30, 10, ("cifar10-jpeg", "cifar10"), "thirty pairs on two CPU cores"),
        "full": Scale("full", 400, 10, ("cifar10", "cifar10-jpeg"), "400 pairs, on a GPU"),
    },
    deviations=CIFAR.deviations,
)
"""The first pairs are those of `CIFAR`, whose twelve leave the answer open."""

_DIGITS = Settings(widths=(64, 64, 64, 10), learning_rate=0.003)
DIGITS = Experiment(
    name="compander-curves",
    title="Curves of every kind beside plain networks: the digits",
    source="this book, after the weight compander's sections III and IV",
    arms={
        **_core(_DIGITS, RATIOS),
        "arsinh": Arm(bent(_DIGITS, "arsinh"), "twin", "arsinh", "compander"),
        "erf": Arm(bent(_DIGITS, "erf", b=ERF_B), "twin", "erf", "compander", "dashed"),
        "powerprop": Arm(bent(_DIGITS, "powerprop", 1.0, 1.0), "none", "powerprop.", "wd"),
        "weight-norm": Arm(
            replace(_DIGITS, parametrization="weight_norm"), "none", "weight norm", "weight_norm"
        ),
        **_learned(_DIGITS),
    },
    measures=MEASURES,
    paired=True,
    scales={
        "quick": Scale("quick", 2, 2, ("digits",), "a check that everything runs"),
        "book": Scale(
            "book", 24, 40, ("digits",), "24 paired runs an arm on two CPU cores", detailed=10
        ),
        "full": Scale("full", 100, 100, ("digits",), "a hundred runs an arm, on a GPU"),
    },
    deviations=(
        "Arms named by sigma/a have an a and b of each layer's own; initial weights beyond 95 % of "
        "a pi/2 are cut to it.",
        "Powerpropagation has alpha = 2.",
    ),
)  # fmt: skip

_ADAM = replace(_DIGITS, optimizer="adamw", learning_rate=0.001, weight_decay=0.01)


def _faster(power: int) -> Settings:
    return replace(_ADAM, learning_rate=_ADAM.learning_rate * (A / B) ** power)


ADAPTIVE = Experiment(
    name="compander-adamw",
    title="AdamW behind a curve, with and without the slope: the digits",
    source="this book, after the weight compander's section III-A3",
    arms={
        "none": Arm(_ADAM, label="plain"),
        "twin-1": Arm(_faster(1), "none", "plain, 1.67 × rate", "none", "dashed"),
        "twin-2": Arm(_faster(2), "none", "plain, 2.78 × rate", "none", "dotted"),
        "wc": Arm(bent(_ADAM), "twin-1", "WC", "compander"),
        "wc-aware": Arm(
            bent(_ADAM, slope_aware=True), "twin-2", "WC, slope-aware", "compander", "dashed"
        ),
    },
    measures=MEASURES,
    paired=True,
    scales={
        "quick": Scale("quick", 2, 2, ("digits",), "a check that everything runs"),
        "book": Scale("book", 12, 20, ("digits",), "12 paired runs an arm on two CPU cores"),
        "full": Scale("full", 100, 60, ("digits",), "a hundred runs an arm, on a GPU"),
    },
)
