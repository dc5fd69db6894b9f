"""The measures that an experiment takes unless it names others."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from companion.measure.accuracy import ACCURACY
from companion.measure.declare import Measure, View
from companion.measure.signals import PREACTIVATIONS
from companion.measure.weights import HISTOGRAMS, WEIGHTS

EACH_EPOCH = (ACCURACY, WEIGHTS, PREACTIVATIONS)
STANDARD = (*EACH_EPOCH, HISTOGRAMS)
"""What records hold that do not declare their columns: these measures keep theirs for ever."""


def measure(view: View, measures: Sequence[Measure] = EACH_EPOCH) -> dict[str, Tensor]:
    """The columns of several measures together."""
    return {name: value for one in measures for name, value in one(view).items()}
