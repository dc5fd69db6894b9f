"""What S says of initialization, repeated."""

from __future__ import annotations

import numpy as np

from companion.chapters.initialization import maps, widths
from companion.chapters.initialization.experiments import schemes
from companion.evidence import claims, records, summaries
from companion.evidence.claims import Claim
from companion.evidence.records import Record

SOURCE = "S"


def repeated() -> list[Claim]:
    """The claims, from the records that ship."""
    return [
        constant(records.recorded("initialization-schemes-digits-book")),
        any_random(records.recorded("depth-gain-relu-digits-book")),
        two_rules(),
    ]


def constant(record: Record) -> Claim:
    """Does a network whose weights are all the same degrade? record: of `schemes.EXPERIMENT`."""
    ends = maps.ends(record)
    equal, random = (
        summaries.summary(ends[schemes.arm_name("relu", "one width", scheme, 0.004)])
        for scheme in ("constant", "kaiming")
    )
    return claims.direction(
        f"Constant weights: sixteen ReLU layers read {100 * equal.mean:.1f} % of the digits from "
        f"equal weights and {100 * random.mean:.1f} % from random ones; the slides say that the "
        "network degrades.",
        summaries.difference(equal, random),
        published_sign=-1,
        records=[record],
    )


def any_random(record: Record) -> Claim:
    """Is any random start fine? record: of `depth_gain.RELU`."""
    cells = maps.depth_gain_cells(record).set_index(["depth", "gain"])["runs"]
    small, right = (summaries.summary(np.array(cells[32, gain])) for gain in (0.5, 1.0))
    return claims.direction(
        f"Any random weights: 32 ReLU layers read {100 * small.mean:.1f} % of the digits from "
        f"weights of half the size and {100 * right.mean:.1f} % from the right size; the slides "
        "expect a product of small factors to vanish.",
        summaries.difference(small, right),
        published_sign=-1,
        records=[record],
    )


def two_rules() -> Claim:
    """Do 2 / in and 2 / out keep the signal and the gradient, and contradict each other?"""
    shape = schemes.SHAPES["narrowing"]
    ends = {
        (scheme, way): float(widths.second_moments(shape, scheme, way)[-1])
        for scheme in ("kaiming", "kaiming_out")
        for way in ("forward", "backward")
    }
    kept = np.isclose([ends["kaiming", "forward"], ends["kaiming_out", "backward"]], 1)
    lost = abs(np.log([ends["kaiming", "backward"], ends["kaiming_out", "forward"]])) > 1
    return Claim(
        "Two rules: on widths from "
        f"{shape[0]} to {shape[-1]} the variance 2 / incoming keeps the signal and multiplies the "
        f"gradient by {ends['kaiming', 'backward']:.2g}; 2 / outgoing keeps the gradient and "
        f"multiplies the signal by {ends['kaiming_out', 'forward']:.2g}. The slides say that the "
        "two requirements may contradict each other.",
        "holds" if kept.all() and lost.all() else "does not hold",
    )
