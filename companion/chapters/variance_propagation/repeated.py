"""What S says of products of weights, repeated."""

from __future__ import annotations

import math

from companion.chapters.variance_propagation import random_networks
from companion.evidence.claims import Claim

SOURCE = "S"
DEPTH = 50


def repeated() -> list[Claim]:
    """The claim, computed by autograd."""
    return [product()]


def product() -> Claim:
    """Is the gradient of a chain of single weights S proportional to S^(m - 1)?"""
    slopes = {size: random_networks.chain(size, DEPTH)[1] for size in (0.9, 1.1)}
    exact = all(math.isclose(slope, size ** (DEPTH - 1)) for size, slope in slopes.items())
    return Claim(
        f"Products: through {DEPTH} single weights of 0.9 the slope is {slopes[0.9]:.2g}, of 1.1 "
        f"{slopes[1.1]:.2g}; the slides say that it is proportional to the weight to the power of "
        "the depth less one, and explodes or vanishes.",
        "holds" if exact else "does not hold",
    )
