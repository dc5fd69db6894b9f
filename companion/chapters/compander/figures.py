"""Chapter 4's figures, each with alt text and a caption."""

from __future__ import annotations

import numpy as np

from companion.chapters.compander import differences, explorables
from companion.chapters.compander.experiments import batchnorm, mlp
from companion.display import style
from companion.display.figures import accuracy_curves, canvas, log_axis, name_lines, show
from companion.display.forest import forest
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record

TWINS = ("wc-100", "wc", "sigma-0.5", "sigma-1")
"""The arms whose twin is the plain network at (a/b)^2 times the rate, longest steps first."""


def only_a_rate(cifar: Record) -> Shown:
    """Paired differences in test accuracy, of a record of `mlp.CIFAR`: to the plain network at the
    same learning rate, and to the one at (a/b)^2 times that."""
    figure, panels = canvas(columns=2, height=2.7)
    arms, steps, said = mlp.CIFAR.arms, differences.step_factors(cifar), []
    for axes, baseline, shown, title in (
        (panels[0], "none", ("twin", *TWINS), "Over plain, same rate"),
        (panels[1], "twin", TWINS, "Over plain, 2.78 × rate"),
    ):
        rows = differences.compared(cifar, [(arm, baseline) for arm in shown])
        rows["name"] = [f"{arms[arm].label} ({steps[arm]:.2f})" for arm in rows["arm"]]
        rows["family"] = [arms[arm].family for arm in rows["arm"]]
        axes.axvspan(-differences.LIMIT, differences.LIMIT, color=style.RULE, alpha=0.6, lw=0)
        forest(rows, axes, title, "points of test accuracy", "higher")
        said += [
            f"{arms[row.arm].label} over {arms[baseline].label}: {row.estimate:+.2f} "
            f"({row.low:+.2f} to {row.high:+.2f}), step {steps[row.arm]:.2f}"
            for row in rows.itertuples()
        ]
    ends = [axes.get_xlim() for axes in panels]
    for axes in panels:
        axes.set_xlim(min(low for low, _ in ends), max(high for _, high in ends))
    return show(
        figure,
        alt=f"Paired differences in points. {'; '.join(said)}.",
        caption="What the compander gains over a plain network, a plain network gains too that "
        "learns as fast. The further weights reach into the curve, the shorter their steps, in "
        "brackets, and the more of the gain is lost.",
        ran=f"{cifar.label()}. In brackets: steps after training, in those of the plain network "
        "(mean over layers). Shaded: 0.3 points around none; line: 95 % interval.",
        name="only-a-rate",
    )


def under_batch_norm(digits: Record, cifar: Record) -> Shown:
    """Paired differences in test accuracy of networks with batch norm; records of
    `batchnorm.DIGITS` and `resnet.CIFAR`."""
    figure, panels = canvas(columns=2, height=2.4)
    arms, said = batchnorm.DIGITS.arms, []
    pairs = [("twin", "none"), ("wc", "none"), ("wc", "twin"), ("wd-5e-4", "none"),
             ("powerprop", "none")]  # fmt: skip
    for axes, record, title in (
        (panels[0], digits, "A small network, digits"), (panels[1], cifar, "ResNet-18, CIFAR-10"),
    ):  # fmt: skip
        rows = differences.compared(record, pairs)
        rows["name"] = [
            f"{arms[arm].label.split(', alpha')[0]} over {'twin' if base == 'twin' else 'plain'}"
            for arm, base in pairs
        ]
        rows["family"] = [arms[arm].family for arm in rows["arm"]]
        axes.axvspan(-differences.LIMIT, differences.LIMIT, color=style.RULE, alpha=0.6, lw=0)
        forest(rows, axes, title, "points of test accuracy", "higher")
        said += [
            f"{title}, {row['name']}: {row.estimate:+.2f} ({row.low:+.2f} to {row.high:+.2f})"
            for _, row in rows.iterrows()
        ]
    return show(
        figure,
        alt=f"Paired differences in points. {'; '.join(said)}.",
        caption="Under batch norm, too, the compander goes with its twin: left nothing is told "
        "apart, right both end below the plain network.",
        ran=f"Left: {digits.label()}. Right: {cifar.label()}. Shaded: 0.3 points around none; "
        "line: 95 % interval.",
        name="under-batch-norm",
    )


INPUTS = (1000, 70, 8, 2)
"""Inputs of a unit whose normal weights are drawn, in Kaiming's scheme for ReLU."""


def where_the_weights_are(cifar: Record) -> Shown:
    """The mean of cos^4(w/a): of normal weights, by formula and drawn, and in every layer of a
    network before and after training (`mlp.CIFAR`)."""
    figure, (left, right) = canvas(columns=2, height=3.0, sharey=True)
    size = np.geomspace(0.009, 2, 60)
    left.plot(size, [explorables.reach(s, 1.0) for s in size], color=style.INK, lw=1.1,
              dashes=style.THEORY_DASHES)  # fmt: skip
    drawn = np.random.default_rng(0).standard_normal(100_000)
    said = []
    for fan_in in INPUTS:
        std = np.sqrt(2 / fan_in)
        mean = float(np.mean(np.cos(std * drawn) ** 4))
        left.plot(std, mean, "o", color=style.colour("compander"))
        left.annotate(f"{fan_in:,} inputs", (std, mean), xytext=(-6, -4), ha="right",
                      va="top", textcoords="offset points", color=style.MUTED)  # fmt: skip
        said.append(f"{fan_in} inputs, σ {std:.2f}: {mean:.3f}")
    left.set_xlim(0.009, 2)
    log_axis(left.xaxis)
    left.set_xticks((0.01, 0.1, 1), ("0.01", "0.1", "1"))
    head(left, "Mean of cos⁴(w/a), normal weights", "dots: drawn, a = 1; dashed: formula", "σ/a")
    ends = []
    for arm in TWINS:
        label, dash = mlp.CIFAR.arms[arm].label, mlp.CIFAR.arms[arm].dash
        start, end = (
            differences.by_layer(cifar, "step_factor", epoch).loc[arm] / mlp.FACTOR
            for epoch in (0, None)
        )
        right.plot(end.index, end, marker="o", color=style.colour("compander"),
                   ls=style.linestyle(dash), lw=1.6)  # fmt: skip
        right.plot(start.index, start, "_", color=style.INK, ms=12)
        ends.append((end.iloc[-1], label, style.text_colour("compander")))
        said.append(f"{label}: {', '.join(f'{value:.3f}' for value in end)}")
    right.set_ylim(0, 1.05)
    right.set_xlim(0.9, len(end) + 0.1)
    right.set_xticks(end.index)
    right.tick_params(labelleft=True)
    head(right, "In a network, after training", "bar: before", "layer")
    name_lines(right, ends)
    return show(
        figure,
        alt=f"Drawn, then by layer after training. {'; '.join(said)}.",
        caption="Where a unit has seventy inputs or more the curve with a = 1 is nearly straight "
        "for its weights, and training does not change that.",
        ran=f"Left: 100,000 weights. Right: {cifar.label()}, means over runs.",
        name="where-the-weights-are",
    )


SHAPES = ("none", "twin", "wc", "sigma-0.5", "sigma-1")


def near_zero(digits: Record) -> Shown:
    """The share of weights near zero and the kurtosis of a hidden layer, before and after
    training (`mlp.DIGITS`)."""
    figure, panels = canvas(columns=2, height=2.4)
    arms, said, layer = mlp.DIGITS.arms, [], 2
    places = np.arange(len(SHAPES))[::-1]
    for axes, column, factor, title, note in (
        (panels[0], "weight_near_zero", 100, "Weights near zero (%)", "|w| below rms/10"),
        (panels[1], "weight_kurtosis", 1, "Kurtosis", "3: normal"),
    ):
        start, end = (differences.by_layer(digits, column, epoch)[layer] for epoch in (0, None))
        for place, arm in zip(places, SHAPES, strict=True):
            colour = style.colour(arms[arm].family)
            before, after = factor * start[arm], factor * end[arm]
            axes.plot([before, after], [place, place], color=colour, lw=2)
            axes.plot(before, place, "|", color=style.INK, ms=13, mew=1.4)
            axes.plot(after, place, "o", color=colour, ms=6)
            said.append(f"{title}, {arms[arm].label}: {before:.3g} to {after:.3g}")
        axes.set_yticks(places, [arms[arm].label for arm in SHAPES])
        axes.set_ylim(-0.6, len(SHAPES) - 0.4)
        axes.margins(x=0.08)
        axes.grid(True, axis="x")
        axes.grid(False, axis="y")
        head(axes, title, f"{note}; bar: before, dot: after")
    return show(
        figure,
        alt=f"Layer {layer}. {'; '.join(said)}.",
        caption="A curve does thin out the weights near zero, as soon as they reach into it; at "
        "a = 1 it hardly does.",
        ran=f"{digits.label()}. Layer {layer}, means over runs.",
        name="near-zero",
    )


def adaptive(record: Record) -> Shown:
    """Training loss under AdamW, with and without the slope-aware step (`mlp.ADAPTIVE`)."""
    figure, axes = canvas(height=2.9)
    axes.set_ylim(1.5e-4, 4)
    log_axis(axes.yaxis)
    accuracy_curves(record.epochs, axes, mlp.ADAPTIVE.arms, "train_loss", "interval")
    said = [
        f"{mlp.ADAPTIVE.arms[arm].label}: {differences.loss_ratio(record, arm, 'none'):.2f}"
        for arm in mlp.ADAPTIVE.arms
        if arm != "none"
    ]
    return show(
        figure,
        alt=f"Training loss at the end, as a multiple of the plain network's. {'; '.join(said)}.",
        caption="Adam undoes one of the curve's two slopes; the slope-aware step brings it back. "
        "Either way a plain network at another rate does the same.",
        ran=f"{record.label()}. Band: 95 % interval.",
        name="adaptive",
    )
