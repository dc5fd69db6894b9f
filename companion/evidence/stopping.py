"""Rules of early stopping: when a training ends, and which epoch's weights it keeps.

A rule watches one number an epoch, the smaller the better: a validation loss, or the share of
validation images that are wrong. It is written once, as something that is told each epoch's number
and answers whether to stop, so that the same lines stop a live training and are replayed on a
record. Whatever ends the training, the weights that are kept are those of the epoch with the
smallest number so far, the first one on a tie (L. Prechelt, *Early Stopping - But When?*, 1998,
compares such rules).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rule:
    """Stop once so many epochs in a row bring no new minimum.

    patience: that many epochs, None: never stop, and keep the best of the whole training.
    smoothing: the number that is asked for a new minimum is the moving average
    ``s <- smoothing s + (1 - smoothing) value``, which starts at the first value; 0 asks for the
    value itself.
    """

    patience: int | None
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        whole = isinstance(self.patience, int) and not isinstance(self.patience, bool)
        if self.patience is not None and not (whole and self.patience >= 1):
            raise ValueError(
                f"patience must be a whole number of epochs >= 1, or None, got {self.patience!r}; "
                "None never stops"
            )
        if not 0 <= self.smoothing < 1:
            raise ValueError(
                f"smoothing must be in [0, 1), got {self.smoothing}; 0 watches the value itself"
            )

    def watch(self) -> Watch:
        """A fresh watch over one training."""
        return Watch(self)


@dataclass
class Watch:
    """A rule at work on one training. kept: the epoch whose weights to keep, counted from 1;
    spent: epochs seen so far."""

    rule: Rule
    kept: int = 0
    spent: int = 0
    _best: float = field(default=math.inf, repr=False)
    _smooth: float = field(default=math.nan, repr=False)
    _lowest: float = field(default=math.inf, repr=False)
    _waited: int = field(default=0, repr=False)

    def stop(self, value: float) -> bool:
        """Take an epoch's number, and say whether to stop after it. NaN is never a minimum.

        >>> watch = Rule(patience=2).watch()
        >>> [watch.stop(loss) for loss in (0.9, 0.5, 0.6, 0.5)], watch.kept
        ([False, False, False, True], 2)
        """
        self.spent += 1
        if value < self._best or self.kept == 0:
            self.kept = self.spent
            self._best = value if value == value else math.inf
        share = self.rule.smoothing if self._smooth == self._smooth else 0.0
        watched = share * self._smooth + (1 - share) * value if share else value
        if watched == watched:
            self._smooth = watched
        if watched < self._lowest:
            self._lowest, self._waited = watched, 0
        else:
            self._waited += 1
        return self.rule.patience is not None and self._waited >= self.rule.patience


@dataclass(frozen=True)
class Stopped:
    """What a rule did with a training: epochs spent, and the epoch that it keeps."""

    spent: int
    kept: int


def replay(values: Iterable[float], rule: Rule) -> Stopped:
    """What the rule would have done with a training whose epochs had these numbers.

    >>> replay([0.9, 0.5, 0.6, 0.4, 0.3], Rule(patience=1))
    Stopped(spent=3, kept=2)
    >>> replay([0.9, 0.5, 0.6, 0.4, 0.3], Rule(patience=None))
    Stopped(spent=5, kept=5)
    """
    watch = rule.watch()
    for value in values:
        if watch.stop(value):
            break
    if watch.spent == 0:
        raise ValueError("a training has at least one epoch, got none; give one number an epoch")
    return Stopped(watch.spent, watch.kept)
