"""Chapter 0's figures, each with alt text and a caption."""

from __future__ import annotations

import numpy as np
from pandas.io.formats.style import Styler

from companion.chapters.toolbox import masks, nothing_differs, penalties, remedies, stopping
from companion.chapters.toolbox.experiments import features
from companion.chapters.toolbox.experiments import remedies as remedies_plan
from companion.chapters.toolbox.experiments import stopping as stopping_plan
from companion.display import style
from companion.display.figures import canvas, log_axis, name_lines, show
from companion.display.intervals import intervals
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record

FAMILY = {"loss": "wr", "accuracy": "wd"}
LOOK = {
    "l2": ("wd", "o", 10), "sgdw": ("wd", "s", 6), "adam": ("wd", "^", 3),
    "adamw": ("wd", "D", 5), "l1": ("weight_norm", "v", 5.5),
}  # fmt: skip
"""Colour, mark and size; the marks of three ways that agree lie inside one another."""


def overfitting(record: Record) -> Shown:
    """Training and test loss of the plain network, and what is between them with each remedy."""
    figure, (left, right) = canvas(columns=2, height=3.6)
    arms = remedies_plan.EXPERIMENT.arms
    rows = record.epochs[record.epochs["epoch"] > 0]
    none, ends = rows[rows["arm"] == "none"], []
    left.set_ylim(0.02, 0.5)
    for quantity, name, dash in (("test_loss", "test", "-"), ("train_loss", "training", "--")):
        mean = none.groupby("epoch")[quantity].mean()
        for _, run in none.groupby("run"):
            left.plot(run["epoch"], run[quantity], color=style.colour("none"), lw=0.6, alpha=0.35,
                      ls=dash)  # fmt: skip
        left.plot(mean.index, mean, color=style.colour("none"), lw=2, ls=dash)
        ends.append((mean.iloc[-1], name, style.text_colour("none")))
    log_axis(left.yaxis)
    head(left, "Loss without a remedy", "thin: single runs", "epoch")
    name_lines(left, ends)
    gaps = remedies.gaps(record)
    places = np.arange(len(gaps))[::-1]
    for place, (name, gap) in zip(places, gaps.items(), strict=True):
        intervals(right, [place], [gap], arms[name].family, rows=True)
    right.set_yticks(places, [arms[name].label for name in gaps])
    right.set_ylim(-0.6, len(gaps) - 0.4)
    right.set_xlim(-0.01, 1.05 * max(gap.high for gap in gaps.values()))
    right.axvline(0, color=style.INK, lw=0.8, dashes=(4, 3))
    head(right, "Test loss − training loss", "line: 95 % interval", "after the last epoch")
    said = "; ".join(f"{arms[name].label} {gap.mean:.3f}" for name, gap in gaps.items())
    return show(
        figure,
        alt=f"Test loss minus training loss after the last epoch: {said}.",
        caption="The training loss goes on falling after the test loss has stopped; what lies "
        "between them is the generalization error.",
        ran=f"{record.label()}.",
        name="overfitting",
    )


def shrunk() -> Shown:
    """Where five ways of pulling leave weights whose losses are flat or steep."""
    figure, axes = canvas(height=3.5)
    fine, said = np.geomspace(0.01, 10, 200), []
    for way, label in penalties.WAYS.items():
        family, mark, size = LOOK[way]
        found = penalties.settled(way).mean(axis=0)
        axes.plot(fine, penalties.expected(way, fine), color=style.INK, lw=1.1, dashes=(4, 3))
        face = "none" if way in ("l2", "sgdw") else style.colour(family)
        axes.plot(penalties.CURVATURES, found, mark, color=style.colour(family), ms=size,
                  markerfacecolor=face)  # fmt: skip
        said.append(f"{label}: {found[0]:.2f} where flat, {found[-1]:.2f} where steep")
    axes.set_xlim(0.008, 14)
    axes.set_ylim(-0.04, 1.04)
    log_axis(axes.xaxis)
    axes.annotate("L2: SGD and Adam,\ndecoupled: SGD", (0.0105, 0.56), color=style.INK, size=10)
    axes.annotate("AdamW", (0.02, 0.955), xytext=(0, -16), textcoords="offset points",
                  color=style.text_colour("wd"), size=10)  # fmt: skip
    axes.annotate("L1", (0.13, 0.16), xytext=(7, -8), textcoords="offset points",
                  color=style.text_colour("weight_norm"), size=10)  # fmt: skip
    head(axes, "What is left of a weight whose loss wants 1", "marks: torch's optimizers; dashed: "
         "theory", "curvature of its loss")  # fmt: skip
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="L2 takes most from weights that the loss hardly needs, L1 takes those to zero, "
        "and AdamW takes the same share from all.",
        ran=f"{penalties.COPIES} copies of {len(penalties.CURVATURES)} weights, strength "
        f"{penalties.STRENGTH:g}, {penalties.STEPS:,} steps with noisy gradients. Circles: "
        "L2, SGD; squares: decoupled, SGD; triangles: L2, Adam.",
        name="shrunk",
    )


def means_kept() -> Shown:
    """The mean of a signal in test over that in training, behind one to three dropout layers."""
    figure, panels = canvas(columns=2, height=3.6, sharey=True)
    layers, said = np.arange(1, masks.LAYERS + 1), []
    looks = {
        "inverted": ("wr", "o", -0.06),
        "standard": ("wrs", "s", 0.06),
        "slide": ("wd", "D", 0),
    }
    for axes, p_drop in zip(panels, (0.2, 0.5), strict=True):
        for way, label in masks.WAYS.items():
            found = masks.test_over_training(way, p_drop)
            family, mark, shift = looks[way]
            # the median of 200 masks, and where 95 % of single masks lie
            low, middle, high = np.quantile(found, (0.025, 0.5, 0.975), axis=0)
            axes.vlines(layers + shift, low, high, color=style.colour(family), lw=2)
            axes.plot(layers + shift, middle, mark, color=style.colour(family), ms=6)
            ends = f"{found[:, 0].mean():.3f} behind one layer, {found[:, -1].mean():.3f} behind 3"
            said.append(f"p = {p_drop:g}, {label}: {ends}")
        axes.axhline(1, color=style.INK, lw=1.1, dashes=(4, 3))
        axes.set_ylim(0.01, 2)
        log_axis(axes.yaxis)
        axes.tick_params(labelleft=True)
        axes.set_xlim(0.6, masks.LAYERS + 0.4)
        axes.set_xticks(layers)
        head(axes, f"Mean in test / in training, p = {p_drop:g}", "line: 95 % of single masks",
             "dropout layers passed")  # fmt: skip
    for axes, said_here, y, below, family in (
        (panels[0], "times p in test,\nas printed", 0.0625, 4, "wd"),
        (panels[0], "the two right ways", 1, -20, "wr"),
        (panels[1], "all three", 1, -20, "none"),
    ):
        axes.annotate(said_here, (2, y), xytext=(9, below), textcoords="offset points",
                      color=style.text_colour(family), size=10)  # fmt: skip
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="Keeping with probability 1 − p and multiplying by p agree only at one half.",
        ran=f"A linear network of {masks.WIDTH} units a layer, {masks.IMAGES} inputs, "
        f"{masks.MASKS} masks.",
        name="means-kept",
    )


def useful_features(record: Record) -> Shown:
    """What hidden units know after training with dropout, in three readings, and the accuracy."""
    figure, panels = canvas(columns=3, height=3.4, text=1.1)
    last = record.epochs[record.epochs["epoch"] == record.epochs["epoch"].max()]
    p_drops, said = (0.0, *features.DROPPED), []
    shown = (
        (panels[0], "class_share", "A unit by itself", "variance between classes (%)", "wr"),
        (panels[1], "unit_correlation", "Two units", "correlation, mean size (%)", "wr"),
        (panels[2], "half_accuracy", "Half of the units", "validation accuracy (%)", "wr"),
        (panels[2], "validation_accuracy", "All units", "validation accuracy (%)", "none"),
    )
    for axes, column, title, note, family in shown:
        means, colour = [], style.colour(family)
        for p_drop in p_drops:
            arm = last["arm"] == features.arm_name(p_drop)
            values = 100 * last.loc[arm, column].to_numpy(float)
            spread = np.linspace(-0.012, 0.012, len(values))
            axes.plot(p_drop + spread, values, ".", color=colour, ms=3, alpha=0.6)
            means.append(values.mean())
        axes.plot(p_drops, means, color=colour, lw=1.6)
        axes.set_xlim(-0.04, 0.69)
        axes.set_xticks((0, 0.2, 0.35, 0.5, 0.65), ["0", "0.2", "0.35", "0.5", "0.65"])
        said.append(f"{title}, {note}: {means[0]:.1f} without dropout, {means[-2]:.1f} at p = 0.5")
    titles = [(title, note) for _, _, title, note, _ in shown[:2]]
    titles.append(("What the units read", "validation accuracy (%)"))
    for axes, (title, note) in zip(panels, titles, strict=True):
        head(axes, title, note, "p, the probability of zeroing")
    for name, at, family in (("all of them", 100.6, "none"), ("half of them", 88.5, "wr")):
        panels[2].annotate(name, (0.17, at), color=style.text_colour(family), size=10)
    panels[2].set_ylim(top=103)
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="With dropout a unit tells more by itself, units say more of the same, and half "
        "of them do nearly as well as all; all of them read no better.",
        ran=f"{record.label()}; dots: single runs.",
        name="useful-features",
    )


def optimism(record: Record) -> Shown:
    """What the half that chose an epoch promises beyond what the other half gives, by rule."""
    figure, panels = canvas(columns=2, height=3.7, sharex=True)
    arms, said = stopping_plan.EXPERIMENT.arms, []
    places = np.arange(len(stopping.RULES))[::-1]
    for axes, arm in zip(panels, arms, strict=True):
        for watched, shift in (("accuracy", 0.15), ("loss", -0.15)):
            found = [
                stopping.mean(record, arm, watched, rule, "optimism") for rule in stopping.RULES
            ]
            means = intervals(axes, places + shift, found, FAMILY[watched], rows=True)
            for rule, mean in zip(stopping.RULES, means, strict=True):
                said.append(f"{arms[arm].label}, {watched}, {rule}: {mean:.2f}")
        axes.axvline(0, color=style.INK, lw=0.8, dashes=(4, 3))
        axes.set_yticks(places, list(stopping.RULES))
        axes.set_ylim(-0.6, len(places) - 0.4)
        axes.set_xlim(-0.1, 1.5)
        head(axes, f"Labels {arms[arm].label.removeprefix('labels ')}", "line: 95 % interval",
             "promised − given (points)")  # fmt: skip
    panels[1].tick_params(labelleft=False)
    for watched, x, below in (("accuracy", 0.73, 8), ("loss", 0.22, -16)):
        panels[0].annotate(
            f"watching {watched}", (x, places[2]), xytext=(8, below), size=9.5,
            textcoords="offset points", color=style.text_colour(FAMILY[watched]),
        )  # fmt: skip
    return show(
        figure,
        alt=f"Optimism in points. {'; '.join(said)}.",
        caption="The accuracy that chose the epoch is too good; the loss that chose it says little "
        "about the accuracy, and flatters it less.",
        ran=f"{record.label()}. Means over 100 runs.",
        name="optimism",
    )


def false_alarms(record: Record) -> Shown:
    """How often each way of judging finds a difference where there is none."""
    figure, axes = canvas(width=5.0, height=2.7)
    rows = nothing_differs.false_alarms(record)
    places = np.arange(len(rows))[::-1]
    for place, row in zip(places, rows.itertuples(), strict=True):
        colour = style.colour("wr" if row.judge == "rule" else "wd")
        axes.plot([100 * row.low, 100 * row.high], [place] * 2, color=colour, lw=2)
        axes.plot(100 * row.share, place, "o", color=colour, ms=6)
    axes.axvline(5, color=style.INK, lw=1.1, dashes=(4, 3))
    axes.set_yticks(places, [nothing_differs.JUDGES[judge] for judge in rows["judge"]])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlim(0, 20)
    axes.locator_params(axis="x", nbins=5)
    head(axes, "False alarms (%)", "dashed: 5; line: 95 % interval", "← better")
    said = "; ".join(
        f"{nothing_differs.JUDGES[row.judge]}: {100 * row.share:.1f} %" for row in rows.itertuples()
    )
    return show(
        figure,
        alt=f"Share of false alarms. {said}.",
        caption="Look four times and report the best, and you find differences that are not there.",
        ran=f"{nothing_differs.EXPERIMENTS:,} experiments: 50 runs of one arm, dealt at random to "
        f"five arms of ten. {record.label()}.",
        name="false-alarms",
    )


def remedies_table(record: Record) -> Styler:
    """Each remedy after the last epoch and at the best one, beside no remedy."""
    rows = remedies.table(record)
    shown = rows.assign(
        **{
            "generalization error": rows["gap"].map("{:.3f}".format),
            "error %, last epoch": rows["last"].map("{:.2f}".format),
            "error %, best epoch": rows["best"].map("{:.2f}".format),
            "minus none, points": [
                "" if np.isnan(e) else f"{e:+.2f} ({low:+.2f} to {high:+.2f})"
                for e, low, high in zip(rows["estimate"], rows["low"], rows["high"], strict=True)
            ],
            "adjusted p": rows["adjusted"].map(lambda p: "" if np.isnan(p) else f"{p:.2g}"),
        }
    )[["remedy", "generalization error", "error %, last epoch", "error %, best epoch",
       "minus none, points", "adjusted p"]]  # fmt: skip
    return shown.style.hide(axis="index").set_caption(
        "Means over the runs. Best epoch: of the best validation accuracy; the difference is that "
        "of test errors there, paired by run, with its 95 % interval; p by signed ranks, Holm's "
        f"adjustment over the rows. {record.label()}."
    )
