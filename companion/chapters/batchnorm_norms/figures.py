"""Chapter 5's figures, each with alt text and a caption."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from companion.chapters.batchnorm_norms import by_hand, parts
from companion.chapters.batchnorm_norms.experiments import adamw, convnet
from companion.display import style
from companion.display.figures import canvas, log_axis, name_lines, show
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record
from companion.evidence.summaries import summary
from companion.experiments.arm import Arm

SIZES = (1.0, 0.3, 0.1, 0.03, 0.01)
"""Factors of the first layer's weights."""
RATES = (0.4, 0.2, 0.1, 0.05)
MARKS = {"wd": "o", "wrs": "s", "none": "D"}
NAMED = {
    "batchnorm-adamw-decay": {
        "none": (-8, -4, "right"),
        "wd-5": (-8, 8, "right"),
        "wd-15": (9, -4, "left"),
        "wrs": (0, -36, "center"),
        "wrs, rate x 10": (0, 33, "center"),
        "wrs, all layers": (0, 17, "center"),
    },
    "batchnorm-norms": {
        "none": (0, 12, "center"),
        "wd-5e-4": (-9, -10, "right"),
        "wd-5e-4, rate x 10": (-9, -4, "right"),
        "wrs": (9, -4, "left"),
        "wrs, matched": (9, -16, "left"),
        "wd-1e-3, no momentum": (8, 12, "left"),
    },
}
"""Dots that are named, by experiment and arm: where the name stands, in points from the dot."""


def orthogonal() -> Shown:
    """How orthogonal gradient and weights are, and how fast a norm grows in equal flow time."""
    figure, (left, right) = canvas(columns=2, height=2.5)
    said = []
    norm = np.array(SIZES) * np.sqrt(2)
    for eps, name, family, above in (
        (1e-5, "eps 1e-5, torch's default", "wd", 16),
        (by_hand.TINY, "eps almost 0", "batch_norm", 12),
    ):
        worst = [float(by_hand.cosines(eps, size).abs().max()) for size in SIZES]
        left.plot(norm, worst, "o-", color=style.colour(family), lw=1.6)
        left.annotate(
            name, (norm[1], worst[1]), xytext=(0, above), textcoords="offset points",
            ha="center", color=style.text_colour(family),
        )  # fmt: skip
        said.append(f"{name}: {worst[0]:.0e} at norm {norm[0]:.2g}, {worst[-1]:.0e} at "
                    f"{norm[-1]:.2g}")  # fmt: skip
    left.set_ylim(1e-18, 1e1)
    left.set_xlim(0.008, 2)
    log_axis(left.xaxis)
    left.set_xticks((0.01, 0.1, 1))
    log_axis(left.yaxis)
    head(
        left, "Cosine of gradient and weights", "largest of a layer's units", "norm of the weights"
    )
    grown = [100 * by_hand.flow_growth(rate) for rate in RATES]
    right.plot(RATES, grown, "o", color=style.colour("batch_norm"), ms=6)
    line = np.array([0, RATES[0]])
    right.plot(line, grown[-1] / RATES[-1] * line, color=style.INK, lw=1.1, dashes=(4, 3))
    right.set_xlim(0, 0.43)
    right.set_ylim(0, 1.15 * max(grown))
    head(right, "Growth of |w|² (%)", "rate × steps = 8; dashed: proportional", "learning rate")
    said += [
        f"learning rate {r:g}: |w|² grows {g:.2g} %" for r, g in zip(RATES, grown, strict=True)
    ]
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="The gradient is orthogonal to the weights, up to what eps leaves; a norm grows "
        "only because steps are not infinitely small.",
        ran="An untrained network with batch norm on the digits, 64 images a batch, float64.",
        name="orthogonal",
    )


GAPS = ("wd-5e-4", "wd-5e-4, rate x 10", "wd-1e-3, no momentum")


def gaps(record: Record) -> Shown:
    """Where norms settle, in parts of the prediction: with units that differ, with gradients that
    remember too, and as measured; a record of `experiments.convnet.SGD`."""
    figure, panels = canvas(columns=3, height=2.2, sharey=True, text=1.1)
    said, colour = [], style.colour("wd")
    for axes, arm in zip(panels, GAPS, strict=True):
        for layer in (1, 2, 3):
            found = parts.gap(record, arm, layer)
            ends = found.units, found.units * found.memory, found.measured / found.predicted
            axes.plot((1, min(ends)), (layer, layer), color=colour, lw=1.6)
            for place, mark, size, face in zip(ends, "|oo", (13, 10, 5), ("none", "none", colour),
                                               strict=True):  # fmt: skip
                axes.plot(place, layer, mark, color=colour, ms=size, mfc=face, mew=1.6)
            said.append(
                f"{convnet.SGD.arms[arm].label}, layer {layer}: predicted {found.predicted:.2f}, "
                f"measured {found.measured:.2f}, explained {found.explained:.2f}"
            )
        axes.axvline(1, color=style.INK, lw=1.1, dashes=(4, 3))
        axes.set_xlim(0.6, 1.03)
        axes.set_xticks((0.6, 0.8, 1.0))
        axes.set_ylim(3.6, 0.4)
        axes.set_yticks((1, 2, 3), [f"layer {layer}" for layer in (1, 2, 3)])
        axes.tick_params(labelleft=True)
        axes.grid(False)
        head(axes, convnet.SGD.arms[arm].label.replace(", ", ",\n"), "", "norm / predicted")
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="A real norm (dot) settles below its prediction (dashed): units differ in their "
        "gradients (bar), and with momentum gradients undo part of each other (ring).",
        ran=f"{record.label()}; last quarter of the steps at the first learning rate.",
        name="gaps",
    )


def turns(digits: Record, cifar: Record) -> Shown:
    """Test accuracy against the turn of a step; records of `adamw.DIGITS` and `convnet.SGD`."""
    figure, panels = canvas(columns=2, height=3.1)
    said = []
    for axes, record, experiment, title in (
        (panels[0], digits, adamw.DIGITS, "Digits, AdamW"),
        (panels[1], cifar, convnet.SGD, "CIFAR-10, SGD"),
    ):
        found = parts.ends(record)
        for name, rows in found.groupby("arm", sort=False):
            told = _dot(axes, experiment.arms, name, rows, NAMED[experiment.name].get(name))
            said.append(f"{title}, {told}")
        log_axis(axes.xaxis)
        head(axes, f"{title}: test accuracy (%)", "better ↑; line: 95 % interval",
             "lasting turn (radians)")  # fmt: skip
    for axes in panels:
        axes.margins(y=0.12)
        axes.set_xlim(7e-3, 0.6)
        axes.set_xticks((0.01, 0.05, 0.2), ("0.01", "0.05", "0.2"))
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="Decay and rescaling lie on one curve once the turn of their steps is the axis; "
        "holding the output layer too (open square) is another matter.",
        ran=f"{digits.label()}; {cifar.label()}. First layer, last quarter at the first learning "
        "rate. Diamond: nothing holds the norm; circles: decay; squares: WRS.",
        name="turns",
    )


def _dot(axes, arms: Mapping[str, Arm], name: str, rows, place: tuple | None) -> str:
    arm, turn = arms[name], float(rows["lasting"].mean())
    found = summary(100 * rows["accuracy"])
    colour = style.colour(arm.family)
    axes.plot([turn] * 2, [found.low, found.high], color=colour, lw=1.6)
    full = arm.settings.rescale == "none" or arm.settings.rescale_layers == "not_output"
    axes.plot(turn, found.mean, MARKS[arm.family], color=colour, ms=7,
              mfc=colour if full else "none", mew=1.6)  # fmt: skip
    if place:
        axes.annotate(
            arm.label, (turn, found.mean), xytext=place[:2], textcoords="offset points",
            ha=place[2], color=style.text_colour(arm.family), annotation_clip=False,
        )  # fmt: skip
    return f"{arm.label}: turn {turn:.2g}, {found.mean:.1f} %"


def late_gradients(record: Record) -> Shown:
    """Norm and gradient over training with and without decay, through a fall of the learning
    rate; a record of `experiments.convnet.SGD`."""
    figure, panels = canvas(columns=2, height=2.4)
    said = []
    for axes, column, title in (
        (panels[0], "norm", "Norm of a unit's weights"),
        (panels[1], "gradient", "Norm of its gradient"),
    ):
        ends = []
        for name in ("none", "wd-5e-4", "wrs"):
            arm, found = convnet.SGD.arms[name], parts.series(record, name, 2)
            found["gradient"] = np.sqrt(found["gradient_square"])
            smooth = found[column].rolling(5, center=True, min_periods=1).mean()
            axes.plot(smooth.index, smooth, color=style.colour(arm.family), lw=1.6,
                      ls=style.linestyle(arm.dash))  # fmt: skip
            ends.append((float(smooth.iloc[-1]), arm.label, style.text_colour(arm.family)))
            said.append(f"{title}, {arm.label}: {smooth.iloc[2]:.2g} to {smooth.iloc[-1]:.2g}")
        axes.axvline(parts.constant_steps(record), color=style.MUTED, lw=0.8)
        log_axis(axes.yaxis)
        axes.set_xlim(0, found.index.max())
        head(axes, title, "vertical line: a tenth of the learning rate", "step")
        name_lines(axes, ends)
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="Decay that makes weights small makes their gradients large: a late rise of a "
        "gradient's norm may say nothing about the loss.",
        ran=f"{record.label()}; layer 2, means over runs and five measurements.",
        name="late-gradients",
    )
