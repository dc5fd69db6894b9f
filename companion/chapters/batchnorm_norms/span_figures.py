"""The figures of chapter 5's side page, each with alt text and a caption."""

from __future__ import annotations

import numpy as np

from companion.chapters.batchnorm_norms import inside
from companion.chapters.batchnorm_norms.experiments import batches, period, small, windows
from companion.display import style
from companion.display.figures import canvas, log_axis, name_lines, show
from companion.display.forest import forest
from companion.display.intervals import intervals
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record
from companion.evidence.summaries import summary

SHOWN = ("none", "wd", "rate", "wrs")
LAYER = 2
"""The layer whose shapes, norms and turns are drawn."""


def outside(record: Record) -> Shown:
    """What weights have outside the span of their inputs, and what it is worth; a record of
    `small.DIGITS` or of `resnet.CIFAR`."""
    figure, (left, right) = canvas(columns=2, height=3.6)
    arms, said = small.DIGITS.arms, []
    start = 100 * inside.by_layer(record, "outside_share", 0).mean()
    layers = start.index[:-1]
    left.plot(layers, start[layers], color=style.INK, lw=1.1, dashes=style.THEORY_DASHES)
    ends = [(float(start[layers[-1]]), "start", style.INK)]
    found = 100 * inside.by_layer(record, "outside_share")
    for name in SHOWN:
        mine, family = found.loc[name, layers], arms[name].family
        left.plot(layers, mine, marker="o", color=style.colour(family), lw=1.6, ms=4,
                  ls=style.linestyle(arms[name].dash))  # fmt: skip
        ends.append((float(mine.iloc[-1]), arms[name].label, style.text_colour(family)))
        told = ", ".join(f"{value:.1f}" for value in mine)
        said.append(f"{arms[name].label}: outside share by layer {told} %")
    left.set_ylim(bottom=0)
    left.set_xticks(layers[:: -(-len(layers) // 10)])
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
    right.margins(x=0.06)
    right.set_ylim(-0.6, len(places) - 0.4)
    right.grid(True, axis="x")
    right.grid(False, axis="y")
    head(right, "Test accuracy (%)", "o whole; | outside removed; × random",
         "better →")  # fmt: skip
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="What weights have outside the span of their inputs is not missed; as many "
        "directions drawn at random are.",
        ran=f"{record.label()}. Span: the directions that hold 99.9 % of the inputs' variance; "
        "accuracy with a batch's own statistics.",
        name=f"outside-{record.provenance['experiment']}",
    )


def arms_of(record: Record) -> list[str]:
    """The arms that a record holds, in the order of its experiment."""
    return list(record.provenance["arms"])


def shapes(record: Record) -> Shown:
    """The generalized-Gaussian shape of a layer's weights and of their projections, by epoch; a
    record of `small.DIGITS`."""
    figure, panels = canvas(columns=2, height=3.4, sharey=True)
    arms, said = small.DIGITS.arms, []
    for axes, column, title in (
        (panels[0], "weight_shape", "β of the weights"),
        (panels[1], "span_shape", "β in the input span"),
    ):
        ends = []
        for name in SHOWN:
            mine = inside.by_epoch(record, column, name, LAYER)
            error = 1.96 * inside.by_epoch(record, f"{column}_error", name, LAYER).iloc[-1]
            family, end = arms[name].family, float(mine.iloc[-1])
            axes.plot(mine.index, mine, color=style.colour(family), lw=1.8,
                      ls=style.linestyle(arms[name].dash))  # fmt: skip
            axes.plot([mine.index[-1]] * 2, [end - error, end + error], lw=3, alpha=0.5,
                      color=style.colour(family))  # fmt: skip
            ends.append((end, arms[name].label, style.text_colour(family)))
            said.append(f"{title}, {arms[name].label}: {mine.iloc[0]:.2f} to {end:.2f} "
                        f"(± {error:.2f} in a run)")  # fmt: skip
        axes.axhline(2, color=style.INK, lw=0.8, dashes=style.THEORY_DASHES)
        axes.set_ylim(0, 2.6)
        axes.tick_params(labelleft=True)
        head(axes, title, f"layer {LAYER}; dashed: normal", "epoch")
        name_lines(axes, ends)
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="In the span of the inputs the distribution of the weights grows heavy tails; the "
        "rising rate, without decay, grows them as decay does.",
        ran=f"{record.label()}. Means over runs; bar: 95 % interval of one run's value.",
        name="shapes",
    )


def periods(record: Record) -> Shown:
    """Test accuracy against the turn of a step, for periods and for rates; a record of
    `period.DIGITS`."""
    figure, axes = canvas(height=3.4)
    arms, said = period.DIGITS.arms, []
    found = inside.turns(record, LAYER)
    places = {
        "none": (0, 13, "center"),
        period.period_arm(20): (-11, -4, "right"),
        period.period_arm(180): (11, -4, "left"),
        period.period_arm(540): (11, -4, "left"),
        period.factor_arm(0.3): (-11, -4, "right"),
        period.factor_arm(0.1): (-11, -4, "right"),
    }
    for name, rows in found.groupby("arm", sort=False):
        arm, turn = arms[name], float(rows["turn"].mean())
        colour, mean = style.colour(arm.family), float(rows["accuracy"].mean())
        mark = "o" if name == "none" else "D" if name.startswith("rate") else "s"
        axes.plot(rows["turn"], rows["accuracy"], mark, color=colour, ms=5, mfc="none", alpha=0.7)
        axes.plot(turn, mean, mark, color=colour, ms=8)
        x, y, align = places[name]
        axes.annotate(
            arm.label, (turn, mean), xytext=(x, y), textcoords="offset points", ha=align,
            color=style.text_colour(arm.family),
        )  # fmt: skip
        said.append(f"{arm.label}: turn {turn:.2g}, {mean:.1f} %")
    log_axis(axes.xaxis)
    axes.margins(x=0.22, y=0.1)
    head(axes, "Test accuracy (%)", "better ↑", "turn of a step before the rate falls (radians)")
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="A longer period of rescaling is a shorter step, and does what a smaller rate "
        "does; every 540 acts once, as the rate falls, and loses.",
        ran=f"{record.label()}. Layer {LAYER}. Squares: WRS with a period; diamonds: every 20 at "
        "another rate; circle: never; small: single runs.",
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
        means = intervals(right, batches.SIZES, found, arm.family, arm.dash)
        label = arm.label.rpartition(", ")[0]
        ends.append((means[-1], label, style.text_colour(arm.family)))
        told = ", ".join(f"{mean:.1f}" for mean in means)
        said.append(f"{label} at batches of 8, 32, 128: {told} %")
    right.set_xscale("log", base=2)
    right.set_xlim(6, 170)
    right.set_xticks(batches.SIZES, [str(size) for size in batches.SIZES])
    head(right, "Test accuracy (%)", "better ↑; bar: 95 % interval", "images in a batch")
    name_lines(right, ends)
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="When rescaling helps depends on the rate around it; with the output layer it "
        "helps at every batch size, without it hardly.",
        ran=f"{record.label()}; {sizes.label()}.",
        name="windows-and-batches",
    )
