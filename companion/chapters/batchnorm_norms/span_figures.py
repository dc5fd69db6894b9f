"""The figures of chapter 5's side page, each with alt text and a caption."""

from __future__ import annotations

import numpy as np

from companion.chapters.batchnorm_norms import inside, parts
from companion.chapters.batchnorm_norms.experiments import batches, period, resnet, windows
from companion.display import style
from companion.display.figures import canvas, log_axis, name_lines, show
from companion.display.forest import forest
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record
from companion.evidence.summaries import summary
from companion.experiments.arm import Arm

SHOWN = ("none", "wd", "wrs")
LAYER = 10
"""The layer of the ResNet whose norms and turns are drawn."""


def outside(record: Record) -> Shown:
    """What weights have outside the span of their inputs, and what it is worth; a record of
    `resnet.CIFAR`."""
    figure, (left, right) = canvas(columns=2, height=3.6)
    arms, said = resnet.CIFAR.arms, []
    start = 100 * inside.by_layer(record, "outside_share", 0).mean()
    layers = start.index[:-1]
    left.plot(layers, start[layers], color=style.INK, lw=1.1, dashes=style.THEORY_DASHES)
    ends = [(float(start[layers[-1]]), "start", style.INK)]
    found = 100 * inside.by_layer(record, "outside_share")
    for name in SHOWN:
        mine, family = found.loc[name, layers], arms[name].family
        left.plot(layers, mine, "o-", color=style.colour(family), lw=1.6, ms=4)
        ends.append((float(mine.iloc[-1]), arms[name].label, style.text_colour(family)))
        said.append(f"{arms[name].label}: outside share {mine.iloc[0]:.1f} % in layer 1, "
                    f"{mine.mean():.1f} % on average")  # fmt: skip
    left.set_ylim(bottom=0)
    head(left, "Outside the input span (%)", "share of the squared weights", "layer")
    name_lines(left, ends)
    places = np.arange(len(arms_of(record)))[::-1]
    for place, name in zip(places, arms_of(record), strict=True):
        for column, mark in zip(inside.TRIALS, ("o", "|", "x"), strict=True):
            values = inside.final(record, column)[name]
            right.plot(values, [place] * len(values), mark, ms=9 if mark == "|" else 6,
                       color=style.colour(arms[name].family), mfc="none", mew=1.6)  # fmt: skip
            said.append(f"{arms[name].label}, {column.replace('_', ' ')} {values.mean():.1f} %")
    right.set_yticks(places, [arms[name].label for name in arms_of(record)])
    right.set_ylim(-0.6, len(places) - 0.4)
    right.grid(True, axis="x")
    right.grid(False, axis="y")
    head(right, "Test accuracy (%)", "o as it is; | outside removed; × random removed",
         "better →")  # fmt: skip
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="What weights have outside the span of their inputs is not missed; as many "
        "directions drawn at random are.",
        ran=f"{record.label()}. Span: the directions that hold 99.9 % of the inputs' variance; "
        "accuracy with a batch's own statistics.",
        name="outside",
    )


def arms_of(record: Record) -> list[str]:
    """The arms that a record holds, in the order of its experiment."""
    return list(record.provenance["arms"])


def shapes(record: Record, small: Record) -> Shown:
    """The generalized-Gaussian shape of weights and of their projections, by layer and by epoch;
    records of `resnet.CIFAR` and `period.CIFAR`."""
    figure, panels = canvas(columns=3, height=3.6, text=1.1)
    arms, said = resnet.CIFAR.arms, []
    for axes, column, title in (
        (panels[0], "weight_shape", "β of the weights"),
        (panels[1], "span_shape", "β in the input span"),
    ):
        found, ends = inside.by_layer(record, column), []
        for name in SHOWN:
            mine, family = found.loc[name].iloc[:-1], arms[name].family
            axes.plot(mine.index, mine, "o-", color=style.colour(family), lw=1.4, ms=4)
            ends.append((float(mine.iloc[-1]), arms[name].label, style.text_colour(family)))
            said.append(f"{title}, {arms[name].label}: mean {mine.mean():.2f}")
        head(axes, title, "after training", "layer")
        name_lines(axes, ends)
    ends = []
    for column, dash, word in (("weight_shape", "dashed", "weights"), ("span_shape", "solid", "")):
        for name in ("wd", period.period_arm(20)):
            mine, arm = inside.by_epoch(small, column, name, 2), period.CIFAR.arms[name]
            panels[2].plot(mine.index, mine, marker="o", ms=4, lw=1.4, ls=style.linestyle(dash),
                           color=style.colour(arm.family))  # fmt: skip
            said.append(f"layer 2 of the small network, {arm.label}, {word or 'span'}: "
                        f"{mine.iloc[0]:.2f} to {mine.iloc[-1]:.2f}")  # fmt: skip
            if not word:
                ends.append((float(mine.iloc[-1]), arm.label, style.text_colour(arm.family)))
    head(panels[2], "β by epoch", "dashed: weights; solid: span", "epoch")
    name_lines(panels[2], ends)
    for axes in panels:
        axes.axhline(2, color=style.INK, lw=0.8, dashes=style.THEORY_DASHES)
        log_axis(axes.yaxis)
        axes.set_ylim(0.25, 5)
        axes.set_yticks((0.5, 1, 2, 4), ("0.5", "1", "2", "4"))
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="In the span of the inputs the weights' distribution has heavy tails, whatever "
        "holds the norm.",
        ran=f"{record.label()}; right: {small.label()}, layer 2. Line at 2: a normal distribution.",
        name="shapes",
    )


def rising(record: Record) -> Shown:
    """Norm and turn of a step over training, and the accuracy at the end, with decay and with the
    rate that stands for it; a record of `resnet.CIFAR`."""
    figure, panels = canvas(columns=3, height=3.6, text=1.1)
    arms, said = resnet.CIFAR.arms, []
    for axes, column, title in (
        (panels[0], "norm", "Norm of a unit"),
        (panels[1], "turn", "Turn of a step (rad)"),
    ):
        ends = []
        for name in arms_of(record):
            mine = parts.series(record, name, LAYER)[column].dropna()
            colour = style.colour(arms[name].family)
            axes.plot(mine.index, mine, color=colour, lw=1.8,
                      ls=style.linestyle(arms[name].dash))  # fmt: skip
            label = arms[name].label.partition(",")[0]
            ends.append((float(mine.iloc[-1]), label, style.text_colour(arms[name].family)))
            said.append(f"{title}, {arms[name].label}: {mine.iloc[0]:.2g} to {mine.iloc[-1]:.2g}")
        log_axis(axes.yaxis)
        head(axes, title, f"layer {LAYER}", "step")
        name_lines(axes, ends)
    _dots(panels[2], record, arms, "Test accuracy (%)", said)
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="Without decay but at a rate that rises by the formula, steps turn as under "
        "decay, from norms that go the other way.",
        ran=f"{record.label()}. Means over runs; right: single runs.",
        name="rising",
    )


def _dots(axes, record: Record, arms: dict[str, Arm], title: str, said: list[str]) -> None:
    places = np.arange(len(arms_of(record)))[::-1]
    values = inside.final(record)
    for place, name in zip(places, arms_of(record), strict=True):
        axes.plot(values[name], [place] * len(values[name]), "o", mew=1.4, mfc="none",
                  color=style.colour(arms[name].family))  # fmt: skip
        said.append(f"{arms[name].label}: {values[name].mean():.1f} %")
    axes.set_yticks(places, [arms[name].label.partition(",")[0] for name in arms_of(record)])
    axes.set_ylim(-0.6, len(places) - 0.4)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    head(axes, title, "", "better →")


def periods(record: Record) -> Shown:
    """Test accuracy against the turn of a step, for periods and for rates; a record of
    `period.CIFAR`."""
    figure, axes = canvas(height=3.4)
    arms, said = period.CIFAR.arms, []
    found = inside.turns(record, 2)
    places = {"wd": (0, 12), period.factor_arm(0.5): (0, -20), period.factor_arm(0.2): (0, -20)}
    for name, rows in found.groupby("arm", sort=False):
        arm, turn = arms[name], float(rows["turn"].mean())
        colour, mean = style.colour(arm.family), float(rows["accuracy"].mean())
        mark = {"wd": "o"}.get(name, "D" if name.startswith("rate") else "s")
        axes.plot(rows["turn"], rows["accuracy"], mark, color=colour, ms=5, mfc="none", alpha=0.7)
        axes.plot(turn, mean, mark, color=colour, ms=8)
        axes.annotate(
            arm.label.replace("WRS every 20, ", ""), (turn, mean), xytext=places.get(name, (0, 12)),
            textcoords="offset points", ha="center", color=style.text_colour(arm.family),
        )  # fmt: skip
        said.append(f"{arm.label}: turn {turn:.2g}, {mean:.1f} %")
    log_axis(axes.xaxis)
    axes.margins(x=0.15, y=0.25)
    head(axes, "Test accuracy (%)", "better ↑", "turn of a step before the rate falls (radians)")
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="A longer period of rescaling is a smaller step, and does what a smaller rate "
        "does.",
        ran=f"{record.label()}. Layer 2. Circle: decay; squares: periods; diamonds: every 20 at "
        "other rates; small: single runs.",
        name="periods",
    )


def when_and_how_many(record: Record, sizes: Record) -> Shown:
    """Rescaling in windows, and beside decay at three batch sizes; records of `windows.DIGITS` and
    `batches.DIGITS`."""
    figure, (left, right) = canvas(columns=2, height=3.6)
    pairs = [
        (windows.arm(when, falls), windows.arm("never", falls))
        for falls in (False, True)
        for when in windows.WINDOWS
    ]
    rows = inside.compared(record, pairs)
    for column in ("estimate", "low", "high"):
        rows[column] = rows[column].astype(float)
    rows["name"] = [name.replace(", ", ",\n") for name in rows["arm"]]
    rows["family"] = "wrs"
    forest(rows, left, "WRS over never", "points of test accuracy", "higher")
    said = [
        f"{row.arm}: {row.estimate:+.1f} ({row.low:+.1f} to {row.high:+.1f})"
        for row in rows.itertuples()
    ]
    values, ends = inside.final(sizes), []
    for kind in ("weak", "strong", "wrs", "wrs all"):
        arm = batches.DIGITS.arms[batches.arm(kind, batches.SIZES[0])]
        found = [summary(values[batches.arm(kind, size)]) for size in batches.SIZES]
        means = [one.mean for one in found]
        colour = style.colour(arm.family)
        right.plot(batches.SIZES, means, "o", color=colour, ms=5)
        right.plot(batches.SIZES, means, color=colour, lw=1.6, ls=style.linestyle(arm.dash))
        for size, one in zip(batches.SIZES, found, strict=True):
            right.plot([size] * 2, [one.low, one.high], color=colour, lw=1.2)
        label = arm.label.rpartition(", ")[0]
        ends.append((means[-1], label, style.text_colour(arm.family)))
        told = ", ".join(f"{mean:.1f}" for mean in means)
        said.append(f"{label} at batches of 8, 32, 128: {told} %")
    right.set_xscale("log", base=2)
    right.set_xticks(batches.SIZES, [str(size) for size in batches.SIZES])
    head(right, "Test accuracy (%)", "better ↑; bar: 95 % interval", "images in a batch")
    name_lines(right, ends)
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="When rescaling helps depends on the rate around it; at every batch size it is "
        "the weak decay that it beats.",
        ran=f"{record.label()}; {sizes.label()}.",
        name="windows-and-batches",
    )
