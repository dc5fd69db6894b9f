"""The paper's search for a and b, cell by cell, beside plain networks at many learning rates.

C tries a and b in {0.5, 0.6, ..., 1.0}, one seed a pair (section IV-A1). Here every pair is trained
many times, and two smaller a besides, whose weights reach far into the curve. Where it is straight,
a curve moves weights (a/b)^2 times as far as a plain network does, and biases as far as ever; so do
the plain networks that it is measured against, each named by that factor. Three in ten training
labels are drawn at random, so that too fast costs accuracy as well as too slow.

A small a cuts the initial weights. So that what they start with and what the curve does to them are
told apart, plain networks stand beside them whose weights start with the standard deviation that
the smaller a leaves.
"""

from __future__ import annotations

import math
from dataclasses import replace

from companion.chapters.compander.experiments.mlp import bent
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import choosing, companding
from companion.methods.parametrizations.compander import CUT
from companion.training.settings import Settings

VALUES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""C's values of a and of b."""
SMALL = (0.1, 0.2)
"""Smaller a, where the curve bends within the weights of the start."""
SMALL_FACTORS = (0.25, 1.0, 4.0, 16.0)
"""(a/b)^2 of the cells with a small a."""
FACTORS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
"""The weights' learning rates of plain networks, in those of the companded ones."""
LOW_FACTORS = (0.5, 1.0, 2.0, 4.0)
"""Those of plain networks with small initial weights."""
MEASURES = (choosing.CHOSEN, companding.CURVES)

PLAIN = Settings(
    widths=(64, 64, 64, 10),
    learning_rate=0.01,
    weight_decay=1e-4,
    label_noise=0.3,
    epochs=10,
)


def cell(a: float, b: float) -> str:
    """The name of the arm with this curve.

    >>> cell(1.0, 0.6)
    'a 1, b 0.6'
    """
    return f"a {a:g}, b {b:g}"


def straight(factor: float) -> str:
    """The name of the plain arm whose weights have so many times the learning rate.

    >>> straight(0.25)
    'plain, rate x 0.25'
    """
    return f"plain, rate x {factor:g}"


def low(factor: float) -> str:
    """The same with small initial weights.

    >>> low(2.0)
    'plain, small start, rate x 2'
    """
    return f"plain, small start, rate x {factor:g}"


def low_gain(plain: Settings) -> float:
    """The gain whose standard deviation is that of a layer's initial weights, cut at `CUT` of the
    bound of the smallest a: of normal weights cut at c standard deviations,
    ``E[min(|z|, c)^2] = 1 - 2 (phi(c) c + (1 - c^2) (1 - Phi(c)))``."""
    inputs = plain.widths[1]
    sigma = math.sqrt(2 / inputs)
    c = CUT * math.pi / 2 * min(SMALL) / sigma
    density = math.exp(-(c**2) / 2) / math.sqrt(2 * math.pi)
    beyond = math.erfc(c / math.sqrt(2)) / 2
    return math.sqrt(2 * (1 - 2 * (density * c + (1 - c**2) * beyond)))


def pairs() -> list[tuple[float, float]]:
    """Every (a, b) of C's, then those with a small a."""
    small = [(a, a / math.sqrt(factor)) for a in SMALL for factor in SMALL_FACTORS]
    return [(a, b) for a in VALUES for b in VALUES] + small


def faster(plain: Settings, factor: float) -> Settings:
    """The same with the weights' learning rate times a factor; biases keep theirs."""
    kept = (("bias", 1 / factor),) if factor != 1 else ()
    return replace(plain, learning_rate=plain.learning_rate * factor, rate_factors=kept)


def _arms() -> dict[str, Arm]:
    small = replace(PLAIN, gain=low_gain(PLAIN))
    return {
        **{cell(a, b): Arm(bent(PLAIN, a=a, b=b, compander_clamp=True), family="compander")
           for a, b in pairs()},
        **{straight(factor): Arm(faster(PLAIN, factor)) for factor in FACTORS},
        **{low(factor): Arm(faster(small, factor)) for factor in LOW_FACTORS},
    }  # fmt: skip


MLP = Experiment(
    name="compander-grid",
    title="The grid of a and b, and plain networks at many learning rates: the digits",
    source="the weight compander, section IV-A1 and Table I",
    arms=_arms(),
    measures=MEASURES,
    paired=True,
    scales={
        "quick": Scale(
            "quick", 2, 2, ("digits",), "a check that everything runs",
            arms=(cell(1.0, 0.5), straight(4.0)),
        ),
        "book": Scale("book", 20, 10, ("digits",), "twenty runs a cell on two CPU cores",
                      detailed=1),
        "full": Scale("full", 400, 10, ("digits",), "400 runs a cell, on a GPU"),
    },
    deviations=(
        "A small MLP on the digits, with random labels among those of training, in place of "
        "ResNets and VGGs on CIFAR.",
        "Accuracy after the last epoch; the paper keeps the epoch that is best on validation "
        "images.",
        "Where a is 0.1 or 0.2, initial weights beyond 95 % of a pi/2 are cut to it.",
    ),
)  # fmt: skip
