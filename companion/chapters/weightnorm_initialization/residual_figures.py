"""The figures and the table of chapter 6's side page on residual networks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from companion.chapters.weightnorm_initialization import figures, residual_maps
from companion.chapters.weightnorm_initialization.experiments import (
    depth,
    neighbours,
    survival,
    table_1,
)
from companion.display import style
from companion.display.figures import canvas, log_axis, show
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence import published
from companion.evidence.records import Record

COLOURS = {**figures.COLOURS, "hanin": "wrs"}
NAMES = survival.NAMES
ARMS = {
    "data": ("from data", "compander"),
    "forward": ("forward rule", "weight_norm"),
    "forward warmup": ("with warmup", "weight_norm"),
    "batch": ("batch norm", "batch_norm"),
}


def survivors(record: Record) -> Shown:
    """Which runs survive, by rate and start, without and with warmup (A, figure 4). record: of
    `survival`."""
    figure, panels = canvas(columns=2, height=3.2, sharey=True)
    rows, said = residual_maps.survived(record), []
    for axes, warmup in zip(panels, survival.WARMUPS, strict=True):
        for place, start in enumerate(survival.STARTS):
            mine = rows[(rows["start"] == start) & (rows["warmup"] == warmup)]
            colour = style.colour(COLOURS[start])
            axes.plot(mine["rate"], [place] * len(mine), "o", ms=11, mfc="none", mec=colour)
            for row in mine.itertuples():
                if row.share:
                    axes.plot(row.rate, place, "o", ms=11, mew=0, color=colour,
                              alpha=1.0 if row.share == 1 else 0.35)  # fmt: skip
            shares = ", ".join(f"{row.share:.0%} at {row.rate:g}" for row in mine.itertuples())
            said.append(f"{NAMES[start]}{', warmup' if warmup else ''}: {shares}")
        axes.set_xlim(survival.RATES[0] / 1.7, survival.RATES[-1] * 1.7)
        axes.set_ylim(len(survival.STARTS) - 0.5, -0.5)
        log_axis(axes.xaxis)
        axes.set_xticks(survival.RATES, [f"{rate:g}" for rate in survival.RATES])
        axes.minorticks_off()
        axes.set_yticks(range(len(survival.STARTS)), [NAMES[one] for one in survival.STARTS])
        axes.tick_params(labelleft=True)
        title = "With an epoch of warmup" if warmup else "Constant rate"
        head(axes, title, "filled: all runs survive; pale: some", "learning rate")
    return show(
        figure,
        alt=f"Share of runs that survive. {'; '.join(said)}.",
        caption="Without warmup the forward rule alone keeps all its runs at a learning rate of "
        "0.03; with it two others do (A's figure 4).",
        ran=f"{record.label()}. {survival.DEPTH} layers, {survival.NARROW[1]} to "
        f"{survival.NARROW[-2]} channels; a run survives whose training accuracy ends above "
        f"{residual_maps.ALIVE:.0%}.",
        name="survivors",
    )


def hundred_layers(record: Record) -> Shown:
    """Test accuracy of a hundred plain layers by learning rate, from two starts (A, figure 2).
    record: of `depth.DEEPER`."""
    figure, axes = canvas(height=3.0)
    rows, said = residual_maps.deepest(record), []
    for shift, start in ((-0.1, "forward"), (0.1, "data")):
        colour = style.colour(COLOURS[start])
        for place, row in enumerate(rows[rows["start"] == start].itertuples()):
            runs = [100 * run for run in row.runs]
            axes.plot([place + shift] * len(runs), runs, "o", ms=6, color=colour, alpha=0.85)
            values = ", ".join(f"{run:.0f}" for run in runs)
            said.append(f"{NAMES[start]}, rate {row.rate:g}: {values} %")
    axes.axhline(10, color=style.INK, lw=1, dashes=(4, 2))
    axes.set_xticks(range(len(depth.DEEP_RATES)), [f"{rate:g}" for rate in depth.DEEP_RATES])
    axes.set_xlim(-0.5, len(depth.DEEP_RATES) - 0.5)
    axes.set_ylim(0, 102)
    head(axes, "Test accuracy (%)", "left dots: forward rule; right: from data; dashed: chance",
         "learning rate")  # fmt: skip
    return show(
        figure,
        alt=f"{depth.DEEP[0]} layers. {'; '.join(said)}.",
        caption="From the forward rule a hundred layers learn, slowly, and from data they do not "
        "(A's figure 2).",
        ran=f"{record.label()}. {depth.DEEP[0]} layers of {depth.LOW} to {depth.HIGH} units; dots "
        "are runs.",
        name="hundred-layers",
    )


def beside_batch_norm(record: Record) -> Shown:
    """Test errors beside batch norm's (A, Table 1), and the Hessian's norms (A, Table 2). record:
    of `table_1.CIFAR10`."""
    figure, (left, right) = canvas(columns=2, height=3.5)
    found = residual_maps.errors(record)
    printed = {key: published.rows("A", key).set_index("cell")["mean"] for key in ("1", "2")}
    said = []
    for place, (arm, (_, family)) in enumerate(ARMS.items()):
        runs, colour = found[arm], style.colour(family)
        theirs = printed["1"][f"{table_1.BOOK} {arm}"]
        left.plot(runs, [place] * len(runs), "o", ms=5, color=colour, alpha=0.8)
        left.plot(theirs, place + 0.22, "D", ms=5, mfc="none", mec=style.MUTED)
        said.append(f"{ARMS[arm][0]}: {np.mean(runs):.1f} % (A {theirs:g} %)")
    left.set_yticks(range(len(ARMS)), [name for name, _ in ARMS.values()])
    left.set_ylim(len(ARMS) - 0.4, -0.6)
    left.set_xlim(0, 1.1 * max(10.0, *(max(runs) for runs in found.values())))
    head(left, "Test error, 56 layers", "diamonds: A's, CIFAR-10; ← better", "test error (%)")
    for place, start in enumerate(residual_maps.HESSIAN_STARTS):
        ours, colour = residual_maps.hessian(start), style.colour(COLOURS[start])
        right.plot(ours, place, "o", ms=6, color=colour)
        said.append(f"norm, {NAMES[start]}: {ours:.2f}")
        theirs = printed["2"].get(f"c10 wrn40-10 {'torch' if start == 'one' else start}")
        if theirs is not None and start != "torch":
            right.plot(theirs, place + 0.22, "D", ms=5, mfc="none", mec=style.MUTED)
            said[-1] += f" (A {theirs:g})"
    right.set_yticks(
        range(len(residual_maps.HESSIAN_STARTS)),
        [NAMES[start] for start in residual_maps.HESSIAN_STARTS],
    )
    right.set_ylim(len(residual_maps.HESSIAN_STARTS) - 0.4, -0.6)
    right.set_xlim(-1, 8)
    head(right, "Hessian's norm, 40 layers", "diamonds: A's WRN-40-10", "log10 of the norm")
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="Left: on the digits all four do equally well. Right: the forward rule is flatter "
        "than the starts that A compares, and a new layer's lengths are flatter still.",
        ran=f"Left: {record.label()}, 8 to 32 channels; right: one untrained network each, 4 to 16 "
        f"channels, {residual_maps.HESSIAN_IMAGES} digits.",
        name="beside-batch-norm",
    )


def neighbours_table(record: Record) -> Styler:
    """A row a start of `neighbours`: signal, gradient and the largest rate that trains."""
    rows = []
    for start, name in neighbours.NAMES.items():
        signal, gradient = residual_maps.through(start)
        rate = residual_maps.largest_rate(record, start)
        rows.append((name, signal, gradient, f"{rate:g}" if rate else "none"))
    frame = pd.DataFrame(
        rows, columns=["start", "signal", "gradient", "largest rate that trains"]
    ).set_index("start", drop=False)
    return frame.style.format({"signal": _times, "gradient": _times}).hide(axis="index")


def _times(factor: float) -> str:
    """A factor in three figures, without powers of ten.

    >>> _times(0.9134), _times(8961.3)
    ('0.913', '8,960')
    """
    return f"{float(f'{factor:.3g}'):,g}"
