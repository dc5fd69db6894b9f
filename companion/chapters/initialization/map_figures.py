"""The figures of the page on order and chaos: maps, and what a finite width leaves of them."""

from __future__ import annotations

import itertools
import math

import numpy as np

from companion.chapters.initialization import maps, pairs
from companion.chapters.initialization.experiments import depth_width
from companion.display import style
from companion.display.figures import canvas, log_axis, name_lines, show
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record
from companion.theory import meanfield

LOOKS = {"order": "wr", "edge": "wrs", "chaos": "wd"}
DEPTH_LOOKS = ("batch_norm", "wr", "wrs", "wd", "none")
NAMED_AT = {
    8: (-1, (0, 7), "center"), 16: (0, (7, 6), "center"), 32: (1, (8, -4), "left"),
    64: (-1, (-8, -4), "right"), 100: (0, (0, 7), "center"),
}  # fmt: skip
"""Depth -> the dot that its name stands by (of the narrowest network 0), in which direction."""
GAINS = {"tanh": (0.7, 1.3, 2.0), "relu": (1.2, math.sqrt(2), 1.6)}


def two_inputs() -> Shown:
    """How alike two inputs are, layer by layer, in order, at the edge and in chaos; and where
    these lie in the plane of sigma_w and sigma_b."""
    figure, (left, right) = canvas(columns=2, height=3.8)
    ends, said = [], []
    for (place, family), start in itertools.product(LOOKS.items(), pairs.STARTS):
        theory, found = pairs.expected(place, start), pairs.measured(place, start)
        layers = np.arange(len(theory))
        left.plot(layers, theory, color=style.INK, lw=1.0, dashes=(4, 3))
        left.plot(layers, found.mean(axis=0), ".", ms=7, color=style.colour(family), clip_on=False)
        said.append(f"{place}, from {start:g}: {found[:, -1].mean():.2f}")
        if start == pairs.STARTS[0]:
            ends.append((theory[-1], place, style.text_colour(family)))
    left.set_ylim(0, 1.04)
    left.set_xlim(0, pairs.LAYERS)
    head(left, "Correlation of two inputs", "dots: measured; dashed: theory", "layer")
    name_lines(left, ends)
    biases = np.linspace(0.02, 0.6, 12)
    edge = [meanfield.edge_of_chaos("tanh", float(sigma_b)) for sigma_b in biases]
    right.plot([1.0, *edge], [0.0, *biases], color=style.INK, lw=1.1, dashes=(4, 3))
    for place, family in LOOKS.items():
        right.plot(*pairs.PLACES[place], "o", ms=8, color=style.colour(family))
        aside, side = ((-9, -4), "right") if place == "order" else ((9, -4), "left")
        right.annotate(
            place, pairs.PLACES[place], xytext=aside, textcoords="offset points", ha=side,
            color=style.text_colour(family), size=9.5 * figure.text_scale,
        )  # fmt: skip
    right.set_xlim(0.5, 3)
    right.set_ylim(0, 0.6)
    head(right, r"Biases: $\sigma_b$", "dashed: the edge of chaos of tanh", r"gain, $\sigma_w$")
    return show(
        figure,
        alt=f"Correlation after {pairs.LAYERS} layers. {'; '.join(said)}.",
        caption="In order two inputs become one, in chaos any two become strangers; at the edge "
        "they take their time.",
        ran=f"{pairs.NETWORKS} random tanh networks of {pairs.WIDTH} units; nothing is trained.",
        name="two-inputs",
    )


def variance_maps() -> Shown:
    """The variance after a layer by the variance before it, tanh beside ReLU."""
    figure, panels = canvas(columns=2, height=3.8)
    before, dots = np.linspace(0, 3.5, 36)[1:], np.linspace(0.25, 3.25, 7)
    said = []
    for axes, (kind, gains) in zip(panels, GAINS.items(), strict=True):
        axes.plot([0, 3.5], [0, 3.5], color=style.MUTED, lw=1)
        ends = []
        for gain, family in zip(gains, LOOKS.values(), strict=True):
            after = [meanfield.variance_map(kind, float(q), gain) for q in before]
            axes.plot(before, after, color=style.INK, lw=1.0, dashes=(4, 3))
            found = pairs.next_variances(kind, gain, dots)
            axes.plot(dots, found, ".", ms=8, color=style.colour(family))
            name = "√2" if gain == math.sqrt(2) else f"{gain:g}"
            ends.append((after[-1], name, style.text_colour(family)))
            settled = meanfield.fixed_point(kind, gain) if kind == "tanh" else None
            if settled is not None:
                said.append(f"tanh with gain {gain:g} settles at {settled:.2f}")
        axes.set_xlim(0, 3.5)
        axes.set_ylim(0, 4.6)
        name_lines(axes, ends)
        label = "tanh" if kind == "tanh" else "ReLU"
        head(axes, f"{label}: variance after a layer", "names: gain; grey: as before", "before")
    return show(
        figure,
        alt=f"{'; '.join(said)}; ReLU's variance is multiplied by half the gain squared.",
        caption="Tanh's curve bends and crosses the diagonal, so a variance settles; ReLU's is a "
        "straight line, and only √2 lies on the diagonal.",
        ran=f"Dots: mean of {pairs.NETWORKS} random layers of {pairs.WIDTH} units; dashed: theory.",
        name="variance-maps",
    )


def depth_and_width(record: Record) -> Shown:
    """The share of ReLU networks that learned by depth and width at gain sqrt 2, and by depth over
    width. record: of `depth_width.EXPERIMENT`."""
    from matplotlib.patches import Rectangle

    figure, (left, right) = canvas(columns=2, height=3.9)
    cells = maps.depth_width_cells(record)
    table = cells.pivot(index="depth", columns="width", values="share")
    for (row, column), share in np.ndenumerate(table.to_numpy()):
        # Ground and colour turn with the theme of the page, so no cell is white on dark paper.
        for colour, alpha in ((style.RULE, 0.6), (style.colour("wr"), float(share))):
            left.add_patch(
                Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, fc=colour, lw=0, alpha=alpha)
            )
        left.annotate(
            f"{100 * share:.0f}", (column + 0.5, row + 0.5), ha="center", va="center",
            color=style.LIGHT_PAPER if share > 0.7 else style.INK, size=10 * figure.text_scale,
        )  # fmt: skip
    left.set_xlim(0, table.shape[1])
    left.set_ylim(0, table.shape[0])
    left.set_xticks(np.arange(table.shape[1]) + 0.5, table.columns)
    left.set_yticks(np.arange(table.shape[0]) + 0.5, table.index)
    left.tick_params(length=0)
    left.grid(False)
    for side in left.spines.values():
        side.set_visible(False)
    head(left, "Layers, by width", "% of runs that learned", "units a layer")
    for depth, family in zip(depth_width.DEPTHS, DEPTH_LOOKS, strict=True):
        ratio, share = cells[cells["depth"] == depth][["ratio", "share"]].to_numpy().T
        right.plot(ratio, 100 * share, ".-", ms=9, lw=1.2, color=style.colour(family))
        at, where, side = NAMED_AT[depth]
        right.annotate(
            f"{depth} layers", (ratio[at], 100 * share[at]), xytext=where, ha=side,
            textcoords="offset points", color=style.text_colour(family),
            size=9.5 * figure.text_scale,
        )  # fmt: skip
    right.set_xlim(0.04, 20)
    right.set_ylim(-4, 112)
    log_axis(right.xaxis)
    head(right, "Runs that learned (%)", "a line a depth, a dot a width", "depth / width")
    said = [
        f"{row.depth} layers of {row.width}: {100 * row.share:.0f} %" for row in cells.itertuples()
    ]
    return show(
        figure,
        alt=f"Runs that learned. {'; '.join(said)}.",
        caption="At the gain that theory calls perfect more units help, and at the same depth over "
        "width a deeper network still learns less.",
        ran=f"{record.label()}. Best of {len(depth_width.RATES)} learning rates.",
        name="depth-width",
    )
