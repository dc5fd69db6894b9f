"""Chapter 5's figures of norms on their way: behind a level that moves, and channel by channel."""

from __future__ import annotations

import numpy as np

from companion.chapters.batchnorm_norms import channels as live
from companion.chapters.batchnorm_norms import parts
from companion.chapters.batchnorm_norms.experiments import convnet
from companion.display import style
from companion.display.figures import canvas, log_axis, name_lines, show
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record

LAYER = 3
"""Whose norms are drawn behind their level."""


def trailing(record: Record) -> Shown:
    """A norm and the level of the moment, at two learning rates of the kernels; a record of
    `experiments.convnet.SGD`."""
    figure, panels = canvas(columns=2, height=2.6, sharey=True)
    drop, said = parts.constant_steps(record), []
    for axes, arm in zip(panels, ("wd-5e-4", "wd-5e-4, rate x 10"), strict=True):
        found, name = parts.behind(record, arm, LAYER), convnet.SGD.arms[arm].label
        axes.plot(found.index, found["norm"], color=style.colour("wd"), lw=2)
        for part in (found.loc[:drop], found.loc[drop + 1 :]):
            axes.plot(part.index, part["level"], color=style.INK, lw=1.1, dashes=(4, 3))
        axes.axvline(drop, color=style.MUTED, lw=0.8)
        axes.set_xlim(0, found.index.max())
        axes.set_ylim(1.5, 4)
        log_axis(axes.yaxis)
        axes.tick_params(labelleft=True)
        head(axes, f"Norm under {name}", "vertical line: a tenth of the learning rate", "step")
        last = found.iloc[-1]
        name_lines(axes, [(last["norm"], "norm", style.text_colour("wd")),
                          (last["level"], "level", style.INK)])  # fmt: skip
        for where, rows in (("before", found.loc[:drop]), ("after", found.loc[drop + 1 :])):
            end = rows.iloc[-1]
            said.append(f"{name}, {where} the fall: norm {end['norm']:.2f}, level "
                        f"{end['level']:.2f}")  # fmt: skip
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="The level moves and the norm trails behind it, the further the slower the two "
        "rates make it; when the learning rate falls, the level falls at once.",
        ran=f"{record.label()}; layer {LAYER}. Dashed: the norm at which steps as they are at the "
        "moment would add what decay takes.",
        name="trailing",
    )


def channels() -> Shown:
    """The norms of a convolution's channels under three holds, and under decay each channel's
    measured against its own predicted one; trained here."""
    figure, (free, decayed, own) = canvas(columns=3, height=3.1, text=1.1)
    said = []
    for axes, hold, named in (
        (free, "none", "nothing"),
        (free, "wrs", f"WRS every {live.TAU} steps"),
        (decayed, "wd", f"decay {live.WEIGHT_DECAY:g}"),
    ):
        norm = live.held(hold).norm[::6]
        at = np.arange(len(norm)) * 6 / live.epoch_steps()
        axes.plot(at, norm, color=style.colour(hold), lw=0.9, alpha=0.75)
        axes.set_ylim(0.3, 4.4)
        axes.set_xlim(0, at[-1])
        axes.set_xticks((0, 5, 10))
        log_axis(axes.yaxis)
        said.append(f"{named}: largest over smallest norm {norm[0].max() / norm[0].min():.1f} at "
                    f"first, {norm[-1].max() / norm[-1].min():.1f} at the end")  # fmt: skip
    free.annotate("nothing", (7, 3.15), ha="center", va="bottom", color=style.text_colour("none"))
    free.annotate("WRS", (7, 0.93), ha="center", va="top", color=style.text_colour("wrs"))
    head(free, "Free, and held", "norm of each channel", "epoch")
    head(decayed, f"Decay {live.WEIGHT_DECAY:g}", "norm of each channel", "epoch")
    path = live.held("wd")
    wanted, reached = path.predicted(), path.settled()
    low, high = (end([*wanted, *reached]) for end in (min, max))
    ends = 0.9 * low, 1.1 * high
    own.plot(ends, ends, color=style.INK, lw=1.1, dashes=(4, 3))
    own.plot(wanted, reached, "o", color=style.colour("wd"), ms=4.5)
    own.set_xlim(*ends)
    own.set_ylim(*ends)
    own.locator_params(nbins=4)
    head(own, "Where each settles", "dashed: as predicted", "from its own gradient")
    said.append(f"predicted {wanted.min():.2f} to {wanted.max():.2f}, measured "
                f"{reached.min():.2f} to {reached.max():.2f}")  # fmt: skip
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="Under decay each channel forgets where it started and finds a norm of its own; "
        "left alone they stay apart, and WRS holds them at 1.",
        ran=f"Second of three convolutions, {len(wanted)} channels, one run each on the digits, "
        f"trained here: plain SGD, learning rate {live.LEARNING_RATE:g}, batches of {live.BATCH}.",
        name="channels",
    )
