"""Where the weights start: the scheme of initialization, its gain and its distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass

from companion.methods import initialization
from companion.training.parts import rules

START_IMAGES = 128
LENGTHS = ("drawn", *initialization.LENGTHS, "corrected")
FROM_IMAGES = ("data", "corrected")
"""Lengths that need to see images."""
DIRECTIONS = ("orthogonal", "gaussian")


@dataclass(frozen=True)
class Start:
    """scheme: one of `initialization.SCHEMES`. gain: factor of the scheme's sigma (of LeCun's,
    whose own gain is 1, too); the weights' target under ``wr`` as well. distribution: the shape
    that weights of this standard deviation are drawn from, one of `initialization.DISTRIBUTIONS`.

    lengths, directions: of the weight vectors under weight norm, learned or bounded, as in
    `weight_norm_`; ``drawn`` leaves both as the scheme draws them, the others put them in its
    place, with ``gain`` for layers before an activation and, for ``data``, `START_IMAGES` training
    images. ``corrected`` is the forward rule with fans counted at the images' size.
    """

    scheme: str = "kaiming"
    gain: float = math.sqrt(2)
    distribution: str = "normal"
    lengths: str = "drawn"
    directions: str = "orthogonal"

    def check_start(self) -> None:
        """Raise ValueError unless scheme and distribution go together and the gain is positive."""
        initialization.check_names(self.scheme, self.distribution)
        initialization.sigma(self.scheme, 1, 1, self.gain)
        rules.require("gain", rules.positive(self.gain), "> 0", self.gain, "sqrt 2 suits ReLU")
        rules.one_of("lengths", self.lengths, LENGTHS)
        rules.one_of("directions", self.directions, DIRECTIONS)
