"""What is drawn in a panel of an explorable: curves and histograms, checked when made."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from companion.display import style

ROLES = ("data", "theory", "reference", "context")


@dataclass(frozen=True)
class Curve:
    """One line of a panel, with its band where low and high are given.

    A gap is a NaN in y (and in low and high at the same place). role: "data", "theory" (thin
    dashed, in the text colour), "reference" (faint: what happens without the method) or "context"
    (thin, unnamed, in no table: the curves of other settings). family, the kind of method, gives
    the colour (`style.PALETTE`); dash tells curves of one colour apart (`style.DASHES`).
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    family: str = "none"
    dash: str = "solid"
    role: str = "data"

    def __post_init__(self):
        _check_look(self, ROLES)
        style.linestyle(self.dash)
        if (self.low is None) != (self.high is None):
            raise ValueError(
                f"curve {self.label!r} must have low and high, or neither; add the other"
            )
        for field in ("x", "y", "low", "high"):
            values = getattr(self, field)
            if values is None:
                continue
            values = _floats(self, field)
            if len(values) != len(self.x) or not values:
                raise ValueError(
                    f"{field} of curve {self.label!r} must have one value for each x "
                    f"(at least one), got {len(values)} for {len(self.x)}"
                )
            bad = [v for v in values if math.isinf(v) or (field == "x" and math.isnan(v))]
            if bad:
                raise ValueError(
                    f"{field} of curve {self.label!r} must be finite, got {bad[0]}; "
                    "use NaN in y for a gap, or cut the curve where it leaves the axis"
                )

    @property
    def xs(self) -> tuple[float, ...]:
        """All places of the curve on the x axis."""
        return self.x

    @property
    def ys(self) -> tuple[float, ...]:
        """All heights of the curve and of its band."""
        return (*self.y, *(self.low or ()), *(self.high or ()))


@dataclass(frozen=True)
class Histogram:
    """One filled outline of steps: `density[i]` from `edges[i]` to `edges[i + 1]`.

    role: "data" (in the family's colour: after) or "reference" (in ink: before).
    """

    label: str
    edges: Sequence[float]
    density: Sequence[float]
    family: str = "none"
    role: str = "data"

    def __post_init__(self):
        _check_look(self, ("data", "reference"))
        edges, density = _floats(self, "edges"), _floats(self, "density")
        if len(edges) != len(density) + 1 or not density:
            raise ValueError(
                f"edges of histogram {self.label!r} must be one more than its densities "
                f"(at least one), got {len(edges)} for {len(density)}"
            )
        if any(not math.isfinite(v) for v in edges) or any(
            low >= high for low, high in itertools.pairwise(edges)
        ):
            raise ValueError(
                f"edges of histogram {self.label!r} must be finite and increasing, got "
                f"{edges[0]:g} to {edges[-1]:g}; sort them and drop repeated ones"
            )
        bad = [v for v in density if not (math.isfinite(v) and v >= 0)]
        if bad:
            raise ValueError(
                f"density of histogram {self.label!r} must be finite and >= 0, got {bad[0]}; "
                "an empty bin is 0"
            )

    @property
    def xs(self) -> tuple[float, ...]:
        """All places of the histogram on the x axis."""
        return self.edges

    @property
    def ys(self) -> tuple[float, ...]:
        """All heights of the histogram; it stands on 0."""
        return (0.0, *self.density)


def _check_look(mark, roles: tuple[str, ...]) -> None:
    style.colour(mark.family)
    if mark.role not in roles:
        raise ValueError(f"role must be one of {', '.join(roles)}, got {mark.role!r}")


def _floats(mark, field: str) -> tuple[float, ...]:
    values = tuple(float(v) for v in getattr(mark, field))
    object.__setattr__(mark, field, values)
    return values
