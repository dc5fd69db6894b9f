"""What is left of decay and rescaling at their learning rates, drawn: each figure with alt text and
a caption."""

from __future__ import annotations

import numpy as np

from companion.chapters.batchnorm_norms import bounded as tracks
from companion.chapters.batchnorm_norms import inside, matches
from companion.chapters.batchnorm_norms.experiments import gains, matched
from companion.display import style
from companion.display.figures import canvas, log_axis, name_lines, show
from companion.display.intervals import intervals
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record
from companion.evidence.summaries import summary

LAYER = 2
"""The layer whose turns are drawn."""
KINDS = (
    "none", "wd", "follows wd", "wrs", "follows wrs",
    *(f"rate x {factor}" for factor in matched.FACTORS),
)  # fmt: skip
TITLES = {"sgd": "SGD, momentum", "adamw": "AdamW"}
OPTIMIZERS = {"sgdm": "SGD", "adamw": "AdamW"}


def followed(record: Record) -> Shown:
    """L's figure 1: the turn of a step under decay, rescaling and the rates that follow them, and
    the accuracies they lead to; a record of `matched.DIGITS`."""
    figure, panels = canvas(columns=3, height=3.9, text=1.1)
    said: list[str] = []
    _turns(panels[0], record, "adamw", said)
    for axes, optimizer in zip(panels[1:], TITLES, strict=True):
        _accuracies(axes, record, optimizer, said)
    panels[2].set_yticklabels([])
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="At the rate of decay, or of WRS, a network without either does what they do; a "
        "larger rate throughout does not.",
        ran=f"{record.label()}. Left: AdamW, layer {LAYER}, rms over units and runs; right: mean "
        "with its 95 % interval, and single runs. Dashed: no decay nor rescaling of weights, at "
        "the rate that follows one.",
        name="followed",
    )


def _turns(axes, record: Record, optimizer: str, said: list[str]) -> None:
    ends = []
    for kind in KINDS[:5]:
        arm = matched.DIGITS.arms[matched.arm(kind, optimizer)]
        mine = tracks.series(record, matched.arm(kind, optimizer), LAYER)["turn"]
        axes.plot(mine.index, mine, color=style.colour(arm.family), lw=1.7,
                  ls=style.linestyle(arm.dash))  # fmt: skip
        if not kind.startswith("follows"):
            ends.append((float(mine.iloc[-1]), arm.label, style.text_colour(arm.family)))
        said.append(f"turn, {arm.label}: {mine.iloc[0]:.2g} to {mine.iloc[-1]:.2g}")
    log_axis(axes.yaxis)
    head(axes, "Turn of a step (rad)", TITLES[optimizer], "step")
    name_lines(axes, ends)


def _accuracies(axes, record: Record, optimizer: str, said: list[str]) -> None:
    values, names = inside.final(record), []
    for place, kind in zip(range(len(KINDS))[::-1], KINDS, strict=True):
        arm = matched.DIGITS.arms[matched.arm(kind, optimizer)]
        mine = values[matched.arm(kind, optimizer)]
        colour, found = style.colour(arm.family), summary(mine)
        axes.plot(mine, [place] * len(mine), "o", ms=3.5, mfc="none", mew=0.9, color=colour,
                  alpha=0.45)  # fmt: skip
        axes.plot([found.low, found.high], [place] * 2, lw=2.2, color=colour)
        axes.plot(found.mean, place, "D" if "follows" in kind else "o", ms=6, color=colour)
        names.append(arm.label)
        said.append(f"{TITLES[optimizer]}, {arm.label}: {found.mean:.1f} %")
    axes.set_yticks(range(len(KINDS))[::-1], names)
    axes.margins(x=0.06)
    axes.set_ylim(-0.6, len(KINDS) - 0.4)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.locator_params(axis="x", nbins=5)
    head(axes, TITLES[optimizer], "test accuracy (%)", "better →")


def decays(record: Record) -> Shown:
    """L's figure S3b: test accuracy against the decay of weights and gains, and of gains under WRS;
    a record of `gains.DIGITS`."""
    figure, axes = canvas(width=4.8, height=3.4)  # the names stand beside it
    values, ends, said = inside.final(record), [], []
    at = [gains.DECAYS[0] / 4, *gains.DECAYS]  # none at all stands left of the smallest
    named = ["0", *(f"{decay:g}" for decay in gains.DECAYS)]
    for kind, (_, _, label, dash) in gains.KINDS.items():
        family = "wd" if kind == "wd" else "wrs"
        found = [summary(values[gains.arm(kind, decay)]) for decay in (0, *gains.DECAYS)]
        means = intervals(axes, at, found, family, dash)
        ends.append((means[-1], label, style.text_colour(family)))
        told = ", ".join(f"{mean:.1f}" for mean in means)
        said.append(f"{label} at decays of {', '.join(named)}: {told} %")
    log_axis(axes.xaxis)
    axes.set_xticks(at, named)
    axes.set_xlim(at[0] / 1.3, at[-1] * 1.3)
    head(axes, "Test accuracy (%)", "better ↑; bar: 95 % interval", "decay of AdamW")
    name_lines(axes, ends)
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="Decay of the weights changes most; under WRS decay of the gains alone gains too, "
        "and only where it is strong.",
        ran=record.label(),
        name="decayed-gains",
    )


NAMED = {"vgg16": "VGG-16", "resnet18": "ResNet-18", "wideresnet28-10": "WRN-28"}


def small_table(record: Record) -> Shown:
    """WRS less decay in three networks with two optimizers, ours and those of L's Table 1; a record
    of `networks.DIGITS`."""
    rows, said = matches.small_table(record), []
    figure, axes = canvas(width=6.4, height=3.4)
    places, colour = np.arange(len(rows))[::-1], style.colour("wrs")
    axes.axvline(0, color=style.INK, lw=0.8, dashes=style.THEORY_DASHES)
    for place, row in zip(places, rows.itertuples(), strict=True):
        axes.plot([row.low, row.high], [place] * 2, color=colour, lw=1.8)
        axes.plot(row.ours, place, "o", color=colour, ms=6)
        for value, mark in ((row.C10, "^"), (row.C100, "s")):
            axes.plot(value, place + 0.26, mark, color=style.INK, mfc="none", ms=5.5)
        said.append(
            f"{row.cell}: ours {row.ours:+.1f} ({row.low:+.1f} to {row.high:+.1f}), the paper's "
            f"{row.C10:+.2f} and {row.C100:+.2f}"
        )
    names = [one.split() for one in rows["cell"]]
    axes.set_yticks(places, [f"{NAMED[network]}, {OPTIMIZERS[kind]}" for network, kind in names])
    axes.set_ylim(-0.6, len(rows) - 0.3)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    head(axes, "WRS minus decay", "points of test accuracy", "WRS better →")
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="With AdamW, whose decay does next to nothing, WRS is ahead in every network, "
        "here as in the paper; with SGD neither is.",
        ran=f"{record.label()}; line: 95 % interval of the paired difference. Open marks: the "
        "paper's Table 1, CIFAR-10 (triangle) and CIFAR-100 (square), full networks, 200 epochs.",
        name="small-table",
    )
