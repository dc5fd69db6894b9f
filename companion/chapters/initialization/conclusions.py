"""What chapter 1 says in plain words, and the checks that guard it."""

from __future__ import annotations

import itertools
import math

from companion.chapters.initialization import maps, pairs, ties
from companion.chapters.initialization.experiments import depth_width, schemes
from companion.evidence import claims
from companion.evidence.records import Record


def check(record: Record) -> None:
    """Guard the sentences about the map of tanh networks, a record of `depth_gain.TANH`; raises
    `claims.Unsupported` where it does not hold them."""
    cells = maps.depth_gain_cells(record).set_index(["depth", "gain"])
    share, accuracy = cells["share"], cells["accuracy"]
    claims.require("two layers learn at every gain", (share.loc[2] == 1).all(), record)
    claims.require(
        "at 32 layers a gain of 0.7 is too small and 3 is too large",
        share[32, 0.7] == 0 and share[32, 3.0] == 0 and share[32, 1.0] == 1,
        record,
    )
    learned = [int((accuracy.loc[depth] > maps.LEARNED).sum()) for depth in (8, 16, 32, 64, 100)]
    claims.require(
        "every doubling of the depth takes gains away",
        all(deeper < before for before, deeper in itertools.pairwise(learned[1:])),
        record,
    )
    claims.require(
        "a border at six depth scales is right in at least four cells of five",
        maps.agreement(maps.depth_gain_cells(record)) >= 0.8,
        record,
    )
    steps = cells["steps"].xs(1.0, level="gain")
    claims.require(
        "at gain 1 every doubling of the depth from 4 to 32 layers takes more steps",
        all(steps[depth] < steps[2 * depth] < math.inf for depth in (4, 8, 16)),
        record,
    )
    claims.require(
        "at gain 1 only some networks of 100 layers learn", 0 < share[100, 1.0] < 1, record
    )
    reached = maps.ends(record)
    claims.require(
        "with the largest rate alone, no network of 32 layers would have learned",
        all(
            (reached[arm] <= maps.LEARNED).all()
            for arm in reached
            if arm.startswith("depth 32,") and arm.endswith("lr 0.05")
        ),
        record,
    )


def check_relu(tanh: Record, relu: Record) -> None:
    """Guard the sentences about ReLU beside tanh, records of `depth_gain.TANH` and `RELU`."""
    maps_ = {kind: maps.depth_gain_cells(one) for kind, one in (("tanh", tanh), ("relu", relu))}
    share = {kind: cells.set_index(["depth", "gain"])["share"] for kind, cells in maps_.items()}
    best = {
        (kind, depth): cells.set_index(["depth", "gain"])["accuracy"].loc[depth].idxmax()
        for kind, cells in maps_.items()
        for depth in (32, 64, 100)
    }
    claims.require(
        "at 32 layers and more the best gain is 1 or 1.15 for tanh and the root of 2 for ReLU",
        all(gain in (1.0, 1.15) if kind == "tanh" else gain == 1.0
            for (kind, _), gain in best.items()),
        relu,
    )  # fmt: skip
    claims.require(
        "at 32 layers tanh learns at 1.6 and ReLU not at 1.4 times its own gain",
        share["tanh"][32, 1.6] > 0.5 and share["relu"][32, 1.4] == 0,
        relu,
    )
    claims.require(
        "at its best gain one ReLU network of 64 layers in ten learns, and most tanh ones",
        share["relu"].loc[64].max() == 0.1 and share["tanh"].loc[64].max() > 0.5,
        relu,
    )
    claims.require(
        "the border at six depth scales is right for ReLU in at least four cells of five",
        maps.agreement(maps_["relu"]) >= 0.8,
        relu,
    )


def check_ties(steps: int = 300) -> None:
    """Guard what is said of units that start equal, trained here."""
    equal, random = (ties.largest_difference("float32", steps, s)[-1] for s in
                     ("constant", "kaiming"))  # fmt: skip
    claims.require("rounding breaks the tie by about a billionth", equal < 1e-6, "trained here")
    claims.require("random units differ", random > 0.1, "trained here")


def border_words(record: Record) -> str:
    """How well depth scales tell which cells learned, with the numbers."""
    cells = maps.depth_gain_cells(record)
    return (
        f"Of {len(cells)} cells, a border at {maps.BORDER:g} depth scales tells "
        f"{100 * maps.agreement(cells):.0f} % rightly;\nSpearman's correlation of accuracy and "
        f"depth scales is {maps.rank_correlation(cells):.2f}."
    )


def check_schemes(record: Record) -> None:
    """Guard the sentences about schemes, a record of `schemes.EXPERIMENT`."""
    reached = maps.ends(record)

    def best(activation: str, shape: str, scheme: str) -> float:
        return max(
            reached[schemes.arm_name(activation, shape, scheme, rate)].mean()
            for rate in schemes.RATES
        )

    compared = list(itertools.product(schemes.ACTIVATIONS, schemes.SHAPES))
    fans = ("kaiming", "kaiming_out", "xavier")
    spreads = [
        max(best(*pair, one) for one in fans) - min(best(*pair, one) for one in fans)
        for pair in compared
    ]
    claims.require("which fan is counted changes less than two points", max(spreads) < 0.02, record)
    claims.require(
        "gain 1 costs ReLU more than five points and tanh nothing",
        all(
            best("relu", shape, "lecun") < best("relu", shape, "kaiming") - 0.05
            and best("tanh", shape, "lecun") > best("tanh", shape, "kaiming") - 0.01
            for shape in schemes.SHAPES
        ),
        record,
    )
    claims.require(
        "the constant reads what guessing reads",
        all(best(*pair, "constant") < 0.15 for pair in compared),
        record,
    )


def check_distributions(record: Record) -> None:
    """Guard the sentences about shapes, a record of `distributions.EXPERIMENT`."""
    rows = maps.shape_differences(record)
    claims.require(
        "thirty networks for each shape and activation", (rows["runs"] == 30).all(), record
    )
    claims.require(
        "no shape differs from the normal one by more than chance",
        not rows["differs"].any(),
        record,
    )


def check_pairs() -> None:
    """Guard what is said of two inputs in random networks, measured here."""
    ends_ = {
        (place, start): pairs.measured(place, start)[:, -1].mean()
        for place, start in itertools.product(pairs.PLACES, pairs.STARTS)
    }
    claims.require(
        "after a dozen layers two images are one in order, and were strangers to begin with",
        pairs.LAYERS == 12 and ends_["order", 0.2] > 0.98,
        "measured here",
    )
    claims.require(
        "in chaos even two that were alike lose touch", ends_["chaos", 0.9] < 0.5, "measured here"
    )
    claims.require(
        "at the edge they approach each other slowly",
        0.2 < ends_["edge", 0.2] < 0.9 <= ends_["edge", 0.9] < 0.96,
        "measured here",
    )
    claims.require(
        "theory and the mean of twelve networks agree within a tenth",
        all(
            abs(pairs.measured(*key).mean(axis=0) - pairs.expected(*key)).max() < 0.1
            for key in ends_
        ),
        "measured here",
    )


def check_depth_width(record: Record) -> None:
    """Guard the sentences about depth and width, a record of `depth_width.EXPERIMENT`."""
    cells = maps.depth_width_cells(record).set_index(["depth", "width"])
    share, rate = cells["share"], cells["rate"]
    claims.require(
        "of 64 layers none learn with 32 units, and more than half with 128",
        share[64, 32] == 0 and share[64, 128] > 0.5,
        record,
    )
    claims.require(
        "16 layers of 16 units all learn, and 64 of 64 mostly do not",
        share[16, 16] == 1 and share[64, 64] < 0.5,
        record,
    )
    claims.require(
        "a hundred layers learn at none of these widths", (share.loc[100] == 0).all(), record
    )
    claims.require(
        "from 64 layers on the best of the three rates is the smallest",
        all(rate.loc[depth].max() == min(depth_width.RATES) for depth in (64, 100)),
        record,
    )
