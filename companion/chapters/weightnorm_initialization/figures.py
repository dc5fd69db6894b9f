"""Chapter 6's figures, each with alt text and a caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from companion.chapters.weightnorm_initialization import curvature, maps, random_networks
from companion.chapters.weightnorm_initialization.experiments import depth, rate, rescued
from companion.display import style
from companion.display.figures import canvas, log_axis, name_lines, show
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record
from companion.theory import weight_norm as theory

COLOURS = {
    "forward": "weight_norm", "backward": "wr", "one": "none", "torch": "wd", "data": "compander",
}  # fmt: skip
"""A start's colour in every figure of the chapter."""
NETWORKS = 4
CURVED_DEPTHS, CURVED_IMAGES = (2, 5, 10, 20), 128


def plain_networks() -> Shown:
    """Signals and gradients through twenty layers, by start (A, figure 1, top)."""
    narrow = random_networks.plain(random_networks.NARROW, NETWORKS)
    wide = random_networks.plain(random_networks.WIDE, 1)
    figure, panels = canvas(columns=2, height=3.4)
    layers, said = np.arange(random_networks.LAYERS + 1), []
    for axes, side, title in zip(panels, ("signals", "gradients"), ("Signal", "Gradient"),
                                 strict=True):  # fmt: skip
        ends = []
        for start, family in COLOURS.items():
            values = getattr(narrow[start], side)
            middle = np.exp(np.log(values).mean(axis=0))
            axes.fill_between(layers, values.min(axis=0), values.max(axis=0), lw=0, alpha=0.15,
                              color=style.colour(family))  # fmt: skip
            axes.plot(layers, middle, color=style.colour(family))
            axes.plot(layers, getattr(wide[start], side)[0], color=style.colour(family), lw=1.1,
                      dashes=(4, 2))  # fmt: skip
            at = -1 if side == "signals" else 0
            said.append(f"{title.lower()}, {depth.NAMES[start]}: {middle[at]:.2g}")
            ends.append((middle[at], depth.NAMES[start], style.text_colour(family)))
        axes.set_xlim(0, layers[-1])
        if side == "gradients":
            axes.invert_xaxis()
        axes.set_ylim(1e-8, 1e3)
        log_axis(axes.yaxis)
        axes.set_xticks(layers[::5])
        way = "1 at the input" if side == "signals" else "1 at the output"
        head(axes, f"{title}'s length", f"{way}; dashed: wide layers", "layer")
        name_lines(axes, ends)
    return show(
        figure,
        alt=f"Where they arrive after {random_networks.LAYERS} layers. {'; '.join(said)}.",
        caption="Two rules carry a signal and its gradient through twenty layers; length 1 and "
        "PyTorch's lose both, and lengths from data let the gradient explode (A's figure 1, top, "
        "with two starts more).",
        ran=f"Widths from {random_networks.NARROW[0]} to {random_networks.NARROW[1]} units "
        f"({NETWORKS} networks, band: smallest to largest) and from {random_networks.WIDE[0]} to "
        f"{random_networks.WIDE[1]} (one), drawn for each layer; untrained, orthogonal directions.",
        name="plain-networks",
    )


def residual_networks() -> Shown:
    """Signals and gradients through forty residual blocks (A, figure 1, bottom)."""
    narrow = random_networks.residual(random_networks.NARROW, NETWORKS)
    wide = random_networks.residual(random_networks.BOOK_WIDE, 1)
    figure, panels = canvas(columns=2, height=3.2)
    blocks, said = np.arange(random_networks.BLOCKS + 1), []
    for axes, start in zip(panels, ("forward", "one"), strict=True):
        ends = []
        for side, family, label in (
            ("signals", "weight_norm", "signal"),
            ("gradients", "wr", "gradient"),
        ):
            values = getattr(narrow[start], side)
            axes.fill_between(blocks, values.min(axis=0), values.max(axis=0), lw=0, alpha=0.2,
                              color=style.colour(family))  # fmt: skip
            axes.plot(blocks, values.mean(axis=0), color=style.colour(family))
            axes.plot(blocks, getattr(wide[start], side)[0], color=style.colour(family), lw=1.1,
                      dashes=(4, 2))  # fmt: skip
            end = -1 if side == "signals" else 0
            ends.append((values.mean(axis=0)[-1], label, style.text_colour(family)))
            said.append(f"{depth.NAMES[start]}, {label}: {values.mean(axis=0)[end]:.3g} "
                        f"({values[:, end].min():.3g} to {values[:, end].max():.3g})")  # fmt: skip
        axes.set_xlim(0, blocks[-1])
        if start == "forward":
            low, high = theory.stage_bounds()
            axes.axhspan(low, high, color=style.RULE, alpha=0.6, lw=0)
            axes.annotate("√2 to √e", (20, high), xytext=(0, 4), textcoords="offset points",
                          ha="center", color=style.MUTED, size=9.5)  # fmt: skip
            axes.set_ylim(0.9, 1.9)
            head(axes, "Last layers divided by √B", "shaded: theorem 3", "block")
        else:
            axes.set_ylim(0.5, 1e4)
            log_axis(axes.yaxis)
            head(axes, "All lengths 1", "another axis: logarithmic", "block")
        name_lines(axes, ends)
    return show(
        figure,
        alt=f"Lengths after {random_networks.BLOCKS} blocks. {'; '.join(said)}.",
        caption="Divided by the root of the number of blocks, the branches of forty blocks add up "
        "to less than √e; at length 1 they multiply to thousands (A's figure 1, bottom).",
        ran=f"Untrained; branches linear, ReLU, linear; widths from {random_networks.NARROW[0]} to "
        f"{random_networks.NARROW[1]} ({NETWORKS} networks, band: smallest to largest), dashed "
        f"from {random_networks.BOOK_WIDE[0]} to {random_networks.BOOK_WIDE[1]} (one; the paper "
        "has 950 to 1050).",
        name="residual-networks",
    )


def trained_depths(shown: Sequence[Record], deep: Sequence[Record]) -> Shown:
    """Accuracy by depth at each start's best rate, and of every run, sorted (A, figure 2).

    shown: records of `depth`, all starts together; deep: those of `maps.deep`.
    """
    figure, (left, right) = canvas(columns=2, height=3.4, sharey=True)
    best, every, ends, said = maps.best(shown), maps.cells(shown), [], []
    beyond = maps.deep_best(deep)
    for start, family in COLOURS.items():
        rows = best[best["start"] == start].sort_values("depth")
        accuracy = 100 * rows["accuracy"]
        left.plot(rows["depth"], accuracy, color=style.colour(family))
        for row in rows.itertuples():
            left.plot([row.depth] * len(row.runs), [100 * run for run in row.runs], "o", ms=3.5,
                      color=style.colour(family), alpha=0.8)  # fmt: skip
        more = beyond[beyond["start"] == start].sort_values("depth")
        if len(more):
            deeper = [accuracy.iloc[-1], *(100 * more["accuracy"])]
            left.plot([rows["depth"].iloc[-1], *more["depth"]], deeper, dashes=(4, 2), lw=1.1,
                      color=style.colour(family))  # fmt: skip
            for row in more.itertuples():
                left.plot([row.depth] * len(row.runs), [100 * run for run in row.runs], "o", ms=3.5,
                          mfc="none", color=style.colour(family))  # fmt: skip
            said.append(f"{depth.NAMES[start]}, deeper: " + ", ".join(
                f"{100 * row.accuracy:.0f} % at {row.depth}" for row in more.itertuples()
            ))  # fmt: skip
        runs = sorted((run for row in every[every["start"] == start]["runs"] for run in row),
                      reverse=True)  # fmt: skip
        right.plot(np.arange(1, len(runs) + 1), 100 * np.array(runs), color=style.colour(family))
        learned = sum(run > maps.LEARNED for run in runs) / len(runs)
        last = deeper[-1] if len(more) else accuracy.iloc[-1]
        ends.append((last, depth.NAMES[start], style.text_colour(family)))
        said.append(
            f"{depth.NAMES[start]}: {', '.join(f'{value:.0f}' for value in accuracy)} % by depth; "
            f"{100 * learned:.0f} % of all runs learned"
        )
    left.set_xscale("log")
    left.set_xticks(depth.DEPTHS, [str(value) for value in depth.DEPTHS])
    left.minorticks_off()
    left.set_xlim(1.8, 230)
    left.set_ylim(0, 102)
    right.set_xlim(0, len(runs))
    right.tick_params(labelleft=True)
    head(
        left,
        "Test accuracy (%), best rate",
        "line: mean, dots: runs; dashed: more epochs",
        "layers",
    )
    head(right, "Test accuracy (%), every run", "sorted, best first", "runs of a start")
    name_lines(left, ends)
    return show(
        figure,
        alt=f"Depths {', '.join(map(str, depth.BOOK_DEPTHS))}. {'; '.join(said)}.",
        caption="Length 1 and PyTorch's stop at a few layers, lengths from data at twenty, and the "
        "two rules go deeper, the forward rule to two hundred (A's figure 2).",
        ran=f"{shown[0].label()}. Five learning rates for every depth and start; dashed, two or "
        f"three, for {deep[0].provenance['epochs']} and {deep[1].provenance['epochs']} epochs.",
        name="trained-depths",
    )


def curvatures(record: Record) -> Shown:
    """The Hessian's norm at the start by depth; and learning rates at which the loss fell, beside
    two over the norm. record: of `rate.EXPERIMENT`."""
    figure, (left, right) = canvas(columns=2, height=4.0)
    ends, said = [], []
    falling = maps.falling(record)
    for place, (start, family) in enumerate(COLOURS.items()):
        found = [hessian_norm(start, layers, CURVED_IMAGES) for layers in CURVED_DEPTHS]
        left.plot(CURVED_DEPTHS, found, color=style.colour(family), marker="o", ms=4)
        ends.append((found[-1], depth.NAMES[start], style.text_colour(family)))
        limit = 2 / hessian_norm(start, rate.DEPTH, None)
        rows = falling[falling["start"] == start]
        for row in rows.itertuples():
            face = style.colour(family) if row.share == 1 else "none"
            right.plot(row.rate, place, "o", ms=5, mfc=face, mec=style.colour(family), mew=1.1)
        right.plot(limit, place, "|", color=style.INK, ms=17, mew=1.6)
        said.append(
            f"{depth.NAMES[start]}: norm {', '.join(f'{value:.2g}' for value in found)} by depth; "
            f"at {rate.DEPTH} layers 2/norm is {limit:.2g}, and the loss fell up to "
            f"{maps.largest_rate(record, start):g}"
        )
    left.set_xscale("log")
    left.set_xticks(CURVED_DEPTHS, [str(value) for value in CURVED_DEPTHS])
    left.minorticks_off()
    left.set_xlim(1.8, 22)
    left.set_ylim(0.05, 1e5)
    log_axis(left.yaxis)
    right.set_xlim(1.5e-3, 40)
    log_axis(right.xaxis)
    right.set_yticks(range(len(COLOURS)), [depth.NAMES[start] for start in COLOURS])
    right.set_ylim(len(COLOURS) - 0.4, -0.6)
    head(left, "Norm of the Hessian", "at the start", "layers")
    head(right, f"Loss fell, {rate.DEPTH} layers", "filled: in every run; bar: 2/norm",
         "learning rate")  # fmt: skip
    name_lines(left, ends)
    return show(
        figure,
        alt=f"Depths {', '.join(map(str, CURVED_DEPTHS))}. {'; '.join(said)}.",
        caption="The flattest starts are those that learn nothing: curvature says how large a "
        "step may be, not whether there is anything to learn.",
        ran=f"Left: one network each, {CURVED_IMAGES} digits. Right: {record.label()}, gradient "
        "descent on all images; bar: one network.",
        name="curvatures",
    )


def hessian_norm(start: str, layers: int, images: int | None) -> float:
    """The Hessian's norm in a network of so many layers over the first so many digits, all of them
    if None."""
    base = rate.settings(start, rate.RATES[0])
    settings = replace(base, widths=(64, *depth.hidden_widths(layers), 10))
    return curvature.at_start(settings, 0, images)


def rescues(record: Record) -> Shown:
    """Accuracy of every run from three starts, never rescaled and rescaled after every step."""
    found = maps.rescues(record)["runs"]
    figure, panels = canvas(columns=3, height=2.6, width=7.0, sharey=True)
    said = []
    for axes, start in zip(panels, rescued.STARTS, strict=True):
        for place, held in enumerate(("none", "wr", "wrs")):
            runs = [100 * run for run in found[start, held]]
            offsets = place + np.linspace(-0.14, 0.14, len(runs))
            axes.plot(offsets, runs, "o", ms=5, color=style.colour(held), alpha=0.85)
            said.append(f"{depth.NAMES[start]}, {held}: {np.mean(runs):.0f} %")
        axes.set_xticks(range(3), ["never", "WR", "WRS"])
        axes.set_xlim(-0.5, 2.5)
        axes.set_ylim(0, 102)
        axes.tick_params(labelleft=True)
        title = depth.NAMES[start]
        head(axes, title[:1].upper() + title[1:], "test accuracy (%)", "")
    return show(
        figure,
        alt=f"Mean accuracies. {'; '.join(said)}.",
        caption="WR puts a bad start right, for it is a good start every step; WRS puts a good "
        "start wrong, for its length is 1.",
        ran=f"{record.label()}. {rescued.DEPTH} layers, learning rate {rescued.RATE:g}, "
        "rescaled after every step.",
        name="rescues",
    )
