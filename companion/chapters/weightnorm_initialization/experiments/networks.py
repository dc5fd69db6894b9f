"""How deep plain and residual convolutional networks learn in one epoch (A, figure 3)."""

from __future__ import annotations

import itertools

from companion.chapters.weightnorm_initialization.experiments import survival
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.models import residual
from companion.training.settings import Settings

STARTS = {
    "cnn": ("forward", "data", "corrected"),
    "wrn": ("forward", "data", "one", "hanin"),
}
"""Network -> the starts that A compares in it; and the forward rule with fans as they are."""
NAMES = {**survival.NAMES, "corrected": "forward rule, fans counted"}
LABELS = {"cnn": "plain", "wrn": "residual"}
DEPTHS = {"cnn": (5, 20, 50, 100), "wrn": (10, 40, 100, 400)}
BOOK_DEPTHS = {"cnn": (5, 20, 40), "wrn": (10, 40)}
RATES = {"cnn": (0.001, 0.005, 0.02), "wrn": (0.004, 0.02)}
HELD_OUT = 30_000
"""Images kept aside at book scale, so that an epoch has 20,000."""
BATCH = {"cnn": 32, "wrn": 64}
CHANNELS = {"cnn": 128, "wrn": 16}
NARROW = {"cnn": 16, "wrn": 8}
"""Channels at book scale: of every layer, of a residual network's first stage."""


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
        batch_size=BATCH[network],
    )


def cells(network: str, channels: int, depths: tuple[int, ...]) -> list[tuple]:
    """The arms of a network of this width at these depths, as arguments of `arm_name`."""
    every = itertools.product(depths, STARTS[network], RATES[network])
    return [(network, depth, channels, start, rate) for depth, start, rate in every]


DEVIATIONS = {
    "cnn": (
        "The paper does not state the width; here 128 channels, 16 at book scale, and 32 images in "
        "a batch.",
        "The paper trains plain networks for longer than the residual ones; here one epoch.",
        "The third start is not the paper's.",
    ),
    "wrn": (
        "The paper's third start wraps weights that its code has drawn already, orthogonal ones of "
        "length 1; here length 1.",
        "WRN's 16 channels with k = 1, at book scale 8, and a first convolution of stride 2, which "
        "the paper's code has as an option; at most 400 layers, at book scale 40.",
    ),
}


def _experiment(network: str, name: str, title: str) -> Experiment:
    book = cells(network, NARROW[network], BOOK_DEPTHS[network])
    full = cells(network, CHANNELS[network], DEPTHS[network])
    few = book[: len(STARTS[network]) * len(RATES[network])]
    return Experiment(
        name=name,
        title=title,
        source="Arpit, Campos and Bengio, figure 3",
        measures=(accuracy.SAMPLED,),
        paired=True,
        arms={arm_name(*cell): Arm(settings(*cell), family="weight_norm") for cell in book + full},
        scales={
            "quick": Scale("quick", 1, 1, ("digits",), "a check that everything runs",
                           arms=tuple(arm_name(*cell) for cell in few)),
            "book": Scale("book", 1, 1, ("cifar10-jpeg", "cifar10"), "one run an arm of narrow "
                          "networks, on one CPU core",
                          arms=tuple(arm_name(*cell) for cell in book), validation=HELD_OUT),
            "full": Scale("full", 5, 1, ("cifar10",), "five runs an arm, on a GPU",
                          arms=tuple(arm_name(*cell) for cell in full)),
        },
        deviations=(
            *DEVIATIONS[network],
            "The paper tunes hyperparameters for every depth and start; here the learning rate, by "
            "validation accuracy.",
            "Accuracies are those of the first 2,000 images of each part.",
            "At book scale 30,000 training images are held out, so that an epoch has 20,000.",
        ),
    )  # fmt: skip


PLAIN = _experiment(
    "cnn", "weight-norm-networks", "How deep plain convolutional networks learn in one epoch"
)
RESIDUAL = _experiment(
    "wrn", "weight-norm-networks-residual", "How deep residual networks learn in one epoch"
)
