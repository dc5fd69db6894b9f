"""A measure: one function of what a stack of runs holds, with the columns that it fills.

An experiment names the measures it wants; a record declares their columns, so that a new measure
is a new function here and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
from torch import Tensor

from companion.data import Split

Forward = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Images [n, C, H, W] -> logits [runs, n, classes] and, of every layer's pre-activations, mean and
mean square over images, units and places, float64 [runs, layers, 2]."""
Passing = Callable[[Tensor], Sequence[tuple[Tensor, Tensor]]]
"""Images [n, C, H, W] -> of every layer what it takes in and what it puts out before any
normalization, [runs, n, fan_in] and [runs, n, out]; for convolutions [runs, n, C, H, W]."""
Trial = Callable[[Sequence[Tensor], Tensor], Tensor]
"""Weights of every layer, [runs, out, ...], and images [n, C, H, W] -> logits [runs, n, classes] of
the network with these weights, whose batch norms take the batch's own statistics; nothing in the
network changes."""
Differentiable = Callable[[Tensor, Tensor], tuple[Tensor, list[Tensor]]]
"""Images [n, C, H, W] and labels [n] -> their mean cross entropy with autograd's graph, and the
trained parameters that it is a function of."""
Fold = Mapping[str, Any]
"""How a convolution cuts its images into patches: the arguments of `torch.nn.functional.unfold`."""

PER = ("run", "layer", "bin")
WHEN = ("epoch", "ends", "start", "steps")


@dataclass(frozen=True)
class Column:
    """One column: its name, what it means and in which unit, its Arrow type, and what it may hold.

    low, high: the range of its values; NaN is allowed in it once a run can have diverged. start:
    whether it is finite before training.
    """

    name: str
    meaning: str
    type: pa.DataType = pa.float32()  # noqa: RUF009  (immutable)
    low: float = -float("inf")
    high: float = float("inf")
    start: bool = True


@dataclass(frozen=True, eq=False)
class View:
    """What a measure may look at, for all runs of a stack.

    weights: per layer [runs, out, ...]. At a step also ``before``, the weights before it, and
    ``gradients``, the loss's gradients of the batch at those, each like ``weights``. passing: what
    goes in and out of every layer; biases: theirs, [runs, out], None where a layer has none.
    curves: of every layer the curve behind which its weights are trained, with ``slope(v)`` and
    its ``a`` and ``b`` [runs], and its v, like the weights; None for a layer without one.
    sources: what weights are computed from, themselves where they are trained as they are. folds:
    gives of every layer how it cuts patches, None for a linear one. trial: the network with other
    weights; None where no batch norm follows them. differentiable: a run's number in the stack, and
    then as `Differentiable`, with every module in evaluation mode. kept: results that several
    measures share.
    """

    forward: Forward
    weights: Sequence[Tensor]
    split: Split
    before: Sequence[Tensor] | None = None
    gradients: Sequence[Tensor] | None = None
    passing: Passing | None = None
    biases: Sequence[Tensor | None] = ()
    curves: Sequence[tuple[Any, Tensor] | None] = ()
    sources: Sequence[Tensor] = ()
    folds: Callable[[], Sequence[Fold | None]] | None = None
    trial: Trial | None = None
    differentiable: Callable[[int, Tensor, Tensor], tuple[Tensor, list[Tensor]]] | None = None
    kept: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measure:
    """One function of a `View`, its columns, and when it is taken.

    function: `View` -> column name -> tensor [runs], [runs, layers] or [runs, layers, bins], as
    ``per`` says. cost: in words. when: ``epoch`` (before training and after each epoch), ``ends``
    (before training and after the last epoch), ``start`` (before training), or ``steps``: after
    every ``every``-th step, its rescaling included, but before what happens at the end of an
    epoch. moves: whether it needs the weights before the step; gradients: whether it needs the
    gradients of the step's batch.

    Raises ValueError for an unknown ``per`` or ``when``, and where they do not go together.
    """

    name: str
    columns: tuple[Column, ...]
    function: Callable[[View], Mapping[str, Tensor]]
    cost: str
    per: str = "run"
    when: str = "epoch"
    every: int = 1
    moves: bool = False
    gradients: bool = False

    def __post_init__(self) -> None:
        for what, value, known in (("per", self.per, PER), ("when", self.when, WHEN)):
            if value not in known:
                raise ValueError(
                    f"{what} of measure {self.name} must be one of {', '.join(known)}, got "
                    f"{value!r}; pick one"
                )
        if self.when == "steps" and self.per != "layer":
            raise ValueError(
                f"a measure taken at steps must be one per layer, and {self.name} is one per "
                f"{self.per}; take it each epoch"
            )
        if self.when != "steps" and (self.moves or self.gradients):
            raise ValueError(
                f"measure {self.name} compares a step's two sides, got when {self.when!r}; take it "
                "at steps"
            )
        if not isinstance(self.every, int) or isinstance(self.every, bool) or self.every < 1:
            raise ValueError(
                f"every of measure {self.name} must be a whole number of steps >= 1, got "
                f"{self.every!r}; 1 takes it at each step"
            )

    def each(self, steps: int) -> Measure:
        """The same measure, taken at every so many optimizer steps."""
        return replace(self, when="steps", every=steps)

    @property
    def table(self) -> str:
        """The table of a record that its columns are in."""
        if self.when == "steps":
            return "steps"
        return {"run": "epochs", "layer": "layers", "bin": "histograms"}[self.per]

    def __call__(self, view: View) -> dict[str, Tensor]:
        """Its columns; ValueError when the function gives others than it declares."""
        values = dict(self.function(view))
        declared = [column.name for column in self.columns]
        if sorted(values) != sorted(declared):
            raise ValueError(
                f"measure {self.name} declares the columns {', '.join(declared)}, got "
                f"{', '.join(values) or 'none'}; return what is declared"
            )
        return values


def check(measures: Sequence[Measure]) -> None:
    """Raise ValueError where two measures fill one column, or none is taken once a run and epoch.

    Where measures of a table are not taken together, the one that is not has NaN.
    """
    seen: set[tuple[str, str]] = set()
    for measure in measures:
        for column in measure.columns:
            if (measure.table, column.name) in seen:
                raise ValueError(
                    f"a column is filled by one measure, and {column.name} of {measure.table} by "
                    f"{measure.name} and one before it; leave one out"
                )
            seen.add((measure.table, column.name))
    if not any(table == "epochs" for table, _ in seen):
        raise ValueError(
            "an experiment needs a measure with one number a run and epoch, got none; add "
            "accuracy.ACCURACY"
        )
