"""How deep plain and residual convolutional networks learn in one epoch (A, figure 3)."""

from __future__ import annotations

import itertools

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.models import residual
from companion.training.settings import Settings

STARTS = {"cnn": ("forward", "data"), "wrn": ("forward", "data", "one", "hanin")}
"""Network -> the starts that A compares in it."""
LABELS = {"cnn": "plain", "wrn": "residual"}
DEPTHS = {"cnn": (5, 20, 50, 100), "wrn": (10, 40, 100, 400)}
RATES = {"cnn": (0.004, 0.02, 0.1), "wrn": (0.01, 0.06)}
NARROW = {"cnn": 8}
"""Channels of every layer at book scale, which has plain networks alone."""
WIDE = {"cnn": 128, "wrn": 16}
BOOK_DEPTHS = {"cnn": (5, 20, 50)}


def arm_name(network: str, depth: int, channels: int, start: str, rate: float) -> str:
    """The name of an arm.

    >>> arm_name("wrn", 40, 16, "forward", 0.01)
    'wrn 40 of 16, forward, lr 0.01'
    """
    return f"{network} {depth} of {channels}, {start}, lr {rate:g}"


def settings(network: str, depth: int, channels: int, start: str, rate: float) -> Settings:
    """Those of an arm."""
    plain = network == "cnn"
    return Settings(
        model="deepcnn" if plain else "residual-halved",
        widths=(3, *[channels] * (depth - 1), 10) if plain else residual.widths(depth, 1, channels),
        parametrization="weight_norm",
        lengths=start,
        learning_rate=rate,
        batch_size=128,
    )


def cells(channels: dict[str, int], depths: dict[str, tuple[int, ...]]) -> list[tuple]:
    """The arms of these widths and depths, as arguments of `arm_name`."""
    return [
        (network, depth, channels[network], start, rate)
        for network in channels
        for depth, start, rate in itertools.product(
            depths[network], STARTS[network], RATES[network]
        )
    ]


_BOOK, _FULL = cells(NARROW, BOOK_DEPTHS), cells(WIDE, DEPTHS)
EXPERIMENT = Experiment(
    name="weight-norm-networks",
    title="How deep plain and residual weight-normalized networks learn in one epoch",
    source="Arpit, Campos and Bengio, figure 3",
    measures=(accuracy.LEARNING,),
    arms={
        arm_name(*cell): Arm(settings(*cell), family="weight_norm") for cell in (*_BOOK, *_FULL)
    },
    scales={
        "quick": Scale("quick", 1, 1, ("digits",), "a check that everything runs",
                       arms=tuple(arm_name(*cell) for cell in _BOOK if cell[1] == 5)),
        "book": Scale("book", 1, 1, ("cifar10-jpeg", "cifar10"), "one run an arm of narrow "
                      "plain networks, on one CPU core",
                      arms=tuple(arm_name(*cell) for cell in _BOOK)),
        "full": Scale("full", 5, 1, ("cifar10",), "five runs an arm to 400 layers, on a GPU",
                      arms=tuple(arm_name(*cell) for cell in _FULL)),
    },
    deviations=(
        "The paper's third start wraps weights that its code has drawn already, orthogonal ones of "
        "length 1; here length 1.",
        "The paper does not state the plain network's width; here 128 channels, 8 at book scale.",
        "Residual networks, at full scale alone, have WRN's 16 channels with k = 1 and a first "
        "convolution of stride 2, which the paper's code has as an option; they end at 400 layers.",
        "The paper tunes hyperparameters for every depth and start; here the learning rate.",
    ),
)  # fmt: skip
