"""How deep a weight-normalized network can be trained from each start (A, figure 2).

Every depth and start is trained at several learning rates, since A tunes them for each. Widths
change from layer to layer: with one width for all, the forward and the backward rule are the same.
"""

from __future__ import annotations

import itertools

import numpy as np

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy
from companion.training.settings import Settings

DEPTHS = (2, 5, 10, 20, 50, 100, 200)
"""Layers with weights."""
STARTS = ("forward", "backward", "one", "torch", "data")
"""Lengths, as `methods.initialization.weight_norm_` names them."""
NAMES = {
    "forward": "forward rule",
    "backward": "backward rule",
    "one": "length 1",
    "torch": "PyTorch's",
    "data": "from data",
}
RATES = (0.00025, 0.001, 0.004, 0.015, 0.06)
LOW, HIGH = 40, 88
"""Hidden widths are drawn uniformly between them, the same for all starts of a depth."""
BOOK_DEPTHS = DEPTHS[:5]


def hidden_widths(depth: int) -> tuple[int, ...]:
    """The widths of the depth - 1 hidden layers: one draw, the first ones of it for every depth.

    >>> hidden_widths(3)
    (61, 66)
    """
    drawn = np.random.default_rng(6).integers(LOW, HIGH + 1, max(DEPTHS))
    return tuple(int(width) for width in drawn[: depth - 1])


def arm_name(depth: int, start: str, rate: float) -> str:
    """The name of one of a cell's arms.

    >>> arm_name(20, "forward", 0.015)
    'depth 20, forward, lr 0.015'
    """
    return f"depth {depth}, {start}, lr {rate:g}"


def settings(depth: int, start: str, rate: float) -> Settings:
    """Those of an arm."""
    return Settings(
        widths=(64, *hidden_widths(depth), 10),
        parametrization="weight_norm",
        lengths=start,
        learning_rate=rate,
        batch_size=64,
    )


DEVIATIONS = (
    "The paper trains on MNIST; here on the digits, at book scale to 50 layers and for 10 epochs.",
    "The paper does not state its widths; here they are drawn between 40 and 88 for each layer.",
    "The paper tunes more than the learning rate; here SGD with momentum 0.9, batches of 64 and "
    "five learning rates.",
    "Data-dependent lengths see 128 training images.",
    "The vectors v start with the length of the weights, where the paper has 1: a step turns a "
    "direction less far, by the square of that length.",
)


def _experiment(name: str, title: str, source: str, starts: tuple[str, ...]) -> Experiment:
    def names(depths: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(arm_name(*arm) for arm in itertools.product(depths, starts, RATES))

    return Experiment(
        name=name,
        title=title,
        source=source,
        measures=(accuracy.LEARNING,),
        arms={
            arm_name(*arm): Arm(settings(*arm), family="weight_norm")
            for arm in itertools.product(DEPTHS, starts, RATES)
        },
        scales={
            "quick": Scale("quick", 1, 1, ("digits",), "a check that everything runs",
                           arms=names((2, 5))),
            "book": Scale("book", 3, 10, ("digits",), "three runs an arm to 50 layers, on one CPU "
                          "core", arms=names(BOOK_DEPTHS)),
            "full": Scale("full", 5, 20, ("mnist",), "the paper's images and depths, on a GPU"),
        },
        deviations=DEVIATIONS,
    )  # fmt: skip


COMPARED = _experiment(
    "weight-norm-depth",
    "How deep a weight-normalized network can be trained: two rules, and lengths from data",
    "Arpit, Campos and Bengio, figure 2",
    ("forward", "backward", "data"),
)
UNPLANNED = _experiment(
    "weight-norm-depth-unplanned",
    "How deep a weight-normalized network can be trained from lengths that nobody chose",
    "this book",
    ("one", "torch"),
)
"""What A's figure 2 leaves out."""

DEEP = (100, 200)
DEEP_STARTS = ("forward", "data")
DEEP_RATES = {
    100: dict.fromkeys(DEEP_STARTS, (0.00006, 0.00025, 0.001)),
    200: {"forward": (0.00025, 0.001, 0.004), "data": (0.00001, 0.00006)},
}
"""Depth and start -> the learning rates at book scale."""


def deep_arms(depth: int) -> tuple[tuple[int, str, float], ...]:
    """The arms of a hundred or two hundred layers at book scale, as arguments of `arm_name`."""
    return tuple((depth, start, rate) for start in DEEP_STARTS for rate in DEEP_RATES[depth][start])


DEEPER = Experiment(
    name="weight-norm-deeper",
    title="A hundred and two hundred weight-normalized layers, by the forward rule and from data",
    source="Arpit, Campos and Bengio, figure 2",
    measures=(accuracy.LEARNING,),
    arms={
        arm_name(*arm): Arm(settings(*arm), family="weight_norm")
        for arm in ((layers, *rest) for layers in DEEP for _, *rest in deep_arms(100))
    },
    scales={
        "quick": Scale("quick", 1, 1, ("digits",), "a check that everything runs"),
        "book": Scale("book", 2, 25, ("digits",), "two runs an arm of a hundred layers, on one CPU "
                      "core", arms=tuple(arm_name(*arm) for arm in deep_arms(100))),
        "full": Scale("full", 5, 20, ("mnist",), "the paper's images, on a GPU",
                      arms=tuple(arm_name(200, *arm) for _, *arm in deep_arms(100))),
    },
    deviations=DEVIATIONS,
)  # fmt: skip
"""The depths beyond the book scale of `COMPARED`, with more epochs and smaller steps."""

DEEPEST = Experiment(
    name="weight-norm-deepest",
    title="Two hundred weight-normalized layers, by the forward rule and from data",
    source="Arpit, Campos and Bengio, figure 2",
    measures=(accuracy.LEARNING,),
    paired=True,
    arms={arm_name(*arm): Arm(settings(*arm), family="weight_norm") for arm in deep_arms(200)},
    scales={
        "quick": Scale("quick", 1, 1, ("digits",), "a check that everything runs"),
        "book": Scale("book", 1, 40, ("digits",), "one run an arm, on one CPU core"),
        "full": Scale("full", 5, 20, ("mnist",), "the paper's images, on a GPU"),
    },
    deviations=DEVIATIONS,
)  # fmt: skip
"""The paper's last depth."""
