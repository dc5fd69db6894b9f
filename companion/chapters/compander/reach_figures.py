"""How far weights reach, epoch by epoch and layer by layer (C figure 3)."""

from __future__ import annotations

import pandas as pd

from companion.chapters.compander.experiments import reach
from companion.display import style
from companion.display.figures import canvas, name_lines, show
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record

EDGES = ("weight_least", "weight_lower", "weight_upper", "weight_most")


def edges(record: Record, layer: int | None = None) -> pd.DataFrame:
    """The smallest and largest weight, the two quantiles within, and the bound, means over runs,
    by arm and epoch, or, without a layer, by arm and layer after the last epoch."""
    rows = record.layers
    by = "epoch" if layer else "layer"
    kept = rows["layer"] == layer if layer else rows["epoch"] == rows["epoch"].max()
    columns = [*EDGES, "weight_bound"]
    return rows[kept].groupby(["arm", by], sort=False)[columns].mean()


def shapes(record: Record) -> pd.DataFrame:
    """By arm and layer after training, means over runs: the share of weights near zero, in
    percent, and the generalized-Gaussian shape beta."""
    rows = record.layers[record.layers["epoch"] == record.layers["epoch"].max()]
    found = rows.groupby(["arm", "layer"])[["weight_near_zero", "weight_shape"]].mean()
    found["weight_near_zero"] *= 100
    return found.rename(columns={"weight_near_zero": "near", "weight_shape": "beta"})


def ranges(record: Record) -> Shown:
    """Left, the range of the first convolution's weights by epoch; right, of every layer's after
    training; a record of `reach.DIGITS`."""
    figure, (left, right) = canvas(columns=2, height=3.7, sharey=True)
    arms, said, ends = reach.DIGITS.arms, [], []
    first, last = edges(record, layer=1), edges(record)
    layers = sorted(record.layers["layer"].unique())
    for number, (name, arm) in enumerate(arms.items()):
        colour, dash = style.colour(arm.family), style.linestyle(arm.dash)
        mine = first.loc[name]
        for edge in ("weight_least", "weight_most"):
            left.plot(mine.index, mine[edge], color=colour, ls=dash, lw=1.6)
        ends.append((mine["weight_most"].iloc[-1], arm.label, style.text_colour(arm.family)))
        for bound in {*mine["weight_bound"]} - {0}:
            for sign in (-1, 1):
                left.axhline(sign * bound, color=style.INK, lw=0.8, dashes=style.THEORY_DASHES)
        least, most = mine.iloc[-1][["weight_least", "weight_most"]]
        said.append(f"{arm.label}: {least:.2f} to {most:.2f}")
        for layer in layers:
            place = layer + (number - 1.5) * 0.17
            one = last.loc[(name, layer)]
            right.plot([place] * 2, one[["weight_least", "weight_most"]], color=colour, lw=1,
                       ls=dash)  # fmt: skip
            right.plot([place] * 2, one[["weight_lower", "weight_upper"]], color=colour, lw=3,
                       solid_capstyle="butt")  # fmt: skip
    left.set_xlim(0, record.provenance["epochs"])
    head(left, "First convolution's weights", "smallest and largest; dashed: ±aπ/2", "epoch")
    name_lines(left, ends)
    right.set_xlim(layers[0] - 0.5, layers[-1] + 0.5)
    right.set_xticks(layers)
    right.tick_params(labelleft=True)
    head(right, "All layers, after training", "thick: without 0.1 % at each end", "layer")
    return show(
        figure,
        alt=f"Range of the first convolution's weights after training. {'; '.join(said)}.",
        caption="Plain weights grow, and more so at the rate that the curve implies; behind the "
        "curve they stay. At a = 0.8 that is the shorter step's doing, at a = 0.2 the bound's.",
        ran=f"{record.label()}, of which two each are shown, means. Order, right: as named left, "
        "from plain to WC, a = 0.2.",
        name="weight-ranges",
    )
